"""The part of the prompt that shows an agent its folders, and the text of the files that are open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file as the prompt shows it; one that is closed has no text there."""

    name: str
    """With its folder."""
    is_open: bool
    facts: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """A folder, with as many of its files as are worth listing."""

    name: str
    description: str | None
    instructions: str | None
    files: Sequence[ShownFile]
    unlisted: int = 0


@dataclass(frozen=True, slots=True)
class Directories:
    """All folders of an agent."""

    each: Sequence[Directory]
    files_open: int
    most_open: int


def render_directories(shown: Directories) -> str:
    parts = [
        "<directories>",
        "<file_limits>",
        f"- current_files_open={shown.files_open}",
        f"- max_files_open={shown.most_open}",
        "</file_limits>",
    ]
    for directory in shown.each:
        parts += _directory(directory)
    return "\n".join([*parts, "</directories>"])


def _directory(shown: Directory) -> Iterator[str]:
    yield f'<directory name="{_quoted(shown.name)}">'
    for tag, text in (("description", shown.description), ("instructions", shown.instructions)):
        if text:
            yield f"<{tag}>{text}</{tag}>"
    for file in shown.files:
        yield f'<file status="{"open" if file.is_open else "closed"}" name="{_quoted(file.name)}">'
        yield f"<metadata>{file.facts}</metadata>"
        if file.is_open:
            yield f"<value>\n{file.text}\n</value>"
        yield "</file>"
    if shown.unlisted:
        yield f"({shown.unlisted} more files are not listed; grep_files and semantic_search_files look into them too.)"
    yield "</directory>"


def _quoted(name: str) -> str:
    return name.replace('"', "'").replace("\n", " ")
