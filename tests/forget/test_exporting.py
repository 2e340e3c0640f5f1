"""The export of everything that is known about someone, and the log of what was done."""

from typing import Any

from tests.archives.holding import archive, ok, passage, remember
from tests.cli.command import beside, output
from tests.fakes.openai_server import OpenAIServer
from tests.forget.digging import canary, forget
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import agent, missing, say


def person(org: Org, *agents: str) -> str:
    body = {"identifier_key": org.name("ann"), "name": "Ann", "identity_type": "user", "agent_ids": list(agents)}
    return ok(org.http.post("/v1/identities/", json=body))["id"]


def exported(org: Org, **whose: str) -> dict[str, Any]:
    found = ok(org.http.get("/v1/export/", params=whose))
    assert found["complete"] is True
    return found


def test_everything_about_an_identity(org: Org, models: OpenAIServer) -> None:
    block = {"label": "human", "value": "Likes tea."}
    made = agent(org, "I am Ann.", "Hello.", memory_blocks=[block], secrets={"KEY": "hidden-value"})
    ok(org.http.patch(f"/v1/agents/{made}/core-memory/blocks/human", json={"value": "Likes coffee."}))
    remember(org, made, "Tea is green.", tags=["beverage"])
    say(org, f"agents/{made}", "Go on. REPLY Fine.")
    conversation = ok(org.http.post("/v1/conversations/", params={"agent_id": made}))["id"]
    ann = person(org, made)
    found = exported(org, identity_id=ann)
    assert [each["id"] for each in found["identities"]] == [ann]
    assert [each["id"] for each in found["agents"]] == [made]
    assert [each["value"] for each in found["blocks"]] == ["Likes coffee."]
    assert [each["value"] for each in found["block_versions"]] == ["Likes tea."]
    assert {each["id"] for each in found["threads"]} == {made, conversation}
    texts = [part["text"] for each in found["messages"] for part in each["content"] if part["type"] == "text"]
    assert {"I am Ann.", "Hello.", "Fine."} <= {*texts}
    assert [each["text"] for each in found["passages"]] == ["Tea is green."]
    assert len(found["runs"]) == 1 and found["steps"][0]["total_tokens"] > 0
    assert [each["key"] for each in found["secrets"]] == ["KEY"] and "hidden-value" not in str(found)
    assert [each["id"] for each in exported(org, agent_id=made)["agents"]] == [made]


def test_a_long_history_is_exported_whole(org: Org) -> None:
    made = agent(org, *(f"Number {number}." for number in range(450)))
    found = exported(org, agent_id=made)
    texts = {part["text"] for each in found["messages"] for part in each["content"]}
    assert {f"Number {number}." for number in range(450)} <= texts


def test_what_cannot_be_exported(org: Org) -> None:
    assert org.http.get("/v1/export/").status_code == 400
    both = {"identity_id": missing("identity"), "agent_id": missing("agent")}
    assert org.http.get("/v1/export/", params=both).status_code == 400
    for name, id in both.items():
        assert org.http.get("/v1/export/", params={name: id}).status_code == 404


def test_the_log_says_what_was_done_and_nothing_of_what_was_said(fresh_server: FreshServer) -> None:
    org = new_org(fresh_server({"HOLDFAST_FORGET_REWRITE_SECONDS": "0"}))
    secret = canary()
    made = agent(org, secret.text, name=secret.plain)
    lent = archive(org, name=secret.accented)
    kept = passage(org, lent, secret.text)
    exported(org, agent_id=made)
    job = forget(org, agent_id=made)
    forget(org, passage_id=kept["id"])
    entries = ok(org.http.get("/v1/audit/"))
    assert [(each["action"], each["target"]) for each in entries] == [
        ("forget", kept["id"]),
        ("forget", made),
        ("export", made),
    ]
    assert entries[1]["details"]["erased"] == job["erased"]
    assert entries[2]["details"]["exported"]["messages"] == 2
    assert all(each["key_id"] for each in entries)
    assert secret.plain not in str(entries) and secret.accented not in str(entries)


def test_who_may_read_the_log(org: Org) -> None:
    agent_id = agent(org)
    org.http.post("/v1/forget/", json={"agent_id": agent_id})
    other = new_org(org.server)
    assert ok(other.http.get("/v1/audit/")) == []
    assert other.http.get("/v1/audit/", params={"organization_id": org.id}).status_code == 403
    of_admin = ok(org.server.http.get("/v1/audit/", params={"organization_id": org.id}))
    assert [each["target"] for each in of_admin] == [agent_id]


def test_a_key_that_only_reads_cannot_forget(org: Org) -> None:
    made = agent(org)
    key = ok(org.http.post("/v1/keys/", json={"name": "reader", "scopes": ["read"]}))["key"]
    reader = org.server.http_as(key)
    assert reader.post("/v1/forget/", json={"agent_id": made}).status_code == 403
    assert reader.get("/v1/export/", params={"agent_id": made}).status_code == 200


def test_from_the_terminal(fresh_server: FreshServer) -> None:
    server = fresh_server({"HOLDFAST_FORGET_REWRITE_SECONDS": "0"})
    made = ok(server.http.post("/v1/agents/", json={"name": "bob", "memory_blocks": []}))["id"]
    target = server.home / "bob.json"
    assert str(target) in output(beside(server, "export", "bob", str(target)))
    assert target.stat().st_mode & 0o077 == 0
    assert made in target.read_text()
    said = output(beside(server, "forget", "bob", "--yes"))
    assert "1 agent" in said and "in no file" in said
    assert server.http.get(f"/v1/agents/{made}").status_code == 404
    listed = output(beside(server, "audit"))
    assert listed.count(made) == 2 and "forget" in listed and "export" in listed
    refused = beside(server, "forget", made, "--yes")
    assert refused.returncode != 0 and made in refused.stderr
    assert "--thread" in beside(server, "forget", missing("message"), "--thread").stderr
    assert "No agent" in beside(server, "export", "nobody").stderr
