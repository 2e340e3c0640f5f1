"""A server that speaks the chat-completions protocol of OpenAI, as most do: asked for answers and for its models."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from holdfast.errors import ModelError
from holdfast.llm import catalog, failures, listing
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.model import Call, Delta, Listed
from holdfast.llm.openai_answer import ChatAnswer, Json
from holdfast.llm.openai_request import request, written
from holdfast.llm.row import Row

LIST_ATTEMPTS = 1
LLAMA_CPP = "llamacpp"
COUNTS_SINCE = "2024-09-01"
"""The first of Azure's dated API versions that counts tokens in a stream."""


class OpenAI:
    """A server that speaks chat completions, asked for one of its models."""

    def __init__(self, client: ModelClient, place: Configured, row: Row, target: Target) -> None:
        self._client = client
        self._place = place
        self._row = row
        self._dialect = row.dialect_at(place.base_url)
        self._target = target
        if catalog.is_dated(place.api_version) and (place.api_version or "") < COUNTS_SINCE:
            self._dialect = replace(self._dialect, stream_usage=False)

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Ask the model; closing the generator ends the request."""
        card = catalog.card_of(self._row, self._place, call.model)
        body = written(call, card, self._dialect)
        hides = self._dialect.hides_reasoning and card.reasoning and body.get("reasoning_effort") != "none"
        answer = ChatAnswer(self._target, call.model, hides_reasoning=hides)
        sending = self._client.stream(self._target, self._path(call.model), orjson.dumps(body))
        async with aclosing(sending) as events:
            async for data in events:
                for delta in answer.read(data):
                    yield delta
        for delta in answer.end():
            yield delta

    def preview(self, call: Call) -> Json:
        """The request exactly as it would be sent."""
        return request(call, catalog.card_of(self._row, self._place, call.model), self._dialect)

    async def models(self) -> list[Listed]:
        """The server's list, models of other kinds included."""
        if self._row.key_path:
            await self._get(self._target, self._row.key_path)
        found = listing.listed_all(body) if (body := await self._own_list()) else []
        if found:
            return found
        body = await self._get(self._target, "/models")
        found = listing.listed_all(body)
        if found and LLAMA_CPP in orjson.dumps(body).decode() and (window := await self._served_window()):
            return [replace(listed, window=window) for listed in found]
        return found

    def _path(self, model: str) -> str:
        """Where answers are asked for: on Azure's dated API versions each deployment has a path of its own."""
        version = self._place.api_version if self._row.deployments else None
        if not version or version == "v1":
            return "/chat/completions"
        below = f"/openai/deployments/{quote(model, safe='')}" if catalog.is_dated(version) else ""
        return f"{below}/chat/completions?api-version={quote(version)}"

    @property
    def _root(self) -> Target:
        """The server itself, above the protocol's part of it."""
        return replace(self._target, base_url=self._target.base_url.removesuffix(self._row.version))

    async def _own_list(self) -> Any:
        """A list in the server's own form, if it has one; a key that is not accepted is an error here as well."""
        if not self._row.list_path:
            return None
        try:
            return await self._get(self._root, self._row.list_path)
        except ModelError as failed:
            if failed.code == "llm_authentication":
                raise
            return None

    async def _served_window(self) -> int | None:
        """How much llama.cpp has room for, which its list does not say."""
        try:
            return listing.served_window(await self._get(self._root, "/props"))
        except ModelError:
            return None

    async def _get(self, target: Target, path: str) -> Any:
        body = await self._client.post(target, path, b"", attempts=LIST_ATTEMPTS)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise failures.unusable(target, "sent a list of models that is not JSON", body) from error
