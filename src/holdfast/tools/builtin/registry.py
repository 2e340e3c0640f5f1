"""The tools that the server brings."""

from collections.abc import Mapping, Sequence

from holdfast.tools.builtin import (
    archival,
    code,
    conversation,
    files,
    memory,
    memory_command,
    others,
    patching,
    voice,
    web,
)
from holdfast.tools.builtin.tool import Builtin

AREAS = (archival, code, conversation, files, memory, memory_command, others, patching, voice, web)

_by_name: Mapping[str, Builtin] = {
    made.name: made for area in AREAS for made in vars(area).values() if isinstance(made, Builtin)
}


def names() -> Sequence[str]:
    return tuple(_by_name)


def every() -> Sequence[Builtin]:
    return tuple(_by_name.values())


def find(name: str) -> Builtin | None:
    return _by_name.get(name)
