"""Lists whose items are chosen by number, and the messages of a thread as a list."""

from collections.abc import Sequence
from typing import Any

from holdfast.cli import screen
from holdfast.cli.chat import calls
from holdfast.cli.chat.session import Chat
from holdfast.errors import NotFound


def show_numbered(
    chat: Chat, what: str, heads: Sequence[str], rows: Sequence[Sequence[object]], ids: list[str]
) -> None:
    """A table with a number before each row; `choose` knows what the numbers stand for."""
    chat.listed[what] = ids
    screen.table(["", *heads], [[number, *row] for number, row in enumerate(rows, 1)])


def choose(chat: Chat, what: str, said: str, known: Sequence[str], *, loosely: bool = False) -> str:
    """What was chosen: by its number in the last list, by name, or loosely by a part that only one name has."""
    if said.isascii() and said.isdigit():
        listed = chat.listed.get(what)
        if not listed:
            raise NotFound(f"Nothing is number {said} yet: list first, without a number.")
        if not 1 <= int(said) <= len(listed):
            raise NotFound(f"There is no number {said} in the list; it ends with {len(listed)}.")
        return listed[int(said) - 1]
    if loosely and said not in known:
        near = [name for name in known if said.lower() in name.lower()]
        if len(near) == 1:
            return near[0]
    return said


def history(messages: Sequence[dict[str, Any]]) -> None:
    """A line or paragraph per message; calls and returns are folded."""
    for message in messages:
        match message["message_type"]:
            case "user_message":
                screen.out.print(
                    f"> {screen.safe(calls.text_of(message.get('content')))}", style="bold", soft_wrap=True
                )
            case "assistant_message":
                screen.out.print(screen.safe(calls.text_of(message.get("content"))), soft_wrap=True)
            case "reasoning_message":
                screen.out.print(screen.fitted(message.get("reasoning") or ""), style="dim italic")
            case "tool_call_message" | "approval_request_message":
                for fragment in calls.fragments(message):
                    call = calls.CallText()
                    call.add(fragment)
                    screen.out.print(f"⚙ {screen.fitted(call.line, 2)}", style="cyan")
            case "tool_return_message":
                for is_error, said in calls.returns(message):
                    screen.out.print(f"  {'✗' if is_error else '→'} {screen.fitted(said, 4)}", style="dim")
            case _:
                pass
