"""Messages whose answer is a run, and callbacks at its end (CONTRACT §3.1)."""

from collections.abc import Iterator

import pytest

from tests.fakes.files_server import FilesServer, Served
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import free_port, until
from tests.messages.talking import Json, agent, of_agent, say, texts
from tests.turns.backgrounds import over, read, run_of, said
from tests.turns.listening import user
from tests.turns.test_tool_calls import INSERT, NOTES


@pytest.fixture
def listener() -> Iterator[FilesServer]:
    with FilesServer() as server:
        server.files["/done"] = Served(status=204)
        server.files["/moved"] = Served(status=307, headers={"Location": "/done"})
        yield server


@pytest.fixture
def open_org(fresh_server: FreshServer, models: OpenAIServer) -> Org:
    """A tenant of a server whose administrator allows private addresses."""
    return new_org(fresh_server({"HOLDFAST_ALLOW_PRIVATE_URLS": "true"}))


def send(org: Org, owner: str, text: str, **body: object) -> Json:
    answer = org.http.post(f"/v1/agents/{owner}/messages/async", json={**user(text), **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def called_back(org: Org, run: str) -> Json:
    return until(lambda: (found := run_of(org, run))["callback_sent_at"] and found, "the callback")


@pytest.mark.contract("turns.async")
def test_the_run_comes_at_once_and_keeps_the_result(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES)
    models.queue(Reply("Noting.", calls=(INSERT,)), Reply("Done.", delay=0.3))
    run = send(org, owner, "note it")
    assert (run["status"], run["background"], run["metadata"]) == (
        "created",
        True,
        {"run_type": "send_message_async"},
    )
    ended = over(org, run["id"])
    assert (ended["status"], ended["stop_reason"]) == ("completed", "end_turn")
    result = ended["metadata"]["result"]
    models.queue(Reply("Noting.", calls=(INSERT,)), Reply("Done."))
    plain = say(org, f"agents/{owner}", "note it")
    assert [m["message_type"] for m in result["messages"]] == [m["message_type"] for m in plain["messages"]]
    assert result["stop_reason"] == plain["stop_reason"]
    assert result["usage"]["step_count"] == 2
    assert result["usage"]["run_ids"] == [run["id"]]
    assert said(read(org, run["id"])) == ["Noting.", "Done."]
    assert org.client.runs.retrieve(run["id"]).status == "completed"


@pytest.mark.contract("turns.async.failed")
def test_a_run_that_fails_keeps_the_error(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(status=400, error="no such thing"))
    ended = over(org, send(org, agent(org), "hi")["id"])
    assert (ended["status"], ended["stop_reason"]) == ("failed", "llm_api_error")
    assert "no such thing" in str(ended["metadata"]["error"])
    assert "result" not in ended["metadata"]


def test_the_runs_of_an_agent_come_one_after_the_other(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    runs = [send(org, owner, f"REPLY answer {number}")["id"] for number in range(5)]
    for run in runs:
        assert over(org, run)["status"] == "completed"
    assert [text for text in texts(of_agent(org, owner, order="asc")) if "REPLY" not in text] == [
        f"answer {number}" for number in range(5)
    ]


@pytest.mark.contract("turns.async.callback")
def test_the_end_is_posted_to_the_callback(open_org: Org, models: OpenAIServer, listener: FilesServer) -> None:
    owner = agent(open_org)
    run = send(open_org, owner, "REPLY hi", callback_url=f"{listener.url}/done?key=1")["id"]
    found = called_back(open_org, run)
    assert found["callback_error"] is None
    assert found["callback_status_code"] == 404, "the server knows no path with a query"
    ((path, sent),) = listener.posted
    assert path == "/done?key=1"
    assert sent.keys() == {"run_id", "status", "completed_at", "metadata"}
    assert (sent["run_id"], sent["status"]) == (run, "completed")
    assert sent["metadata"] == found["metadata"]
    moved = called_back(open_org, send(open_org, owner, "REPLY hi", callback_url=f"{listener.url}/moved")["id"])
    assert moved["callback_status_code"] == 307
    assert [path for path, _ in listener.posted] == ["/done?key=1", "/moved"], "redirects are not followed"


@pytest.mark.contract("turns.async.callback-fails")
def test_a_callback_that_fails_is_noted_and_changes_nothing(open_org: Org, models: OpenAIServer) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    found = called_back(open_org, send(open_org, agent(open_org), "REPLY hi", callback_url=nobody)["id"])
    assert found["status"] == "completed"
    assert found["callback_status_code"] is None
    assert "127.0.0.1" in found["callback_error"]


@pytest.mark.contract("turns.async.callback-private")
def test_callbacks_to_private_addresses_are_refused(org: Org, listener: FilesServer) -> None:
    owner = agent(org)
    for url in (f"{listener.url}/done", "http://169.254.169.254/", "file:///etc/passwd", "gopher://x", "x" * 2500):
        refused = org.http.post(f"/v1/agents/{owner}/messages/async", json={**user("hi"), "callback_url": url})
        assert refused.status_code in (400, 422), refused.text
    assert listener.posted == []
    assert org.http.get("/v1/runs/", params={"agent_id": owner}).json() == []
