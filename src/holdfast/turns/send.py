"""What the HTTP of agents and conversations calls to have a turn worked on."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.errors import Invalid, Stopping
from holdfast.kit import sse
from holdfast.kit.reply import reply
from holdfast.messages.threads import Thread
from holdfast.runs.model import Run
from holdfast.store.table import Tx
from holdfast.turns.begin import Asked
from holdfast.turns.collect import collect
from holdfast.turns.follow import Reader, Wanted
from holdfast.turns.images import with_images
from holdfast.turns.requests import SendAsync, SendConversationMessage, SendMessage
from holdfast.turns.runner import Runner
from holdfast.turns.stream import stream


async def _runner(request: Request) -> Runner:
    return request.app.state.runner


async def _taking(request: Request) -> Runner:
    if request.app.state.draining.is_set():
        raise Stopping("The server is about to stop and starts no new turns; repeat this request in a moment.")
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
    asked = await _complete(asked, request)
    if asked.body.background:
        run = await runner.launch_in_background(asked)
        return read_on(request, Wanted(asked.who, run, pings=asked.body.include_pings))
    live = (runner.launched(asked) if asked.is_repeated else None) or await runner.launch(asked)
    if asked.body.streaming:
        return sse.stream(stream(live, runner.keepalive))
    return reply(await collect(live))


async def _complete(asked: Asked, request: Request) -> Asked:
    """The request with everything that it needs to be worked on, now or later, here or elsewhere."""
    return replace(
        asked,
        body=await with_images(asked.body, request.app.state.egress),
        request_id=request.headers.get("x-api-request-log-id"),
        is_repeated=request.headers.get("x-stainless-retry-count", "0") != "0",
    )


async def asynchronously(runner: Runner, who: Who, agent_id: str, body: SendAsync, request: Request) -> Run:
    """Have a message worked on in the background; what comes of it is kept in the run."""
    if body.callback_url is not None:
        await request.app.state.egress.address(body.callback_url, "callback", "organization")
    asked = Asked(
        who,
        body.model_copy(update={"background": True, "streaming": False}),
        lambda tx: agents.with_own_thread(tx, who, agent_id),
        "send_message_async",
        is_async=True,
        callback_url=body.callback_url,
        to=agent_id,
    )
    return await runner.launch_in_background(await _complete(asked, request))


def read_on(request: Request, wanted: Wanted) -> Response:
    """The events of a background run as a stream."""
    runner: Runner = request.app.state.runner
    reader = Reader(runner.feed, request.app.state.db, wanted, runner.keepalive)
    return sse.stream(reader.follow(lambda: runner.is_leaving))


def refuse_stream_options(body: SendMessage) -> None:
    """Options of streams mean nothing in a JSON answer, and silence would hide the mistake (CONTRACT §3.1)."""
    if body.streaming:
        return
    wrong: dict[str, Any] = {"stream_tokens": body.stream_tokens, "background": body.background}
    names = [name for name, value in wrong.items() if value] + ([] if body.include_pings else ["include_pings"])
    if names:
        raise Invalid(f"{' and '.join(names)} can only be chosen together with `streaming: true`.")
