"""Agents as files."""

import json
from typing import Any

import httpx

from tests.harness.tenants import Org

Json = dict[str, Any]


def exported(org: Org, agent_id: str, **query: Any) -> Json:
    answer = org.http.get(f"/v1/agents/{agent_id}/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def sent(org: Org, file: Json | bytes | str, **form: str) -> httpx.Response:
    body = file if isinstance(file, bytes) else json.dumps(file).encode()
    return org.http.post("/v1/agents/import", files={"file": ("agent.af", body)}, data=form)


def imported(org: Org, file: Json | bytes | str, **form: str) -> str:
    """The id of the one agent of a file."""
    answer = sent(org, file, **form)
    assert answer.status_code == 200, answer.text
    [id] = answer.json()["agent_ids"]
    return id


def refused(org: Org, file: Json | bytes | str, **form: str) -> str:
    """What is said of a file that cannot be imported."""
    answer = sent(org, file, **form)
    assert answer.status_code == 400, answer.text
    return answer.json()["detail"]


def smallest(**fields: Any) -> Json:
    """A file with one agent."""
    parts = ("groups", "blocks", "files", "sources", "tools", "mcp_servers")
    return {"agents": [{"id": "agent-0", "name": "Ada", **fields}], **{part: [] for part in parts}}
