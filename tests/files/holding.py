"""Folders, uploads and the agents that have them."""

import json
from typing import Any

from tests.archives.holding import Json, ok
from tests.harness.tenants import Org
from tests.harness.waiting import until

__all__ = ["DEAD_EMBEDDER", "Json", "agent", "called", "folder", "ok", "put", "read", "returned", "upload"]

READ_S = 60.0

DEAD_EMBEDDER = {"OLLAMA_BASE_URL": "http://127.0.0.1:9", "HOLDFAST_DEFAULT_EMBEDDING": "ollama/nomic-embed-text"}


def folder(org: Org, name: str = "papers", **fields: Any) -> str:
    return ok(org.http.post("/v1/folders/", json={"name": name, **fields}))["id"]


def upload(org: Org, folder_id: str, sent_as: str, body: bytes | str, **query: Any) -> Json:
    """Send a file; the answer comes before it is read."""
    sent = {"file": (sent_as, body.encode() if isinstance(body, str) else body)}
    return ok(org.http.post(f"/v1/folders/{folder_id}/upload", files=sent, params=query))


def read(org: Org, file: Json) -> Json:
    """The file as it is when nothing more is to be done for it."""

    def settled() -> Json | None:
        now = ok(org.http.get(f"/v1/folders/{file['source_id']}/files/{file['id']}", params={"include_content": True}))
        return now if now["processing_status"] in ("completed", "error") else None

    found = until(settled, f"{file['file_name']} to be read", READ_S)
    assert found is not None
    return found


def put(org: Org, folder_id: str, sent_as: str, body: bytes | str, **query: Any) -> Json:
    """Send a file that can be read, and wait until it has been."""
    done = read(org, upload(org, folder_id, sent_as, body, **query))
    assert done["processing_status"] == "completed", done["error_message"]
    return done


def called(org: Org, agent_id: str, tool: str, **arguments: Any) -> tuple[str, str]:
    """What a tool returns to the model that calls it, and whether it could be done."""
    text = f"CALL {tool} {json.dumps(arguments)} REPLY done"
    sent = {"messages": [{"role": "user", "content": text}]}
    answer = ok(org.http.post(f"/v1/agents/{agent_id}/messages", json=sent))
    [back] = [each for each in answer["messages"] if each["message_type"] == "tool_return_message"]
    return back["status"], back["tool_return"]


def returned(org: Org, agent_id: str, tool: str, **arguments: Any) -> str:
    """What a tool returns that can do what it is asked."""
    status, text = called(org, agent_id, tool, **arguments)
    assert status == "success", text
    return text


def agent(org: Org, *folder_ids: str, **fields: Any) -> str:
    """An agent that has these folders."""
    wanted = {"memory_blocks": [], "include_base_tools": False, "folder_ids": [*folder_ids], **fields}
    return ok(org.http.post("/v1/agents/", json=wanted))["id"]
