"""Searching the web with the engine that the administrator has configured."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from holdfast.errors import Unavailable
from holdfast.tools.web.engines import ENGINES, SearchEngine, WebQuery, WebResult
from holdfast.tools.web.exchange import exchange


class WebSearch:
    """The engine, if there is one."""

    def __init__(self, environment: Mapping[str, str], chosen: str | None = None) -> None:
        self._environment = environment
        self._chosen = chosen

    @property
    def engine(self) -> SearchEngine:
        """The one that the setting names, else the first that is configured."""
        for engine in ENGINES:
            if self._chosen in (None, engine.name.lower()) and self._first(engine.keys):
                return engine
        wanted = [engine for engine in ENGINES if self._chosen in (None, engine.name.lower())]
        variables = ", ".join(engine.keys[0] for engine in wanted)
        raise Unavailable(
            "This server cannot search the web: its administrator has to set "
            f"{'one of ' if len(wanted) > 1 else ''}{variables}. Go on without it."
        )

    async def search(self, wanted: WebQuery) -> Sequence[WebResult]:
        engine = self.engine
        base = (self._first(engine.bases) or engine.base).rstrip("/")
        answer = await exchange(engine.name, engine.inquiry(wanted, base, self._first(engine.keys)))
        found = [each for each in engine.results(answer) if _fits(each, wanted)]
        return found[: wanted.count]

    def _first(self, variables: Sequence[str]) -> str:
        return next((value for name in variables if (value := self._environment.get(name))), "")


def _fits(found: WebResult, wanted: WebQuery) -> bool:
    """Whether its address is one of those that were asked for; engines take domains as a hint."""
    try:
        host = (urlsplit(found.url).hostname or "").lower()
    except ValueError:
        return False
    if wanted.only_domains and not any(_within(host, domain) for domain in wanted.only_domains):
        return False
    return not any(_within(host, domain) for domain in wanted.without_domains)


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
