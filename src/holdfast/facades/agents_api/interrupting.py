"""Barge-in: what the user did not hear of an answer was not said."""

from collections.abc import Sequence
from typing import Any

from holdfast.agents import store as agents
from holdfast.auth.model import Who
from holdfast.errors import Conflict
from holdfast.facades.agents_api import sessions
from holdfast.facades.agents_api.items import CUT
from holdfast.kit.page import Page
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, Part, TextPart
from holdfast.messages.threads import Thread
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns.cancel import cancel_of_thread
from holdfast.turns.runner import Runner

NEWEST = 50
"""So many messages are looked through for the answer that was interrupted."""


async def stop(runner: Runner, db: Database, who: Who, agent_id: str, key: str) -> tuple[Thread, list[str]]:
    """End what a session is working on; its thread, and the runs that were ended."""
    thread = await db.read(_thread, who, agent_id, key)
    try:
        return thread, list(await cancel_of_thread(runner, db, who, thread.id, None))
    except Conflict:
        return thread, []


async def interrupt(
    runner: Runner, db: Database, who: Who, agent_id: str, key: str, spoken: str | None
) -> dict[str, Any]:
    """End what a session is working on, and keep of its last answer what the user has heard."""
    thread, runs = await stop(runner, db, who, agent_id, key)
    kept: str | None = None
    if spoken is not None:
        kept = await db.write(_cut_answer, who, thread.id, runs, spoken)
        runner.forget([thread.id])
    return {**sessions.shown(thread), "cancelled": runs, "kept": kept}


def heard(text: str, spoken: str) -> int:
    """How many characters of a text were heard; space and the size of letters do not count."""
    at = end = 0
    said = "".join(spoken.split()).casefold()
    for number, character in enumerate(text):
        if character.isspace():
            continue
        folded = character.casefold()
        if at == len(said) or not said.startswith(folded, at):
            break
        at, end = at + len(folded), number + 1
    return end


def _thread(tx: Tx, who: Who, agent_id: str, key: str) -> Thread:
    return sessions.found(tx, who, agents.get(tx, who, agent_id), key)


def _cut_answer(tx: Tx, who: Who, thread_id: str, runs: Sequence[str], spoken: str) -> str | None:
    """Cut the answers of these runs, or of the newest, to what was heard; what is left, None if nothing was cut."""
    thread = threads.get(tx, who, thread_id)
    newest = messages.page(tx, who, Page(NEWEST, "desc"), messages.in_thread(thread))
    answers = _answers(newest, runs)
    left, kept, is_cut = spoken, list[str](), False
    for message in answers:
        text = message.text.rstrip()
        end = heard(text, left)
        is_broken_off = bool(runs) and message is answers[-1]
        left = _rest(left, text) if end == len(text) else ""
        kept += filter(None, [text[:end].rstrip()])
        if end < len(text) or is_broken_off:
            is_cut = True
            messages.cut_short(tx, who, message.id, _shortened(message, text[:end].rstrip()))
    return "\n".join(kept) if is_cut else None


def _answers(newest: Sequence[Message], runs: Sequence[str]) -> list[Message]:
    """What the agent has said in these runs, or in the newest, in order; what was cut before stays as it is."""
    said = [message for message in newest if message.role in ("assistant", "approval") and message.text]
    wanted = runs or [message.run_id for message in said[:1]]
    return [message for message in reversed(said) if message.run_id in wanted and not message.text.endswith(CUT)]


def _rest(spoken: str, text: str) -> str:
    """What is left of what was heard after a whole text."""
    count = sum(len(character.casefold()) for character in text if not character.isspace())
    return "".join(spoken.split()).casefold()[count:]


def _shortened(message: Message, text: str) -> list[Part]:
    """The parts of a message with this text and the mark after it in the place of its texts."""
    marked = TextPart(text=f"{text} {CUT}".lstrip())
    others = [part for part in message.content if not isinstance(part, TextPart)]
    before = [part for part in others if part.type.endswith("reasoning")]
    return [*before, marked, *(part for part in others if part not in before)]
