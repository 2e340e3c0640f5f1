"""How a turn looks in the terminal: text as it comes, reasoning dimmed, tool calls and their returns on a line each."""

import difflib
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from holdfast.cli import screen
from holdfast.cli.chat import calls
from holdfast.cli.chat.following import WHOLE
from holdfast.cli.chat.markup import Markup
from holdfast.cli.client import Event

QUIET_ENDS = ("", "end_turn", "tool_rule", "requires_approval")
"""Stop reasons that need no words."""


class Rendering:
    """Shows the events of one turn. In a pipe the answer goes to stdout and the rest to stderr."""

    def __init__(self) -> None:
        self._aside = screen.out if screen.out.is_terminal else screen.err
        self._calls: dict[str, calls.CallText] = {}
        self._flowing = ""
        self._markup = Markup()
        self.details: list[tuple[str, str]] = []
        """Calls, returns and summaries at full length: a heading and its text each."""
        self.usage: dict[str, Any] = {}
        self.used_tools = False
        self.failed = False
        self.stop_reason = ""
        self.pending: dict[str, str] = {}
        """Calls that wait for approval: id -> the call on one line."""

    def show(self, event: Event) -> None:
        data = event.data
        kind = "error_message" if event.kind == "error" else event.kind or data.get("message_type")
        match kind:
            case "reasoning_message":
                self._flow("reasoning", data.get("reasoning") or "")
            case "assistant_message":
                self._flow("answer", calls.text_of(data.get("content")))
            case "tool_call_message" | "approval_request_message":
                self._collect(data, waits=kind == "approval_request_message")
            case "tool_return_message":
                self._returned(data)
            case "summary_message":
                self._summarized(data)
            case "error_message":
                self._error(data)
            case "step_restarted" | "answer_anew":
                self._void(kind)
            case "stop_reason" | "usage_statistics":
                self._ended(data)
            case _:
                pass

    def end(self) -> None:
        """The turn is over: finish the line, and say so when it did not end by itself."""
        self.settle()
        self._announce()
        if self.stop_reason not in QUIET_ENDS and not self.failed:
            self.note(f"[stopped: {self.stop_reason}]")

    def settle(self) -> None:
        """Finish the line that is being written."""
        if not self._flowing:
            return
        console = self._aside
        if self._flowing == "answer":
            console = screen.out
            _write(console, self._markup.end())
        _write(console, [("\n", "")])
        self._flowing = ""

    def note(self, text: str, style: str = "dim") -> None:
        self.settle()
        self._aside.print(screen.safe(text), style=style, soft_wrap=True)

    def changes(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """What happened to the memory blocks, as a diff."""
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
            self.settle()
            self._announce()
            self._flowing, self._markup = what, Markup()
        if what == "answer":
            _write(screen.out, self._markup.feed(text))
        else:
            _write(self._aside, [(text, "dim italic")])

    def _collect(self, data: Mapping[str, Any], *, waits: bool) -> None:
        """Calls arrive in fragments; they are shown once they are whole."""
        for fragment in calls.fragments(data):
            call_id = fragment.get("tool_call_id") or ""
            call = self._calls.setdefault(call_id, calls.CallText())
            call.add(fragment)
            if waits:
                self.pending[call_id] = ""
        self.used_tools = True
        if all(call.is_whole for call in self._calls.values()):
            self._announce()

    def _announce(self) -> None:
        made, self._calls = self._calls, {}
        for call_id, call in made.items():
            if call_id in self.pending:
                self.pending[call_id] = call.line
            self.details.append((f"⚙ {call.name}", call.full))
            self.note(f"⚙ {screen.fitted(call.line, 2)}", "cyan")

    def _returned(self, data: Mapping[str, Any]) -> None:
        self.settle()
        self._announce()
        for is_error, said in calls.returns(data):
            self.details.append(("✗ error" if is_error else "→ return", said))
            self.note(f"  {'✗' if is_error else '→'} {screen.fitted(said, 4)}", "red" if is_error else "dim")

    def _summarized(self, data: Mapping[str, Any]) -> None:
        self.details.append(("compacted", calls.text_of(data.get("summary"))))
        stats: dict[str, Any] = data.get("compaction_stats") or {}
        counts = [stats.get("messages_count_before"), stats.get("messages_count_after")]
        told = f" ({counts[0]} messages in view before, {counts[1]} now)" if None not in counts else ""
        self.note(f"[older messages were replaced by a summary{told}; /details shows it]")

    def _void(self, kind: str) -> None:
        self._calls.clear()
        if kind == WHOLE:
            self.note("[the server does not keep this answer's events any more; here it is whole]")
        else:
            self.note("[the server was restarted; what it had not finished is said anew]")

    def _ended(self, data: Mapping[str, Any]) -> None:
        if data.get("message_type") == "usage_statistics":
            self.usage = dict(data)
        else:
            self.stop_reason = data.get("stop_reason") or ""

    def _error(self, data: Mapping[str, Any]) -> None:
        self.failed = True
        said = data.get("message") or data.get("error") or "the server failed"
        detail = data.get("detail")
        self.note(f"error: {said}" + (f" ({detail})" if detail and detail != said else ""), "bold red")


def _write(console: Console, stretches: list[tuple[str, str]]) -> None:
    for text, style in stretches:
        console.print(screen.safe(text), end="", style=style, soft_wrap=True)
    console.file.flush()
