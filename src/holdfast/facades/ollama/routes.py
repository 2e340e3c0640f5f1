"""HTTP of the API that Ollama's clients speak: agents are its models."""

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from holdfast import __version__
from holdfast.auth.caller import Caller, Db
from holdfast.errors import BadRequest
from holdfast.facades.chat import agents, pieces
from holdfast.facades.chat.agents import Named
from holdfast.facades.chat.hear import hear
from holdfast.facades.chat.talk import Chatting, Lobby, Talk
from holdfast.facades.chat.vectors import tokens, vectors
from holdfast.facades.ollama.answers import LineAnswer, described, failure, model
from holdfast.facades.ollama.requests import (
    ModelNamed,
    OllamaChatRequest,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaGenerateRequest,
    talk_of_chat,
    talk_of_prompt,
)
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.asked import Llms

router = Router("ollama", prefix="/api", failure=failure)

SPOKEN = "0.12.0"
"""The version of Ollama whose API this is: some clients look for it before they use what is new in it."""


@router.get("/version", dict[str, str])
async def ollama_version() -> Response:
    """The version of the API, and whose it is."""
    return reply({"version": SPOKEN, "holdfast": __version__})


@router.get("/tags", dict[str, Any])
async def list_agents_for_ollama(who: Caller, db: Db) -> Response:
    """The agents of the organization."""
    return reply({"models": [model(each) for each in await db.read(agents.listed, who)]})


@router.get("/ps", dict[str, Any])
async def list_loaded_models() -> Response:
    """Agents are always there, and take no memory that could be freed."""
    return reply({"models": []})


@router.post("/show", dict[str, Any])
async def show_agent(body: ModelNamed, who: Caller, db: Db, models: Llms) -> Response:
    """What there is to know of an agent."""
    await models.settle()
    return reply(described(Named(body.model, await db.read(agents.named, who, body.model)), models))


@router.post("/chat", dict[str, Any])
async def chat_as_ollama(body: OllamaChatRequest, lobby: Chatting) -> Response:
    """Say the last user message to the agent that `model` names."""
    return await _answer(lobby, talk_of_chat(body), LineAnswer(body.model, "chat"), streams=body.stream is not False)


@router.post("/generate", dict[str, Any])
async def generate_as_ollama(body: OllamaGenerateRequest, lobby: Chatting) -> Response:
    """Say the prompt to the agent that `model` names."""
    return await _answer(
        lobby, talk_of_prompt(body), LineAnswer(body.model, "generate"), streams=body.stream is not False
    )


@router.post("/embed", dict[str, Any])
async def embed_as_ollama(body: OllamaEmbedRequest, models: Llms, request: Request) -> Response:
    """A vector for each text."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    made = await vectors(request, models, body.model.removesuffix(agents.LATEST), texts)
    return reply({"model": body.model, "embeddings": made, "prompt_eval_count": tokens(texts)})


@router.post("/embeddings", dict[str, Any])
async def embed_one_as_ollama(body: OllamaEmbeddingsRequest, models: Llms, request: Request) -> Response:
    """The older form, for one text."""
    [made] = await vectors(request, models, body.model.removesuffix(agents.LATEST), [body.prompt])
    return reply({"embedding": made})


async def refuse_to_change_models() -> Response:
    """Agents are made, changed and deleted with V1's API."""
    raise BadRequest(
        "The models here are agents, which are not pulled, pushed or made from files: make one with POST /v1/agents/ "
        "or `holdfast agents create`, and delete one with DELETE /v1/agents/{agent_id}."
    )


for word in ("pull", "push", "create", "copy"):
    router.post(f"/{word}", dict[str, Any], documented=False)(refuse_to_change_models)
router.delete("/delete", dict[str, Any], documented=False)(refuse_to_change_models)


async def _answer(lobby: Lobby, said: Talk | None, lines: LineAnswer, *, streams: bool) -> Response:
    if said is None:
        await lobby.db.read(agents.named, lobby.who, lines.model)
        return reply(lines.loaded())
    told = await hear(lobby, said)
    if streams:
        return _stream(lines.stream(await pieces.opened(told)))
    return reply(lines.whole(await pieces.whole(told)))


def _stream(lines: AsyncGenerator[bytes]) -> Response:
    return StreamingResponse(lines, media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})
