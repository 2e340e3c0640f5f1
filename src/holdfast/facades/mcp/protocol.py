"""The Model Context Protocol as a server speaks it: JSON-RPC in, JSON-RPC out, in every revision that clients use."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from holdfast import __version__
from holdfast.errors import AppError

HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Revisions that begin with `initialize`, the newest first."""

STATELESS = ("2026-07-28",)
"""Revisions in which each request says which one it is in, and that have no beginning."""

SUPPORTED = (*STATELESS, *HANDSHAKE)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
UNSUPPORTED_VERSION = -32022
NO_RESOURCE = -32002

STATUS = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
"""The HTTP status of an error where each request stands alone; after a handshake it is 200."""

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
SERVER = {"name": "holdfast", "title": "Holdfast", "version": __version__}
CAPABILITIES: Mapping[str, Any] = {"tools": {}, "resources": {}}
FRESH = {"ttlMs": 0, "cacheScope": "private"}
"""What a client may keep of an answer that can be kept: nothing, since memory changes all the time."""

Params = Mapping[str, Any]
Method = Callable[[Params], Awaitable[dict[str, Any]]]


class Fault(Exception):
    """A request that the protocol has no answer for but an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def body(self, id: Any) -> dict[str, Any]:
        error = {"code": self.code, "message": self.message} | ({} if self.data is None else {"data": self.data})
        return {"jsonrpc": "2.0", "id": id, "error": error}


@dataclass(frozen=True, slots=True)
class RpcAnswer:
    """What goes back: a status, and a body unless nothing was asked."""

    status: int
    body: Any = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Answers messages with what the methods say."""

    methods: Mapping[str, Method]
    instructions: str

    async def answer(self, message: Any, version: str | None) -> RpcAnswer:
        """RpcAnswer a decoded body; `version` is what the HTTP header says."""
        if version is not None and version not in SUPPORTED:
            return RpcAnswer(400, _unsupported(version).body(None))
        if isinstance(message, list):
            return await self._batch(cast("list[Any]", message), version)
        return await self._one(message, version)

    async def _batch(self, messages: list[Any], version: str | None) -> RpcAnswer:
        """Several messages at once, as the revision 2025-03-26 has it."""
        if not messages or version in STATELESS:
            return RpcAnswer(400, Fault(INVALID_REQUEST, "The body is to be one JSON-RPC message.").body(None))
        answers = [await self._one(message, version) for message in messages]
        bodies = [answer.body for answer in answers if answer.body is not None]
        return RpcAnswer(200, bodies) if bodies else RpcAnswer(202)

    async def _one(self, message: Any, version: str | None) -> RpcAnswer:
        try:
            id, method, params = _read(message)
        except Fault as fault:
            return RpcAnswer(400, fault.body(None))
        if id is None:
            return RpcAnswer(202)
        is_stateless = version in STATELESS or VERSION_KEY in _meta(params)
        try:
            result = await self._result(method, params, is_stateless=is_stateless)
        except Fault as fault:
            return RpcAnswer(STATUS.get(fault.code, 200) if is_stateless else 200, fault.body(id))
        except AppError as failed:
            return RpcAnswer(200, Fault(INTERNAL_ERROR, failed.detail).body(id))
        return RpcAnswer(200, {"jsonrpc": "2.0", "id": id, "result": result})

    async def _result(self, method: str, params: Params, *, is_stateless: bool) -> dict[str, Any]:
        if method == "initialize":
            return self._welcome(params)
        if method == "ping":
            return {}
        if is_stateless:
            _check_version(params)
        if method == "server/discover":
            return self._discovered()
        found = self.methods.get(method)
        if found is None:
            raise Fault(METHOD_NOT_FOUND, f"This server has no method {method!r}.")
        result = await found(params)
        if not is_stateless:
            return result
        kept = {} if method == "tools/call" else FRESH
        return {**result, **kept, "resultType": "complete", "_meta": {SERVER_KEY: SERVER}}

    def _welcome(self, params: Params) -> dict[str, Any]:
        asked = params.get("protocolVersion")
        return {
            "protocolVersion": asked if asked in HANDSHAKE else HANDSHAKE[0],
            "capabilities": CAPABILITIES,
            "serverInfo": SERVER,
            "instructions": self.instructions,
        }

    def _discovered(self) -> dict[str, Any]:
        return {
            "supportedVersions": list(SUPPORTED),
            "capabilities": CAPABILITIES,
            "instructions": self.instructions,
            "resultType": "complete",
            "_meta": {SERVER_KEY: SERVER},
            **FRESH,
        }


def _read(message: Any) -> tuple[str | int | None, str, Params]:
    """The id, the method and the parameters of a message; no id for one that wants no answer."""
    if not isinstance(message, dict):
        raise Fault(INVALID_REQUEST, "A message is a JSON object.")
    sent = cast("dict[str, Any]", message)
    if sent.get("jsonrpc") != "2.0":
        raise Fault(INVALID_REQUEST, 'A message has "jsonrpc": "2.0".')
    if "method" not in sent and ("result" in sent or "error" in sent):
        return None, "", {}  # the answer to a question that was never asked
    method, id = sent.get("method"), sent.get("id")
    params: Any = sent.get("params") or {}
    if not isinstance(method, str):
        raise Fault(INVALID_REQUEST, "A request has a method, which is a string.")
    if "id" in sent and (isinstance(id, bool) or not isinstance(id, str | int)):
        raise Fault(INVALID_REQUEST, "The id of a request is a string or a whole number.")
    if not isinstance(params, dict):
        raise Fault(INVALID_REQUEST, "The parameters of a request are a JSON object.")
    return id, method, cast(Params, params)


def _meta(params: Params) -> Params:
    meta: Any = params.get("_meta")
    return cast(Params, meta) if isinstance(meta, dict) else {}


def _check_version(params: Params) -> None:
    asked = _meta(params).get(VERSION_KEY)
    if asked is None:
        raise Fault(INVALID_PARAMS, f"params._meta is to have {VERSION_KEY!r}.")
    if asked not in STATELESS:
        raise _unsupported(asked)


def _unsupported(version: Any) -> Fault:
    said = f"This server does not speak the protocol version {str(version)[:40]!r}."
    return Fault(UNSUPPORTED_VERSION, said, {"supported": list(SUPPORTED), "requested": version})
