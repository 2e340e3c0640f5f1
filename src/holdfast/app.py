"""The composition root: everything is built here, once, from the settings."""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from holdfast import failures
from holdfast.agents import load
from holdfast.agents.folders import show_new
from holdfast.auth import store as auth_store
from holdfast.auth.gate import Gate, Policy
from holdfast.auth.keyring import Keyring
from holdfast.auth.model import Who
from holdfast.config import Settings
from holdfast.embed.embedders import Embedders
from holdfast.embed.port import Embedder
from holdfast.errors import AppError
from holdfast.feed.redis import Redis, RedisCalls, RedisFeed
from holdfast.files.loader import Loader
from holdfast.forget.worker import Forgetter, InMemory
from holdfast.jobs.batcher import Batcher
from holdfast.kit.bodylimit import BodyLimit
from holdfast.kit.egress import Egress
from holdfast.kit.meter import Meter
from holdfast.kit.metered import Metered
from holdfast.kit.routes import Dispatch
from holdfast.llm.catalog import configured
from holdfast.llm.demo.provider import DemoProvider
from holdfast.llm.models import Models
from holdfast.mcp import configured as configured_servers
from holdfast.mcp.execute import McpTools
from holdfast.mcp.servers import McpAllowance, Servers
from holdfast.mcp.stdio import PATH
from holdfast.providers.organizations import OrganizationModels
from holdfast.recall.find import Find
from holdfast.recall.indexer import Indexer
from holdfast.recall.search import Recall
from holdfast.recall.shelves import Shelves
from holdfast.recall.toolbox import Toolbox
from holdfast.rehearsal import rehearse
from holdfast.repeats.middleware import Repeats
from holdfast.routers import ROUTERS
from holdfast.runs.feed import TableFeed
from holdfast.sandbox.choose import chosen
from holdfast.sandbox.model import Limits, Sandbox
from holdfast.store.database import Database
from holdfast.store.opening import Opened, open_database
from holdfast.store.statistics import Statistics
from holdfast.tools import variables
from holdfast.tools.custom import CustomTools
from holdfast.tools.door import Doors
from holdfast.tools.outside import Executors
from holdfast.tools.packages import Packages, Sources
from holdfast.tools.web.search import WebSearch
from holdfast.turns.runner import Ports, Runner

log = logging.getLogger("holdfast")


def create_app(settings: Settings, opened: Opened | None = None) -> Starlette:
    """The server as an ASGI application. Its database may have been opened before, by whoever had to look first."""
    db = (opened or open_database(settings)).db
    db.now(auth_store.ensure_defaults)
    models = Models(
        configured(settings.environment),
        DemoProvider(),
        default=settings.default_model,
        default_embedding=settings.default_embedding,
        timeout=settings.llm_timeout_seconds,
        max_context_window=settings.max_context_window,
    )
    keyring = Keyring(db)
    dispatch = Dispatch(ROUTERS)
    meter = Meter()
    app = Starlette(
        routes=[dispatch],
        middleware=[Middleware(Metered, meter=meter), *_middleware(settings, db, keyring)],
        exception_handlers={
            AppError: failures.on_app_error,
            RequestValidationError: failures.on_validation_error,
            HTTPException: failures.on_http_error,
            Exception: failures.on_bug,
        },
        lifespan=_lifespan,
    )
    app.state.dispatch = dispatch
    app.state.meter = meter
    app.state.settings = settings
    app.state.db = db
    app.state.statistics = Statistics(db)
    app.state.keyring = keyring
    app.state.models = models
    app.state.egress = Egress(settings.allow_private_urls)
    app.state.organizations = OrganizationModels(db, models, app.state.egress)
    app.state.embedders = Embedders()
    app.state.mcp = _mcp(app)
    app.state.recall = _recall(app)
    app.state.find = Find(db, app.state.recall)
    app.state.sandbox = _sandbox(settings)
    app.state.custom = _custom(app)
    app.state.executors = _executors(app)
    app.state.loader = Loader(db, app.state.recall.settle_folder, show_new)
    app.state.runner = Runner(db, _ports(settings, db, app), settings)
    app.state.forgetter = _forgetter(app)
    app.state.draining = asyncio.Event()
    app.state.batcher = Batcher(db, app.state.runner, app.state.egress, app.state.draining)
    return app


def _recall(app: Starlette) -> Recall:
    organizations, models, embedders = app.state.organizations, app.state.models, app.state.embedders

    async def choose(organization_id: str, handle: str) -> Embedder:
        return embedders.of(await organizations.of(Who(organization_id, None)), handle)

    app.state.toolbox = Toolbox(app.state.db, choose)
    indexer = Indexer(
        app.state.db,
        choose,
        default=lambda: models.embedding_card(None).handle,
        is_busy=lambda: app.state.runner.is_busy,
    )
    shelves = Shelves(app.state.db, app.state.settings.recall_memory_mb * 2**20)
    return Recall(app.state.db, indexer, shelves, choose)


