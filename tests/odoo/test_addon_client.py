"""What the add-on for Odoo reads and changes, against the server itself."""

from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.scripted_http import Answer, ScriptedHttp, of_json
from tests.harness.models import MODEL
from tests.harness.server import Server
from tests.harness.tenants import Org
from tests.odoo.addon import activity, http, memory, settings

Json = dict[str, Any]
GONE = "agent-00000000-0000-4000-8000-000000000009"
HUMAN = {"label": "human", "value": "Likes tea."}


def connection(org: Org) -> Any:
    return http.Connection(f"{org.server.url}/", org.key)


def thread(org: Org, *blocks: Json, **fields: Any) -> str:
    made = org.http.post("/v1/agents/", json={"model": MODEL, "memory_blocks": list(blocks), **fields})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def test_blocks_are_read_changed_and_made(org: Org) -> None:
    server, agent = connection(org), thread(org, HUMAN, name="thread_1")
    [human] = memory.blocks(server, agent)
    assert (human["label"], human["value"], human["read_only"]) == ("human", "Likes tea.", False)

    memory.change(server, agent, human, {**human, "value": "Likes coffee.", "limit": 300, "read_only": True})
    memory.create(server, agent, {"label": "company", "value": "Solar", "description": "What we do."})

    shown = {block["label"]: block for block in memory.blocks(server, agent)}
    assert (shown["human"]["value"], shown["human"]["limit"], shown["human"]["read_only"]) == (
        "Likes coffee.",
        300,
        True,
    )
    assert (shown["company"]["value"], shown["company"]["description"]) == ("Solar", "What we do.")


def test_nothing_that_the_agent_has_changed_meanwhile_is_overwritten(org: Org) -> None:
    server, agent = connection(org), thread(org, HUMAN)
    [loaded] = memory.blocks(server, agent)
    org.http.patch(f"/v1/blocks/{loaded['id']}", json={"value": "Likes tea and cake."})

    with pytest.raises(http.HoldfastError, match="changed value of block 'human' since it was loaded"):
        memory.change(server, agent, loaded, {**loaded, "value": "Likes coffee."})
    memory.change(server, agent, loaded, {**loaded, "description": "What is known."})

    [now] = memory.blocks(server, agent)
    assert (now["value"], now["description"]) == ("Likes tea and cake.", "What is known.")


def test_a_block_is_shared_by_two_threads_and_given_back(org: Org) -> None:
    server = connection(org)
    one, two = thread(org, HUMAN, name="thread_1"), thread(org, name="thread_2")
    [offered] = memory.available(server, two, [one, GONE])
    assert memory.available(server, one, [two]) == memory.available(server, two, []) == []

    memory.attach(server, two, offered["id"])
    assert [block["shared_with"] for block in memory.blocks(server, two)] == [["thread_1"]]
    [of_two] = memory.blocks(server, two)
    memory.change(server, two, of_two, {**of_two, "value": "Likes both."})
    assert [block["value"] for block in memory.blocks(server, one)] == ["Likes both."]

    memory.detach(server, two, offered["id"])
    assert memory.blocks(server, two) == []
    assert [block["shared_with"] for block in memory.blocks(server, one)] == [[]]


def test_tool_calls_with_what_they_returned_and_what_the_calls_cost(org: Org, models: OpenAIServer) -> None:
    server, agent = connection(org), thread(org, HUMAN)
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    change = {"label": "human", "old_string": "tea", "new_string": "coffee"}
    wrong = {"label": "human", "old_string": "beer", "new_string": "wine"}
    models.queue(
        Reply(calls=(("memory_replace", change),), usage=usage),
        Reply(calls=(("memory_replace", wrong),), usage=usage),
        Reply("Noted.", usage=usage),
    )
    said = org.http.post(f"/v1/agents/{agent}/messages", json={"input": "I like coffee"}, timeout=60)
    assert said.status_code == 200, said.text

    failed, done = activity.tool_calls(server, agent)

    assert (done["name"], done["status"], '"coffee"' in done["arguments"]) == ("memory_replace", "success", True)
    assert done["returned"]
    assert (failed["status"], "beer" in failed["arguments"]) == ("error", True)
    assert done["called_at"] <= failed["called_at"]
    steps = activity.usage(server, agent)
    assert [(step["total_tokens"], step["prompt_tokens"], step["completion_tokens"]) for step in steps] == [
        (120, 100, 20)
    ] * 3
    assert {step["model"] for step in steps} == {MODEL}


