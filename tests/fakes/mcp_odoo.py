"""Odoo's MCP server as its `llm_mcp_server` behaves: one version, sessions, a public list, calls by API key."""

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.fakes.mcp_plain import AS_JSON, Got, Json, Plain, Said, of_json, result, text

if TYPE_CHECKING:
    from tests.fakes.mcp_zoo import Zoo

VERSION = "2025-06-18"
FREE: Json = {"type": "object", "additionalProperties": True, "title": "Values"}
MODEL: Json = {"type": "string", "title": "Model"}
DOMAIN: Json = {"anyOf": [{"type": "array", "items": {}}, {"type": "null"}], "default": None, "title": "Domain"}


def _schema(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "title": "Parameters", "properties": properties, "required": required}


TOOLS: list[Json] = [
    {
        "name": "odoo_record_creator",
        "description": "Create a new record in an Odoo model.",
        "inputSchema": _schema(["model", "fields"], model=MODEL, fields=FREE),
    },
    {
        "name": "odoo_record_updater",
        "description": "Change the records that a domain finds.",
        "inputSchema": _schema(["model", "domain", "values"], model=MODEL, domain=DOMAIN, values=FREE),
    },
    {
        "name": "odoo_record_retriever",
        "description": "Read records.",
        "inputSchema": _schema(["model"], model=MODEL, domain=DOMAIN),
    },
    {
        "name": "odoo_model_method_executor",
        "description": "Call a method of a model.",
        "inputSchema": {
            **_schema(["model", "method"], model=MODEL, method={"type": "string"}, kwargs={"$ref": "#/$defs/Free"}),
            "$defs": {"Free": FREE},
        },
    },
]


class Odoo(Plain):
    """`initialize` says back whatever version was asked for; any other than the one is refused afterwards."""

    versions = (VERSION,)

    def __init__(self, zoo: "Zoo") -> None:
        super().__init__(zoo)
        self.tools = list(TOOLS)
        self.users = {"system-api-key": "OdooBot"}
        """Whose API keys are known."""
        self.records: list[Json] = []

    def initialize(self, message: Json) -> Said:
        session = uuid4().hex
        self.sessions.add(session)
        about: Json = {
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "Odoo LLM MCP Server", "version": "1.0.0"},
        }
        return of_json(result(message, about), session=session)

    def post(self, got: Got) -> Said:
        said = super().post(got)
        return Said(202, headers=AS_JSON) if said.status == 202 else said

    def delete(self, got: Got) -> Said:
        return Said(204) if self._user(got) else of_json({"error": "API key needed"}, 401)

    def answer(self, message: Json, got: Got) -> Said:
        if message["method"] == "tools/call" and self._user(got) is None:
            refusal = {"code": -32001, "message": "Authentication failed: API key needed"}
            return of_json({"jsonrpc": "2.0", "id": message["id"], "error": refusal})
        return super().answer(message, got)

    def called(self, params: Json, got: Got) -> Json:
        given: Json = params.get("arguments") or {}
        match params["name"]:
            case "odoo_record_creator" if not isinstance(given.get("fields"), dict):
                return text("fields: Input should be a valid dictionary", is_error=True)
            case "odoo_record_creator":
                return text(json.dumps(self._create(given["model"], given["fields"], self._user(got))))
            case "odoo_record_retriever":
                return text(json.dumps([each for each in self.records if each["model"] == given["model"]]))
            case _:
                return text(f"Tool {params['name']} failed: record does not exist", is_error=True)

    def _create(self, model: str, fields: Any, user: str | None) -> Json:
        record = {"id": 123 + len(self.records), "model": model, "values": fields, "create_uid": user}
        self.records.append(record)
        return {"id": record["id"], "display_name": fields.get("name"), "create_uid": user}

    def _user(self, got: Got) -> str | None:
        return self.users.get(got.headers.get("authorization", "").removeprefix("Bearer "))
