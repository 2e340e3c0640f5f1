"""An MCP server that does what it should, and what requests and answers are made of."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.fakes.mcp_zoo import Zoo

Json = dict[str, Any]

PATIENCE = 30.0
ECHO: Json = {
    "name": "echo",
    "description": "Say it again.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}
AS_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Got:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    message: Json = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Said:
    """What a request is answered with."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    is_cut: bool = False


def tool(name: str, schema: Any = None, description: str = "A tool.") -> Json:
    return {"name": name, "description": description, "inputSchema": schema or {"type": "object", "properties": {}}}


def result(request: Json, value: Json) -> Json:
    return {"jsonrpc": "2.0", "id": request["id"], "result": value}


def of_json(value: Any, status: int = 200, session: str | None = None) -> Said:
    headers = {**AS_JSON, **({"mcp-session-id": session} if session else {})}
    return Said(status, json.dumps(value).encode(), headers)


def of_events(*messages: Json) -> Said:
    body = b"".join(b"event: message\ndata: %s\n\n" % json.dumps(each).encode() for each in messages)
    return Said(200, body, {"content-type": "text/event-stream"})


def text(value: str, *, is_error: bool = False) -> Json:
    return {"content": [{"type": "text", "text": value}], "isError": is_error}


class Plain:
    """A server that does what it should, and answers with JSON; the others differ from it in one thing."""

    versions: tuple[str, ...] = ("2025-11-25", "2025-06-18", "2025-03-26")

    def __init__(self, zoo: "Zoo") -> None:
        self.zoo = zoo
        self.tools = [ECHO]
        self.sessions = set[str]()

    def post(self, got: Got) -> Said:
        message = got.message
        if message.get("method") == "initialize":
            return self.initialize(message)
        if refused := self.refused(got):
            return refused
        if "id" not in message or "method" not in message:
            return Said(202)
        return self.answer(message, got)

    def get(self, got: Got) -> Said:
        return Said(405)

    def delete(self, got: Got) -> Said:
        return Said(401, b"no")

    def initialize(self, message: Json) -> Said:
        asked = message["params"]["protocolVersion"]
        session = uuid4().hex
        self.sessions.add(session)
        version = asked if asked in self.versions else self.versions[0]
        about: Json = {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "x", "version": "1"},
        }
        return of_json(result(message, about), session=session)

    def refused(self, got: Got) -> Said | None:
        if got.headers.get("mcp-session-id") not in self.sessions:
            return of_json({"error": "unknown session"}, 404)
        if got.headers.get("mcp-protocol-version") not in self.versions:
            return of_json({"error": "unsupported protocol version"}, 400)
        return None

    def answer(self, message: Json, got: Got) -> Said:
        if message["method"] == "tools/list":
            return of_json(result(message, self.listed(message)))
        if message["method"] == "tools/call":
            return self.said(message, self.called(message["params"], got))
        return of_json({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no such method"}})

    def said(self, message: Json, value: Json) -> Said:
        return of_json(result(message, value))

    def listed(self, message: Json) -> Json:
        return {"tools": self.tools}

    def called(self, params: Json, got: Got) -> Json:
        given: Json = params.get("arguments") or {}
        match params["name"]:
            case "echo":
                return text(given.get("text", ""))
            case "whoami":
                return text(got.headers.get("authorization", "nobody"))
            case "fails":
                return text("the disk is full", is_error=True)
            case _:
                return text(json.dumps({"name": params["name"], "arguments": given}, sort_keys=True))
