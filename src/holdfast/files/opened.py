"""What agents see of files: views of some lines, of as many files as an agent may have open."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.auth.model import Who
from holdfast.files import attached, chunks, folders, store
from holdfast.files.model import AttachedFile, Chunk, File, Folder
from holdfast.kit.clock import now
from holdfast.store.table import Tx

FILES_OPEN = 5
VIEW_CHARACTERS = 15_000
"""What an agent has that nothing was chosen for."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that an agent has, under its whole name."""

    link: AttachedFile
    file: File
    folder: Folder

    @property
    def name(self) -> str:
        return f"{self.folder.name}/{self.file.name}"


@dataclass(frozen=True, slots=True)
class Request:
    """A file that is to be opened, and which of its lines."""

    known: NamedFile
    first_line: int = 0
    line_count: int | None = None


@dataclass(frozen=True, slots=True)
class FileView:
    """Some lines of a file, numbered from 1."""

    text: str
    first: int
    last: int
    total: int

    @property
    def numbered(self) -> str:
        lines = self.text.split("\n") if self.last >= self.first else []
        return "\n".join(f"{number}: {line}" for number, line in enumerate(lines, self.first))

    @property
    def facts(self) -> str:
        if not self.total:
            return "no text yet"
        return f"lines {self.first}-{self.last} of {self.total}"


def known(tx: Tx, who: Who, links: Sequence[AttachedFile]) -> list[NamedFile]:
    """These files with their names, in the same order."""
    files = store.rows.many(tx, who, [each.file_id for each in links])
    holding = folders.rows.many(tx, who, {each.folder_id for each in links})
    return [NamedFile(each, files[each.file_id], holding[each.folder_id]) for each in links if each.file_id in files]


def of_agent(tx: Tx, who: Who, agent_id: str) -> list[NamedFile]:
    """All files of an agent, by name."""
    return sorted(known(tx, who, attached.files_of(tx, who, agent_id)), key=lambda each: each.name)


def pieces(tx: Tx, who: Who, agent_id: str, ids: Sequence[str]) -> dict[str, tuple[str, Chunk]]:
    """Pieces of an agent's files by their ids, with the names of the files."""
    found = chunks.by_ids(tx, who, ids)
    files = {each.file_id for each in found.values()}
    links = attached.files_of(tx, who, agent_id, attached.c.file_id.in_(files))
    names = {each.file.id: each.name for each in known(tx, who, links)}
    return {id: (names[chunk.file_id], chunk) for id, chunk in found.items() if chunk.file_id in names}


def view(tx: Tx, who: Who, link: AttachedFile, most: int) -> FileView:
    """What is seen of a file: the lines that were asked for, as far as `most` characters go."""
    total = chunks.line_count(tx, who, link.file_id)
    if link.first_line >= total:
        return FileView("", link.first_line + 1, link.first_line, total)
    found = chunks.from_line(tx, who, link.file_id, link.first_line + 1, most)
    lines = "".join(each.text for each in found).split("\n")
    wanted = lines[link.first_line + 1 - found[0].start_line :][: link.line_count]
    seen = wanted[: total - link.first_line]
    text = "\n".join(seen)[:most]
    return FileView(text, link.first_line + 1, link.first_line + 1 + text.count("\n"), total)


def open_all(tx: Tx, who: Who, agent_id: str, wanted: Sequence[Request], most: int) -> list[NamedFile]:
    """Open files, and close those that were not used for longest to make room; the closed ones."""
    moment = now()
    for request in wanted:
        attached.show(
            tx, who, request.known.link.id, first_line=request.first_line, line_count=request.line_count, at=moment
        )
    keep = {request.known.link.id for request in wanted}
    there = attached.open_files(tx, who, agent_id)
    others = [each for each in there if each.id not in keep]
    return close_all(tx, who, others[: max(len(there) - most, 0)])


def close_all(tx: Tx, who: Who, links: Sequence[AttachedFile]) -> list[NamedFile]:
    attached.close(tx, who, [each.id for each in links])
    return known(tx, who, links)


def fill(tx: Tx, who: Who, agent_id: str, files: Sequence[File], most: int) -> None:
    """Open those of these files that have text, as long as there is room."""
    room = most - len(attached.open_files(tx, who, agent_id))
    readable = {file.id for file in files if file.total_chunks}
    if room <= 0 or not readable:
        return
    links = [each for each in attached.files_of(tx, who, agent_id) if each.file_id in readable and not each.is_open]
    order = {file.id: at for at, file in enumerate(files)}
    for link in sorted(links, key=lambda each: order[each.file_id])[:room]:
        attached.show(tx, who, link.id, at=now())
