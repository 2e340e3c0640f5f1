"""How a turn looks in the terminal: text as it comes, reasoning dimmed, tool calls and their returns on a line each."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from holdfast.cli import screen
from holdfast.cli.client import Event

FOLD = 100
"""Characters of a tool call or return that are shown."""


class Rendering:
    """Shows the events of one turn. In a pipe the answer goes to stdout and the rest to stderr."""

    def __init__(self) -> None:
        self._aside = screen.out if screen.out.is_terminal else screen.err
        self._calls: dict[str, dict[str, str]] = {}
        self._flowing = ""
        self.run_id: str | None = None
        self.used_tools = False
        self.failed = False
        self.stop_reason = ""
        self.pending: dict[str, str] = {}
        """Calls that wait for approval: id -> the call on one line."""

    def show(self, event: Event) -> None:
        data = event.data
        self.run_id = data.get("run_id") or self.run_id
        kind = "error_message" if event.kind == "error" else data.get("message_type")
        match kind:
            case "reasoning_message":
                self._flow("reasoning", data.get("reasoning") or "")
            case "assistant_message":
                self._flow("answer", _text(data.get("content")))
            case "tool_call_message" | "approval_request_message":
                self._collect(data, waits=kind == "approval_request_message")
            case "tool_return_message":
                self._returned(data)
            case "error_message":
                self._error(data)
            case "stop_reason":
                self.stop_reason = data.get("stop_reason") or ""
            case _:
                pass

    def end(self) -> None:
        """The turn is over: finish the line, and say so when it did not end by itself."""
        self._break()
        self._announce()
        if self.stop_reason not in ("", "end_turn", "tool_rule", "requires_approval") and not self.failed:
            self.note(f"[stopped: {self.stop_reason}]")

    def note(self, text: str, style: str = "dim") -> None:
        self._break()
        self._aside.print(screen.safe(text), style=style, soft_wrap=True)

    def changes(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """What the turn did to the memory blocks, as a diff."""
        for label in sorted(before.keys() | after.keys()):
            old, new = before.get(label, ""), after.get(label, "")
            if old == new:
                continue
            self.note(f"memory: {label}", "bold")
            for line in list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0))[2:]:
                if not line.startswith("@@"):
                    self.note(f"  {line[0]} {line[1:]}", "green" if line.startswith("+") else "red")

    def _flow(self, what: str, text: str) -> None:
        """Text of one kind goes on where it stopped; another kind begins a line."""
        if not text:
            return
        if self._flowing != what:
            self._break()
            self._announce()
            self._flowing = what
        console, style = (screen.out, "") if what == "answer" else (self._aside, "dim italic")
        _write(console, text, style)

    def _break(self) -> None:
        if self._flowing:
            _write(screen.out if self._flowing == "answer" else self._aside, "\n", "")
            self._flowing = ""

    def _collect(self, data: Mapping[str, Any], *, waits: bool) -> None:
        """Calls arrive in fragments; they are shown once they are whole."""
        found: Any = data.get("tool_calls") or data.get("tool_call") or []
        fragments: list[dict[str, Any]] = [found] if isinstance(found, dict) else found
        for fragment in fragments:
            call_id = fragment.get("tool_call_id") or ""
            call = self._calls.setdefault(call_id, {"name": "", "arguments": ""})
            call["name"] = fragment.get("name") or call["name"]
            call["arguments"] += fragment.get("arguments") or ""
            if waits:
                self.pending[call_id] = ""
        self.used_tools = True
        if all(_is_whole(call["arguments"]) for call in self._calls.values()):
            self._announce()

    def _announce(self) -> None:
        calls, self._calls = self._calls, {}
        for call_id, call in calls.items():
            line = f"{call['name']}({_arguments(call['arguments'])})"
            if call_id in self.pending:
                self.pending[call_id] = line
            self.note(f"⚙ {_fold(line)}", "cyan")

    def _returned(self, data: Mapping[str, Any]) -> None:
        self._break()
        self._announce()
        returns: list[dict[str, Any]] = data.get("tool_returns") or [dict(data)]
        for each in returns:
            bad = each.get("status") == "error"
            said = _text(each.get("tool_return") or each.get("func_response"))
            self.note(f"  {'✗' if bad else '→'} {_fold(said)}", "red" if bad else "dim")

    def _error(self, data: Mapping[str, Any]) -> None:
        self.failed = True
        said = data.get("message") or data.get("error") or "the server failed"
        detail = data.get("detail")
        self.note(f"error: {said}" + (f" ({detail})" if detail and detail != said else ""), "bold red")


def _write(console: Console, text: str, style: str) -> None:
    console.print(screen.safe(text), end="", style=style, soft_wrap=True)
    console.file.flush()


def _text(content: Any) -> str:
    """The text of a content: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = content or []
    return "".join(part.get("text") or "" for part in parts)


def _arguments(text: str) -> str:
    try:
        decoded: Any = json.loads(text or "{}")
    except json.JSONDecodeError:
        return text
    if not isinstance(decoded, dict):
        return text
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in decoded.items())  # pyright: ignore[reportUnknownVariableType] -- decoded JSON


def _is_whole(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except json.JSONDecodeError:
        return False
    return True


def _fold(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= FOLD else f"{line[: FOLD - 1]}…"
