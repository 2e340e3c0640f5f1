"""A chat: messages sent to where it is, answers shown, and where it was left kept for the next time."""

import os
import sys
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from holdfast.cli import screen
from holdfast.cli.chat.following import Following, Patience
from holdfast.cli.chat.place import OWN, Place
from holdfast.cli.chat.remembered import Bookmark, directory
from holdfast.cli.chat.rendering import Rendering
from holdfast.cli.client import Away, Client, Refused
from holdfast.errors import NotFound


@dataclass
class Chat:
    """One terminal or pipe talking in one thread at a time."""

    place: Place
    seconds: float = 60.0
    """How long a server may be away."""
    failed: bool = False
    shows_usage: bool = False
    details: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What the last turn did, at full length."""
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    listed: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What the numbers of the last lists stand for."""

    @property
    def client(self) -> Client:
        return self.place.client

    @property
    def bookmark(self) -> Bookmark:
        """Kept for people only: a script always begins at the same place."""
        kept_in = directory(os.environ) if has_person() else None
        return Bookmark(kept_in, self.client.url, self.place.agent_id)

    def greet(self) -> None:
        agent = self.place.agent
        where = f", in {self.place.title}" if self.place.conversation else ""
        told = f"{agent['name']} ({agent['id']}), {self.place.model}{where}. /help lists commands."
        screen.err.print(screen.safe(told), style="dim", soft_wrap=True)

    def go(self, place: Place) -> None:
        """Go on in another thread, of this or another agent."""
        self.place = place
        self.details, self.usage = [], {}
        self.bookmark.keep(conversation=place.id)
        self.greet()
        if has_person():
            self.catch_up()

    def arrive(self, conversation: str | None) -> None:
        """Begin in the thread named, or else where the chat was left."""
        if conversation == "new":
            self.place = self.place.new("")
        elif conversation is not None:
            self.place = self.place.to(conversation)
        elif kept := self.bookmark.conversation:
            try:
                self.place = self.place.to(kept)
            except (Refused, NotFound):
                self.bookmark.keep(conversation=OWN)
        self.greet()

    def catch_up(self) -> None:
        """Show the answer that was not seen to its end: it came, or is coming, while nobody was there."""
        run_id = self.bookmark.run or self.place.running()
        if run_id is None:
            return
        try:
            run = self.client.call("GET", f"/v1/runs/{run_id}")
        except Refused:
            self.bookmark.keep(run=None)
            return
        if not self.place.holds(run):
            return
        told = "came while the chat was closed" if run.get("completed_at") else "is still being written …"
        screen.err.print(f"[the last answer {told}]", style="dim")
        self._answer(Rendering(), run_id=run_id)

    def say(self, text: str) -> None:
        """One message and its turn, with questions about calls that need approval in between."""
        self.details, self.usage = [], {}
        rendering = Rendering()
        before = self._patience(rendering).insist(self.place.values)
        item: dict[str, Any] = {"role": "user", "content": text, "otid": str(uuid4())}
        self._answer(rendering, item)
        while rendering.stop_reason == "requires_approval" and rendering.pending:
            approvals = [_ask(*call) for call in rendering.pending.items()]
            rendering.pending.clear()
            self._answer(rendering, {"type": "approval", "approvals": approvals})
        if rendering.used_tools:
            rendering.changes(before, self._patience(rendering).insist(self.place.values))

    def _answer(self, rendering: Rendering, item: dict[str, Any] | None = None, run_id: str | None = None) -> None:
        """One run, shown to its end; Ctrl-C cancels it."""
        following = Following(
            self.client, self._patience(rendering), self.place.sending, _body(item) if item else {}, run_id
        )
        rendering.stop_reason = ""
        known = run_id
        try:
            for event in following.events():
                rendering.show(event)
                if following.run_id != known:
                    known = following.run_id
                    self.bookmark.keep(run=known)
            rendering.end()
            self.bookmark.keep(run=None)
        except KeyboardInterrupt:
            rendering.settle()
            self._interrupt(rendering, following.run_id)
            if not has_person():
                raise
        finally:
            rendering.settle()
            self.failed = self.failed or rendering.failed
            self.details, self.usage = rendering.details, rendering.usage or self.usage
        if self.shows_usage and rendering.usage:
            rendering.note(spent(rendering.usage))

    def _interrupt(self, rendering: Rendering, run_id: str | None) -> None:
        try:
            self.place.cancel(run_id)
        except Away as problem:
            rendering.note(f"[not interrupted: {problem} The run goes on; /cancel stops it when the server is back]")
            return
        except Refused as no:
            if no.answered != 409:
                raise
        self.bookmark.keep(run=None)
        rendering.note("[interrupted]")

    def _patience(self, rendering: Rendering) -> Patience:
        return Patience(self.seconds, rendering.note)


def has_person() -> bool:
    return sys.stdin.isatty()


def spent(usage: dict[str, Any]) -> str:
    """What a turn cost, in one line."""
    parts = [f"{usage.get('prompt_tokens') or 0} tokens in", f"{usage.get('completion_tokens') or 0} out"]
    for field_name, told in (("cached_input_tokens", "cached"), ("reasoning_tokens", "for reasoning")):
        if usage.get(field_name):
            parts.append(f"{usage[field_name]} {told}")
    steps = usage.get("step_count") or 0
    parts.append(f"{steps} step" + ("" if steps == 1 else "s"))
    if usage.get("context_tokens"):
        parts.append(f"{usage['context_tokens']} in view")
    return ", ".join(parts)


def _body(item: dict[str, Any]) -> dict[str, Any]:
    """A terminal gets tokens as they come; a pipe, which cannot take anything back, gets whole steps."""
    return {
        "messages": [item],
        "streaming": True,
        "stream_tokens": screen.out.is_terminal,
        "background": True,
        "include_compaction_messages": True,
    }


def _ask(id: str, call: str) -> dict[str, Any]:
    """The user's answer to a call that needs approval; nobody to ask means no."""
    if not has_person():
        screen.err.print(screen.safe(f"Denied, as there is no terminal to ask: {call}"), soft_wrap=True)
        return {"type": "approval", "tool_call_id": id, "approve": False, "reason": "nobody was there to ask"}
    said = input(screen.safe(f"Allow {call}? [y/N, or why not] ")).strip()
    allowed = said.lower() in ("y", "yes")
    reason = None if said.lower() in ("y", "yes", "n", "no", "") else said
    return {"type": "approval", "tool_call_id": id, "approve": allowed, "reason": reason}
