"""Amazon Bedrock: Claude in Anthropic's own words, other models through its Converse API."""

from base64 import b64decode
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from urllib.parse import quote

import orjson

from holdfast.llm import anthropic_request, catalog, converse, failures
from holdfast.llm.anthropic_answer import MessageAnswer
from holdfast.llm.anthropic_messages import Json
from holdfast.llm.aws import EventStream, Signer
from holdfast.llm.catalog import Configured
from holdfast.llm.claude import is_claude
from holdfast.llm.client import ModelClient, until_begun
from holdfast.llm.failures import Target
from holdfast.llm.model import Call, Delta, Listed
from holdfast.llm.row import Row

SERVICE = "bedrock"
VERSION = "bedrock-2023-05-31"
LIST_ATTEMPTS = 1
FOUNDATION = "/foundation-models?byInferenceType=ON_DEMAND&byOutputModality=TEXT"
PROFILES = "/inference-profiles?maxResults=1000"
EXCEPTIONS = {
    "throttlingException": "rate_limit_error",
    "serviceUnavailableException": "overloaded_error",
    "modelTimeoutException": "timeout_error",
    "validationException": "invalid_request_error",
    "accessDeniedException": "permission_error",
}
"""What an exception within an answer is called in Anthropic's protocol; the others are failures of the service."""


class Bedrock:
    """The service in one region, asked for one of its models."""

    def __init__(self, client: ModelClient, place: Configured, row: Row, target: Target) -> None:
        self._client = client
        self._place = place
        self._row = row
        address = catalog.regional_url(row, place)
        self._target = replace(target, base_url=address, forbidden="bedrock_permission_denied")

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Ask the model; closing the generator ends the request."""
        async with aclosing(until_begun(partial(self._ask, call, orjson.dumps(self.preview(call))))) as deltas:
            async for delta in deltas:
                yield delta

    async def models(self) -> list[Listed]:
        """The models that can be asked as they are, and those that a profile of the account leads to."""
        control = replace(self._target, base_url=self._target.base_url.replace("://bedrock-runtime.", "://bedrock.", 1))
        models = await self._list(control, FOUNDATION, "modelSummaries")
        profiles = await self._list(control, PROFILES, "inferenceProfileSummaries")
        return [*map(_model, filter(_streams, models)), *_profiles(profiles)]

    def preview(self, call: Call) -> Json:
        """The request exactly as it would be sent."""
        card = catalog.card_of(self._row, self._place, call.model)
        if not is_claude(call.model):
            return converse.request_of(anthropic_request.body_of(call, replace(card, reasoning=False)), call.max_tokens)
        body = anthropic_request.body_of(call, card)
        named = anthropic_request.betas(body)
        return {"anthropic_version": VERSION, **({"anthropic_beta": named} if named else {}), **body}

    async def _ask(self, call: Call, body: bytes) -> AsyncGenerator[Delta, None]:
        answer = MessageAnswer(self._target, call.model, anthropic_request.own_names(call))
        operation = "invoke-with-response-stream" if is_claude(call.model) else "converse-stream"
        path = f"/model/{quote(call.model, safe=':')}/{operation}"
        target = self._signed(self._target, "POST", path, body)
        async with aclosing(self._client.stream(target, path, body, EventStream)) as frames:
            async for frame in frames:
                for delta in _read(answer, frame):
                    yield delta
        for delta in answer.end():
            yield delta

    async def _list(self, control: Target, path: str, name: str) -> list[Json]:
        target = self._signed(control, "GET", path, b"")
        body = await self._client.post(target, path, b"", attempts=LIST_ATTEMPTS)
        try:
            found: Any = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise failures.unusable(control, "sent a list of models that is not JSON", body) from error
        items: Any = cast(Json, found).get(name) if isinstance(found, dict) else None
        entries = cast(list[Any], items) if isinstance(items, list) else []
        return [cast(Json, entry) for entry in entries if isinstance(entry, dict)]

    def _signed(self, target: Target, method: str, path: str, body: bytes) -> Target:
        """The target with a signature of this request, where a pair of keys is used instead of one that is sent."""
        place = self._place
        if not place.access_key:
            return target
        signer = Signer(place.access_key, place.api_key or "", place.region or "", SERVICE, place.session_token)
        signature = signer.headers(method, target.base_url + path, body, datetime.now(UTC))
        return replace(target, headers={**target.headers, **signature})


def _read(answer: MessageAnswer, frame: bytes) -> list[Delta]:
    """The deltas of a frame, read as an event of Anthropic's protocol."""
    [(name, told)] = cast(Json, orjson.loads(frame)).items()
    match name, told:
        case "chunk", {"bytes": str(data)}:
            return answer.read(_unpacked(data))
        case "exception", {"type": str(kind), "message": str(said)}:
            error = {"type": EXCEPTIONS.get(kind[:1].lower() + kind[1:], "api_error"), "message": said or kind}
            return answer.take({"type": "error", "error": error})
        case _:
            return answer.take(converse.event_of(name, told))


def _unpacked(data: str) -> bytes:
    """What a chunk holds; what cannot be unpacked is no JSON either, which the answer will say."""
    try:
        return b64decode(data)
    except ValueError:
        return data.encode(errors="replace")


def _streams(entry: Json) -> bool:
    return isinstance(entry.get("modelId"), str) and entry.get("responseStreamingSupported") is not False


def _model(entry: Json) -> Listed:
    shown: Any = entry.get("inputModalities")
    images = "IMAGE" in cast(list[Any], shown) if isinstance(shown, list) else None
    return Listed(entry["modelId"], images=images, is_chat=catalog.is_chat(entry["modelId"]))


def _profiles(entries: Iterable[Json]) -> list[Listed]:
    names = [entry.get("inferenceProfileId") for entry in entries if entry.get("status", "ACTIVE") == "ACTIVE"]
    return [Listed(name, is_chat=catalog.is_chat(name)) for name in names if isinstance(name, str)]
