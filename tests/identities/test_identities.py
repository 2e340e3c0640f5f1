"""Identities: whom agents and blocks belong to (CONTRACT §2.10, §14)."""

from typing import Any

import pytest

from tests.harness.tenants import Org

UNKNOWN = "identity-00000000-0000-4000-8000-000000000000"
FIELDS = {"id", "identifier_key", "name", "identity_type", "project_id", "agent_ids", "block_ids", "properties"}


def body(key: str = "ada", **fields: Any) -> dict[str, Any]:
    return {"identifier_key": key, "name": "Ada", "identity_type": "user", **fields}


def make(org: Org, key: str = "ada", **fields: Any) -> dict[str, Any]:
    made = org.http.post("/v1/identities/", json=body(key, **fields))
    assert made.status_code == 200, made.text
    return made.json()


def make_agent(org: Org, **fields: Any) -> str:
    made = org.http.post("/v1/agents/", json={"memory_blocks": [], **fields})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def make_block(org: Org) -> str:
    return org.client.blocks.create(label="b", value="v").id


def ids(org: Org, path: str = "/v1/identities/", **query: Any) -> list[str]:
    listed = org.http.get(path, params=query)
    assert listed.status_code == 200, listed.text
    return [item["id"] for item in listed.json()]


@pytest.mark.contract("identities.create")
def test_a_new_identity_answers_whole(org: Org) -> None:
    properties = [{"key": "age", "value": 36, "type": "number"}, {"key": "x", "value": {"a": [1]}, "type": "json"}]
    identity = make(org, properties=properties, project_id="p")
    assert set(identity) == FIELDS
    assert identity["id"].startswith("identity-")
    assert identity["properties"] == properties
    assert (identity["agent_ids"], identity["block_ids"]) == ([], [])
    assert org.http.get(f"/v1/identities/{identity['id']}").json() == identity


@pytest.mark.contract("identities.create.links")
def test_agents_and_blocks_may_come_with_a_create(org: Org) -> None:
    agent, block = make_agent(org), make_block(org)
    identity = make(org, agent_ids=[agent, agent], block_ids=[block])
    assert (identity["agent_ids"], identity["block_ids"]) == ([agent], [block])
    assert ids(org, f"/v1/identities/{identity['id']}/agents") == [agent]
    assert ids(org, f"/v1/identities/{identity['id']}/blocks") == [block]


@pytest.mark.contract("identities.create.links")
@pytest.mark.parametrize("field,prefix", [("agent_ids", "agent"), ("block_ids", "block")])
def test_links_to_nothing_are_refused_and_nothing_is_made(org: Org, field: str, prefix: str) -> None:
    nobody = f"{prefix}{UNKNOWN.removeprefix('identity')}"
    for method in ("POST", "PUT"):
        assert org.http.request(method, "/v1/identities/", json={**body(), field: [nobody]}).status_code == 404
    identity = make(org, "other")
    assert org.http.patch(f"/v1/identities/{identity['id']}", json={field: [nobody]}).status_code == 404
    assert ids(org) == [identity["id"]]


@pytest.mark.contract("identities.unique-key")
def test_a_key_is_unique_within_a_project(org: Org) -> None:
    first = make(org)
    clash = org.http.post("/v1/identities/", json=body())
    assert clash.status_code == 409
    assert first["id"] in clash.json()["detail"]
    other = make(org, project_id="p")
    assert org.http.post("/v1/identities/", json=body(project_id="p")).status_code == 409
    renamed = make(org, "free")
    assert org.http.patch(f"/v1/identities/{renamed['id']}", json={"identifier_key": "ada"}).status_code == 409
    assert org.http.patch(f"/v1/identities/{first['id']}", json={"identifier_key": "ada"}).status_code == 200
    assert ids(org) == [renamed["id"], other["id"], first["id"]]


@pytest.mark.contract("identities.upsert")
def test_put_makes_it_once_and_then_brings_it_up_to_date(org: Org) -> None:
    agent = make_agent(org)
    first = org.http.put("/v1/identities/", json=body(agent_ids=[agent])).json()
    properties = [{"key": "k", "value": True, "type": "boolean"}]
    second = org.http.put("/v1/identities/", json=body(name="Grace", identity_type="org", properties=properties)).json()
    assert second["id"] == first["id"]
    assert (second["name"], second["identity_type"], second["properties"]) == ("Grace", "org", properties)
    assert second["agent_ids"] == [agent]
    assert org.http.get("/v1/identities/count").json() == 1


@pytest.mark.contract("identities.update")
def test_lists_replace_and_null_leaves_as_it_is(org: Org) -> None:
    agent, other, block = make_agent(org), make_agent(org), make_block(org)
    properties = [{"key": "k", "value": "v", "type": "string"}]
    identity = make(org, agent_ids=[agent], block_ids=[block], properties=properties)
    path = f"/v1/identities/{identity['id']}"
    assert org.http.patch(path, json=dict.fromkeys(FIELDS - {"id"})).json() == identity
    changed = org.http.patch(path, json={"agent_ids": [other], "block_ids": [], "properties": [], "name": "N"}).json()
    assert changed == {**identity, "agent_ids": [other], "block_ids": [], "properties": [], "name": "N"}
    assert org.http.get(path).json() == changed


@pytest.mark.contract("identities.properties")
def test_properties_are_added_by_key(org: Org) -> None:
    old = [{"key": "a", "value": 1, "type": "number"}, {"key": "b", "value": "x", "type": "string"}]
    new = [{"key": "b", "value": False, "type": "boolean"}, {"key": "c", "value": 1.5, "type": "number"}]
    path = f"/v1/identities/{make(org, properties=old)['id']}"
    answer = org.http.put(f"{path}/properties", json=new)
    assert (answer.status_code, answer.json()) == (200, None)
    assert org.http.get(path).json()["properties"] == [old[0], *new]