def test_settings_are_read_and_changed(org: Org, models: OpenAIServer) -> None:
    server, agent = connection(org), thread(org)
    loaded = settings.read(server, agent)
    assert loaded["model"] == MODEL

    settings.change(server, agent, loaded, {**loaded, "temperature": 0.1, "max_tokens": 500, "context_window": 16_000})

    now = settings.read(server, agent)
    assert (now["temperature"], now["max_tokens"], now["context_window"]) == (0.1, 500, 16_000)
    org.http.post(f"/v1/agents/{agent}/messages", json={"input": "hello"}, timeout=60).raise_for_status()
    asked = models.chats[-1].body
    assert asked["temperature"] == 0.1
    assert 500 in (asked.get("max_tokens"), asked.get("max_completion_tokens"))
    settings.change(server, agent, now, {**now, "temperature": 0.0, "max_tokens": 0, "context_window": 0})
    assert settings.read(server, agent) == {**now, "temperature": 0.0}


def test_refusals_say_what_the_server_says(org: Org) -> None:
    server, agent = connection(org), thread(org, HUMAN)
    [human] = memory.blocks(server, agent)

    with pytest.raises(http.NotThereError, match=GONE):
        memory.blocks(server, GONE)
    with pytest.raises(http.HoldfastError, match="limit"):
        memory.change(server, agent, human, {**human, "limit": -3})
    with pytest.raises(http.HoldfastError, match="label"):
        memory.create(server, agent, {"label": "", "value": "x"})


def test_a_provider_without_a_key_sends_none() -> None:
    with ScriptedHttp() as other:
        other.on("/x", of_json({}), of_json({}))
        http.Connection(other.url, False).get("/x")
        http.Connection(f"{other.url}/v1/", "key").get("/x")
        assert [request.headers.get("authorization") for request in other.requests] == [None, "Bearer key"]


@pytest.mark.parametrize(
    "base",
    [False, None, "", "localhost:8283", "ftp://host", "file:///etc/passwd", "http://", "http://a b", "http://h:x"],
)
def test_what_is_no_address_is_named(base: Any) -> None:
    with pytest.raises(http.HoldfastError, match="is no address of a Holdfast server"):
        http.Connection(base).get("/v1/health/")


@pytest.mark.parametrize("key", ["a\nb", "ключ", "\0"])
def test_what_is_no_key_is_said_and_not_shown(key: str) -> None:
    with pytest.raises(http.HoldfastError, match="API key holds characters"):
        http.Connection("http://127.0.0.1:9", key).get("/v1/health/")


def test_servers_that_are_none() -> None:
    strange = [
        (Answer((b"<html>",)), "its answer is not JSON"),
        (of_json({"detail": "Unauthorized"}, 401), "does not accept the provider's API key. Unauthorized"),
        (Answer((b"",), 502), "answers with status 502"),
        (Answer((b'{"detail": [{"msg": "one"}, {"msg": "two"}]}',), 422), "one two"),
        (Answer((b'"no"',), 500), "answers with status 500"),
        (Answer((b"[" * 100_000,)), "its answer is not JSON"),
        (Answer((), 302, {"location": "https://elsewhere.example/"}), "sends on to https://elsewhere.example/"),
        (Answer((b"{",), is_cut=True), "cannot be asked"),
    ]
    with ScriptedHttp() as other:
        for answer, said in strange:
            other.on("/v1/x", answer)
            with pytest.raises(http.HoldfastError, match=said):
                http.Connection(other.url, "key").get("/v1/x")
    with pytest.raises(http.HoldfastError, match=r"http://127\.0\.0\.1:9 cannot be asked"):
        http.Connection("http://127.0.0.1:9").get("/v1/x")


def test_the_key_is_in_no_text(server: Server) -> None:
    assert "ver-y-sec-ret" not in repr(http.Connection(server.url, "ver-y-sec-ret"))
