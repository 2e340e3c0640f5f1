"""What `holdfast doctor` tries out: Redis, the sandbox, the models, the port."""

import asyncio
import time
from dataclasses import dataclass

import httpx2

from holdfast.config import Settings
from holdfast.embed.embedders import Embedders
from holdfast.embed.port import Embedder
from holdfast.errors import AppError, ModelError
from holdfast.feed.redis import Redis, RedisFeed
from holdfast.llm import catalog
from holdfast.llm.catalog import Configured, configured
from holdfast.llm.demo.provider import DemoProvider
from holdfast.llm.models import Models
from holdfast.sandbox.choose import chosen
from holdfast.sandbox.model import Level

PATIENCE = 10.0
"""Seconds that anything may take to answer."""

STARTING = "see that it runs and that its address is right"

ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- nothing is bound here
"""Where to knock when a server listens on every address."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a model provider said: how many models it has, or what is wrong and what to do."""

    count: int | None
    text: str = ""
    fix: str = ""


async def sandbox(settings: Settings) -> tuple[Level, str]:
    """How code of others would be kept apart here, and the same in a sentence."""
    programs = chosen(settings.sandbox, settings.environment)
    try:
        return await programs.level(), await programs.description()
    finally:
        await programs.close()


async def redis(url: str) -> tuple[str, str]:
    """Where a Redis is, and what is wrong with it."""
    made = Redis(url)
    try:
        await RedisFeed(made).check()
    except AppError as failed:
        return made.place, failed.detail
    finally:
        await made.close()
    return made.place, ""


async def providers(settings: Settings) -> list[tuple[str, Listing]]:
    """Ask every configured provider for its list of models, at the same time."""
    places = configured(settings.environment)
    models = _models(settings)
    try:
        answers = await asyncio.gather(*(_ask(models, place) for place in places))
    finally:
        await models.close()
    return [(f"{place.name} at {place.base_url}", answer) for place, answer in zip(places, answers, strict=True)]


async def _ask(models: Models, place: Configured) -> Listing:
    row = catalog.row_of(place.provider_type)
    try:
        async with asyncio.timeout(PATIENCE):
            found = await models.provider(models.card(f"{place.name}/any")).models()
    except TimeoutError:
        return Listing(None, f"no answer within {PATIENCE:g} seconds", STARTING)
    except ModelError as failed:
        return Listing(None, failed.detail, _fix(place, failed))
    except AppError as failed:
        return Listing(None, failed.detail, "check its settings")
    if not found and row and row.fetch:
        return Listing(None, "it has no models yet", f"{row.fetch} {row.recommended}")
    return Listing(len(found))


def _fix(place: Configured, failed: ModelError) -> str:
    """What helps against a provider's failure."""
    row = catalog.row_of(place.provider_type)
    key, url = (row.key_env, " or ".join(row.url_env[:1])) if row else (None, "")
    match failed.code:
        case "llm_authentication":
            return f"set {key} to a valid key" if key else "check its key"
        case "llm_insufficient_credits":
            return "add credit to the account, or choose another provider with HOLDFAST_DEFAULT_MODEL"
        case _ if row and row.start:
            return f"start it (`{row.start}`), or correct {url}"
        case _:
            return f"correct {url}, or see that this machine reaches it" if url else "see that this machine reaches it"


@dataclass(frozen=True, slots=True)
class Defaults:
    """The model that agents get which name none, and what is wrong with it."""

    model: str
    problem: str = ""
    fix: str = ""
    has_tools: bool = True


async def defaults(settings: Settings) -> Defaults:
    """The default model, after a look at what the programs on this machine have."""
    models = _models(settings)
    try:
        await models.settle()
        card = models.card(None)
    finally:
        await models.close()
    row = catalog.row_of(card.provider_type)
    if models.lacks(card):
        fix = f"{row.fetch} {card.name}" if row and row.fetch else "load it there, or set HOLDFAST_DEFAULT_MODEL"
        return Defaults(card.handle, f"{card.provider} does not have {card.name}", fix)
    return Defaults(card.handle, has_tools=card.tools)


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedding model of whatever names none: how long its vectors are and take, or what is wrong with it."""

    model: str
    dimension: int = 0
    milliseconds: int = 0
    problem: str = ""
    fix: str = ""


async def embedding(settings: Settings) -> Embedding:
    """Have the default embedding model embed a few words."""
    models, embedders = _models(settings), Embedders()
    try:
        await models.settle()
        card = models.embedding_card(None)
        try:
            return await _embedded(card.handle, embedders.of(models))
        except TimeoutError:
            return Embedding(card.handle, problem=f"it does not answer within {PATIENCE:g} seconds", fix=STARTING)
        except ModelError as failed:
            return Embedding(card.handle, problem=failed.detail, fix=_fix(models.embedding_place(card)[0], failed))
    finally:
        embedders.close()
        await models.close()


async def _embedded(handle: str, embedder: Embedder) -> Embedding:
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        [vector] = await embedder.embed(["The kettle is in the kitchen."])
    return Embedding(handle, len(vector), round((time.monotonic() - began) * 1000))


def _models(settings: Settings) -> Models:
    return Models(
        configured(settings.environment),
        DemoProvider(),
        default=settings.default_model,
        default_embedding=settings.default_embedding,
        timeout=PATIENCE,
    )


def answers(settings: Settings) -> bool:
    """Does a server answer on our port?"""
    host = ALL_ADDRESSES.get(settings.host, settings.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/v1/health/"
    try:
        return httpx2.get(url, timeout=PATIENCE).status_code == 200
    except httpx2.HTTPError:
        return False
