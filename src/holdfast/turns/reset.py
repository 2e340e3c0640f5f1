"""Units of work on a thread as a whole: emptying its window, compiling its prompt anew, showing the next request."""

from typing import Any

from holdfast.agents import load
from holdfast.agents import store as agents
from holdfast.agents.compile import preview, recompile
from holdfast.agents.first import first_messages
from holdfast.agents.load import Loaded
from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.errors import Busy
from holdfast.llm.models import Models
from holdfast.loop import context
from holdfast.loop.recollect import recollect
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.threads import Thread
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns import waiting
from holdfast.turns.begin import Asked, Worker, peek


def reset(tx: Tx, who: Who, agent_id: str, *, with_first: bool) -> Loaded:
    """Put nothing but the prompt before the model, or what its type begins with; the history stays in recall."""
    thread, agent = agents.with_own_thread(tx, who, agent_id)
    _refuse_while_busy(thread)
    waiting.release(tx, who, thread.id, "The conversation was reset.")
    thread = threads.empty_window(tx, who, thread.id)
    recompile(tx, who, agent, thread, always=True)
    if with_first:
        messages.append(tx, first_messages(agent))
    return load.one(tx, who, agent_id)


def recompile_conversation(tx: Tx, who: Who, conversation_id: str, agent_id: str | None, *, dry_run: bool) -> str:
    thread = conversations.resolve(tx, who, conversation_id, agent_id)
    agent = agents.get(tx, who, thread.agent_id)
    if dry_run:
        return preview(tx, who, agent, thread).text
    sections = recompile(tx, who, agent, thread, always=True)
    return sections.text if sections else ""


async def next_request(db: Database, asked: Asked, models: Models, worker: Worker) -> dict[str, Any]:
    """The request that the provider would get for this input; nothing is stored."""
    turn = await db.read(peek, asked, models, worker)
    await recollect(turn)
    return turn.provider.preview(context.build(turn))


def _refuse_while_busy(thread: Thread) -> None:
    if thread.lease_run_id is not None:
        raise Busy(
            f"The thread is working on {thread.lease_run_id}; wait for it, or cancel it first.",
            run_id=thread.lease_run_id,
        )
