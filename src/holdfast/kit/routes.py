"""Routes as data: collected per noun, found by their path's shape, turned into handlers when first asked for.

Two hundred FastAPI routes cost a quarter of a second to build and 0.2 ms to search one after the other; a
server that should start at once and answer in half a millisecond does neither.
"""

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError
from typing import Any, TypeVar
from urllib.parse import unquote

import orjson
from fastapi import Request, Response, params
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.errors import AppError, NotAllowed, NotFound
from holdfast.kit.arguments import Handler, handler_of
from holdfast.kit.text import DEEPEST, TOO_DEEP, clean, clean_tree

# FastAPI silences its own use of `alias`, but not for models that are built when first used, as ours are.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Response]])
Failure = Callable[[AppError], tuple[int, Mapping[str, Any]]]
"""What the clients of an operation expect to be told of a failure, where that is not V1's `{"detail": …}`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: how it is reached, what answers, and what it answers with (for the OpenAPI document)."""

    method: str
    path: str
    call: Callable[..., Coroutine[Any, Any, Response]]
    answers: Any = None
    status: int = 200
    deprecated: bool = False
    documented: bool = True
    streams: Any = None
    """The type of an event when the operation can answer with SSE."""
    tag: str = ""
    failure: Failure | None = None


@dataclass(slots=True)
class Router:
    """The operations of one noun."""

    tag: str
    prefix: str = "/v1"
    failure: Failure | None = None
    endpoints: list[Endpoint] = field(default_factory=list["Endpoint"])

    def get(self, path: str, answers: Any = None, **options: Any) -> Callable[[F], F]:
        return self.route("GET", path, answers, **options)

    def post(self, path: str, answers: Any = None, **options: Any) -> Callable[[F], F]:
        return self.route("POST", path, answers, **options)

    def put(self, path: str, answers: Any = None, **options: Any) -> Callable[[F], F]:
        return self.route("PUT", path, answers, **options)

    def patch(self, path: str, answers: Any = None, **options: Any) -> Callable[[F], F]:
        return self.route("PATCH", path, answers, **options)

    def delete(self, path: str, answers: Any = None, **options: Any) -> Callable[[F], F]:
        return self.route("DELETE", path, answers, **options)

    def route(self, method: str, path: str, answers: Any = None, **options: Any) -> Callable[[F], F]:
        def collect(call: F) -> F:
            options.setdefault("tag", self.tag)
            options.setdefault("failure", self.failure)
            self.endpoints.append(Endpoint(method, self.prefix + path, call, answers, **options))
            return call

        return collect


class JsonRequest(Request):
    """A request whose JSON is decoded fast, and cleaned when it may hold what no database can store."""

    async def json(self) -> Any:
        body = await self.body()
        if b"\\u0000" not in body and body.count(b"[") + body.count(b"{") <= DEEPEST:
            try:
                return orjson.loads(body)
            except orjson.JSONDecodeError:
                pass  # lone surrogates, NaN: the slower reader below accepts them, or names the fault
        try:
            return clean_tree(await super().json())
        except RecursionError as deep:
            raise JSONDecodeError(TOO_DEEP, "", 0) from deep
        except ValueError as wrong:  # JSON all the same: a number of more digits than are read
            raise wrong if isinstance(wrong, JSONDecodeError) else JSONDecodeError(str(wrong), "", 0) from wrong


class HoldfastRoute(APIRoute):
    """A FastAPI route that reads bodies with `JsonRequest`."""

    failure: Failure | None = None

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        reads_json = self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)

        async def handle(request: Request) -> Response:
            if reads_json:
                _call_it_json(request.scope)
            return await handler(JsonRequest(request.scope, request.receive))

        return handle


def _call_it_json(scope: Scope) -> None:
    """A body is read as JSON whatever it is labelled: `curl -d` says that it is a form."""
    kept = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    scope["headers"] = [*kept, (b"content-type", b"application/json")]