def _sandbox(settings: Settings) -> Sandbox:
    limits = Limits(
        memory_mb=settings.sandbox_memory_mb,
        scratch_mb=settings.sandbox_scratch_mb,
        processes=settings.sandbox_processes,
        output_kb=settings.sandbox_output_kb,
        warm=settings.sandbox_warm,
    )
    return chosen(settings.sandbox, settings.environment, limits)


def _custom(app: Starlette) -> CustomTools:
    settings: Settings = app.state.settings
    sources = Sources(settings.tool_packages, settings.tool_packages_from, settings.environment)
    packages = Packages(settings.packages_path, sources)
    doors = Doors(app, app.state.keyring)
    return CustomTools(
        app.state.sandbox,
        packages,
        doors,
        _variables(app.state.db),
        settings.tool_timeout_seconds,
        settings.tool_network,
    )


def _executors(app: Starlette) -> Executors:
    """Who runs the tools that are not the server's own, by the type of the tool."""
    custom: CustomTools = app.state.custom
    mcp = McpTools(app.state.db, app.state.mcp)
    return {"custom": custom, "external_langchain": custom, "external_composio": custom, "external_mcp": mcp}


def _variables(db: Database) -> Callable[[Who], Awaitable[Mapping[str, str]]]:
    async def of(who: Who) -> Mapping[str, str]:
        return await db.read(variables.environment, who)

    return of


def _mcp(app: Starlette) -> Servers:
    settings: Settings = app.state.settings

    async def secrets_of(who: Who, agent_id: str) -> Mapping[str, str]:
        loaded = await app.state.db.read(load.one, who, agent_id)
        return {secret.key: secret.value for secret in loaded.secrets}

    path = settings.environment.get("PATH", PATH)
    allowed = McpAllowance(settings.mcp_timeout_seconds, settings.mcp_stdio, path)
    return Servers(app.state.db, app.state.egress, allowed, secrets_of)


def _forgetter(app: Starlette) -> Forgetter:
    runner: Runner = app.state.runner
    memory = InMemory(app.state.recall.forget, runner.forget)
    return Forgetter(app.state.db, runner.feed, memory, app.state.settings.forget_rewrite_seconds)


def _ports(settings: Settings, db: Database, app: Starlette) -> Ports:
    redis = None if settings.redis_url is None else Redis(settings.redis_url)
    return Ports(
        models=app.state.organizations,
        finder=app.state.find,
        feed=TableFeed(db) if redis is None else RedisFeed(redis),
        egress=app.state.egress,
        executors=app.state.executors,
        sandbox=app.state.sandbox,
        search=WebSearch(settings.environment, settings.web_search),
        meter=app.state.meter,
        calls=None if redis is None else RedisCalls(redis),
    )


def _middleware(settings: Settings, db: Database, keyring: Keyring) -> list[Middleware]:
    policy = Policy(
        required=settings.auth_on(db.now(auth_store.has_keys)),
        password=settings.password,
        loopback_only=settings.is_loopback,
        hosts=settings.allowed_hosts,
        origins=settings.cors_origins,
        default_actor=not settings.no_default_actor,
    )
    chain = [
        Middleware(Gate, keyring=keyring, policy=policy),
        Middleware(BodyLimit, megabytes=settings.max_body_mb),
        Middleware(Repeats, db=db),
        Middleware(AsyncExitStackMiddleware),
    ]
    if settings.cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials="*" not in settings.cors_origins,
        )
        chain.insert(0, cors)
    return chain


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncGenerator[None]:
    await app.state.runner.start()
    app.state.recall.indexer.start()
    app.state.forgetter.start()
    app.state.loader.start()
    await app.state.batcher.start()
    app.state.statistics.start()
    app.state.settling = asyncio.create_task(_settle(app))
    yield
    app.state.settling.cancel()
    await asyncio.wait((app.state.settling,))
    app.state.draining.set()
    await app.state.batcher.stop()
    await app.state.runner.drain()
    await app.state.forgetter.stop()
    await app.state.runner.stop()
    await app.state.sandbox.close()
    await app.state.loader.stop()
    await app.state.recall.indexer.stop()
    await app.state.mcp.close()
    app.state.embedders.close()
    await app.state.models.close()
    await app.state.statistics.stop()
    app.state.db.close()


async def _settle(app: Starlette) -> None:
    """Get ready for everything that is asked for often, after the server has begun to answer."""
    settings: Settings = app.state.settings
    await app.state.models.settle()
    if advice := app.state.models.advice():
        log.warning("%s", advice)
    await rehearse(app.state.dispatch, app.state.db, app.state.models)
    gc.collect()
    gc.freeze()  # what is there now stays: a collection need not look at it again
    named = {**configured_servers.from_file(settings.mcp_servers_file), **(settings.mcp_servers or {})}
    await configured_servers.register(app.state.db, app.state.mcp, named)
