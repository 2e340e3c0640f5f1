"""The tools that the server brings."""

from collections.abc import Mapping, Sequence

from holdfast.tools.builtin import (
    archival,
    conversation,
    files,
    later,
    memory,
    memory_command,
    others,
    patching,
    voice,
    web,
)
from holdfast.tools.builtin.later import Later
from holdfast.tools.builtin.tool import Builtin

AREAS = (archival, conversation, files, memory, memory_command, others, patching, voice, web)

_runnable: Mapping[str, Builtin] = {
    made.name: made for area in AREAS for made in vars(area).values() if isinstance(made, Builtin)
}
_by_name: Mapping[str, Builtin | Later] = {**{record.name: record for record in later.EVERY}, **_runnable}


def names() -> Sequence[str]:
    return tuple(_by_name)


def every() -> Sequence[Builtin | Later]:
    return tuple(_by_name.values())


def find(name: str) -> Builtin | None:
    """A tool that can be run."""
    return _runnable.get(name)
