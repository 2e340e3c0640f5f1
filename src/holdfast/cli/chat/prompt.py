"""What the user says: typed at a prompt with history and completion, or line by line from a pipe."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

from holdfast.cli import screen
from holdfast.cli.chat.remembered import History
from holdfast.errors import BadRequest

FENCE = '"""'

Complete = Callable[[str], Sequence[str]]
"""What may stand in the place of a line's last word, given the whole line."""


class Prompt:
    """The prompt of a terminal."""

    def __init__(self, history: History, complete: Complete) -> None:
        self._history = history
        self._editor = _line_editor()
        self._complete = complete
        if self._editor is not None:
            self._prepare(self._editor)

    def messages(self) -> Iterator[str]:
        """Each message or command, until Ctrl-D; Ctrl-C drops what has been typed."""
        while True:
            try:
                said = whole(self._read("> "), lambda: self._read("… "))
            except KeyboardInterrupt:
                screen.out.print()
                continue
            except EOFError:
                screen.out.print()
                return
            except UnicodeDecodeError:
                screen.err.print("What was typed is no UTF-8 text; set the terminal to UTF-8.", style="bold red")
                continue
            if said.strip():
                self._remember(said)
                yield said

    def _read(self, prompt: str) -> str:
        if screen.out.is_terminal:
            return input(prompt)
        screen.err.print(prompt, end="")
        return input()

    def _remember(self, said: str) -> None:
        if self._editor is not None:
            self._editor.add_history(said)
        self._history.add(said)

    def _prepare(self, editor: Any) -> None:
        editor.set_auto_history(False)
        for line in self._history.load():
            editor.add_history(line)
        editor.set_completer_delims(" ")
        editor.set_completer(self._candidate)
        if "libedit" in (editor.__doc__ or ""):
            editor.parse_and_bind("bind ^I rl_complete")
        else:
            editor.parse_and_bind("tab: complete")
            if os.environ.get("TERM", "dumb") != "dumb":
                editor.parse_and_bind("set enable-bracketed-paste on")

    def _candidate(self, word: str, number: int) -> str | None:
        line = self._editor.get_line_buffer() if self._editor is not None else word
        found = [f"{each} " for each in self._complete(line) if each.startswith(word)]
        return found[number] if number < len(found) else None


def piped() -> Iterator[str]:
    """The messages of a pipe."""
    lines = _decoded()

    def more() -> str:
        try:
            return next(lines)
        except StopIteration:
            raise BadRequest(
                f"The input ends in the middle of a message; close it with {FENCE}, or leave out the last backslash."
            ) from None

    for line in lines:
        if line.strip():
            yield whole(line, more)


def whole(first: str, more: Callable[[], str]) -> str:
    """A message of a line, or of several: in triple quotes, with backslashes at line ends, or pasted at once."""
    if "\n" in first:
        return first
    if first.lstrip().startswith(FENCE):
        return _fenced(first.lstrip().removeprefix(FENCE), more)
    lines = [first]
    while _goes_on(lines[-1]):
        lines[-1] = lines[-1].rstrip()[:-1]
        lines.append(more())
    return "\n".join(lines).strip()


def _fenced(first: str, more: Callable[[], str]) -> str:
    lines = [first]
    while not lines[-1].rstrip().endswith(FENCE):
        lines.append(more())
    lines[-1] = lines[-1].rstrip().removesuffix(FENCE)
    return "\n".join(lines).strip("\n")


def _goes_on(line: str) -> bool:
    """Does it end in a backslash that no other backslash makes an ordinary one?"""
    line = line.rstrip()
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _decoded() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise BadRequest(
                f"Line {number} of the input is no UTF-8 text; convert it, for instance with iconv."
            ) from None


def _line_editor() -> Any:
    """Python's readline, where it has one: importing it is what turns `input` into an editor."""
    try:
        return import_module("readline")
    except ImportError:
        return None
