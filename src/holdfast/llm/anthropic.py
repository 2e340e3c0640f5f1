"""Anthropic's Messages API, spoken by its own service and by the gateways in front of it."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

import orjson

from holdfast.llm import anthropic_request, catalog, failures
from holdfast.llm.anthropic_answer import MessageAnswer
from holdfast.llm.anthropic_messages import Json
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient, until_begun
from holdfast.llm.failures import Target
from holdfast.llm.model import Call, Delta, Listed
from holdfast.llm.row import Row

VERSION = "2023-06-01"
"""The version of the API in which every model, and every gateway, can be asked."""
PAGE = 1000
MOST_PAGES = 20
LIST_ATTEMPTS = 1


class Anthropic:
    """A server that speaks the Messages API, asked for one of its models."""

    def __init__(self, client: ModelClient, place: Configured, row: Row, target: Target) -> None:
        self._client = client
        self._place = place
        self._row = row
        self._target = replace(target, headers={**target.headers, "anthropic-version": VERSION})
        self._version = "" if re.search(r"/v\d+$", target.base_url) else "/v1"

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Ask the model; closing the generator ends the request."""
        body = self.preview(call)
        named = anthropic_request.betas(body)
        target = self._target
        if named:
            target = replace(target, headers={**target.headers, "anthropic-beta": ",".join(named)})
        asked = until_begun(partial(self._ask, target, call, orjson.dumps(body)))
        async with aclosing(asked) as deltas:
            async for delta in deltas:
                yield delta

    async def models(self) -> list[Listed]:
        """The service's list, page by page."""
        found: list[Listed] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._page(after)
            found += [listed_of(entry) for entry in _entries(page)]
            last: Any = page.get("last_id")
            if not page.get("has_more") or not isinstance(last, str) or last == after:
                break
            after = last
        return found

    def preview(self, call: Call) -> Json:
        """The request exactly as it would be sent."""
        card = catalog.card_of(self._row, self._place, call.model)
        return {"model": call.model, **anthropic_request.body_of(call, card), "stream": True}

    async def _ask(self, target: Target, call: Call, body: bytes) -> AsyncGenerator[Delta, None]:
        answer = MessageAnswer(target, call.model, anthropic_request.own_names(call))
        async with aclosing(self._client.stream(target, f"{self._version}/messages", body)) as events:
            async for data in events:
                for delta in answer.read(data):
                    yield delta
        for delta in answer.end():
            yield delta

    async def _page(self, after: str | None) -> Json:
        query = urlencode({"limit": PAGE} | ({"after_id": after} if after else {}))
        body = await self._client.post(self._target, f"{self._version}/models?{query}", b"", attempts=LIST_ATTEMPTS)
        try:
            page: Any = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise failures.unusable(self._target, "sent a list of models that is not JSON", body) from error
        return cast(Json, page) if isinstance(page, dict) else {}


def listed_of(entry: Json) -> Listed:
    """A model of the service's list, with what it says of it."""
    window, output = entry.get("max_input_tokens"), entry.get("max_tokens")
    return Listed(
        str(entry["id"]),
        window=window if isinstance(window, int) and window > 0 else None,
        output=output if isinstance(output, int) and output > 0 else None,
        images=_can(entry, "image_input"),
        reasoning=_can(entry, "thinking"),
    )


def _can(entry: Json, name: str) -> bool | None:
    match entry.get("capabilities"):
        case {**abilities} if isinstance(ability := abilities.get(name), dict):
            supported: Any = cast(Json, ability).get("supported")
            return supported if isinstance(supported, bool) else None
        case _:
            return None


def _entries(page: Json) -> list[Json]:
    """The models of a page that can be used."""
    items: Any = page.get("data")
    entries = [
        cast(Json, item) for item in cast(list[Any], items if isinstance(items, list) else []) if isinstance(item, dict)
    ]
    return [entry for entry in entries if isinstance(entry.get("id"), str) and entry.get("lifecycle") != "retired"]