def _app(handler: Handler) -> ASGIApp:
    """Without the stacks that FastAPI opens for what a form has sent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handler(JsonRequest(scope, receive))
        await response(scope, receive, send)

    return app


def build(endpoint: Endpoint, *, document: bool = False) -> APIRoute:
    """The FastAPI route of an endpoint; what it answers with is only of interest to the OpenAPI document."""
    route = HoldfastRoute(
        endpoint.path,
        endpoint.call,
        methods=[endpoint.method],
        response_model=endpoint.answers if document else None,
        status_code=endpoint.status if document else None,
        deprecated=endpoint.deprecated or None,
        include_in_schema=endpoint.documented,
        strict_content_type=False,
        tags=[endpoint.tag],
        responses=_events(endpoint) if document else None,
    )
    route.failure = endpoint.failure
    if handler := handler_of(route):
        route.app = _app(handler)
    return route


def _events(endpoint: Endpoint) -> dict[int | str, dict[str, Any]] | None:
    if endpoint.streams is None:
        return None
    return {
        200: {"description": "The answer, or the same as server-sent events.", "content": {"text/event-stream": {}}}
    }


class _Node:
    __slots__ = ("names", "routes", "variable", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.routes: dict[str, Endpoint | APIRoute] = {}
        self.names: dict[str, tuple[str, ...]] = {}


class Dispatch(BaseRoute):
    """Finds an operation by the segments of its path; fixed words win over parameters."""

    def __init__(self, routers: Iterable[Router]) -> None:
        self._root = _Node()
        for router in routers:
            for endpoint in router.endpoints:
                self._add(endpoint)

    def _add(self, endpoint: Endpoint) -> None:
        node, names = self._root, list[str]()
        for word in _segments(endpoint.path):
            if word.startswith("{"):
                names.append(word[1:-1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.words.setdefault(word, _Node())
        if endpoint.method in node.routes:
            raise ValueError(f"{endpoint.method} {endpoint.path} is declared twice")
        node.routes[endpoint.method] = endpoint
        node.names[endpoint.method] = tuple(names)

    def _find(self, node: _Node, words: list[str], at: int, values: list[str]) -> tuple[_Node, list[str]] | None:
        if at == len(words):
            return (node, values) if node.routes else None
        word = words[at]
        if (fixed := node.words.get(word)) and (found := self._find(fixed, words, at + 1, values)):
            return found
        if node.variable is not None:
            return self._find(node.variable, words, at + 1, [*values, word])
        return None

    async def warm(self) -> None:
        """Build every handler, one at a time, so that requests can come in between."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            waiting += [*node.words.values(), *filter(None, [node.variable])]
            for method in node.routes:
                field = self._route(node, method).body_field
                if field is not None:
                    field.validate({}, {}, loc=("body",))  # the validator is only built when it is used
                await asyncio.sleep(0)

    def _route(self, node: _Node, method: str) -> APIRoute:
        route = node.routes[method]
        if isinstance(route, Endpoint):
            route = node.routes[method] = build(route)
        return route

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(self._root, _words(scope), 0, [])
        if found is None:
            raise NotFound(f"There is nothing at {scope['path']}; /docs lists what this server serves.")
        node, values = found
        method = "GET" if scope["method"] == "HEAD" and "HEAD" not in node.routes else scope["method"]
        if method not in node.routes:
            allowed = ", ".join(sorted(node.routes))
            raise NotAllowed(f"{scope['method']} is not possible at {scope['path']}; it answers to {allowed}.")
        route = self._route(node, method)
        scope["path_params"] = dict(zip(node.names[method], values, strict=True))
        scope["endpoint"], scope["route"] = route.endpoint, route
        await route.app(scope, receive, send)


def _segments(path: str) -> list[str]:
    """`//v1/agents/` and `/v1/agents` are the same place, without a redirect."""
    return [word for word in path.split("/") if word]


def _words(scope: Scope) -> list[str]:
    """The decoded segments of a request's path; an escaped slash is part of its segment, as in a block's label."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%" not in raw:
        return _segments(scope["path"])
    return [clean(unquote(word)) for word in _segments(raw.decode("latin-1"))]
