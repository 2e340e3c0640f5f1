"""Batches of messages to many agents (CONTRACT §2.8, §15)."""

import threading
from collections.abc import Iterator

import pytest

from tests.archives.holding import ok
from tests.fakes.files_server import FilesServer, Served
from tests.fakes.openai_script import Json, Reply, from_directives
from tests.fakes.openai_server import OpenAIServer
from tests.files.holding import folder, put
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.jobs.batching import BATCHES, batch, counts, messages, over, request, send, texts
from tests.messages.talking import agent, missing, of_agent
from tests.turns.test_processes import on


@pytest.fixture
def gate(models: OpenAIServer) -> Iterator[threading.Event]:
    """The model does not answer who asks it to HOLD before this is set."""
    opened = threading.Event()

    def script(asked: Json) -> Reply:
        last = str(asked["messages"][-1]["content"])
        return Reply("held", waits=opened) if "HOLD" in last else from_directives(asked)

    models.script = script
    yield opened
    opened.set()


def held(org: Org, id: str, count: int = 1) -> None:
    until(lambda: batch(org, id)["metadata"]["running"] == count, f"{count} requests at work", 60)


@pytest.mark.contract("batches.worked")
def test_every_request_is_a_run_and_those_of_one_agent_come_in_order(org: Org, models: OpenAIServer) -> None:
    first, second = agent(org), agent(org)
    made = send(
        org,
        request(first, "REPLY one"),
        request(second, "REPLY two"),
        request(first, "REPLY three"),
        request(second, "FAIL 400"),
        {"agent_id": second, "input": "REPLY four", "streaming": True},
    )
    assert made["id"].startswith("job-")
    assert (made["status"], made["job_type"], made["metadata"]["total"]) == ("running", "batch", 5)
    ended = over(org, made["id"])
    assert (ended["status"], counts(ended)) == ("completed", {"succeeded": 4, "failed": 1})
    assert ended["completed_at"] >= ended["created_at"]
    (failure,) = ended["metadata"]["failures"]
    assert (failure["agent_id"], "scripted failure" in failure["message"]) == (second, True)
    assert ok(org.http.get(f"/v1/runs/{failure['run_id']}"))["status"] == "failed"
    said = [
        each["content"] for each in of_agent(org, first, order="asc") if each["message_type"] == "assistant_message"
    ]
    assert said == ["one", "three"]
    runs = ok(org.http.get("/v1/runs/"))
    assert [(run["metadata"]["run_type"], run["background"]) for run in runs] == [("batch", True)] * 5


@pytest.mark.contract("batches.messages")
def test_what_was_said_is_listed_in_pages_and_by_agent(org: Org, models: OpenAIServer) -> None:
    first, second = agent(org, "before", "the batch"), agent(org)
    made = over(org, send(org, request(first, "REPLY one"), request(second, "REPLY two"))["id"])["id"]
    said = messages(org, made)
    assert sorted(texts(said)) == ["REPLY one", "REPLY two", "one", "two"]
    assert texts(messages(org, made, agent_id=first)) == ["REPLY one", "one"]
    asked, answered = messages(org, made, agent_id=second)
    assert (
        asked["batch_item_id"] == answered["batch_item_id"] != messages(org, made, agent_id=first)[0]["batch_item_id"]
    )
    assert (asked["role"], answered["role"], answered["agent_id"]) == ("user", "assistant", second)
    assert messages(org, made, limit=2) + messages(org, made, limit=2, after=said[1]["id"]) == said
    assert messages(org, made, order="desc") == said[::-1]


@pytest.mark.contract("batches.listed")
def test_a_batch_is_listed_while_it_is_at_work_and_stays_among_the_jobs(
    org: Org, models: OpenAIServer, gate: threading.Event
) -> None:
    owner = agent(org)
    made = [send(org, request(owner, text))["id"] for text in ("HOLD", "REPLY a", "REPLY b")]
    assert [each["id"] for each in ok(org.http.get(BATCHES))] == made[::-1]
    assert [each["id"] for each in ok(org.http.get(BATCHES, params={"after": made[1]}))] == made[:1]
    assert [each["id"] for each in ok(org.http.get("/v1/jobs/active"))] == made
    gate.set()
    for id in made:
        assert over(org, id)["status"] == "completed"
    assert ok(org.http.get(BATCHES)) == []
    file = put(org, folder(org), "a.txt", "one gull")["id"].replace("file-", "job-")
    assert [each["id"] for each in ok(org.http.get("/v1/jobs/"))] == [file, *made[::-1]]
    assert [each["id"] for each in ok(org.http.get("/v1/jobs/", params={"limit": 2, "after": file}))] == made[:0:-1]
    assert [each["id"] for each in ok(org.http.get("/v1/jobs/", params={"limit": 1, "before": made[2]}))] == [file]
    assert ok(org.http.get(f"/v1/jobs/{made[0]}")) == batch(org, made[0])
    assert ok(org.http.delete(f"/v1/jobs/{made[0]}"))["job_type"] == "batch"
    assert org.http.get(f"{BATCHES}/{made[0]}").status_code == 404
    assert "HOLD" in str(of_agent(org, owner))


