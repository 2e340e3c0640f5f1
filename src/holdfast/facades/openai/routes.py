"""HTTP of the API that OpenAI's clients speak: agents are its models."""

from base64 import b64encode
from struct import pack
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import Field

from holdfast.auth.caller import Caller, Db
from holdfast.errors import Gone
from holdfast.facades.chat import agents, pieces
from holdfast.facades.chat.agents import Named
from holdfast.facades.chat.hear import hear
from holdfast.facades.chat.talk import Chatting
from holdfast.facades.chat.vectors import tokens, vectors
from holdfast.facades.openai.answers import CompletionAnswer, failure
from holdfast.facades.openai.requests import ChatCompletionRequest, talk_of
from holdfast.kit import sse
from holdfast.kit.entity import Shape
from holdfast.kit.ids import AgentId
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms

router = Router("openai", prefix="", failure=failure)


class EmbeddingRequest(Shape):
    """The body of `POST /openai/v1/embeddings`."""

    model: str = "default"
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int | None, Field(ge=1)] = None


@router.post("/v1/chat/completions", dict[str, Any], streams=dict[str, Any])
async def complete_chat(body: ChatCompletionRequest, lobby: Chatting) -> Response:
    """Say the last user message to the agent that `model` names."""
    said = talk_of(body)
    answer = CompletionAnswer(body.model, has_usage=body.wants_usage)
    told = await hear(lobby, said, is_task=body.metadata is not None and bool(body.metadata.task))
    if body.stream:
        return sse.stream(answer.stream(await pieces.opened(told)))
    return reply(answer.whole(await pieces.whole(told)))


@router.post("/openai/v1/chat/completions", dict[str, Any], streams=dict[str, Any])
async def complete_chat_of_openai(body: ChatCompletionRequest, lobby: Chatting) -> Response:
    """The same under the address at which the models are listed too."""
    return await complete_chat(body, lobby)


@router.get("/openai/v1/models", dict[str, Any])
async def list_agents_as_models(who: Caller, db: Db) -> Response:
    """The agents of the organization."""
    return reply({"object": "list", "data": [_model(each) for each in await db.read(agents.listed, who)]})


@router.get("/openai/v1/models/{agent_id}", dict[str, Any])
async def get_agent_as_model(agent_id: str, who: Caller, db: Db) -> Response:
    """One agent, by its id or its name."""
    return reply(_model(Named(agent_id, await db.read(agents.named, who, agent_id))))


@router.post("/openai/v1/embeddings", dict[str, Any])
async def embed_texts(body: EmbeddingRequest, models: Llms, request: Request) -> Response:
    """A vector for each text; `dimensions` is the model's own number."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    made = await vectors(request, models, body.model, texts)
    spent = tokens(texts)
    data = [
        {"object": "embedding", "index": at, "embedding": _written(row) if body.encoding_format == "base64" else row}
        for at, row in enumerate(made)
    ]
    usage = {"prompt_tokens": spent, "total_tokens": spent}
    return reply({"object": "list", "data": data, "model": body.model, "usage": usage})


@router.post("/v1/voice-beta/{agent_id}/chat/completions", dict[str, Any], deprecated=True)
async def complete_voice_chat(agent_id: AgentId) -> Response:
    """What V1 served here was retired with it."""
    raise Gone(f"The voice endpoint was retired; use POST /v1/chat/completions with the model {agent_id}.")


def _model(named: Named) -> dict[str, Any]:
    agent = named.agent
    return {
        "id": named.name,
        "object": "model",
        "created": int(agent.created_at.timestamp()),
        "owned_by": "holdfast",
        "name": agent.name,
        "description": agent.description,
        "agent_id": agent.id,
    }


def _written(row: list[float]) -> str:
    return b64encode(pack(f"<{len(row)}f", *row)).decode()
