"""What the HTTP of agents and conversations calls to have a turn worked on."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.errors import Invalid, Unavailable
from holdfast.kit import sse
from holdfast.kit.reply import reply
from holdfast.messages.threads import Thread
from holdfast.store.table import Tx
from holdfast.turns.answer import collect
from holdfast.turns.begin import Asked
from holdfast.turns.images import with_images
from holdfast.turns.requests import SendConversationMessage, SendMessage
from holdfast.turns.runner import Runner
from holdfast.turns.stream import stream


async def _runner(request: Request) -> Runner:
    return request.app.state.runner


async def _taking(request: Request) -> Runner:
    if request.app.state.draining.is_set():
        raise Unavailable("The server is about to stop and takes no new requests; repeat this one in a moment.")
    return request.app.state.runner


Running = Annotated[Runner, Depends(_runner)]
Turns = Annotated[Runner, Depends(_taking)]
"""The runner, for requests that start something: refused while the server drains."""


async def to_agent(runner: Runner, who: Who, agent_id: str, body: SendMessage, request: Request) -> Response:
    """Send to an agent's own thread; turns of one thread queue, first come first served."""
    kind = "send_message_streaming" if body.streaming else "send_message"
    return await _send(
        runner, Asked(who, body, lambda tx: agents.with_own_thread(tx, who, agent_id), kind, to=agent_id), request
    )


async def to_conversation(
    runner: Runner, who: Who, conversation_id: str, body: SendConversationMessage, request: Request
) -> Response:
    """Send to a conversation; one that is busy says so at once (CONTRACT §3.3)."""

    def thread(tx: Tx) -> tuple[Thread, Agent]:
        return conversations.with_agent(tx, who, conversation_id, body.agent_id)

    asked = Asked(who, body, thread, "send_conversation_message", queues=False, to=conversation_id)
    return await _send(runner, asked, request)


async def _send(runner: Runner, asked: Asked, request: Request) -> Response:
    asked = replace(
        asked,
        body=await with_images(asked.body, request.app.state.egress),
        request_id=request.headers.get("x-api-request-log-id"),
    )
    live = (runner.launched(asked) if _is_repeated(request) else None) or await runner.launch(asked)
    if asked.body.streaming:
        return sse.stream(stream(live, runner.keepalive))
    return reply(await collect(live))


def refuse_stream_options(body: SendMessage) -> None:
    """Options of streams mean nothing in a JSON answer, and silence would hide the mistake (CONTRACT §3.1)."""
    if body.streaming:
        return
    wrong: dict[str, Any] = {"stream_tokens": body.stream_tokens, "background": body.background}
    names = [name for name, value in wrong.items() if value] + ([] if body.include_pings else ["include_pings"])
    if names:
        raise Invalid(f"{' and '.join(names)} can only be chosen together with `streaming: true`.")


def _is_repeated(request: Request) -> bool:
    """Does the SDK send this again because an answer did not reach it?"""
    return request.headers.get("x-stainless-retry-count", "0") != "0"
