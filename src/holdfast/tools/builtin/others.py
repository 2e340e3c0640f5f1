"""The tools with which agents send each other messages (CONTRACT §6.3)."""

import asyncio
from typing import Any

from holdfast.errors import AppError
from holdfast.kit.reply import encode
from holdfast.tools.builtin.context import LookContext
from holdfast.tools.builtin.tool import ToolError, tool

LONGEST_CHAIN = 8
"""So many messages of agents may lead to each other."""

MOST_AGENTS = 50
AT_ONCE = 8


@tool("letta_multi_agent_core", reaches_out=True)
async def send_message_to_agent_and_wait_for_reply(ctx: LookContext, message: str, other_agent_id: str) -> str:
    """Send a message to another agent and wait for its answer.

    Args:
        message: What to say. Say everything it must know: it does not see your conversation.
        other_agent_id: The id of the agent, such as agent-….
    """
    _check_message(ctx, message)
    _check_target(ctx, other_agent_id)
    return encode(await _ask(ctx, other_agent_id, message)).decode()


@tool("letta_multi_agent_core", reaches_out=True)
async def send_message_to_agents_matching_tags(
    ctx: LookContext, message: str, match_all: list[str], match_some: list[str]
) -> list[dict[str, Any]]:
    """Send a message to all other agents with certain tags, and wait for their answers.

    Args:
        message: What to say. Say everything they must know: they do not see your conversation.
        match_all: Tags that an agent must all have; may be empty.
        match_some: Tags of which an agent must have at least one; may be empty.
    """
    _check_message(ctx, message)
    if not match_all and not match_some:
        raise ToolError("`match_all` and `match_some` are both empty; name the tags of the agents to reach.")
    found = await ctx.outside.others.tagged(ctx.who, match_all, match_some, MOST_AGENTS + 2)
    others = [id for id in found if id != ctx.agent_id]
    if len(others) > MOST_AGENTS:
        raise ToolError(f"More than {MOST_AGENTS} agents have these tags; nothing was sent. Name further tags.")
    places = asyncio.Semaphore(AT_ONCE)

    async def answer(agent_id: str) -> dict[str, Any]:
        async with places:
            try:
                _check_target(ctx, agent_id)
                return await _ask(ctx, agent_id, message)
            except ToolError as failed:
                return {"agent_id": agent_id, "response": [], "error": str(failed)}

    return await asyncio.gather(*map(answer, others))


@tool("letta_multi_agent_core", reaches_out=True)
async def send_message_to_agent_async(ctx: LookContext, message: str, other_agent_id: str) -> str:
    """Send a message to another agent without waiting for an answer.

    Args:
        message: What to say. Say everything it must know: it does not see your conversation.
        other_agent_id: The id of the agent, such as agent-….
    """
    _check_message(ctx, message)
    _check_not_oneself(ctx, other_agent_id)
    await ctx.outside.others.tell(ctx.sender, other_agent_id, message)
    return "The message was sent; the other agent works on it by itself."


async def _ask(ctx: LookContext, agent_id: str, message: str) -> dict[str, Any]:
    try:
        said = await ctx.outside.others.ask(ctx.sender, agent_id, message)
    except AppError as failed:
        raise ToolError(f"Agent {agent_id} gave no answer: {failed}") from failed
    return {"agent_id": agent_id, "response": said}


def _check_message(ctx: LookContext, message: str) -> None:
    if not message.strip():
        raise ToolError("`message` is empty; write what the other agent is to be told.")
    if ctx.chain.length >= LONGEST_CHAIN:
        raise ToolError(
            f"{ctx.chain.length} messages of agents have led to this one, and no more than {LONGEST_CHAIN} may. "
            "Answer with what you know, without sending further messages."
        )


def _check_target(ctx: LookContext, agent_id: str) -> None:
    """An agent that waits for this one cannot answer it."""
    _check_not_oneself(ctx, agent_id)
    if agent_id in ctx.chain.waiting:
        way = " → ".join((*ctx.chain.waiting[ctx.chain.waiting.index(agent_id) :], ctx.agent_id))
        raise ToolError(
            f"Agent {agent_id} waits for your answer itself ({way}), so it could never answer you. "
            "Say what you want to tell it as your answer."
        )


def _check_not_oneself(ctx: LookContext, agent_id: str) -> None:
    if agent_id == ctx.agent_id:
        raise ToolError(f"{agent_id} is you; send messages to other agents only.")
