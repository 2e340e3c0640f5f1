"""The program's own text: how it is loaded, and how its mistakes are told with its own line numbers."""

import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
import traceback
import types
from typing import Any

FILE = "tool.py"
LONGEST = 4000
BESIDE = "holdfast_"


class Text(importlib.abc.ExecutionLoader):
    """Loads a module from text that is in no file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_filename(self, fullname: str) -> str:
        return FILE

    def get_source(self, fullname: str) -> str:
        return self._text


def load(text: str, name: str, given: dict[str, Any]) -> types.ModuleType:
    """Run a text as the module of that name; `given` are names that it finds there."""
    loader = Text(text)
    spec = importlib.machinery.ModuleSpec(name, loader, origin=FILE)
    module = importlib.util.module_from_spec(spec)
    vars(module).update(given)
    sys.modules[name] = module
    linecache.cache[FILE] = (len(text), None, text.splitlines(keepends=True), FILE)
    loader.exec_module(module)
    return module


def told(wrong: BaseException) -> str:
    """A mistake in the program's own terms: its lines, and what it says of itself."""
    told = traceback.TracebackException.from_exception(wrong, limit=None)
    _only_own(told)
    text = "".join(told.format()).rstrip()
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 4]}\n…\n{text[-3 * LONGEST // 4 :]}"


def _only_own(told: traceback.TracebackException) -> None:
    """Leave out the frames before the program's first one: they are ours, or of what was put beside the program."""
    frames = list(told.stack)
    own = [n for n, frame in enumerate(frames) if frame.filename == FILE and not frame.name.startswith(BESIDE)]
    told.stack[:] = frames[own[0] :] if own else []
    for further in (told.__cause__, told.__context__):
        if further is not None:
            _only_own(further)
