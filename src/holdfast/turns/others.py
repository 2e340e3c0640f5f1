"""Messages from agent to agent: the turn of the one that gets them is a run like any other (CONTRACT §6.3)."""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from holdfast.agents import store as agents
from holdfast.auth.model import Who
from holdfast.errors import Busy, Conflict
from holdfast.messages.requests import MessageCreate
from holdfast.runs.model import Run
from holdfast.store.database import Database
from holdfast.tools.builtin.context import Chain, Sender
from holdfast.turns.begin import Asked
from holdfast.turns.collect import collect, texts_said
from holdfast.turns.live import Live
from holdfast.turns.requests import SendMessage

BUSY_S = 60.0
"""How long an agent waits for another one that works on something else."""

ANSWER_S = 600.0
"""How long it waits for the answer, all in all."""

WITHOUT_ANSWER = {
    "cancelled": "its work on the message was cancelled",
    "requires_approval": "it waits for a person's approval before it can go on",
}


class Launching(Protocol):
    """Starts turns."""

    async def launch(self, asked: Asked) -> Live: ...
    async def launch_in_background(self, asked: Asked) -> Run: ...
    def at_work(self, run_id: str) -> Live | None: ...


class Others:
    """The other agents of an organization, as an agent reaches them."""

    def __init__(self, db: Database, turns: Launching) -> None:
        self._db = db
        self._turns = turns

    async def ask(self, sender: Sender, agent_id: str, message: str) -> Sequence[str]:
        """What another agent says; the sender's run takes its own with it when it is cancelled."""
        chain = Chain((*sender.chain.waiting, sender.agent_id), sender.chain.length + 1, sender.run_id)
        live = await self._turns.launch(_asked(sender, agent_id, message, chain))
        try:
            with _asking(self._turns.at_work(sender.run_id), live):
                async with asyncio.timeout(ANSWER_S):
                    answer = await collect(live)
        except TimeoutError as late:
            raise Busy(f"it did not answer within {ANSWER_S / 60:.0f} minutes.") from late
        if reason := WITHOUT_ANSWER.get(answer["stop_reason"]["stop_reason"]):
            raise Conflict(f"{reason}.")
        return texts_said(answer)

    async def tell(self, sender: Sender, agent_id: str, message: str) -> None:
        asked = _asked(sender, agent_id, message, Chain(length=sender.chain.length + 1), background=True)
        await self._turns.launch_in_background(asked)

    async def tagged(self, who: Who, every: Sequence[str], some: Sequence[str], limit: int) -> Sequence[str]:
        return await self._db.read(agents.tagged, who, every, some, limit)


@contextmanager
def _asking(parent: Live | None, asked: Live) -> Generator[None]:
    """A run whose asker is cancelled, or no longer waits, has nobody to answer to."""
    if parent is not None:
        parent.asking[asked.run_id] = asked
        if parent.is_cancelled:
            asked.cancel()
    try:
        yield
    finally:
        if parent is not None:
            del parent.asking[asked.run_id]
        if not asked.events.is_closed:
            asked.cancel()


def _asked(sender: Sender, agent_id: str, message: str, chain: Chain, *, background: bool = False) -> Asked:
    """A message of an agent as the request for a turn."""
    text = (
        f"[Message from another agent: {sender.agent_name!r} ({sender.agent_id}). "
        f"{'It does not wait for an answer' if background else 'What you say next goes to it as your answer'}.]\n\n"
        f"{message}"
    )
    said = MessageCreate(role="system", content=text, sender_id=sender.agent_id)
    return Asked(
        who=sender.who,
        body=SendMessage(messages=[said], background=background),
        find=lambda tx: agents.with_own_thread(tx, sender.who, agent_id),
        run_type="send_message_of_agent",
        chain=chain,
        patience=BUSY_S,
        to=agent_id,
    )
