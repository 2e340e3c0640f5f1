"""Requests that arrive more than once are worked on once (DESIGN §5)."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, texts
from tests.turns.listening import MODERN, Later, active, events, user


def repeat(org: Org, agent_id: str, text: str, count: int = 1, **body: Any) -> httpx.Response:
    headers = {**MODERN, "x-stainless-retry-count": str(count)}
    return org.http.post(f"/v1/agents/{agent_id}/messages", json={**user(text), **body}, headers=headers)


def keyed(org: Org, path: str, body: Json, key: str) -> httpx.Response:
    return org.http.post(path, json=body, headers={**MODERN, "Idempotency-Key": key})


@pytest.mark.contract("turns.repeated.live")
def test_a_repeat_joins_the_run_at_work(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The answer.", delay=1.5))
    owner = agent(org)
    with pytest.raises(httpx.ReadTimeout):
        org.http.post(f"/v1/agents/{owner}/messages", json=user("hello"), timeout=0.4)
    (run,) = active(org, owner)
    answer = repeat(org, owner, "hello").json()
    assert answer["usage"]["run_ids"] == [run["id"]]
    assert answer["messages"][0]["content"] == "The answer."
    assert texts(of_agent(org, owner, order="asc")) == ["hello", "The answer."]


@pytest.mark.contract("turns.repeated.finished")
def test_a_repeat_gets_the_answer_of_a_run_that_has_just_finished(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The answer."))
    owner = agent(org)
    first = org.http.post(f"/v1/agents/{owner}/messages", json=user("hello")).json()
    assert repeat(org, owner, "hello", 2).json() == first
    assert len(models.chats) == 1
    found = repeat(org, owner, "hello", streaming=True)
    assert found.status_code == 200
    assert len(models.chats) == 2, "a stream is another request"


def test_only_the_same_request_is_a_repeat(org: Org, models: OpenAIServer) -> None:
    owner, other = agent(org), agent(org)
    org.http.post(f"/v1/agents/{owner}/messages", json=user("REPLY one"))
    assert repeat(org, owner, "REPLY two").json()["messages"][0]["content"] == "two"
    assert repeat(org, other, "REPLY one").status_code == 200
    again = org.http.post(f"/v1/agents/{owner}/messages", json=user("REPLY one"))
    assert again.status_code == 200
    assert len(models.chats) == 4


def test_a_run_that_failed_is_not_joined(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(status=400, error="no"), Reply("yes"))
    owner = agent(org)
    assert org.http.post(f"/v1/agents/{owner}/messages", json=user("hello")).status_code == 400
    assert repeat(org, owner, "hello").json()["messages"][0]["content"] == "yes"


def test_a_repeated_stream_is_heard_from_its_beginning(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The answer.", delay=0.8))
    owner = agent(org)
    body = {**user("hello"), "streaming": True}
    with org.http.stream("POST", f"/v1/agents/{owner}/messages", json=body, headers=MODERN) as answer:
        next(events(answer))
    again = repeat(org, owner, "hello", streaming=True)
    assert "The answer." in again.text
    assert again.text.count("[DONE]") == 1
    assert len(models.chats) == 1


@pytest.mark.contract("turns.idempotency-key")
@pytest.mark.parametrize("path", ["agents", "blocks", "agents/{}/messages"])
def test_a_key_is_answered_once(org: Org, models: OpenAIServer, path: str) -> None:
    owner = agent(org)
    bodies: dict[str, Json] = {"agents": {"name": "once"}, "blocks": {"label": "once", "value": "x"}}
    where, body, key = f"/v1/{path.format(owner)}", bodies.get(path, user("REPLY once")), str(uuid4())
    first = keyed(org, where, body, key)
    again = keyed(org, f"{where}/", body, key)
    assert first.status_code == again.status_code == 200, again.text
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["content-type"] == first.headers["content-type"]
    other = keyed(org, where, {**body, "name": "twice", **user("REPLY twice")}, key)
    assert other.status_code == 422
    assert key in other.json()["detail"]
    assert keyed(org, where, body, str(uuid4())).json() != first.json()


def test_a_stream_is_replayed_as_a_stream(org: Org, models: OpenAIServer) -> None:
    owner, key = agent(org), str(uuid4())
    body = {**user("REPLY once"), "streaming": True}
    first, again = (keyed(org, f"/v1/agents/{owner}/messages", body, key) for _ in range(2))
    assert again.text == first.text
    assert again.headers["content-type"].startswith("text/event-stream")
    assert len(models.chats) == 1


def test_a_stream_whose_client_left_is_kept_for_its_repeat(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The answer.", delay=0.8))
    owner, key = agent(org), str(uuid4())
    body = {**user("hello"), "streaming": True}
    headers = {**MODERN, "Idempotency-Key": key}
    with org.http.stream("POST", f"/v1/agents/{owner}/messages", json=body, headers=headers) as answer:
        next(events(answer))
    assert "The answer." in keyed(org, f"/v1/agents/{owner}/messages", body, key).text
    assert len(models.chats) == 1


@pytest.mark.contract("turns.idempotency-key.running")
def test_a_repeat_waits_for_the_first_answer(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The answer.", delay=1.0))
    owner, key = agent(org), str(uuid4())
    where = f"/v1/agents/{owner}/messages"
    first = Later(lambda: keyed(org, where, user("hello"), key))
    assert models.asked.wait(60)
    again = keyed(org, where, user("hello"), key)
    assert again.content == first.result().content
    assert len(models.chats) == 1


@pytest.mark.contract("turns.idempotency-key.errors")
def test_an_error_is_not_kept(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply(status=400, error="no"), Reply("yes"))
    owner, key = agent(org), str(uuid4())
    where = f"/v1/agents/{owner}/messages"
    assert keyed(org, where, user("hello"), key).status_code == 400
    assert keyed(org, where, user("hello"), key).json()["messages"][0]["content"] == "yes"


def test_keys_of_tenants_are_their_own(org: Org) -> None:
    other, key = new_org(org.server), str(uuid4())
    first = keyed(org, "/v1/blocks/", {"label": "a", "value": "mine"}, key)
    second = keyed(other, "/v1/blocks/", {"label": "b", "value": "theirs"}, key)
    assert (first.json()["value"], second.json()["value"]) == ("mine", "theirs")


def test_a_key_has_a_bounded_length(org: Org) -> None:
    assert keyed(org, "/v1/blocks/", {"label": "a", "value": "x"}, "k" * 256).status_code == 400
    assert keyed(org, "/v1/blocks/", {"label": "a", "value": "x"}, "k" * 255).status_code == 200


def test_a_key_held_by_a_killed_server_is_free_again(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server()
    org = new_org(server)
    models.queue(Reply("never said", delay=60), Reply("yes"))
    owner, key = agent(org), str(uuid4())
    where = f"/v1/agents/{owner}/messages"
    first = Later(lambda: keyed(org, where, user("hello"), key))
    assert models.asked.wait(60)
    server.kill9()
    first.result()
    server.start()
    until(lambda: not active(org, owner), "the end of the orphaned run")
    assert keyed(org, where, user("hello"), key).json()["messages"][0]["content"] == "yes"


def test_what_the_official_client_repeats_is_done_once(org: Org, models: OpenAIServer) -> None:
    models.queue(Reply("The answer.", delay=1.2))
    owner = agent(org)
    client = org.client.with_options(max_retries=2, timeout=0.6)
    answer = client.agents.messages.create(owner, messages=[{"role": "user", "content": "hello"}])
    assert [getattr(message, "content", None) for message in answer.messages] == ["The answer."]
    assert len(models.chats) == 1
