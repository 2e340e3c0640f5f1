"""Archives and agents that hold them, and what their lists say."""

from typing import Any

from tests.harness.tenants import Org

Json = dict[str, Any]


def ok(answer: Any) -> Any:
    """The decoded answer of a request that had to succeed."""
    assert answer.status_code == 200, answer.text
    return answer.json()


def archive(org: Org, **fields: Any) -> str:
    return ok(org.http.post("/v1/archives/", json={"name": "facts", **fields}))["id"]


def holder(org: Org, held: str | None = None, **fields: Any) -> str:
    """An agent, which holds this archive."""
    made = ok(org.http.post("/v1/agents/", json={"memory_blocks": [], "include_base_tools": False, **fields}))["id"]
    if held is not None:
        ok(org.http.patch(f"/v1/agents/{made}/archives/attach/{held}"))
    return made


def passage(org: Org, archive_id: str, text: str, **fields: Any) -> Json:
    return ok(org.http.post(f"/v1/archives/{archive_id}/passages", json={"text": text, **fields}))


def remember(org: Org, agent_id: str, text: str, **fields: Any) -> Json:
    [made] = ok(org.http.post(f"/v1/agents/{agent_id}/archival-memory", json={"text": text, **fields}))
    return made


def memory(org: Org, agent_id: str, **query: Any) -> list[Json]:
    return ok(org.http.get(f"/v1/agents/{agent_id}/archival-memory", params=query))


def texts(org: Org, agent_id: str, **query: Any) -> list[str]:
    return [each["text"] for each in memory(org, agent_id, **query)]


def metadata_of_prompt(org: Org, agent_id: str) -> str:
    """The part of the compiled prompt that says what is out of view."""
    return ok(org.http.get(f"/v1/agents/{agent_id}/context"))["external_memory_summary"]
