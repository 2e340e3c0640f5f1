"""The service as an application of its own: its routes in front, the server's API behind `/v1` and its like."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

from holdfast import __version__, failures
from holdfast.auth import store as auth_store
from holdfast.auth.gate import Gate, Policy
from holdfast.config import Settings
from holdfast.errors import AppError
from holdfast.facades.qwen import routes, socket, store, toolbox, webhook
from holdfast.facades.qwen.answers import on_failure
from holdfast.facades.qwen.config import QwenConfig
from holdfast.facades.qwen.people import usable_embedding
from holdfast.kit.bodylimit import BodyLimit

BEHIND = ("/v1", "/latest", "/openai", "/api", "/mcp")
"""What is answered by the server itself, with its own rules for who may ask."""

log = logging.getLogger("holdfast.qwen")


def create_service(core: Starlette, config: QwenConfig, notes: Sequence[str] = ()) -> Starlette:
    """The service in front of a server that was made for it."""
    core.state.db.now(store.make_views)
    core.state.qwen, core.state.qwen_notes, core.state.qwen_tasks = config, list(notes), set[asyncio.Task[None]]()
    front = FastAPI(
        title="Holdfast memory service",
        description="Chat with a model that remembers, and look after what it remembers: a memory per user.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        middleware=_middleware(core),
        exception_handlers={
            AppError: on_failure,
            RequestValidationError: failures.on_validation_error,
            HTTPException: failures.on_http_error,
            Exception: failures.on_bug,
        },
    )
    front.state = core.state
    for each in (routes.router, toolbox.router, webhook.router, socket.router):
        front.include_router(each)
    made = Starlette(routes=[*(Mount(path, core) for path in BEHIND), Mount("", front)], lifespan=_living_with(core))
    made.state = core.state
    return made


def _middleware(core: Starlette) -> list[Middleware]:
    """Pages of any origin may ask; on an address that others reach, only with a key (DESIGN §13)."""
    settings: Settings = core.state.settings
    origins = settings.cors_origins or ("*",)
    policy = Policy(
        required=settings.auth_on(core.state.db.now(auth_store.has_keys)),
        password=settings.password,
        loopback_only=settings.is_loopback,
        hosts=settings.allowed_hosts,
        origins=origins,
    )
    return [
        Middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["*"], allow_headers=["*"]),
        Middleware(Gate, keyring=core.state.keyring, policy=policy),
        Middleware(BodyLimit, megabytes=settings.max_body_mb),
    ]


def _living_with(core: Starlette) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with core.router.lifespan_context(core):
            core.state.qwen_tasks.add(asyncio.create_task(_look_at_embedding(core)))
            yield
            for task in (left := set(core.state.qwen_tasks)):
                task.cancel()
            await asyncio.wait(left)

    return lifespan


async def _look_at_embedding(core: Starlette) -> None:
    """Once Ollama has said what it has: does the configuration name an embedding model that is there?"""
    await asyncio.wait((core.state.settling,))
    config: QwenConfig = core.state.qwen
    models, wanted = core.state.models, config.model
    if wanted.embedding is None:
        return
    used = usable_embedding(config, models)
    if used is None:
        note = (
            f"model.embedding_model {wanted.embedding_model!r} is not there, so the built-in embedding model is used. "
            f"To have it: ollama pull {wanted.embedding_model}, and start the service again."
        )
    else:
        length = models.embedding_card(used).dimensions
        if wanted.embedding_dim in (None, length) or not length:
            return
        note = f"model.embedding_dim {wanted.embedding_dim} is wrong: {used} has {length}, and {length} is used."
    core.state.qwen_notes.append(note)
    log.warning("%s", note)
