"""Gemini's own protocol, at Google's service for developers or at a proxy before it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import quote

import orjson

from holdfast.llm import catalog, gemini_request, reading
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.gemini_answer import GeminiAnswer, Spoiled
from holdfast.llm.model import Call, Delta, Listed, ModelCard
from holdfast.llm.reading import Json, count
from holdfast.llm.row import Row

ATTEMPTS = 3
"""How often a model is asked whose own server throws away what it wrote."""
MOST_PAGES = 20
PAGE = 1000


class Gemini:
    """A server that speaks Gemini's protocol, asked for one of its models."""

    def __init__(self, client: ModelClient, place: Configured, row: Row, target: Target) -> None:
        self._client = client
        self._place = place
        self._row = row
        self._target = target

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Ask the model; closing the generator ends the request."""
        path = f"/{model_path(call.model)}:streamGenerateContent?alt=sse"
        async with aclosing(answered(self._client, self._target, path, self.preview(call))) as deltas:
            async for delta in deltas:
                yield delta

    async def models(self) -> list[Listed]:
        """The models of the account, page by page."""
        found, token = dict[str, Listed](), ""
        for _ in range(MOST_PAGES):
            path = f"/models?pageSize={PAGE}" + (f"&pageToken={quote(token, safe='')}" if token else "")
            body = reading.decoded(self._target, await self._client.post(self._target, path, b"", attempts=1))
            for entry in reading.objects(body.get("models")):
                if listed := _listed(entry):
                    found[listed.name] = listed
            following = body.get("nextPageToken")
            if not isinstance(following, str) or following in ("", token):
                break
            token = following
        return list(found.values())

    def preview(self, call: Call) -> Json:
        """The request exactly as it would be sent."""
        return gemini_request.body(call, card_of(self._row, self._place, call.model))


async def answered(
    client: ModelClient, target: Target, path: str, body: Json, patience: int = ATTEMPTS
) -> AsyncGenerator[Delta, None]:
    """The answer; one that the model's server threw away before anything of it was passed on is asked for again."""
    reader = GeminiAnswer(target, path.rpartition("/")[2].partition(":")[0])
    try:
        async with aclosing(reading.deltas(target, client.stream(target, path, orjson.dumps(body)), reader)) as deltas:
            async for delta in deltas:
                yield delta
        return
    except Spoiled:
        if patience <= 1:
            raise
    async with aclosing(answered(client, target, path, body, patience - 1)) as deltas:
        async for delta in deltas:
            yield delta


def card_of(row: Row, place: Configured, name: str) -> ModelCard:
    """What is known of a model; one that is newer than the catalog thinks, as all the newer ones do."""
    said = place.said_of(name)
    if said.reasoning is None and row.known(name) is None and "gemini" in name:
        said = replace(said, reasoning=gemini_request.has_levels(name))
    return catalog.card_of(row, place, name, said)


def model_path(name: str) -> str:
    """Where a model is found: `models/…`, unless the name says another place (`tunedModels/…`)."""
    return quote(name if "/" in name else f"models/{name}", safe="/@:._-")


def _listed(entry: Json) -> Listed | None:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        return None
    bare = name.removeprefix("models/")
    methods = entry.get("supportedGenerationMethods")
    chats = catalog.is_chat(bare) and (not isinstance(methods, list) or "generateContent" in methods)
    thinking = entry.get("thinking")
    return Listed(
        bare,
        window=count(entry, "inputTokenLimit") or None,
        output=count(entry, "outputTokenLimit") or None,
        reasoning=thinking if isinstance(thinking, bool) else None,
        is_chat=chats,
    )
