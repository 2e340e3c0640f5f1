"""A tenant that has one of everything that the server keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.tenants import Org
from tests.harness.waiting import until

LABEL = "notes"
SOURCE = '''def {name}(text: str) -> str:
    """{about}

    Args:
        text: anything
    """
    return text
'''


@dataclass(frozen=True)
class Tenant:
    """An organization, the text that only it knows, and the ids of what it has, by kind."""

    org: Org
    secret: str
    ids: dict[str, str]


def furnished(org: Org, secret: str, served: set[str]) -> Tenant:
    """One of everything that can be made with the operations served, each holding the secret."""
    ids = {"organization": org.id, "block_label": LABEL, "project": "p", "version": "1"}
    ids["folder_name"] = f"pineapple-{secret}"
    text = f"pineapple {secret}"
    user = org.server.http.post("/v1/admin/users/", json={"name": text, "organization_id": org.id})
    ids["user"] = user.json()["id"]
    for kind, path, body in _wanted(text, secret):
        if f"POST {path.partition('?')[0].replace('}', '_id}')}" in served:
            made = org.http.post(path.format_map(ids), json=_filled(body, ids))
            assert made.is_success, f"{kind}: {made.text}"
            ids[kind] = made.json()["id"]
    attached = org.http.patch("/v1/agents/{agent}/archives/attach/{archive}".format_map(ids))
    assert attached.status_code == 200, attached.text
    ids["entry"] = org.http.get("/v1/audit/").json()[0]["id"]
    _give_file(org, ids, text)
    _converse(org, ids, text, served)
    return Tenant(org, secret, ids)


def _wanted(text: str, secret: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, where it is made, and of what; `{kind}` stands for the id of what was made before."""
    tool = f"tool_{secret}"
    return [
        ("block", "/v1/blocks/", {"label": LABEL, "value": text, "description": text, "tags": [text]}),
        ("tool", "/v1/tools/", {"source_code": SOURCE.format(name=tool, about=text), "tags": [text]}),
        (
            "agent",
            "/v1/agents/",
            {
                "name": f"pineapple-{secret}",
                "description": text,
                "block_ids": ["{block}"],
                "tool_ids": ["{tool}"],
                "tags": [text],
                "secrets": {"KEY": text},
                "metadata": {"about": text},
            },
        ),
        (
            "identity",
            "/v1/identities/",
            {
                "identifier_key": text,
                "name": text,
                "identity_type": "user",
                "properties": [{"key": "k", "value": text, "type": "string"}],
                "agent_ids": ["{agent}"],
                "block_ids": ["{block}"],
            },
        ),
        ("key", "/v1/keys/", {"name": text}),
        ("conversation", "/v1/conversations/?agent_id={agent}", {"summary": text}),
        ("archive", "/v1/archives/", {"name": text, "description": text}),
        ("passage", "/v1/archives/{archive}/passages", {"text": text, "tags": [text], "metadata": {"about": text}}),
        ("spare", "/v1/archives/{archive}/passages", {"text": text}),
        ("forgetting", "/v1/forget/", {"passage_id": "{spare}"}),
        ("source", "/v1/folders/", {"name": f"pineapple-{secret}", "description": text}),
        ("group", "/v1/groups/", {"agent_ids": ["{agent}"], "description": text}),
        (
            "provider",
            "/v1/providers/",
            {"name": f"pineapple-{secret}", "provider_type": "chatgpt_oauth", "api_key": text},
        ),
        ("sandbox_config", "/v1/sandbox-config/", {"config": {"about": text}}),
        ("variable", "/v1/sandbox-config/{sandbox_config}/environment-variable", {"key": "KEY", "value": text}),
        (
            "server",
            "/v1/mcp-servers/",
            {"server_name": text, "config": {"server_url": "https://mcp.invalid/", "custom_headers": {"X-A": text}}},
        ),
        ("schedule", "/v1/schedules/", {"agent_id": "{agent}", "name": text}),
    ]


MADE_BY_THE_WAY = {"organization", "user", "entry", "message", "run", "step", "file", "job", "batch"}
KINDS = {kind for kind, _path, _body in _wanted("", "")} | MADE_BY_THE_WAY
"""What a tenant has one of, as soon as it can be made."""


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    match value:
        case dict():
            return {key: _filled(each, ids) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType] -- JSON
        case list():
            return [_filled(each, ids) for each in value]  # pyright: ignore[reportUnknownVariableType] -- JSON
        case str() if value.startswith("{") and value.endswith("}"):
            return ids[value[1:-1]]
        case _:
            return value


def _give_file(org: Org, ids: dict[str, str], text: str) -> None:
    """A file in the folder, which the agent has."""
    sent = {"file": (f"{text}.txt", f"{text}\n".encode())}
    made = org.http.post(f"/v1/folders/{ids['source']}/upload", files=sent)
    assert made.status_code == 200, made.text
    ids["file"] = made.json()["id"]
    ids["job"] = ids["file"].replace("file-", "job-")
    path = "/v1/folders/{source}/files/{file}".format_map(ids)
    until(lambda: org.http.get(path).json()["processing_status"] == "completed", "the file to be read", 60)
    attached = org.http.patch("/v1/agents/{agent}/folders/attach/{source}".format_map(ids))
    assert attached.status_code == 200, attached.text


def _converse(org: Org, ids: dict[str, str], text: str, served: set[str]) -> None:
    """A turn, which leaves messages, a run and a step, one in a session, and one in a batch."""
    path = "/v1/agents/{agent_id}/messages"
    if f"POST {path}" not in served:
        return
    said = {"messages": [{"role": "user", "content": f"REPLY {text}"}]}
    answer = org.http.post(f"/v1/agents/{ids['agent']}/messages", json=said)
    assert answer.status_code == 200, answer.text
    assert text in answer.text
    ids["session_id"] = f"session {text}"
    called = {"message": f"REPLY {text}", "session_id": ids["session_id"]}
    answer = org.http.post(f"/api/agents/{ids['agent']}/messages", json=called)
    assert answer.status_code == 200, answer.text
    batch = {"requests": [{"agent_id": ids["agent"], **said}]}
    ids["batch"] = org.http.post("/v1/messages/batches", json=batch).raise_for_status().json()["id"]
    path = f"/v1/messages/batches/{ids['batch']}"
    until(lambda: org.http.get(path).json()["status"] == "completed", "the end of the batch", 60)
    lists = {"message": f"/v1/agents/{ids['agent']}/messages", "run": "/v1/runs/", "step": "/v1/steps/"}
    for kind, listed in lists.items():
        ids[kind] = org.http.get(listed, params={"limit": 1}).json()[0]["id"]
