"""How a turn starts: the run is recorded, the thread is taken, and everything the loop needs is loaded, in one go."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from holdfast.agents import store as agents
from holdfast.agents.compile import PromptSources, recompile, sources_of, stale
from holdfast.agents.model import Agent, AutoRecall
from holdfast.agents.wire import context_window
from holdfast.auth.model import Who
from holdfast.errors import Busy
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.llm.model import ModelCard, Provider
from holdfast.llm.models import Models
from holdfast.loop import small
from holdfast.loop.approve import Answered
from holdfast.loop.state import Options, Turn
from holdfast.loop.transcript import GrowingTranscript, Transcripts
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, TextPart
from holdfast.messages.threads import Thread
from holdfast.messages.wire import expand_all
from holdfast.runs import leases
from holdfast.runs import store as runs
from holdfast.runs.model import Run, StopReason
from holdfast.store.jsontext import from_json, to_json
from holdfast.store.table import Tx
from holdfast.tools import store as tools
from holdfast.tools.builtin.context import Chain, Finder, Outside
from holdfast.tools.model import Tool
from holdfast.tools.outside import Executors
from holdfast.turns import circle, inputs, repeats, waiting
from holdfast.turns.answer import response, view_of
from holdfast.turns.past import Progress, said
from holdfast.turns.requests import SendMessage


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a turn."""

    who: Who
    body: SendMessage
    find: Callable[[Tx], tuple[Thread, Agent]]
    run_type: str
    queues: bool = True
    """Wait behind other turns of the thread, instead of an error at once."""
    is_async: bool = False
    """Answered with the run before it has begun; what it comes to is kept in it."""
    callback_url: str | None = None
    is_repeated: bool = False
    """The SDK sends it again, because an answer did not reach it."""
    request_id: str | None = None
    chain: Chain = field(default_factory=Chain)
    """Which agents have caused it, by what they sent each other."""
    patience: float | None = None
    """How many seconds it may wait for its thread, if less than usual."""
    instructions: str | None = None
    """What the model is told besides the agent's prompt, in this turn only."""
    moves_on: bool = False
    """What its thread waits for a client's results of counts as not run, instead of refusing a message."""
    to: str = ""
    """The agent or conversation as the path names it."""
    run_id: str | None = None
    """The id of its run, for whoever records in the same transaction that it has begun, and so starts it only once."""
    auto_recall: AutoRecall | None = None
    """What is looked up for it, instead of what the agent has chosen."""


@dataclass(slots=True)
class Begun:
    """A recorded run; its turn is there as soon as the thread was free."""

    run: Run
    inputs: list[Message]
    turn: Turn | None
    past: Progress = field(default_factory=Progress)
    answered: Answered | None = None
    """What the thread waited for, if the inputs began with the answer to it."""
    is_joined: bool = False
    """The same request has started it before."""


@dataclass(frozen=True, slots=True)
class Worker:
    """The server process that works on turns, and what it works with."""

    id: str
    finder: Finder
    outside: Outside
    executors: Executors = field(default_factory=dict[Any, Any])
    approval_hours: float | None = None
    """How long a request for approval can be answered; None for always."""
    small_model_mode: str = "auto"
    """Which models are helped as small ones need it: those that are small, all, or none."""
    transcripts: Transcripts = field(default_factory=Transcripts)
    compacting: set[str] = field(default_factory=set[str])
    """Its runs that are no turns: a client waits for a summary."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model of a turn, and what serves it."""

    card: ModelCard
    provider: Provider
    context_window: int
    models: Models
    worker: Worker


def begin(tx: Tx, asked: Asked, models: Models, worker: Worker) -> Begun:
    thread, agent = asked.find(tx)
    chosen = _model(worker, models, asked, agent, thread)
    run = _run(asked, agent, thread, worker.id)
    if run.request_key and (first := _started(tx, asked, thread, run.request_key)):
        return Begun(first, [], None, is_joined=True)
    begun = Begun(run, inputs.stored(asked.body, run), None)
    run.input = [message.model_dump() for message in begun.inputs]
    taking = None if asked.is_async else leases.take(tx, thread, run, worker.id)
    equipment = taking and Equipment.of(tx, asked.who, agent)
    held = taking and taking()
    if held is None and not asked.queues:
        raise _busy(tx, asked.who, thread)
    if asked.is_async and thread.lease_run_id is None:
        waiting.refuse(tx, asked.who, thread, begun.inputs)
    if held is None:
        leases.lock(tx, thread)  # it may have been deleted since it was found
        run.status = "created"
    runs.insert(tx, run)
    if held is not None and equipment is not None:
        seen = _seen(tx, asked, worker, agent, held, equipment)
        begun.turn = _assembled(tx, asked, begun, agent, seen, chosen)
    return begun