@pytest.mark.contract("batches.cancelled")
def test_cancelling_stops_what_runs_and_what_waits(org: Org, models: OpenAIServer, gate: threading.Event) -> None:
    first, second = agent(org), agent(org)
    made = send(
        org, request(first, "REPLY one"), request(first, "HOLD"), request(first, "tardy words"), request(second, "HOLD")
    )
    until(lambda: counts(batch(org, made["id"])) == {"succeeded": 1, "running": 2, "waiting": 1}, "two to be held", 60)
    stopped = org.http.patch(f"{BATCHES}/{made['id']}/cancel")
    assert (stopped.status_code, stopped.text) == (200, "null")
    ended = batch(org, made["id"])
    assert (ended["status"], counts(ended)) == ("cancelled", {"succeeded": 1, "cancelled": 3})
    assert {run["status"] for run in ok(org.http.get("/v1/runs/"))} == {"completed", "cancelled"}
    again = org.http.patch(f"{BATCHES}/{made['id']}/cancel")
    assert again.status_code == 409
    assert "is over" in again.json()["detail"]
    assert "tardy" not in str(of_agent(org, first))
    other = send(org, request(second, "HOLD"))
    held(org, other["id"])
    assert ok(org.http.delete(f"/v1/jobs/{other['id']}"))["status"] == "cancelled"
    assert ok(org.http.get("/v1/runs/", params={"active": True})) == []


def test_a_batch_that_fails_altogether_has_failed(org: Org, models: OpenAIServer) -> None:
    owner, other = agent(org), agent(org)
    nowhere = request(other, "hi", override_model="nobody/nothing")
    ended = over(org, send(org, request(owner, "FAIL 400"), nowhere)["id"])
    assert (ended["status"], counts(ended)) == ("failed", {"failed": 2})
    assert ended["metadata"]["failures"][1]["run_id"] is None
    assert "no model provider 'nobody'" in ended["metadata"]["failures"][1]["message"]


@pytest.mark.contract("batches.agent-deleted")
def test_a_deleted_agent_takes_its_requests_along(org: Org, models: OpenAIServer, gate: threading.Event) -> None:
    first, second = agent(org), agent(org)
    made = send(org, request(first, "HOLD"), request(second, "REPLY one"), request(second, "HOLD"))["id"]
    held(org, made, 2)
    for run in ok(org.http.get("/v1/runs/", params={"agent_id": second, "active": True})):
        ok(org.http.post(f"/v1/agents/{second}/messages/cancel", json={"run_ids": [run["id"]]}))
    assert org.http.delete(f"/v1/agents/{second}").status_code == 200
    gate.set()
    ended = over(org, made)
    assert (ended["status"], counts(ended), ended["metadata"]["total"]) == ("completed", {"succeeded": 1}, 1)


@pytest.mark.contract("batches.tenants")
def test_another_organization_sees_nothing(org: Org, models: OpenAIServer) -> None:
    made = over(org, send(org, request(agent(org), "REPLY one"))["id"])["id"]
    other = new_org(org.server)
    for path in (f"{BATCHES}/{made}", f"{BATCHES}/{made}/messages", f"/v1/jobs/{made}"):
        assert other.http.get(path).status_code == 404
    assert other.http.patch(f"{BATCHES}/{made}/cancel").status_code == 404
    assert other.http.delete(f"/v1/jobs/{made}").status_code == 404
    assert ok(other.http.get("/v1/jobs/")) == []
    theirs = other.http.post(BATCHES, json={"requests": [request(agent(org), "hi")]})
    assert theirs.status_code == 404


def test_an_id_that_no_batch_has_is_404_whatever_its_form(org: Org) -> None:
    for id in ("garbage", "job-00000000-0000-4000-8000-000000000000"):
        for path in (f"{BATCHES}/{id}", f"{BATCHES}/{id}/messages"):
            assert org.http.get(path).status_code == 404
        assert org.http.patch(f"{BATCHES}/{id}/cancel").status_code == 404


