"""One of everything, so that bad input reaches further than `404`."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from tests.harness.models import MODEL
from tests.harness.server import Server

UNKNOWN = "123e4567-e89b-42d3-8456-426614174000"

SIMPLE: dict[str, tuple[str, dict[str, Any]]] = {
    "archive_id": ("/v1/archives/", {"name": "an archive"}),
    "folder_id": ("/v1/folders/", {"name": ""}),
    "source_id": ("/v1/sources/", {"name": ""}),
    "group_id": ("/v1/groups/", {"agent_ids": [], "description": "a group"}),
    "identity_id": ("/v1/identities/", {"identifier_key": "", "name": "i", "identity_type": "user"}),
    "key_id": ("/v1/keys/", {"name": "a key"}),
    "sandbox_config_id": ("/v1/sandbox-config/", {"config": {}}),
    "org_id": ("/v1/admin/orgs/", {"name": "an organization"}),
    "provider_id": (
        "/v1/providers/",
        {"name": "", "provider_type": "openai", "api_key": "k", "base_url": "http://127.0.0.1:9/v1"},
    ),
}
"""What one request makes: where, and of what; an empty text becomes a name that nothing else has."""


def build(server: Server) -> dict[str, str]:
    """The id of something for every parameter of a path; a well-formed unknown one where nothing could be made."""
    ids = {**dict(_simple(server)), **_agent(server), **_mcp_server(server)}
    return _Unknown({**ids, **_file(server, ids), **_batch(server, ids)})


class _Unknown(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"{name.removesuffix('_id')}-{UNKNOWN}"


def _simple(server: Server) -> Iterator[tuple[str, str]]:
    for name, (path, body) in SIMPLE.items():
        named = {key: value if value != "" else f"bad-input-{uuid4().hex[:8]}" for key, value in body.items()}
        made = server.http.post(path, json=named)
        if made.status_code < 300:
            yield name, made.json()["id"]


def _file(server: Server, ids: Mapping[str, str]) -> Mapping[str, str]:
    """A file in the folder, which the agent has."""
    folder = ids["folder_id"]
    made = server.http.post(f"/v1/folders/{folder}/upload", files={"file": ("a.txt", b"some text")}).raise_for_status()
    server.http.patch(f"/v1/agents/{ids['agent_id']}/folders/attach/{folder}").raise_for_status()
    name = server.http.get(f"/v1/folders/{folder}").raise_for_status().json()["name"]
    file = made.json()["id"]
    return {"file_id": file, "job_id": file.replace("file-", "job-"), "folder_name": name}


def _batch(server: Server, ids: Mapping[str, str]) -> Mapping[str, str]:
    request = {"agent_id": ids["agent_id"], "input": "REPLY hi"}
    made = server.http.post("/v1/messages/batches", json={"requests": [request]}).raise_for_status()
    return {"batch_id": made.json()["id"]}


def _mcp_server(server: Server) -> Mapping[str, str]:
    """The server itself, which is one."""
    name = f"bad-input-{uuid4().hex[:8]}"
    sent = {"server_name": name, "config": {"server_url": f"{server.url}/mcp"}}
    made = server.http.post("/v1/mcp-servers/", json=sent).raise_for_status().json()
    return {"mcp_server_id": made["id"], "mcp_server_name": name}


def _agent(server: Server) -> Mapping[str, str]:
    """An agent that has said something, with a block, a tool and a conversation."""
    post = server.http.post
    source = f'def tool_{uuid4().hex[:8]}() -> str:\n    """Do it."""\n    return "done"\n'
    tool = post("/v1/tools/", json={"source_code": source}).raise_for_status().json()
    agent = post(
        "/v1/agents/",
        json={"model": MODEL, "memory_blocks": [{"label": "human", "value": "x"}], "tool_ids": [tool["id"]]},
    ).raise_for_status()
    id: str = agent.json()["id"]
    turn = post(f"/v1/agents/{id}/messages", json={"messages": [{"role": "user", "content": "REPLY hi"}]}).json()
    conversation = post("/v1/conversations/", params={"agent_id": id}, json={})
    said = turn["messages"][-1]
    [stored] = post(f"/v1/agents/{id}/archival-memory", json={"text": "a fact"}).raise_for_status().json()
    return {
        "agent_id": id,
        "block_id": agent.json()["blocks"][0]["id"],
        "block_label": "human",
        "tool_id": tool["id"],
        "tool_name": tool["name"],
        "message_id": said["id"],
        "step_id": said["step_id"],
        "run_id": said["run_id"],
        "passage_id": stored["id"],
        "memory_id": stored["id"],
        "version": "1",
        "conversation_id": conversation.raise_for_status().json()["id"],
    }
