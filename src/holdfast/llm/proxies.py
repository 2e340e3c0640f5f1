"""The proxies that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), or the system."""

import logging
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

log = logging.getLogger("holdfast.llm")


class Proxies:
    """Which proxy leads to a server, looked up once for each address: settings are read when the server starts."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def of(self, url: str) -> str | None:
        if url not in self._known:
            self._known[url] = _found(url)
        return self._known[url]


def _found(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None  # whoever connects says what is wrong with the address
    settings = getproxies()
    named = settings.get(parts.scheme) or settings.get("all")
    if not host or not named or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = named if "://" in named else f"http://{named}"
    if not proxy.startswith("http://"):
        log.warning("the proxy for %s is not used: only proxies with http:// addresses are understood", host)
        return None
    return proxy
