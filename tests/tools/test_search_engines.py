"""What each search engine is asked, and how its answer is read."""

from datetime import date
from typing import Any

import pytest

from holdfast.errors import AppError
from holdfast.tools.web.engines import WebQuery
from holdfast.tools.web.search import WebSearch
from tests.fakes.scripted_http import ScriptedHttp, of_json

EVERYTHING = WebQuery(
    *("parrots", 5, "news", True, ("a.example",), ("b.example",), date(2026, 1, 2), date(2026, 3, 4)),
    country="NO",
)
PAGE: dict[str, Any] = {"title": "A", "url": "https://www.a.example/1"}
DAY = "2026-02-01"

EXA = {
    "query": "parrots",
    "numResults": 5,
    "category": "news",
    "userLocation": "NO",
    "includeDomains": ["a.example"],
    "excludeDomains": ["b.example"],
    "startPublishedDate": "2026-01-02T00:00:00.000Z",
    "endPublishedDate": "2026-03-04T23:59:59.999Z",
    "contents": {"highlights": True, "text": True},
}
QUERY = "q=parrots+site%3Aa.example+-site%3Ab.example"
BRAVE = f"/res/v1/web/search?{QUERY}&count=5&country=NO&freshness=2026-01-02to2026-03-04&text_decorations=false"
SEARXNG = f"/search?{QUERY}&format=json&categories=news"


async def search(env: dict[str, str], answer: Any, path: str) -> tuple[Any, Any, list[str]]:
    """The request, the first result, and what was not considered."""
    with ScriptedHttp() as server:
        server.on(path, of_json(answer))
        web = WebSearch({name: server.url if value == "URL" else value for name, value in env.items()})
        (result,) = await web.search(EVERYTHING)
        return server.requests[0], result, web.engine.ignores(EVERYTHING)


async def test_exa() -> None:
    answer = {"results": [{**PAGE, "publishedDate": DAY, "text": "All.", "highlights": ["Some", "more"]}]}
    asked, result, ignored = await search({"EXA_API_KEY": "k", "EXA_API_BASE": "URL"}, answer, "/search")
    assert (asked.headers["x-api-key"], asked.body) == ("k", EXA)
    assert (result.excerpt, result.published, result.text, ignored) == ("Some … more", DAY, "All.", [])


async def test_brave() -> None:
    answer = {"web": {"results": [{**PAGE, "description": "Some", "page_age": DAY}]}}
    asked, result, ignored = await search({"BRAVE_SEARCH_API_KEY": "k", "BRAVE_API_BASE": "URL"}, answer, "/search")
    assert (asked.headers["x-subscription-token"], asked.path) == ("k", BRAVE)
    assert (result.excerpt, result.published, ignored) == ("Some", DAY, ["category", "include_text"])


async def test_searxng() -> None:
    answer = {"results": [{**PAGE, "content": "Some", "publishedDate": None}]}
    asked, result, ignored = await search({"SEARXNG_URL": "URL"}, answer, "/search")
    assert (asked.path, result.excerpt, result.published) == (SEARXNG, "Some", "")
    assert ignored == ["include_text", "start_published_date", "end_published_date", "user_location"]


def test_the_setting_chooses_among_several() -> None:
    both = {"EXA_API_KEY": "k", "BRAVE_API_KEY": "k"}
    assert WebSearch(both).engine.name == "Exa"
    assert WebSearch(both, "brave").engine.name == "Brave"
    with pytest.raises(AppError, match="set TAVILY_API_KEY"):
        _ = WebSearch(both, "tavily").engine
