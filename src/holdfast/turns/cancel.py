"""Stopping runs: the ones named, or all that a thread or an agent has at work."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.agents import store as agents
from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.errors import Conflict, NotFound
from holdfast.messages.threads import Thread
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns import waiting
from holdfast.turns.runner import Runner


async def cancel_of_agent(
    runner: Runner, db: Database, who: Who, agent_id: str, run_ids: Sequence[str] | None
) -> dict[str, str]:
    """Cancel the runs named, or everything that the agent is working on."""

    def chosen(tx: Tx) -> list[Run]:
        agents.get(tx, who, agent_id)
        return _named(tx, who, agent_id, run_ids) if run_ids else runs.active_of_agent(tx, who, agent_id)

    found = await db.read(chosen)
    own = [] if run_ids else [agent_id]
    return await _cancel(runner, db, who, found, _Reach(f"Agent {agent_id}", [*own, *(run.thread_id for run in found)]))


async def cancel_of_thread(
    runner: Runner, db: Database, who: Who, conversation_id: str, agent_id: str | None
) -> dict[str, str]:
    def active(tx: Tx) -> tuple[Thread, list[Run]]:
        thread = conversations.resolve(tx, who, conversation_id, agent_id)
        return thread, runs.active(tx, who, thread.id)

    thread, found = await db.read(active)
    return await _cancel(runner, db, who, found, _Reach(f"Conversation {thread.id}", [thread.id]))


@dataclass(frozen=True, slots=True)
class _Reach:
    """What is cancelled, and the threads that are to wait for nothing afterwards."""

    name: str
    thread_ids: Sequence[str]


async def _cancel(runner: Runner, db: Database, who: Who, found: Sequence[Run], reach: _Reach) -> dict[str, str]:
    await runner.cancel(who, [run.id for run in found if not run.is_over])
    released = [await db.write(waiting.release, who, id, waiting.CANCELLED) for id in dict.fromkeys(reach.thread_ids)]
    cancelled = dict.fromkeys([*(run.id for run in found), *filter(None, released)], "cancelled")
    if not cancelled:
        raise Conflict(f"{reach.name} is not working on anything, so there is nothing to cancel.")
    return cancelled


def _named(tx: Tx, who: Who, agent_id: str, run_ids: Sequence[str]) -> list[Run]:
    found = [runs.get(tx, who, id) for id in dict.fromkeys(run_ids)]
    for run in found:
        if run.agent_id != agent_id:
            raise NotFound(f"Agent {agent_id} has no run {run.id}.")
    return found
