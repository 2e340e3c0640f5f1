"""What a chat program says to an agent: the agent and the conversation are chosen here, and the turn is begun."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import ValidationError

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.caller import Caller, Db
from holdfast.auth.keyring import Keyring
from holdfast.auth.model import Who
from holdfast.conversations import store as conversations
from holdfast.errors import BadRequest, Invalid
from holdfast.facades.chat import copies
from holdfast.facades.chat.agents import named
from holdfast.facades.chat.person import Person, person_of
from holdfast.kit.egress import Egress
from holdfast.kit.entity import Shape
from holdfast.kit.ids import is_id
from holdfast.llm.asked import Llms
from holdfast.llm.models import Models
from holdfast.messages import store as messages
from holdfast.messages.requests import InputMessage, MessageCreate, ToolReturnCreate
from holdfast.messages.threads import Thread
from holdfast.store.database import Database
from holdfast.store.table import Tx
from holdfast.turns.begin import Asked
from holdfast.turns.images import with_images
from holdfast.turns.live import Live
from holdfast.turns.requests import ClientTool, SendMessage
from holdfast.turns.runner import Runner
from holdfast.turns.send import Turns


class OfferedTool(Shape):
    """A tool of the client, as OpenAI's API and Ollama's offer it."""

    type: Literal["function"] = "function"
    function: ClientTool


@dataclass(frozen=True, slots=True)
class Lobby:
    """Where somebody has come in, and everything that serving them needs."""

    who: Who
    person: Person
    db: Database
    runner: Runner
    models: Models
    egress: Egress
    keyring: Keyring
    is_one_each: bool
    """Whether each user talks to an agent of their own."""
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Talk:
    """What is said to which agent."""

    model: str
    says: InputMessage
    user: str | None = None
    instructions: str | None = None
    tools: Sequence[ClientTool] = ()


async def _lobby(who: Caller, db: Db, runner: Turns, models: Llms, request: Request) -> Lobby:
    state, headers = request.app.state, request.headers
    return Lobby(
        who=who,
        person=person_of(headers),
        db=db,
        runner=runner,
        models=models,
        egress=state.egress,
        keyring=state.keyring,
        is_one_each=state.settings.chat_users == "apart",
        is_repeated=headers.get("x-stainless-retry-count", "0") != "0",
    )


Chatting = Annotated[Lobby, Depends(_lobby)]


async def begin(lobby: Lobby, talk: Talk) -> Live:
    """Have the turn worked on; turns of one conversation queue."""
    who, person = await _speaker(lobby, talk.user)
    if isinstance(talk.says, ToolReturnCreate) and not all(each.tool_call_id for each in talk.says.tool_returns):
        talk = replace(talk, says=await lobby.db.write(_assigned, lobby, who, person, talk))
    body = await with_images(_body(talk), lobby.egress)
    asked = Asked(
        who,
        body,
        lambda tx: _place(tx, lobby, who, person, talk),
        "chat_completion",
        is_repeated=lobby.is_repeated,
        instructions=talk.instructions,
        moves_on=isinstance(talk.says, MessageCreate),
        to=f"{talk.model}/{person.key}",
    )
    return (lobby.runner.launched(asked) if lobby.is_repeated else None) or await lobby.runner.launch(asked)


def _body(talk: Talk) -> SendMessage:
    try:
        return SendMessage(
            messages=[talk.says],
            client_tools=list(talk.tools) or None,
            include_return_message_types=["assistant_message"],
            streaming=True,
            stream_tokens=True,
        )
    except ValidationError as odd:
        raise Invalid("; ".join(error["msg"] for error in odd.errors())) from odd


async def _speaker(lobby: Lobby, user: str | None) -> tuple[Who, Person]:
    """`user` is one of this server's users (CONTRACT §17), or whoever the program knows by that name."""
    who = lobby.who
    if user is None or not who.is_admin or not is_id("user", user):
        return who, lobby.person.called(user)
    known = await lobby.keyring.user(user)
    return Who(known.organization_id, known.id, who.scopes, who.key_id), lobby.person


def _assigned(tx: Tx, lobby: Lobby, who: Who, person: Person, talk: Talk) -> ToolReturnCreate:
    """Results whose calls the client does not name belong to those that wait, in their order."""
    thread, _ = _place(tx, lobby, who, person, talk)
    newest = messages.newest_of(tx, who, thread)
    waiting = newest.waiting if newest else []
    returned = talk.says.tool_returns if isinstance(talk.says, ToolReturnCreate) else []
    if len(waiting) != len(returned):
        raise BadRequest(
            f"{len(returned)} results of tools were sent and {len(waiting)} calls wait for one; send one for each, in "
            "the order of the calls, or name the call in `tool_call_id`."
        )
    pairs = zip(returned, waiting, strict=True)
    told = [each.model_copy(update={"tool_call_id": each.tool_call_id or call.id}) for each, call in pairs]
    return ToolReturnCreate(tool_returns=told)


def _place(tx: Tx, lobby: Lobby, who: Who, person: Person, talk: Talk) -> tuple[Thread, Agent]:
    """The agent that is meant, and its conversation with this person."""
    agent, key = named(tx, who, talk.model), person.key
    if lobby.is_one_each and person.user:
        agent, key = copies.of(tx, who, agent, person, lobby.models), Person(chat=person.chat).key
    if key:
        thread = conversations.keyed(tx, who, agent, key, summary=person.name or None)
    else:
        thread, agent = agents.with_own_thread(tx, who, agent.id)
    return thread, agent
