"""One answer of an agent's model to a prompt, without the agent: nothing is read from its memory, nothing is stored."""

from dataclasses import dataclass
from typing import Any

from fastapi import Response
from typing_extensions import TypedDict

from holdfast.agents import store as agents
from holdfast.agents.model import Agent
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.errors import BadGateway, ModelError
from holdfast.kit.entity import Shape
from holdfast.kit.ids import AgentId, new_id
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms
from holdfast.llm.model import Call, ModelCard, Provider, TextDelta, Usage
from holdfast.llm.models import Models
from holdfast.loop.events import Spent
from holdfast.messages.model import Message, Role, TextPart
from holdfast.turns.answer import usage
from holdfast.turns.shapes import LettaUsageStatistics

router = Router("agents")


class GenerateRequest(Shape):
    prompt: str
    system_prompt: str | None = None
    override_model: str | None = None
    response_schema: dict[str, Any] | None = None


class GenerateResponse(TypedDict):
    content: str
    model: str
    usage: LettaUsageStatistics


@router.post("/agents/{agent_id}/generate", GenerateResponse)
async def generate(agent_id: AgentId, body: GenerateRequest, who: Caller, db: Db, models: Llms) -> Response:
    """Ask the agent's model, or another one, something that has nothing to do with the agent's conversations."""
    agent = await db.read(agents.get, who, agent_id)
    try:
        made = await generated(who, agent, models, body)
    except ModelError as failed:
        raise BadGateway(failed.detail) from failed
    answer: GenerateResponse = {"content": made.content, "model": made.model, "usage": usage(made.spent, ())}
    return reply(answer)


@dataclass(frozen=True, slots=True)
class Generated:
    """What a model made of a prompt."""

    content: str
    model: str
    spent: Spent


async def generated(who: Who, agent: Agent, models: Models, body: GenerateRequest) -> Generated:
    """Ask a model with the agent's settings, apart from the agent."""
    await models.settle()
    card = models.card(body.override_model or agent.model)
    content, spent = await _said(models.provider(card), _call(who, agent, card, body))
    return Generated(content, card.handle, spent)


async def _said(provider: Provider, call: Call) -> tuple[str, Spent]:
    said, spent = list[str](), Spent()
    async for delta in provider.stream(call):
        if isinstance(delta, TextDelta):
            said.append(delta.text)
        elif isinstance(delta, Usage):
            spent.add(delta)
    return "".join(said), spent


def _call(who: Who, agent: Agent, card: ModelCard, body: GenerateRequest) -> Call:
    settings = {**agent.llm, **(agent.model_settings or {})}
    told: list[tuple[Role, str | None]] = [("system", body.system_prompt), ("user", body.prompt)]
    return Call(
        model=card.name,
        messages=[_message(who, agent, role, text) for role, text in told if text is not None],
        temperature=settings.get("temperature"),
        max_tokens=settings.get("max_output_tokens", agent.llm.get("max_tokens")),
        response_format=_format(body.response_schema),
        context_window=int(settings.get("context_window") or card.default_window),
    )


def _message(who: Who, agent: Agent, role: Role, text: str) -> Message:
    return Message(
        id=new_id("message"),
        organization_id=who.organization_id,
        agent_id=agent.id,
        thread_id=agent.id,
        role=role,
        content=[TextPart(text=text)],
    )


def _format(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    if schema is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}
