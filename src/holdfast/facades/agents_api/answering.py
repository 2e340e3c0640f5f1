"""What is said to an agent as the request for a turn, and what came of the turn as an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.errors import BadRequest, Invalid
from holdfast.facades.agents_api import client_tools, sessions
from holdfast.facades.agents_api.asked import ApiMessage, ToolResult, WhatIsSaid
from holdfast.facades.agents_api.items import Item, items, spoken, waiting
from holdfast.kit.egress import Egress
from holdfast.messages import store as messages
from holdfast.messages.model import ToolCallPart
from holdfast.messages.requests import InputMessage, MessageCreate, ToolReturn, ToolReturnCreate
from holdfast.messages.shapes import LettaMessage
from holdfast.messages.threads import Thread
from holdfast.runs.model import StopReason
from holdfast.steps import store as steps
from holdfast.steps.model import Step
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns.begin import Asked
from holdfast.turns.images import with_images
from holdfast.turns.live import Live
from holdfast.turns.requests import SendMessage
from holdfast.turns.shapes import LettaUsageStatistics

NANOSECONDS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message to an agent: whose, to whom, and what."""

    who: Who
    agent_id: str
    said: WhatIsSaid
    idle_hours: float | None

    @property
    def session(self) -> str:
        return self.said.session or sessions.OWN


async def asked(db: Database, egress: Egress, exchange: Exchange) -> Asked:
    """The request for a turn; when that begins, the session is opened and it is seen which tools the client runs."""
    who, said = exchange.who, exchange.said
    body = SendMessage(
        messages=_inputs(said, await db.read(_waiting, exchange) if _results(said) else ()),
        max_steps=said.max_steps,
        streaming=said.stream,
        stream_tokens=said.stream,
    )

    def thread(tx: Tx) -> tuple[Thread, Agent]:
        agent = agents.get(tx, who, exchange.agent_id)
        body.client_tools = client_tools.of_agent(agent) or None
        return sessions.opened(tx, who, agent, said.session, exchange.idle_hours), agent

    body = await with_images(body, egress)
    return Asked(who, body, thread, "send_message", moves_on=True, to=exchange.agent_id)


async def answer(
    db: Database, exchange: Exchange, live: Live, said: Sequence[LettaMessage], ended: "Ending"
) -> dict[str, Any]:
    """The answer of a turn that is over, with something to say in it whatever happened."""
    made = await db.read(steps.of_run, exchange.who, live.run_id)
    found = items(said)
    if not any(item["role"] == "assistant" for item in found):
        found.append(_nothing_said(live))
    own = live.run.thread_id == live.run.agent_id
    waits = waiting(said)
    clients = {tool.name for tool in live.asked.body.client_tools or ()}
    return {
        "messages": found,
        "message": spoken(found),
        "session_id": exchange.session,
        "thread_id": exchange.session,
        "conversation_id": None if own else live.run.thread_id,
        "run_id": live.run_id,
        "tool_calls": [call for call in waits if call["name"] in clients],
        "pending_approvals": [call for call in waits if call["name"] not in clients],
        "stop_reason": ended.reason,
        "usage": ended.usage,
        "token_count": ended.usage["total_tokens"],
        **measured(made),
    }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended, and what it cost."""

    reason: StopReason
    usage: LettaUsageStatistics


def measured(made: Sequence[Step]) -> dict[str, Any]:
    """Which model has worked on some steps, and for how long."""
    latency = sum(step.llm_request_ns or 0 for step in made) / NANOSECONDS_PER_MS
    return {"model": made[-1].model if made else None, "llm_latency_ms": round(latency)}


def _waiting(tx: Tx, exchange: Exchange) -> list[ToolCallPart]:
    """The calls that results may belong to."""
    agent = agents.get(tx, exchange.who, exchange.agent_id)
    thread = sessions.found(tx, exchange.who, agent, exchange.session)
    newest = messages.newest_of(tx, exchange.who, thread)
    return newest.waiting if newest is not None else []


def _results(said: WhatIsSaid) -> list[ToolResult]:
    tools = (message.model_dump() for message in said.messages or () if message.role == "tool")
    sent = [ToolResult.model_validate(tool) for tool in tools]
    return [*(said.tool_results or ()), *sent]


def _inputs(said: WhatIsSaid, calls: Sequence[ToolCallPart]) -> list[InputMessage]:
    found = list[InputMessage]()
    if results := _results(said):
        left = list(calls)
        found.append(ToolReturnCreate(tool_returns=[_returned(result, left) for result in results]))
    found += [_message(message) for message in said.messages or () if message.role != "tool"]
    if said.message is not None:
        found.append(MessageCreate(role=said.role, content=said.message))
    return found


def _returned(result: ToolResult, left: list[ToolCallPart]) -> ToolReturn:
    """A result as V1 has it; one without an id is that of the first call of its name, or of the only one."""
    fitting = [call for call in left if result.name in (None, call.name)]
    id = result.id or (fitting[0].id if fitting and (result.name or len(left) == 1) else None)
    if id is None:
        names = ", ".join(f"{call.name} ({call.id})" for call in left) or "none"
        raise BadRequest(f"A tool result needs the id of its call as `tool_call_id`. Calls that wait: {names}.")
    left[:] = [call for call in left if call.id != id]
    return ToolReturn(
        tool_call_id=id, tool_return=_text(result.content), status="error" if result.failed else "success"
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else orjson.dumps(content).decode()


def _message(sent: ApiMessage) -> MessageCreate:
    if sent.role == "tool" or sent.content is None:
        raise Invalid(f"A message of the role {sent.role} has no `content`.")
    return MessageCreate(role=sent.role, content=sent.content, name=sent.name)


def _nothing_said(live: Live) -> Item:
    return {
        "id": live.run_id,
        "message_type": "assistant_message",
        "role": "assistant",
        "content": "",
        "created_at": live.run.created_at,
    }
