"""HTML as text: headings, paragraphs, items and table rows on lines of their own, nothing of scripts and styles."""

import re
from html.parser import HTMLParser

from holdfast.files.parse.decode import decoded

_SILENT = frozenset(("script", "style", "template", "noscript", "svg", "iframe", "object"))
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt", "fieldset", "figure"),
        *("footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "td", "th", "tr", "ul", "title"),
    )
)
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_CELLS = frozenset(("td", "th"))
_SPACES = re.compile(r"[ \t\f\xa0]+")
_LINES = re.compile(r" ?\n[ \n]*\n ?| ?\n ?")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: str | None = None
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent is not None:
            self._depth += tag == self._silent
        elif tag in _SILENT:
            self._silent, self._depth = tag, 1
        elif tag in _CELLS:
            self.parts.append(" | ")
        elif tag in _BLOCKS:
            self.parts.append("\n\n" if tag in _HEADINGS or tag == "p" else "\n")
            self.parts.append(f"{_HEADINGS[tag]} " if tag in _HEADINGS else "- " if tag == "li" else "")

    def handle_endtag(self, tag: str) -> None:
        if self._silent is not None:
            self._depth -= tag == self._silent
            self._silent = self._silent if self._depth > 0 else None
        elif tag in _BLOCKS and tag not in _CELLS:
            self.parts.append("\n\n" if tag in _HEADINGS or tag == "p" else "\n")

    def handle_data(self, data: str) -> None:
        if self._silent is None:
            self.parts.append(data.replace("\n", " "))


def read(body: bytes) -> str:
    reader = _Text()
    reader.feed(decoded(body))
    reader.close()
    text = _SPACES.sub(" ", "".join(reader.parts))
    return _LINES.sub(_line_end, text).strip()


def _line_end(found: "re.Match[str]") -> str:
    return "\n\n" if found[0].count("\n") > 1 else "\n"