@pytest.mark.contract("batches.refused")
def test_what_cannot_be_worked_on_is_refused_before_anything_begins(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    fine = request(owner, "REPLY one")
    nobody = missing("agent")
    unknown = org.http.post(BATCHES, json={"requests": [fine, request(nobody, "hi")]})
    assert unknown.status_code == 404
    assert nobody in unknown.json()["detail"]
    wrong: list[tuple[int, Json]] = [
        (422, {"requests": []}),
        (422, {}),
        (422, {"requests": [{"agent_id": owner}]}),
        (422, {"requests": [{"messages": fine["messages"]}]}),
        (422, {"requests": [request("agent-7", "hi")]}),
        (400, {"requests": [fine, request(owner, "")]}),
        (400, {"requests": [fine], "callback_url": "http://127.0.0.1:9/"}),
        (422, {"requests": [{}] * 5001}),
    ]
    for status, body in wrong:
        refused = org.http.post(BATCHES, json=body)
        assert (refused.status_code, bool(refused.json()["detail"])) == (status, True), refused.text
    assert ok(org.http.get("/v1/jobs/")) == []
    assert ok(org.http.get("/v1/runs/")) == []
    assert org.http.get(f"{BATCHES}/{missing('job')}").status_code == 404


@pytest.fixture
def listener() -> Iterator[FilesServer]:
    with FilesServer() as server:
        server.files["/done"] = Served(status=204)
        yield server


@pytest.mark.contract("batches.survives")
@pytest.mark.contract("batches.callback")
def test_a_batch_goes_on_when_its_server_is_killed_and_calls_back(
    fresh_server: FreshServer, models: OpenAIServer, gate: threading.Event, listener: FilesServer
) -> None:
    server = fresh_server({"HOLDFAST_ALLOW_PRIVATE_URLS": "true"})
    org = new_org(server)
    first, second = agent(org), agent(org)
    made = send(
        org,
        request(first, "REPLY one"),
        request(first, "HOLD"),
        request(second, "HOLD"),
        request(first, "REPLY two"),
        callback_url=f"{listener.url}/done",
    )["id"]
    held(org, made, 2)
    server.kill9()
    gate.set()
    server.start()
    ended = over(org, made)
    assert (ended["status"], counts(ended)) == ("completed", {"succeeded": 4})
    assert len(ok(org.http.get("/v1/runs/"))) == 4
    assert texts(messages(org, made, agent_id=first)) == ["REPLY one", "one", "HOLD", "held", "REPLY two", "two"]
    until(lambda: batch(org, made)["callback_sent_at"], "the callback", 60)
    ((path, told),) = listener.posted
    assert (path, told["job_id"], told["status"], told["metadata"]["succeeded"]) == ("/done", made, "completed", 4)
    assert batch(org, made)["callback_error"] is None


def beside(fresh_server: FreshServer, org: Org) -> Org:
    """The same organization at another server of the same database."""
    env = {"HOLDFAST_ENCRYPTION_KEY": (org.server.data / "encryption.key").read_text()}
    return on(fresh_server(env, database=org.server.env["LETTA_PG_URI"]), org)


@pytest.mark.contract("batches.several-servers")
@pytest.mark.parametrize("engine", ["postgres"])
def test_two_servers_work_on_no_request_twice(fresh_server: FreshServer, models: OpenAIServer) -> None:
    org = new_org(fresh_server())
    there = beside(fresh_server, org)
    agents = [agent(org) for _ in range(3)]
    sent = [send(org, *(request(owner, f"REPLY {turn}") for turn in range(4) for owner in agents)) for _ in range(3)]
    for made in sent:
        assert counts(over(there, made["id"])) == {"succeeded": 12}
    assert len(models.chats) == 36
    assert len(ok(org.http.get("/v1/runs/"))) == 36


@pytest.mark.contract("batches.survives.elsewhere")
@pytest.mark.parametrize("engine", ["postgres"])
def test_the_other_server_goes_on_with_the_batch_of_a_killed_one(
    fresh_server: FreshServer, models: OpenAIServer, gate: threading.Event
) -> None:
    """It is killed when some of its requests are answered, eight are at work, and the others wait."""
    org = new_org(fresh_server())
    agents = [agent(org) for _ in range(10)]
    made = send(org, *(request(owner, line) for line in ("REPLY one", "HOLD", "REPLY two") for owner in agents))["id"]
    until(lambda: counts(batch(org, made)) == {"succeeded": 10, "running": 8, "waiting": 12}, "eight at work", 60)
    there = beside(fresh_server, org)
    org.server.kill9()
    gate.set()
    ended = over(there, made)
    assert (ended["status"], counts(ended)) == ("completed", {"succeeded": 30})
    for owner in agents:
        said = texts(messages(there, made, agent_id=owner))
        assert said == ["REPLY one", "one", "HOLD", "held", "REPLY two", "two"]
    found = messages(there, made, limit=1000)
    assert (len(found), len({each["batch_item_id"] for each in found} - {None})) == (60, 30)
    assert len(ok(there.http.get("/v1/runs/"))) == 30
