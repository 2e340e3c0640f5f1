"""Word, PowerPoint and Excel files: the text in the XML inside their zip archives.

XML that declares entities or a document type is refused, and what is unpacked is counted while it is.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from holdfast.files.parse.limits import Unreadable, bounded

MOST_UNPACKED = 200 * 2**20
MOST_PARTS = 20_000
DEEPEST = 400
STEP = 65_536

_NUMBER = re.compile(r"(\d+)\.xml$")


class _Archive:
    """A zip archive of which no more than a budget is unpacked."""

    def __init__(self, body: bytes) -> None:
        try:
            self._zip = ZipFile(BytesIO(body))
        except (BadZipFile, ValueError, OSError) as broken:
            raise Unreadable("It is damaged, or no office file at all; save it anew and send that.") from broken
        self._left = MOST_UNPACKED
        self.names = [entry.filename for entry in self._zip.infolist()]
        if len(self.names) > MOST_PARTS:
            raise Unreadable(f"It holds {len(self.names)} parts, which no document needs; save it anew and send that.")

    def numbered(self, folder: str, stem: str) -> list[str]:
        """`folder/stem1.xml`, `folder/stem2.xml` … in this order."""
        pattern = re.compile(rf"{re.escape(folder)}/{stem}(\d+)\.xml")
        found = [(int(match[1]), name) for name in self.names if (match := pattern.fullmatch(name))]
        return [name for _, name in sorted(found)]

    def steps(self, name: str) -> Iterator[bytes]:
        """A part, unpacked piece by piece."""
        try:
            yield from self._counted(name)
        except (BadZipFile, KeyError, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as broken:
            raise Unreadable("It is damaged or encrypted; save it anew without a password and send that.") from broken

    def _counted(self, name: str) -> Iterator[bytes]:
        with self._zip.open(name) as part:
            while step := part.read(STEP):
                self._left -= len(step)
                if self._left < 0:
                    raise Unreadable(
                        f"It unpacks to more than {MOST_UNPACKED // 2**20} MB; save it without pictures and send that."
                    )
                yield step


Begin = Callable[[str, dict[str, str]], None]
End = Callable[[str, str], None]


def _walk(archive: _Archive, name: str, begin: Begin, end: End) -> None:
    """Call `begin` and, with the text inside, `end` for each element; names come without their namespaces."""
    parser = expat.ParserCreate(namespace_separator="}")
    texts: list[list[str]] = [[]]

    def refused(*_: object) -> None:
        raise Unreadable("Its XML declares entities, as no office program does; save it anew and send that.")

    def started(tag: str, attributes: dict[str, str]) -> None:
        if len(texts) > DEEPEST:
            raise Unreadable(f"Its XML nests more than {DEEPEST} levels deep; save it anew and send that.")
        texts.append([])
        begin(_local(tag), attributes)

    def ended(tag: str) -> None:
        end(_local(tag), "".join(texts.pop()))

    parser.StartDoctypeDeclHandler = refused
    parser.EntityDeclHandler = refused
    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    try:
        for step in archive.steps(name):
            parser.Parse(step)
        parser.Parse(b"", True)
    except expat.ExpatError as broken:
        raise Unreadable("Its XML is damaged; open it, save it anew and send that.") from broken


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _paragraphs(archive: _Archive, name: str) -> str:
    """The text of a Word document or a slide: runs `t` in paragraphs `p`, tables row by row."""
    lines: list[str] = []
    line: list[str] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if tag == "tab":
            line.append("\t")
        elif tag in ("br", "cr"):
            line.append("\n")
        elif tag == "pStyle":
            level = re.fullmatch(r"[Hh]eading ?([1-6])", next(iter(attributes.values()), ""))
            line.append("#" * int(level[1]) + " " if level else "")

    def end(tag: str, text: str) -> None:
        if tag == "t":
            line.append(text)
        elif tag == "p":
            lines.append("".join(line))
            line.clear()

    _walk(archive, name, begin, end)
    return "\n".join([*lines, "".join(line)]).strip("\n")


def read_word(body: bytes) -> str:
    archive = _Archive(body)
    if "word/document.xml" not in archive.names:
        raise Unreadable("It is no Word document, whatever its name says; save it as .docx and send that.")
    parts = ["word/document.xml", *(name for name in ("word/footnotes.xml",) if name in archive.names)]
    return bounded("\n".join(_paragraphs(archive, name) for name in parts))


def read_slides(body: bytes) -> str:
    archive = _Archive(body)
    slides = archive.numbered("ppt/slides", "slide")
    if not slides:
        raise Unreadable("It holds no slides; save it as .pptx and send that.")
    texts = (f"# Slide {number}\n{_paragraphs(archive, name)}" for number, name in enumerate(slides, 1))
    return bounded("\n\n".join(texts))


def read_sheets(body: bytes) -> str:
    """Each sheet under its name, each row with its cells between bars."""
    archive = _Archive(body)
    sheets = archive.numbered("xl/worksheets", "sheet")
    if not sheets:
        raise Unreadable("It holds no sheets; save it as .xlsx and send that.")
    shared = _strings(archive)
    names = _sheet_names(archive)
    texts = (
        f"# {names[at] if at < len(names) else f'Sheet {at + 1}'}\n{_rows(archive, name, shared)}"
        for at, name in enumerate(sheets)
    )
    return bounded("\n\n".join(texts))


def _sheet_names(archive: _Archive) -> list[str]:
    names: list[str] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            names.append(attributes.get("name", ""))

    if "xl/workbook.xml" in archive.names:
        _walk(archive, "xl/workbook.xml", begin, lambda tag, text: None)
    return names


def _strings(archive: _Archive) -> list[str]:
    """The texts that cells refer to by number."""
    found: list[str] = []
    parts: list[str] = []

    def end(tag: str, text: str) -> None:
        if tag == "t":
            parts.append(text)
        elif tag == "si":
            found.append("".join(parts))
            parts.clear()

    if "xl/sharedStrings.xml" in archive.names:
        _walk(archive, "xl/sharedStrings.xml", lambda tag, attributes: None, end)
    return found


def _rows(archive: _Archive, name: str, shared: list[str]) -> str:
    rows: list[str] = []
    cells: list[str] = []
    kind = ""

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal kind
        if tag == "c":
            kind = attributes.get("t", "")

    def end(tag: str, text: str) -> None:
        if tag in ("v", "t"):
            cells.append(_cell(text, kind, shared))
        elif tag == "row":
            rows.append(" | ".join(cells))
            cells.clear()

    _walk(archive, name, begin, end)
    return "\n".join(row for row in rows if row.strip(" |"))


def _cell(text: str, kind: str, shared: list[str]) -> str:
    if kind != "s" or not text.isdecimal():
        return text
    at = int(text)
    return shared[at] if at < len(shared) else ""
