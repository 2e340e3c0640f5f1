"""What the prompt of an agent shows of its folders."""

from collections.abc import Iterator, Sequence

from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.files import attached, opened
from holdfast.files.model import File, Folder
from holdfast.files.opened import NamedFile
from holdfast.prompt.directories import Directories, Directory, ShownFile
from holdfast.store.table import Tx

MOST_LISTED = 100
"""Closed files of a folder that a prompt names."""


def most_open(agent: Agent) -> int:
    return opened.FILES_OPEN if agent.max_files_open is None else agent.max_files_open


def view_characters(agent: Agent) -> int:
    return agent.per_file_view_window_char_limit or opened.VIEW_CHARACTERS


def state_of_files(tx: Tx, who: Who, agent: Agent, folders: Sequence[Folder]) -> str:
    """Changes whenever what the prompt shows of these folders does."""
    told = [f"{most_open(agent)}:{view_characters(agent)}"]
    told += [f"{folder.id}:{folder.revision}" for folder in folders]
    shown = attached.open_files(tx, who, agent.id)
    told += sorted(f"{each.file_id}:{each.first_line}:{each.line_count}" for each in shown)
    return "\x1e".join(told)


def directories(tx: Tx, who: Who, agent: Agent, folders: Sequence[Folder]) -> Directories:
    """The folders, with the text of what is open."""
    by_folder: dict[str, list[NamedFile]] = {}
    for each in opened.of_agent(tx, who, agent.id):
        by_folder.setdefault(each.folder.id, []).append(each)
    shown = [_directory(tx, who, agent, folder, by_folder.get(folder.id, [])) for folder in folders]
    files_open = sum(each.link.is_open for known in by_folder.values() for each in known)
    return Directories(shown, files_open, most_open(agent))


def _directory(tx: Tx, who: Who, agent: Agent, folder: Folder, known: Sequence[NamedFile]) -> Directory:
    files = list(_files(tx, who, agent, known))
    return Directory(folder.name, folder.description, folder.instructions, files, len(known) - len(files))


def _files(tx: Tx, who: Who, agent: Agent, known: Sequence[NamedFile]) -> Iterator[ShownFile]:
    closed = 0
    for each in known:
        if each.link.is_open:
            seen = opened.view(tx, who, each.link, view_characters(agent))
            yield ShownFile(each.name, True, seen.facts, seen.numbered)
        elif closed < MOST_LISTED:
            closed += 1
            yield ShownFile(each.name, False, _facts(each.file))


def _facts(file: File) -> str:
    if file.status == "error" and not file.total_chunks:
        return f"could not be read: {file.error_message}"
    return f"{file.size} bytes" if file.total_chunks else "is still being read"
