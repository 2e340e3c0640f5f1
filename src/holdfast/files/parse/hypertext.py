"""HTML as text: headings, paragraphs, items and table rows on lines of their own, nothing of scripts and styles."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from holdfast.files.parse.decode import decoded

SILENT = frozenset(("script", "style", "template", "noscript", "svg", "iframe", "object"))
BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt", "fieldset", "figure"),
        *("footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "td", "th", "tr", "ul", "title"),
    )
)
HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_CELLS = frozenset(("td", "th"))
_SPACES = re.compile(r"[ \t\f\xa0]+")
_LINES = re.compile(r" ?\n[ \n]*\n ?| ?\n ?")


class Audible(HTMLParser):
    """Reads HTML and passes over the elements whose text is not for reading."""

    def __init__(self, silent: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._silent = silent
        self._within: str | None = None
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._within is not None:
            self._depth += tag == self._within
        elif tag in self._silent:
            self._within, self._depth = tag, 1
        else:
            self.begin(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if self._within is None:
            self.end(tag)
            return
        self._depth -= tag == self._within
        self._within = self._within if self._depth > 0 else None

    def handle_data(self, data: str) -> None:
        if self._within is None:
            self.hear(data)

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, tag: str) -> None:
        """An element ends."""

    def hear(self, text: str) -> None:
        """Text between tags."""


class _Text(Audible):
    def __init__(self) -> None:
        super().__init__(SILENT)
        self.parts: list[str] = []

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _CELLS:
            self.parts.append(" | ")
        elif tag in BLOCKS:
            self.parts.append("\n\n" if tag in HEADINGS or tag == "p" else "\n")
            self.parts.append(f"{HEADINGS[tag]} " if tag in HEADINGS else "- " if tag == "li" else "")

    def end(self, tag: str) -> None:
        if tag in BLOCKS and tag not in _CELLS:
            self.parts.append("\n\n" if tag in HEADINGS or tag == "p" else "\n")

    def hear(self, text: str) -> None:
        self.parts.append(text.replace("\n", " "))


def read(body: bytes) -> str:
    reader = _Text()
    reader.feed(decoded(body))
    reader.close()
    text = _SPACES.sub(" ", "".join(reader.parts))
    return _LINES.sub(_line_end, text).strip()


def _line_end(found: "re.Match[str]") -> str:
    return "\n\n" if found[0].count("\n") > 1 else "\n"
