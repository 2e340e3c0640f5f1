"""How the search engines are asked, and what they answer: one row for each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from holdfast.tools.web.exchange import Inquiry

MOST_OF_MANY = 20
"""No engine gives more at once."""


@dataclass(frozen=True, slots=True)
class WebQuery:
    """What a search is for; what is None or empty was not asked for."""

    query: str
    count: int = 10
    category: str | None = None
    with_text: bool = False
    only_domains: tuple[str, ...] = ()
    without_domains: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class WebResult:
    """A page that was found."""

    title: str
    url: str
    excerpt: str = ""
    published: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class SearchEngine:
    """An engine: what configures it, how it is asked, how its answer is read, and what it cannot consider."""

    name: str
    keys: tuple[str, ...]
    """The variables that configure it; the first that is set counts."""
    bases: tuple[str, ...]
    """Those that name its address."""
    base: str
    inquiry: Callable[[WebQuery, str, str], Inquiry]
    """From what is wanted, the address, and the key."""
    results: Callable[[Any], Iterator[WebResult]]
    ignores: Callable[[WebQuery], list[str]]


def _tavily(wanted: WebQuery, base: str, key: str) -> Inquiry:
    body: dict[str, Any] = {
        "query": wanted.query,
        "max_results": wanted.count,
        "topic": wanted.category if wanted.category in TAVILY_TOPICS else "general",
        "include_raw_content": "markdown" if wanted.with_text else False,
        "include_domains": list(wanted.only_domains),
        "exclude_domains": list(wanted.without_domains),
        "start_date": wanted.start and wanted.start.isoformat(),
        "end_date": wanted.end and wanted.end.isoformat(),
    }
    return Inquiry(f"{base}/search", {"Authorization": f"Bearer {key}"}, body=_given(body))


def _exa(wanted: WebQuery, base: str, key: str) -> Inquiry:
    body: dict[str, Any] = {
        "query": wanted.query,
        "numResults": wanted.count,
        "category": wanted.category,
        "includeDomains": list(wanted.only_domains),
        "excludeDomains": list(wanted.without_domains),
        "startPublishedDate": wanted.start and f"{wanted.start.isoformat()}T00:00:00.000Z",
        "endPublishedDate": wanted.end and f"{wanted.end.isoformat()}T23:59:59.999Z",
        "userLocation": wanted.country,
        "contents": {"highlights": True, "text": wanted.with_text},
    }
    return Inquiry(f"{base}/search", {"x-api-key": key}, body=_given(body))


def _brave(wanted: WebQuery, base: str, key: str) -> Inquiry:
    ago = wanted.start and f"{wanted.start.isoformat()}to{(wanted.end or date.today()).isoformat()}"
    until = wanted.end and f"1990-01-01to{wanted.end.isoformat()}"
    parameters = {
        "q": _with_sites(wanted),
        "count": str(wanted.count),
        "country": wanted.country,
        "freshness": ago or until,
        "text_decorations": "false",
    }
    headers = {"X-Subscription-Token": key, "Accept": "application/json"}
    return Inquiry(f"{base}/res/v1/web/search", headers, parameters=_given(parameters))


def _searxng(wanted: WebQuery, base: str, key: str) -> Inquiry:
    parameters = {
        "q": _with_sites(wanted),
        "format": "json",
        "categories": SEARXNG_CATEGORIES.get(wanted.category or ""),
    }
    return Inquiry(f"{base}/search", parameters=_given(parameters))


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, [], "")}


def _with_sites(wanted: WebQuery) -> str:
    """The query with its domains as search engines for people write them."""
    only = " OR ".join(f"site:{domain}" for domain in wanted.only_domains)
    without = " ".join(f"-site:{domain}" for domain in wanted.without_domains)
    return " ".join(filter(None, [wanted.query, only, without]))


def _results_of(answer: Any, *path: str) -> Iterator[dict[str, Any]]:
    """The list that stands there in an answer, as far as it is one."""
    for name in path:
        answer = cast(dict[str, Any], answer).get(name) if isinstance(answer, dict) else None
    found = cast(list[Any], answer) if isinstance(answer, list) else []
    pages = (cast(dict[str, Any], each) for each in found if isinstance(each, dict))
    yield from (page for page in pages if isinstance(page.get("url"), str))


def _from_tavily(answer: Any) -> Iterator[WebResult]:
    for each in _results_of(answer, "results"):
        yield _result(each, each.get("content"), each.get("published_date"), each.get("raw_content"))


def _from_exa(answer: Any) -> Iterator[WebResult]:
    for each in _results_of(answer, "results"):
        highlights: Any = each.get("highlights")
        excerpt = " … ".join(map(str, cast(list[Any], highlights))) if isinstance(highlights, list) else ""
        yield _result(each, excerpt, each.get("publishedDate"), each.get("text"))


def _from_brave(answer: Any) -> Iterator[WebResult]:
    for each in _results_of(answer, "web", "results"):
        yield _result(each, each.get("description"), each.get("page_age"), None)


def _from_searxng(answer: Any) -> Iterator[WebResult]:
    for each in _results_of(answer, "results"):
        yield _result(each, each.get("content"), each.get("publishedDate"), None)


def _result(found: Mapping[str, Any], excerpt: Any, published: Any, text: Any) -> WebResult:
    shown = [value if isinstance(value, str) else "" for value in (found.get("title"), excerpt, published, text)]
    return WebResult(shown[0], str(found["url"]), *shown[1:])


def _lost(
    wanted: WebQuery, *, category: bool = True, text: bool = False, dates: bool = False, country: bool = False
) -> list[str]:
    """The names of the arguments that were given and that an engine cannot consider."""
    asked = {
        "category": wanted.category is not None and category,
        "include_text": wanted.with_text and text,
        "start_published_date": wanted.start is not None and dates,
        "end_published_date": wanted.end is not None and dates,
        "user_location": wanted.country is not None and country,
    }
    return [name for name, is_lost in asked.items() if is_lost]


TAVILY_TOPICS = ("news", "finance")
SEARXNG_CATEGORIES = {"news": "news", "research paper": "science", "science": "science", "github": "it", "it": "it"}

ENGINES = (
    SearchEngine(
        "Tavily",
        ("TAVILY_API_KEY",),
        ("TAVILY_API_BASE",),
        "https://api.tavily.com",
        _tavily,
        _from_tavily,
        lambda wanted: _lost(wanted, category=wanted.category not in TAVILY_TOPICS, country=True),
    ),
    SearchEngine(
        "Exa",
        ("EXA_API_KEY",),
        ("EXA_API_BASE",),
        "https://api.exa.ai",
        _exa,
        _from_exa,
        lambda wanted: _lost(wanted, category=False),
    ),
    SearchEngine(
        "Brave",
        ("BRAVE_API_KEY", "BRAVE_SEARCH_API_KEY"),
        ("BRAVE_API_BASE",),
        "https://api.search.brave.com",
        _brave,
        _from_brave,
        lambda wanted: _lost(wanted, text=True),
    ),
    SearchEngine(
        "SearXNG",
        ("SEARXNG_URL",),
        ("SEARXNG_URL",),
        "",
        _searxng,
        _from_searxng,
        lambda wanted: _lost(
            wanted, category=wanted.category not in SEARXNG_CATEGORIES, text=True, dates=True, country=True
        ),
    ),
)
"""In the order in which they are preferred when several are configured."""
