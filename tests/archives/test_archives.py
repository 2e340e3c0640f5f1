"""Archives: made, listed, changed, deleted, held by agents (CONTRACT §2.4, §6.4)."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import pytest
from letta_client import ConflictError, NotFoundError

from tests.archives.holding import archive, holder, memory, metadata_of_prompt, ok, passage, remember, texts
from tests.harness.tenants import Org, new_org


@pytest.mark.contract("archives.sdk")
def test_the_client_makes_reads_changes_and_deletes_archives(org: Org) -> None:
    made = org.client.archives.create(name="facts", description="d")
    assert (made.name, made.description, made.vector_db_provider) == ("facts", "d", "native")
    assert made.embedding_config is None
    assert org.client.archives.retrieve(made.id) == made
    changed = org.client.archives.update(made.id, name="more facts")
    assert (changed.name, changed.description) == ("more facts", "d")
    assert [each.id for each in org.client.archives.list()] == [made.id]
    org.client.archives.delete(made.id)
    with pytest.raises(NotFoundError):
        org.client.archives.retrieve(made.id)


@pytest.mark.contract("archives.embedding")
def test_an_archive_may_name_its_embedding_model(org: Org) -> None:
    made = org.client.archives.create(name="a", embedding="holdfast/minilm-l6-v2")
    assert made.embedding_config is not None
    assert (made.embedding_config.handle, made.embedding_config.embedding_dim) == ("holdfast/minilm-l6-v2", 384)
    older = {"embedding_config": {"embedding_model": "holdfast/minilm-l6-v2", "embedding_chunk_size": 200}}
    described = ok(org.http.post("/v1/archives/", json={"name": "b", **older}))
    assert described["embedding_config"]["embedding_chunk_size"] == 200
    stored = passage(org, made.id, "text")
    assert stored["embedding"] is None
    assert stored["embedding_config"]["handle"] == "holdfast/minilm-l6-v2"
    unknown = org.http.post("/v1/archives/", json={"name": "c", "embedding": "nobody/nothing"})
    assert unknown.status_code in (400, 404)
    assert "nobody" in unknown.json()["detail"]


@pytest.mark.contract("archives.list")
def test_archives_are_listed_newest_first_and_paged(org: Org) -> None:
    ids = [archive(org, name=f"archive {number}") for number in range(5)]
    listed = [each["id"] for each in ok(org.http.get("/v1/archives/"))]
    assert listed == ids[::-1]
    assert [each.id for each in org.client.archives.list(limit=2)] == ids[::-1]
    assert [each["id"] for each in ok(org.http.get("/v1/archives/", params={"order": "asc", "limit": 2}))] == ids[:2]
    older = ok(org.http.get("/v1/archives/", params={"after": ids[2]}))
    assert [each["id"] for each in older] == [ids[1], ids[0]]
    assert org.http.get("/v1/archives/", params={"after": f"archive-{uuid4()}"}).status_code == 404


@pytest.mark.contract("archives.filter")
def test_archives_are_found_by_name_and_agent(org: Org) -> None:
    first, _second = archive(org, name="one"), archive(org, name="two")
    agent = holder(org, first)
    assert [each.id for each in org.client.archives.list(name="one")] == [first]
    assert [each.id for each in org.client.archives.list(agent_id=agent)] == [first]
    assert ok(org.http.get("/v1/archives/", params={"agent_id": agent, "name": "two"})) == []


@pytest.mark.contract("archives.attach")
def test_an_archive_is_shared_and_an_agent_holds_one(org: Org) -> None:
    shared, other = archive(org), archive(org, name="other")
    first, second = holder(org), holder(org)
    for agent in (first, second):
        assert org.client.agents.archives.attach(shared, agent_id=agent) is None
    remember(org, first, "said by the first")
    assert texts(org, second) == ["said by the first"]
    assert org.client.agents.archives.attach(shared, agent_id=first) is None
    with pytest.raises(ConflictError):
        org.client.agents.archives.attach(other, agent_id=first)
    holders = ok(org.http.get(f"/v1/archives/{shared}/agents"))
    assert [each["id"] for each in holders] == [second, first]
    assert org.client.agents.archives.detach(shared, agent_id=first) is None
    assert texts(org, first) == []
    assert texts(org, second) == ["said by the first"]
    assert org.http.patch(f"/v1/agents/{first}/archives/detach/{shared}").status_code == 404
    org.client.agents.archives.attach(other, agent_id=first)


@pytest.mark.contract("archives.attach")
def test_of_two_archives_attached_at_once_one_is_refused(org: Org) -> None:
    agent, archives = holder(org), [archive(org), archive(org)]
    with ThreadPoolExecutor(2) as pool:
        paths = [f"/v1/agents/{agent}/archives/attach/{each}" for each in archives]
        answers = list(pool.map(org.http.patch, paths))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert "holds" in refused.json()["detail"]


@pytest.mark.contract("archives.default")
def test_the_first_passages_at_once_make_one_archive(org: Org) -> None:
    agent = holder(org, embedding="holdfast/minilm-l6-v2")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(partial(remember, org, agent), map(str, range(16))))
    assert len({each["archive_id"] for each in made}) == 1
    [own] = ok(org.http.get("/v1/archives/"))
    assert own["embedding"] == "holdfast/minilm-l6-v2"
    assert len(memory(org, agent)) == 16


@pytest.mark.contract("archives.delete")
def test_a_deleted_archive_is_gone_with_its_passages(org: Org) -> None:
    held = archive(org)
    agent = holder(org, held)
    stored = remember(org, agent, "secret", tags=["t"])["id"]
    org.client.archives.delete(held)
    assert org.http.delete(f"/v1/archives/{held}").status_code == 404
    assert memory(org, agent) == []
    assert org.http.get(f"/v1/passages/{stored}/versions").status_code == 404
    assert "archival" not in metadata_of_prompt(org, agent)
    assert remember(org, agent, "again")["archive_id"] != held


@pytest.mark.contract("archives.default")
def test_an_agents_own_archive_goes_with_it_and_shared_ones_stay(org: Org) -> None:
    lonely, sharer, keeper = holder(org), holder(org), holder(org, archive(org))
    remember(org, lonely, "gone")
    shared = remember(org, sharer, "stays")["archive_id"]
    guest = holder(org, shared)
    kept = remember(org, keeper, "stays too")["archive_id"]
    for agent in (lonely, sharer, keeper):
        ok(org.http.delete(f"/v1/agents/{agent}"))
    assert {each["id"] for each in ok(org.http.get("/v1/archives/"))} == {shared, kept}
    assert texts(org, guest) == ["stays"]


@pytest.mark.contract("archives.prompt")
def test_the_prompt_says_how_much_there_is(org: Org) -> None:
    agent = holder(org)
    assert "archival" not in metadata_of_prompt(org, agent)
    first = remember(org, agent, "one", tags=["b", "a"])
    remember(org, agent, "two", tags=["a"])
    said = metadata_of_prompt(org, agent)
    assert "2 passages" in said
    assert "tags: a, b" in said
    assert ok(org.http.get(f"/v1/agents/{agent}/context"))["num_archival_memory"] == 2
    ok(org.http.delete(f"/v1/agents/{agent}/archival-memory/{first['id']}"))
    said = metadata_of_prompt(org, agent)
    assert "1 passages" in said
    assert "tags: a" in said
    assert "b" not in said.partition("tags: ")[2].splitlines()[0]


@pytest.mark.contract("archives.prompt")
def test_an_insert_changes_the_next_prompt_and_nothing_else_does(org: Org) -> None:
    agent = holder(org)

    def prompt() -> str:
        body = {"messages": [{"role": "user", "content": "REPLY hi"}]}
        ok(org.http.post(f"/v1/agents/{agent}/messages", json=body))
        listed = ok(org.http.get(f"/v1/agents/{agent}/messages", params={"order": "asc", "limit": 1}))
        return listed[0]["content"]

    before = prompt()
    assert prompt() == before
    remember(org, agent, "one", tags=["first"])
    after = prompt()
    assert "1 passages" in after
    assert "first" in after
    assert prompt() == after


@pytest.mark.contract("archives.tenants")
def test_nothing_of_another_organization_is_there(org: Org) -> None:
    stranger = new_org(org.server)
    held = archive(org)
    stored = passage(org, held, "secret")["id"]
    theirs = holder(stranger)
    for method, path in (
        ("GET", f"/v1/archives/{held}"),
        ("PATCH", f"/v1/archives/{held}"),
        ("DELETE", f"/v1/archives/{held}"),
        ("GET", f"/v1/archives/{held}/agents"),
        ("PATCH", f"/v1/agents/{theirs}/archives/attach/{held}"),
        ("DELETE", f"/v1/archives/{held}/passages/{stored}"),
        ("GET", f"/v1/passages/{stored}/versions"),
        ("POST", f"/v1/passages/{stored}/undo"),
    ):
        body = {"name": "x"} if method == "PATCH" else None
        assert stranger.http.request(method, path, json=body).status_code == 404, path
    assert ok(stranger.http.get("/v1/archives/")) == []
    assert len(ok(org.http.get("/v1/archives/"))) == 1
