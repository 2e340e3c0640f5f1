"""Blocks in agents: attached, shared, found by their label (CONTRACT §2.3, §6.2)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from letta_client import ConflictError, NotFoundError

from tests.harness.tenants import Org


def make_block(org: Org, label: str, value: str = "") -> str:
    return org.client.blocks.create(label=label, value=value).id


def make_agent(org: Org, **fields: Any) -> str:
    made = org.http.post("/v1/agents/", json={"memory_blocks": [], **fields})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def labels(org: Org, agent: str, **query: Any) -> list[str]:
    listed = org.http.get(f"/v1/agents/{agent}/core-memory/blocks", params=query)
    assert listed.status_code == 200, listed.text
    return [block["label"] for block in listed.json()]


@pytest.mark.contract("blocks.attach")
def test_attach_and_detach_answer_with_the_agent(org: Org) -> None:
    agent, block = make_agent(org), make_block(org, "notes", "n")
    attached = org.client.agents.blocks.attach(block, agent_id=agent)
    assert [b.id for b in attached.memory.blocks] == [b.id for b in attached.blocks] == [block]
    again = org.client.agents.blocks.attach(block, agent_id=agent)
    assert [b.id for b in again.blocks] == [block]
    detached = org.client.agents.blocks.detach(block, agent_id=agent)
    assert detached.id == agent
    assert detached.blocks == []
    assert org.client.blocks.retrieve(block).value == "n"
    with pytest.raises(NotFoundError):
        org.client.agents.blocks.detach(block, agent_id=agent)


@pytest.mark.contract("blocks.order")
def test_an_agent_keeps_its_blocks_in_the_order_of_attaching(org: Org) -> None:
    a, b, c, d = (make_block(org, label) for label in "abcd")
    agent = make_agent(org, block_ids=[c, a])
    org.client.agents.blocks.attach(b, agent_id=agent)
    org.client.agents.blocks.detach(a, agent_id=agent)
    state = org.client.agents.blocks.attach(d, agent_id=agent)
    assert [block.id for block in state.blocks] == [c, b, d]


@pytest.mark.contract("blocks.shared")
def test_an_edit_shows_in_every_agent_that_holds_the_block(org: Org) -> None:
    block = make_block(org, "shared", "old")
    first, second = make_agent(org, block_ids=[block]), make_agent(org, block_ids=[block])
    org.client.agents.blocks.update("shared", agent_id=first, value="new")
    assert org.client.agents.blocks.retrieve("shared", agent_id=second).value == "new"
    assert org.client.blocks.retrieve(block).value == "new"
    agents = [agent.id for agent in org.client.blocks.agents.list(block)]
    assert agents == [second, first]
    assert [agent.id for agent in org.client.blocks.agents.list(block, limit=1, order="asc")] == [first, second]


def test_edits_at_the_same_time_all_succeed(org: Org) -> None:
    block = make_block(org, "busy")
    agent = make_agent(org, block_ids=[block])
    paths = (f"/v1/blocks/{block}", f"/v1/agents/{agent}/core-memory/blocks/busy")

    def edit(number: int) -> int:
        return org.http.patch(paths[number % 2], json={"value": f"v{number}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(edit, range(32))) == {200}
    assert org.client.blocks.retrieve(block).value in {f"v{number}" for number in range(32)}


@pytest.mark.contract("blocks.delete.everywhere")
def test_a_deleted_block_is_gone_from_its_agents(org: Org) -> None:
    block = make_block(org, "shared")
    agent = make_agent(org, block_ids=[block])
    org.client.blocks.delete(block)
    assert labels(org, agent) == []
    assert org.http.get(f"/v1/agents/{agent}").status_code == 200


@pytest.mark.contract("blocks.unique-labels")
def test_two_blocks_of_one_label_do_not_fit_into_an_agent(org: Org) -> None:
    first, second = make_block(org, "notes"), make_block(org, "notes")
    agent = make_agent(org, block_ids=[first])
    with pytest.raises(ConflictError):
        org.client.agents.blocks.attach(second, agent_id=agent)
    refused = org.http.patch(f"/v1/agents/{agent}/core-memory/blocks/attach/{second}")
    assert refused.status_code == 409
    assert "'notes'" in refused.json()["detail"]
    assert labels(org, agent) == ["notes"]


@pytest.mark.contract("blocks.unique-labels")
def test_a_block_cannot_be_renamed_to_a_label_that_its_agent_has(org: Org) -> None:
    first, second = make_block(org, "a"), make_block(org, "b")
    agent = make_agent(org, block_ids=[first, second])
    for path in (f"/v1/blocks/{second}", f"/v1/agents/{agent}/core-memory/blocks/b"):
        assert org.http.patch(path, json={"label": "a"}).status_code == 409
    assert org.http.patch(f"/v1/blocks/{second}", json={"label": "b", "value": "x"}).status_code == 200
    assert labels(org, agent, order="asc") == ["a", "b"]


@pytest.mark.contract("blocks.of-agent")
def test_the_blocks_of_an_agent_are_listed_and_found_by_label(org: Org) -> None:
    agent = make_agent(org, memory_blocks=[{"label": label, "value": label * 2} for label in ("a", "b", "c")])
    assert labels(org, agent) == ["c", "b", "a"]
    assert labels(org, agent, order="asc", limit=2) == ["a", "b"]
    assert [block.label for block in org.client.agents.blocks.list(agent, limit=1)] == ["c", "b", "a"]
    assert org.client.agents.blocks.retrieve("b", agent_id=agent).value == "bb"
    changed = org.client.agents.blocks.update("b", agent_id=agent, value="new", description="d", limit=7)
    assert (changed.value, changed.description, changed.limit) == ("new", "d", 7)


@pytest.mark.contract("blocks.of-agent")
def test_a_label_that_is_not_attached_is_404(org: Org) -> None:
    agent = make_agent(org)
    make_block(org, "loose")
    missing = org.http.get(f"/v1/agents/{agent}/core-memory/blocks/loose")
    assert missing.status_code == 404
    assert "'loose'" in missing.json()["detail"]
    assert org.http.patch(f"/v1/agents/{agent}/core-memory/blocks/loose", json={"value": "x"}).status_code == 404


@pytest.mark.contract("blocks.of-agent")
@pytest.mark.parametrize("label", ["system/persona", "a b", "ä/日本", "100%", "a%2Fb", "..", "attach", "?#&"])
def test_a_label_may_hold_what_a_path_must_escape(org: Org, label: str) -> None:
    agent = make_agent(org, memory_blocks=[{"label": label, "value": "v"}])
    path = f"/v1/agents/{agent}/core-memory/blocks/{quote(label, safe='').replace('..', '%2E%2E')}"
    assert org.http.get(path).json()["label"] == label
    assert org.http.patch(path, json={"value": "w"}).json()["value"] == "w"


def test_a_nul_in_a_path_finds_nothing(org: Org) -> None:
    agent = make_agent(org)
    assert org.http.get(f"/v1/agents/{agent}/core-memory/blocks/%00").status_code == 404


@pytest.mark.contract("blocks.memory")
def test_core_memory_is_the_memory_of_the_generation_before(org: Org) -> None:
    agent = make_agent(org, memory_blocks=[{"label": "human", "value": "Ada"}])
    memory = org.http.get(f"/v1/agents/{agent}/core-memory").json()
    assert [block["value"] for block in memory["blocks"]] == ["Ada"]
    assert memory["file_blocks"] == []


@pytest.mark.contract("blocks.agents.include")
def test_only_older_clients_get_relations_unasked(org: Org) -> None:
    block = make_block(org, "b")
    make_agent(org, block_ids=[block])
    path, modern = f"/v1/blocks/{block}/agents", {"X-Stainless-Package-Version": "1.12.1"}
    assert len(org.http.get(path).json()[0]["blocks"]) == 1
    assert org.http.get(path, headers=modern).json()[0]["blocks"] == []
    asked = org.http.get(path, headers=modern, params={"include": "agent.blocks"}).json()[0]
    assert len(asked["blocks"]) == 1


def test_an_unknown_agent_or_block_is_404(org: Org) -> None:
    agent, block = make_agent(org), make_block(org, "b")
    nobody, nothing = f"agent-{agent[6:-1]}0", f"block-{block[6:-1]}0"
    nobody = nobody if nobody != agent else f"agent-{agent[6:-1]}1"
    nothing = nothing if nothing != block else f"block-{block[6:-1]}1"
    for method, path in (
        ("GET", f"/v1/agents/{nobody}/core-memory"),
        ("GET", f"/v1/agents/{nobody}/core-memory/blocks"),
        ("GET", f"/v1/agents/{nobody}/core-memory/blocks/b"),
        ("PATCH", f"/v1/agents/{nobody}/core-memory/blocks/attach/{block}"),
        ("PATCH", f"/v1/agents/{agent}/core-memory/blocks/attach/{nothing}"),
        ("PATCH", f"/v1/agents/{agent}/core-memory/blocks/detach/{block}"),
        ("GET", f"/v1/blocks/{nothing}/agents"),
    ):
        assert org.http.request(method, path).status_code == 404, path
