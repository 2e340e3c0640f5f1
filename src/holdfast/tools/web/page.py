"""Reading a web page: fetched under guard, and read by a process of its own."""

import asyncio
import codecs
import html
import re
from collections.abc import Mapping

from holdfast.errors import BadRequest
from holdfast.files import reader
from holdfast.files.parse.decode import decoded, looks_like_text
from holdfast.files.parse.limits import Unreadable
from holdfast.files.reader import CannotRead
from holdfast.kit.egress import Egress, Fetched

LARGEST = 10 * 2**20
FETCH_S = 30.0
READ_S = 30.0
AT_ONCE = 2
"""Pages read at once: each takes a process."""

KINDS: Mapping[str, str] = {
    "text/html": "webpage",
    "application/xhtml+xml": "webpage",
    "application/pdf": "pdf",
    "application/json": "text",
    "application/xml": "text",
    "application/javascript": "text",
}
UNSAID = frozenset(("", "application/octet-stream", "binary/octet-stream"))
BEGINS_LIKE_HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
SNIFFED = 4096


class Pages:
    """Web pages as text that a model can read."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._places = asyncio.Semaphore(AT_ONCE)

    async def read(self, url: str) -> tuple[str, str]:
        """Where the page really stood, and its text."""
        found = await self._egress.fetch(url.strip(), "webpage", most=LARGEST, seconds=FETCH_S)
        kind = _kind(found)
        try:
            body = found.body if kind == "pdf" else _as_utf8(found, kind)
            async with self._places:
                answer = await reader.run({"do": "read", "kind": kind}, body, READ_S)
        except (CannotRead, Unreadable) as refused:
            raise BadRequest(f"{_shown(found)} cannot be read. {refused}") from refused
        return found.url, answer["text"]


def _shown(found: Fetched) -> str:
    return repr(found.url.partition("?")[0][:120])


def _kind(found: Fetched) -> str:
    """How to read what was found."""
    said = found.media_type
    if said in UNSAID or said == "text/plain":
        if found.body.startswith(b"%PDF-"):
            return "pdf"
        if said in UNSAID and BEGINS_LIKE_HTML.match(found.body[:SNIFFED]):
            return "webpage"
    if kind := KINDS.get(said):
        return kind
    if said.startswith("text/") or said.endswith(("+json", "+xml")) or (said in UNSAID and looks_like_text(found.body)):
        return "text"
    raise BadRequest(f"{_shown(found)} holds {said or 'data'}, which is no text to read.")


def _as_utf8(found: Fetched, kind: str) -> bytes:
    """The text in one encoding; a page also says where it stood, so that its links lead somewhere."""
    where = f'<base href="{html.escape(found.url)}">' if kind == "webpage" else ""
    return codecs.BOM_UTF8 + f"{where}{_text(found)}".encode(errors="replace")


def _text(found: Fetched) -> str:
    """In the encoding that the page's server or the page itself names, or else as it looks."""
    named = CHARSET.search(found.body[:SNIFFED])
    for charset in (found.charset, named[1].decode() if named else ""):
        try:
            return found.body.decode(charset or "none", "replace")
        except (LookupError, UnicodeError):
            continue
    return decoded(found.body)
