"""What an endpoint is called with: worked out once from the signature that FastAPI has read, not at each request.

FastAPI asks at every request what kind of function each dependency is, and opens stacks for generators among them. Ours
are all coroutines, so a quarter of the time that a small request takes would go there.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from json import JSONDecodeError
from typing import Any

from fastapi import HTTPException, Request, Response, params
from fastapi._compat import ModelField
from fastapi.datastructures import Headers, QueryParams
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.requests import ClientDisconnect

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
LASTING = (str, int, float, bool, frozenset, tuple, type(None))
"""Types whose values may be handed to every request."""


@dataclass(slots=True)
class _Reading:
    """One request, while what its endpoint needs is read from it."""

    request: Request
    body: Any
    embedded: bool
    errors: list[Any] = field(default_factory=list[Any])
    made: dict[Callable[..., Any], Any] = field(default_factory=dict[Callable[..., Any], Any])


@dataclass(frozen=True, slots=True)
class _Called:
    """An endpoint or one of its dependencies."""

    call: Callable[..., Coroutine[Any, Any, Any]]
    needs: tuple[tuple[str, "_Called"], ...]
    reads: Dependant
    unasked: Mapping[str, Any] | None
    """What the parameters of the query are when there is none."""

    async def values(self, reading: _Reading) -> dict[str, Any]:
        values = {name: await need.result(reading) for name, need in self.needs}
        self._read_parameters(reading, values)
        if self.reads.body_params:
            found, errors = await request_body_to_args(self.reads.body_params, reading.body, reading.embedded)
            values.update(found)
            reading.errors += errors
        for name in (self.reads.request_param_name, self.reads.http_connection_param_name):
            if name is not None:
                values[name] = reading.request
        return values

    async def result(self, reading: _Reading) -> Any:
        if self.call not in reading.made:
            known = len(reading.errors)
            values = await self.values(reading)
            if len(reading.errors) > known:
                return None
            reading.made[self.call] = await self.call(**values)
        return reading.made[self.call]

    def _read_parameters(self, reading: _Reading, values: dict[str, Any]) -> None:
        request, reads = reading.request, self.reads
        sources: list[tuple[list[ModelField], Mapping[str, Any] | QueryParams | Headers]] = []
        if reads.path_params:
            sources.append((reads.path_params, request.path_params))
        if self.unasked is not None and not request.scope["query_string"]:
            values.update(self.unasked)
        elif reads.query_params:
            sources.append((reads.query_params, request.query_params))
        if reads.header_params:
            sources.append((reads.header_params, request.headers))
        for fields, received in sources:
            found, errors = request_params_to_args(fields, received)
            values.update(found)
            reading.errors += errors


def handler_of(route: APIRoute) -> Handler | None:
    """What answers a route's requests; None for one that is FastAPI's to answer, such as one that reads a form."""
    body_field = route.body_field
    called = _called(route.dependant)
    if called is None or (body_field is not None and isinstance(body_field.field_info, params.Form)):
        return None
    embedded: bool = route._embed_body_fields  # pyright: ignore[reportPrivateUsage] -- no other way to ask

    async def handle(request: Request) -> Response:
        body = PydanticUndefined if body_field is None else await _body(request)
        reading = _Reading(request, body, embedded)
        values = await called.values(reading)
        if reading.errors:
            raise RequestValidationError(reading.errors, body=body)
        return await called.call(**values)

    return handle


def _called(reads: Dependant) -> _Called | None:
    call = reads.call
    needs = [(each.name, _called(each)) for each in reads.dependencies]
    others = (reads.cookie_params, reads.response_param_name, reads.background_tasks_param_name, reads.concurrency)
    foreign = (*others, reads.websocket_param_name, reads.security_scopes_param_name)
    if call is None or not iscoroutinefunction(call) or any(foreign) or any(None in need for need in needs):
        return None
    whole = tuple((name, need) for name, need in needs if name is not None and need is not None)
    return _Called(call, whole, reads, _unasked(reads))


def _unasked(reads: Dependant) -> dict[str, Any] | None:
    defaults = {each.name: each.get_default() for each in reads.query_params if not each.field_info.is_required()}
    is_lasting = all(isinstance(value, LASTING) for value in defaults.values())
    return defaults if is_lasting and len(defaults) == len(reads.query_params) else None


async def _body(request: Request) -> Any:
    try:
        return await request.json() if await request.body() else PydanticUndefined
    except JSONDecodeError as wrong:
        raise RequestValidationError([_not_json(wrong)], body=wrong.doc) from wrong
    except ClientDisconnect as gone:
        raise HTTPException(400, "The body ended before it was whole.") from gone


def _not_json(wrong: JSONDecodeError) -> dict[str, Any]:
    place = ("body", wrong.pos)
    return {"type": "json_invalid", "loc": place, "msg": "JSON decode error", "input": {}, "ctx": {"error": wrong.msg}}