@pytest.mark.contract("identities.delete")
def test_a_delete_answers_null_and_leaves_the_agents(org: Org) -> None:
    agent, block = make_agent(org), make_block(org)
    identity = make(org, agent_ids=[agent], block_ids=[block])
    gone = org.http.delete(f"/v1/identities/{identity['id']}")
    assert (gone.status_code, gone.json()) == (200, None)
    assert ids(org) == []
    state = org.http.get(f"/v1/agents/{agent}").json()
    assert (state["identity_ids"], state["identities"]) == ([], [])
    assert org.http.get(f"/v1/blocks/{block}").status_code == 200


@pytest.mark.contract("identities.agents")
def test_the_client_attaches_and_detaches_an_agent(org: Org) -> None:
    agent, identity = make_agent(org), make(org)["id"]
    assert org.client.agents.identities.attach(identity, agent_id=agent) is None
    org.client.agents.identities.attach(identity, agent_id=agent)
    state = org.http.get(f"/v1/agents/{agent}").json()
    assert state["identity_ids"] == [identity]
    assert state["identities"][0]["agent_ids"] == [agent]
    assert [found.id for found in org.client.agents.list(identity_id=identity)] == [agent]
    assert [found.id for found in org.client.agents.list(identifier_keys=["ada", "nobody"])] == [agent]
    assert list(org.client.agents.list(identifier_keys=["nobody"])) == []
    assert org.client.agents.identities.detach(identity, agent_id=agent) is None
    assert org.http.get(f"/v1/agents/{agent}").json()["identity_ids"] == []
    assert org.http.patch(f"/v1/agents/{agent}/identities/detach/{identity}").status_code == 404


@pytest.mark.contract("identities.blocks")
def test_a_block_can_be_about_an_identity(org: Org) -> None:
    block, other, identity = make_block(org), make_block(org), make(org)["id"]
    path = f"/v1/blocks/{block}/identities"
    attached = org.http.patch(f"{path}/attach/{identity}")
    assert attached.json()["id"] == block
    assert org.http.patch(f"{path}/attach/{identity}").status_code == 200
    assert ids(org, "/v1/blocks/", identity_id=identity) == [block]
    assert ids(org, "/v1/blocks/", identifier_keys=["ada"]) == [block]
    assert ids(org, "/v1/blocks/", identifier_keys=["ada"], identity_id=UNKNOWN) == []
    assert ids(org, f"/v1/identities/{identity}/blocks") == [block]
    assert org.http.patch(f"{path}/detach/{identity}").json()["id"] == block
    assert org.http.patch(f"{path}/detach/{identity}").status_code == 404
    assert ids(org, f"/v1/identities/{identity}/blocks") == []
    assert ids(org, "/v1/blocks/") == [block, other]


@pytest.mark.contract("identities.list")
def test_the_newest_come_first_page_by_page(org: Org) -> None:
    made = [make(org, f"k{number}")["id"] for number in range(7)]
    assert ids(org) == made[::-1]
    assert ids(org, order="asc", limit=3) == made[:3]
    assert ids(org, after=made[4], limit=2) == [made[3], made[2]]
    assert ids(org, before=made[3], limit=2) == [made[5], made[4]]
    assert ids(org, order="asc", after=made[4]) == made[5:]
    assert ids(org, order="asc", before=made[2]) == made[:2]
    assert org.http.get("/v1/identities/", params={"after": UNKNOWN}).status_code == 404


@pytest.mark.contract("identities.filter")
def test_filters_narrow_a_list(org: Org) -> None:
    ada = make(org, "ada", project_id="p")["id"]
    acme = make(org, "acme", name="Acme", identity_type="org")["id"]
    for query, expected in (
        ({"name": "Ada"}, [ada]),
        ({"identifier_key": "acme"}, [acme]),
        ({"identity_type": "org"}, [acme]),
        ({"identity_type": "other"}, []),
        ({"project_id": "p"}, [ada]),
        ({"name": "Ada", "identity_type": "org"}, []),
        ({"name": ""}, [acme, ada]),
    ):
        assert ids(org, **query) == expected, query


@pytest.mark.parametrize(
    "wrong",
    [
        {"identity_type": "robot"},
        {"identifier_key": None},
        {"identifier_key": ""},
        {"properties": [{"key": "k", "value": 1}]},
        {"properties": [{"key": "k", "value": 1, "type": "date"}]},
        {"agent_ids": "agent-1"},
    ],
)
def test_what_a_field_cannot_be_is_named(org: Org, wrong: dict[str, Any]) -> None:
    refused = org.http.post("/v1/identities/", json=body(**wrong))
    assert refused.status_code == 422
    assert f"body.{next(iter(wrong))}" in refused.json()["detail"]


@pytest.mark.contract("identities.unknown")
@pytest.mark.parametrize(
    "method,path",
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/agents"),
        ("GET", "/blocks"),
        ("PUT", "/properties"),
    ],
)
def test_an_unknown_identity_is_404(org: Org, method: str, path: str) -> None:
    sent: object = [] if method == "PUT" else {"name": "x"}
    assert org.http.request(method, f"/v1/identities/{UNKNOWN}{path}", json=sent).status_code == 404
    assert org.http.request(method, f"/v1/identities/identity-1{path}", json=sent).status_code == 422


def test_names_and_keys_are_of_any_script(org: Org) -> None:
    identity = make(
        org, "鍵 🔑", name="Ærøskøbing", properties=[{"key": "ключ", "value": "значение", "type": "string"}]
    )
    assert ids(org, identifier_key="鍵 🔑") == [identity["id"]]
    assert org.http.get(f"/v1/identities/{identity['id']}").json() == identity