def claim(tx: Tx, asked: Asked, begun: Begun, models: Models, worker: Worker) -> Turn | None:
    """The turn of a waiting run, if the thread is free and every earlier run is over."""
    stored = runs.get(tx, asked.who, begun.run.id)
    if stored.is_over or (stored.owner, stored.epoch) != (worker.id, begun.run.epoch):
        return None
    thread = threads.rows.get(tx, asked.who, begun.run.thread_id)
    held = leases.take(tx, thread, begun.run, worker.id)()
    if held is None:
        return None
    agent = agents.get(tx, asked.who, thread.agent_id)
    equipment = Equipment.of(tx, asked.who, agent)
    chosen = _model(worker, models, asked, agent, held)
    if stored.status == "created":
        begun.run.status, begun.run.started_at = "running", now()
        runs.change(tx, asked.who, begun.run.id, {"status": "running", "started_at": begun.run.started_at})
    return _assembled(tx, asked, begun, agent, _seen(tx, asked, worker, agent, held, equipment), chosen)


def peek(tx: Tx, asked: Asked, models: Models, worker: Worker) -> Turn:
    """The turn as it would start now; nothing is taken, nothing is stored."""
    thread, agent = asked.find(tx)
    run = _run(asked, agent, thread, "")
    chosen = _model(worker, models, asked, agent, thread)
    begun = Begun(run, inputs.stored(asked.body, run), None)
    seen = Seen(thread, messages.window(tx, asked.who, thread), Equipment.of(tx, asked.who, agent).tools())
    turn = _turn(asked, begun, agent, seen, chosen)
    text = stale(tx, asked.who, agent, thread)
    if text is not None:
        turn.window[0] = turn.window[0].model_copy(update={"content": [TextPart(text=text)]})
    return turn


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a turn has from its agent, asked for and taken when it is needed."""

    prompt: PromptSources
    tools: Callable[[], list[Tool]]

    @classmethod
    def of(cls, tx: Tx, who: Who, agent: Agent) -> Self:
        return cls(sources_of(tx, who, agent), tools.ask_of_agent(tx, who, agent.id))


@dataclass(frozen=True, slots=True)
class Seen:
    """A thread, and what the model sees of it."""

    thread: Thread
    window: list[Message]
    tools: Sequence[Tool]
    transcript: GrowingTranscript = field(default_factory=GrowingTranscript)


def _seen(tx: Tx, asked: Asked, worker: Worker, agent: Agent, thread: Thread, equipment: Equipment) -> Seen:
    """The window of a thread that is held: as this process left it, if nobody else had it since."""
    kept = worker.transcripts.take(thread)
    sections = recompile(tx, asked.who, agent, thread, equipment.prompt)
    if kept is None:
        return Seen(thread, messages.window(tx, asked.who, thread), equipment.tools())
    if sections is not None:
        kept.window[0] = kept.window[0].model_copy(update={"content": [TextPart(text=sections.text)]})
    return Seen(thread, kept.window, equipment.tools(), kept.transcript)


def _assembled(tx: Tx, asked: Asked, begun: Begun, agent: Agent, seen: Seen, chosen: Chosen) -> Turn:
    """The turn, once it is clear what of the thread's past it begins with."""
    taken = waiting.TakenThread(asked.who, begun.run, agent.timezone, seen.window)
    settled = waiting.settle(tx, taken)
    entered = waiting.Entered([])
    if not begun.past.has_begun:
        terms = waiting.Terms(chosen.context_window, chosen.worker.approval_hours, asked.moves_on)
        entered = waiting.enter(tx, taken, begun.inputs, terms)
    begun = replace(begun, inputs=entered.inputs, answered=entered.answered)
    turn = _turn(asked, begun, agent, seen, chosen)
    turn.settled = settled
    return turn


def _turn(asked: Asked, begun: Begun, agent: Agent, seen: Seen, chosen: Chosen) -> Turn:
    """The turn with everything that the loop needs in memory."""
    body = asked.body
    if asked.auto_recall is not None:
        agent = agent.model_copy(update={"auto_recall": asked.auto_recall})
    return Turn(
        who=asked.who,
        run=begun.run,
        agent=agent,
        thread=seen.thread,
        tools=_tools(seen.tools, body, agent),
        window=seen.window,
        transcript=seen.transcript,
        inputs=begun.inputs,
        options=Options(
            body.max_steps,
            body.override_model,
            body.override_system or body.system,
            asked.request_id,
            body.client_skills or (),
            body.tokens,
            asked.instructions,
        ),
        card=chosen.card,
        provider=chosen.provider,
        models=chosen.models,
        finder=chosen.worker.finder,
        outside=chosen.worker.outside,
        chain=asked.chain,
        context_window=chosen.context_window,
        is_small=small.is_on(chosen.worker.small_model_mode, agent, chosen.card),
        executors=chosen.worker.executors,
        client_tools=frozenset(tool.name for tool in body.client_tools or ()),
        answered=begun.answered,
        result=_result(body) if asked.is_async else None,
        concluded=begun.past.concluded,
        spent=begun.past.spent,
        steps_done=begun.past.spent.steps,
        started=time.monotonic() - (now() - (begun.run.started_at or now())).total_seconds(),
    )


