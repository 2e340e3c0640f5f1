"""A web page as Markdown: its text with headings, lists, links and code, without menus and what else surrounds it."""

import re
from collections.abc import Mapping
from urllib.parse import urljoin

from holdfast.files.parse.decode import decoded
from holdfast.files.parse.hypertext import BLOCKS, HEADINGS, SILENT, Audible

SURROUNDINGS = frozenset(("nav", "footer", "aside", "button", "select", "dialog"))
LEAST = 200
"""A page with less text than this beside its surroundings is shown with them."""
CELLS = frozenset(("td", "th"))
APART = frozenset((*HEADINGS, "p", "pre", "ul", "ol", "table", "blockquote", "title"))
"""What an empty line stands before and behind."""
LINKS = ("http://", "https://", "mailto:")
SPACES = re.compile(r"\s+")


class _Page(Audible):
    """Writes Markdown while it reads."""

    def __init__(self, silent: frozenset[str]) -> None:
        super().__init__(silent)
        self._parts: list[str] = []
        self._breaks = 0
        """Line breaks that are due before the next text."""
        self._is_apart = True
        """Nothing of the line, or a space, has been written."""
        self._base = ""
        self._link: tuple[str, int] | None = None
        """Where the link leads that is being read, and which part it begins with."""
        self._lists: list[int] = []
        """The lists that are open: the next number, or 0 for one without numbers."""
        self._verbatim = 0

    @property
    def text(self) -> str:
        return "".join(self._parts).strip()

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in BLOCKS and tag not in CELLS:
            self._break(2 if self._is_far(tag) else 1)
        match tag:
            case "base":
                self._base = _joined(self._base, attributes.get("href", "")) or self._base
            case "a":
                self._link = _joined(self._base, attributes.get("href", "")), len(self._parts)
            case "img":
                self.hear(attributes.get("alt", ""))
            case "td" | "th":
                self._write("| ")
            case "hr":
                self._write("---")
                self._break(1)
            case _:
                self._open(tag)

    def _open(self, tag: str) -> None:
        if tag in HEADINGS:
            self._write(f"{HEADINGS[tag]} ")
        elif tag == "title":
            self._write("# ")
        elif tag in ("ul", "ol"):
            self._lists.append(int(tag == "ol"))
        elif tag == "li":
            self._write(self._bullet())
        elif tag == "pre":
            self._write("```\n")
            self._verbatim += 1
        elif tag == "code" and not self._verbatim:
            self._write("`")
            self._is_apart = True

    def end(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        elif tag == "pre" and self._verbatim:
            self._verbatim -= 1
            self._parts.append("" if self._parts[-1].endswith("\n") else "\n")
            self._parts.append("```")
        elif tag == "code" and not self._verbatim:
            self._parts.append("`")
            self._is_apart = False
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in CELLS:
            self.hear(" ")
        elif tag in BLOCKS:
            self._break(2 if self._is_far(tag) else 1)

    def hear(self, text: str) -> None:
        if self._verbatim:
            self._parts.append(text)
            return
        text = SPACES.sub(" ", text)
        if self._is_apart or self._breaks:
            text = text.lstrip()
        if text:
            self._write(text)
            self._is_apart = text.endswith(" ")

    def _is_far(self, tag: str) -> bool:
        """Lists inside of lists go on without an empty line."""
        return tag in APART and not (tag in ("ul", "ol", "p") and self._lists)

    def _write(self, text: str) -> None:
        if self._breaks and self._parts:
            self._parts[-1] = self._parts[-1].rstrip(" ")
            self._parts.append("\n" * self._breaks)
        self._breaks = 0
        self._parts.append(text)
        self._is_apart = text.endswith((" ", "\n"))

    def _break(self, lines: int) -> None:
        if not self._verbatim:
            self._breaks = max(self._breaks, lines)

    def _bullet(self) -> str:
        depth = "  " * (len(self._lists) - 1)
        if not self._lists or not self._lists[-1]:
            return f"{depth}- "
        self._lists[-1] += 1
        return f"{depth}{self._lists[-1] - 1}. "

    def _end_link(self) -> None:
        link, self._link = self._link, None
        if link is None or self._verbatim:
            return
        address, begin = link
        written = "".join(self._parts[begin:])
        said = " ".join(written.split())
        if said and address:
            lead = written[: len(written) - len(written.lstrip())]
            self._parts[begin:] = [f"{lead}[{said}]({address})"]
            self._is_apart = False


def _joined(base: str, reference: str) -> str:
    """Where a link leads; nothing for one that leads nowhere else."""
    if not reference or reference.startswith("#"):
        return ""
    try:
        address = urljoin(base, reference.strip())
    except ValueError:
        return ""
    return address if address.startswith(LINKS) and not SPACES.search(address) else ""


def read(body: bytes) -> str:
    source = decoded(body)
    text = _markdown(source, SILENT | SURROUNDINGS)
    return text if len(text) >= LEAST else _markdown(source, SILENT)


def _markdown(source: str, silent: frozenset[str]) -> str:
    page = _Page(silent)
    page.feed(source)
    page.close()
    return page.text
