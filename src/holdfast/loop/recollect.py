"""Automatic recall: before its first step, a turn looks up what the agent's memory holds about what was said to it."""

import asyncio
import logging
from collections.abc import Sequence

from holdfast.agents.model import AutoRecall
from holdfast.archives.passages import Narrowing
from holdfast.errors import AppError
from holdfast.loop import small
from holdfast.loop.recalled import RecalledMemory, recalled
from holdfast.loop.state import Turn
from holdfast.messages.model import Message
from holdfast.messages.said import said
from holdfast.messages.store import Narrowed

PATIENCE_S = 3.0
"""So long a turn waits for its memories; without them it goes on all the same."""
SHARE = 16
"""Memories take no more than this part of the context window."""

log = logging.getLogger("holdfast.loop")


async def recollect(turn: Turn) -> None:
    """Find what the agent is to be shown with this turn's message, if that was asked for."""
    wanted = small.auto_recall(turn.agent, is_small=turn.is_small)
    asked = next((message for message in reversed(turn.inputs) if message.role == "user"), None)
    if wanted is None or not wanted.enabled or asked is None or not (query := said(asked).strip()):
        return
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await _found(turn, wanted, query)
    except TimeoutError:
        log.warning("the turn of %s goes on without its memories: they took too long to find", turn.agent.id)
        return
    except AppError as failed:
        log.warning("the turn of %s goes on without its memories: %s", turn.agent.id, failed.detail)
        return
    best = sorted(found, key=lambda memory: -memory.relevance)[: wanted.top_k]
    turn.recalled = recalled(asked.id, best, turn.agent.timezone, turn.context_window // SHARE)


async def _found(turn: Turn, wanted: AutoRecall, query: str) -> list[RecalledMemory]:
    """Everything that is near enough to the message."""
    found = list[RecalledMemory]()
    if "passages" in wanted.sources:
        found += await _passages(turn, wanted, query)
    if "messages" in wanted.sources or "all_messages" in wanted.sources:
        found += await _messages(turn, wanted, query)
    return [memory for memory in found if memory.relevance >= wanted.threshold]


async def _passages(turn: Turn, wanted: AutoRecall, query: str) -> Sequence[RecalledMemory]:
    hits = await turn.finder.memories(turn.who, turn.agent.id, Narrowing(), query, wanted.top_k)
    return [RecalledMemory(hit.item.id, "passage", hit.item.created_at, hit.item.text, hit.relevance) for hit in hits]


async def _messages(turn: Turn, wanted: AutoRecall, query: str) -> Sequence[RecalledMemory]:
    """What was said earlier and is out of view."""
    narrowed = Narrowed(
        agent_id=turn.agent.id,
        thread=None if "all_messages" in wanted.sources else turn.thread,
        roles=("user", "assistant"),
        without=[message.id for message in turn.window],
    )
    hits = await turn.finder.messages(turn.who, narrowed, query, wanted.top_k)
    return [_memory(hit.item, hit.relevance) for hit in hits]


def _memory(message: Message, relevance: float) -> RecalledMemory:
    return RecalledMemory(message.id, "message", message.created_at, said(message), relevance, message.role)