def _result(body: SendMessage) -> Callable[[Tx, Turn, StopReason], dict[str, Any]]:
    """What an asynchronous run keeps in its metadata: the answer that a request would have got (CONTRACT §3.1)."""

    def result(tx: Tx, turn: Turn, reason: StopReason) -> dict[str, Any]:
        messages = expand_all(said(tx, turn.who, turn.run), view_of(body))
        return {"result": from_json(to_json(response(messages, reason, turn.spent, turn.run.id)))}

    return result


def _started(tx: Tx, asked: Asked, thread: Thread, key: str) -> Run | None:
    return repeats.started(tx, asked.who, thread, key, is_repeated=asked.is_repeated)


def _model(worker: Worker, models: Models, asked: Asked, agent: Agent, thread: Thread) -> Chosen:
    card = models.card(asked.body.override_model or thread.model or agent.model)
    window = thread.context_window_limit or context_window(agent, card, models.max_context_window)
    return Chosen(card, models.provider(card), window, models, worker)


def _tools(own: Sequence[Tool], body: SendMessage, agent: Agent) -> list[Tool]:
    """The agent's tools and, in the place of those of the same name, the ones that the client runs itself."""
    sent = {
        tool.name: Tool(
            id="",
            organization_id=agent.organization_id,
            created_at=agent.created_at,
            updated_at=agent.created_at,
            name=tool.name,
            description=tool.description,
            json_schema=tool.model_dump(exclude_none=True),
        )
        for tool in body.client_tools or ()
    }
    return [*(tool for tool in own if tool.name not in sent), *sent.values()]


def _run(asked: Asked, agent: Agent, thread: Thread, owner: str) -> Run:
    body, moment = asked.body, now()
    return Run(
        id=asked.run_id or new_id("run"),
        organization_id=asked.who.organization_id,
        created_by_id=asked.who.user_id,
        created_at=moment,
        started_at=moment,
        agent_id=agent.id,
        thread_id=thread.id,
        status="running",
        background=body.background,
        callback_url=asked.callback_url,
        request=request_of(asked) if body.background else circle.kept(asked.chain),
        request_key=repeats.key_of(body) if body.background and asked.run_id is None else None,
        base_template_id=agent.base_template_id,
        project_id=agent.project_id,
        metadata={"run_type": asked.run_type},
        request_config={
            "use_assistant_message": body.use_assistant_message,
            "assistant_message_tool_name": body.assistant_message_tool_name,
            "assistant_message_tool_kwarg": body.assistant_message_tool_kwarg,
            "include_return_message_types": body.include_return_message_types,
        },
        owner=owner,
    )


def request_of(asked: Asked) -> dict[str, Any]:
    """What another process needs to go on with a run; the messages are its input already."""
    who = {"user_id": asked.who.user_id, "scopes": sorted(asked.who.scopes), "key_id": asked.who.key_id}
    body = asked.body.model_dump(mode="json", exclude={"messages", "input"})
    return {
        "who": who,
        "body": body,
        "request_id": asked.request_id,
        "to": asked.to,
        "is_async": asked.is_async,
        "chain": asked.chain.length,
    }


def asked_of(run: Run) -> Asked:
    """The request that a run was started with, as it was kept."""
    kept = run.request or {}
    sent: dict[str, Any] = kept.get("who") or {}
    who = Who(run.organization_id, sent.get("user_id"), frozenset(sent.get("scopes", ())), sent.get("key_id"))
    return Asked(
        who=who,
        body=SendMessage.model_validate({**kept.get("body", {}), "input": ""}),
        find=lambda tx: (threads.get(tx, who, run.thread_id), agents.get(tx, who, run.agent_id)),
        run_type=run.metadata.get("run_type", ""),
        is_async=bool(kept.get("is_async")),
        callback_url=run.callback_url,
        request_id=kept.get("request_id"),
        to=kept.get("to", ""),
        chain=Chain(length=kept.get("chain", 0)),
    )


def _busy(tx: Tx, who: Who, thread: Thread) -> Busy:
    active = runs.active(tx, who, thread.id)
    run_id = active[0].id if active else thread.lease_run_id
    return Busy(
        f"Conversation {thread.id} is working on another request ({run_id}). Wait for it, or cancel it first.",
        run_id=run_id,
    )
