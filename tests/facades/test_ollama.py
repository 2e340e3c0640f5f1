"""Agents as models of Ollama's API: the official client, line by line and whole, and what goes wrong."""

import json
from typing import Any

import ollama
import pytest

from tests.facades.chatting import PIXEL, TITLE, WEATHER, ollama_client
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, of_agent, texts


def _user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_a_chat_with_an_agent(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org, name="Ada"), ollama_client(org)
    whole = client.chat("Ada:latest", [*_user("earlier"), *_user("REPLY hello there")])
    assert (whole.message.content, whole.done, whole.done_reason) == ("hello there", True, "stop")
    assert whole.eval_count and whole.prompt_eval_count
    lines = list(client.chat("Ada", _user("REPLY one two three"), stream=True))
    assert "".join(line.message.content or "" for line in lines) == "one two three"
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True] and len(lines) > 2
    said = client.generate(owner, "REPLY generated", system="Speak Latin.")
    assert (said.response, said.done_reason) == ("generated", "stop")
    assert models.chats[-1].body["messages"][0]["content"].endswith("\n\nSpeak Latin.")
    spoken = [
        "REPLY hello there",
        "hello there",
        "REPLY one two three",
        "one two three",
        "REPLY generated",
        "generated",
    ]
    assert texts(of_agent(org, owner, order="asc")) == spoken


async def test_the_asynchronous_client(org: Org, models: OpenAIServer) -> None:
    agent(org, name="Ada")
    client = ollama.AsyncClient(org.server.url, headers={"Authorization": f"Bearer {org.key}"}, timeout=30)
    lines = [line.response async for line in await client.generate("Ada", "REPLY one two three", stream=True)]
    assert "".join(line or "" for line in lines) == "one two three"


def test_agents_are_the_models(org: Org) -> None:
    ada, first, second = agent(org, name="Ada"), agent(org, name="Twin"), agent(org, name="Twin")
    client = ollama_client(org)
    assert [model.model for model in client.list().models] == [f"{second}:latest", f"{first}:latest", "Ada:latest"]
    shown = client.show("Ada:latest")
    assert shown.modelinfo is not None and shown.modelinfo["agent.id"] == ada
    assert shown.capabilities and shown.capabilities[:2] == ["completion", "tools"]
    assert client.ps().models == []
    assert org.http.get("/api/version").json()["version"]
    assert org.http.head("/").status_code == 200
    with pytest.raises(ollama.ResponseError, match="There is no agent 'llama3'") as unknown:
        client.show("llama3")
    assert unknown.value.status_code == 404


def test_nothing_said_loads_the_model(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org, name="Ada"), ollama_client(org)
    assert client.generate("Ada").done_reason == "load"
    assert client.chat("Ada").done_reason == "load"
    with pytest.raises(ollama.ResponseError, match="There is no agent"):
        client.generate("llama3")
    assert models.chats == [] and texts(of_agent(org, owner)) == []


def test_images_and_chores(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org, name="Ada"), ollama_client(org)
    seen = client.generate("Ada", "REPLY a dot", images=[PIXEL])
    assert seen.response == "a dot" and PIXEL in json.dumps(models.chats[-1].body["messages"][-1])
    before = of_agent(org, owner)
    assert client.chat("Ada", _user(TITLE)).message.content == "Boats"
    assert of_agent(org, owner) == before
    for image, complaint in (("!", "not base64"), ("aGVsbG8=", "is no PNG")):
        bad = org.http.post("/api/generate", json={"model": "Ada", "prompt": "x", "images": [image]})
        assert bad.status_code == 400 and complaint in bad.json()["error"]


def test_tools_of_the_client(org: Org, models: OpenAIServer) -> None:
    """Ollama's client keeps no ids of calls: results are told apart by their order."""
    agent(org, name="Ada", model_settings={"provider_type": "openai", "parallel_tool_calls": True})
    client, asked = ollama_client(org), _user("Weather in two towns?")
    cities = ({"city": "Ulm"}, {"city": "Bonn"})
    models.queue(Reply("Looking.", calls=tuple(("weather", city) for city in cities)), Reply("Sunny in Ulm."))
    answer = client.chat("Ada", asked, tools=[WEATHER])
    assert (answer.message.content, answer.done_reason) == ("Looking.", "stop")
    assert [call.function.arguments for call in answer.message.tool_calls] == list(cities)
    results = [{"role": "tool", "tool_name": "weather", "content": degrees} for degrees in ("22", "9")]
    with pytest.raises(ollama.ResponseError, match="1 results of tools were sent and 2 calls wait"):
        client.chat("Ada", [*asked, answer.message, results[0]], tools=[WEATHER])
    after = client.chat("Ada", [*asked, answer.message, *results], tools=[WEATHER])
    assert after.message.content == "Sunny in Ulm."
    assert [each["content"] for each in models.chats[-1].body["messages"][-2:]] == ["22", "9"]
    with pytest.raises(ollama.ResponseError, match="0 calls wait"):
        client.chat("Ada", [*asked, answer.message, results[0]])


def test_calls_with_ids_in_a_stream(org: Org, models: OpenAIServer) -> None:
    """As Open WebUI uses them, which offers its own tools in every chat."""
    agent(org, name="Ada")
    models.queue(Reply(calls=(("weather", {"city": "Ulm"}),)), Reply("Sunny."))
    body = {"model": "Ada:latest", "messages": _user("Weather?"), "tools": [WEATHER]}
    lines = [json.loads(line) for line in org.http.post("/api/chat", json=body).text.splitlines()]
    [call] = [call for line in lines for call in line["message"].get("tool_calls", ())]
    assert call["function"] == {"index": 0, "name": "weather", "arguments": {"city": "Ulm"}}
    assert (lines[-1]["done"], lines[-1]["done_reason"]) == (True, "stop")
    result = {"role": "tool", "tool_call_id": call["id"], "content": "22"}
    made = {"role": "assistant", "content": "", "tool_calls": [call]}
    told = org.http.post("/api/chat", json={**body, "stream": False, "messages": [*_user("Weather?"), made, result]})
    assert told.json()["message"]["content"] == "Sunny."
    models.queue(Reply(calls=(("weather", {"city": "Ulm"}),)))
    org.http.post("/api/chat", json=body)
    assert org.http.post("/api/chat", json={**body, "messages": _user("REPLY leave it")}).status_code == 200


def test_embeddings(org: Org) -> None:
    client = ollama_client(org)
    made = client.embed("default", ["a boat", "a ship"]).embeddings
    assert len(made) == 2 and len(made[0]) == len(client.embeddings("default", "a boat").embedding)
    with pytest.raises(ollama.ResponseError, match="empty"):
        client.embed("default", "")


def test_failures_are_one_sentence(org: Org, models: OpenAIServer) -> None:
    agent(org, name="Ada")
    client = ollama_client(org)
    models.always = Reply(status=401, error="wrong key")
    with pytest.raises(ollama.ResponseError) as refused:
        list(client.chat("Ada", _user("hi"), stream=True))
    assert refused.value.status_code == 401
    models.reset()
    models.queue(Reply("one two three four", cut_after=3), *[Reply(status=400, error="broken")] * 4)
    with pytest.raises(ollama.ResponseError, match=r"\S"):
        list(client.chat("Ada", _user("hi"), stream=True))
    for change in (client.pull, client.push, client.delete):
        with pytest.raises(ollama.ResponseError, match="POST /v1/agents/"):
            change("llama3")


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        ("chat", b"{", "not JSON"),
        ("chat", {}, "`model` is missing"),
        ("chat", {"model": "m", "messages": "x"}, "body.messages"),
        ("chat", {"model": "m", "messages": [{"role": "system", "content": "x"}]}, "no message with the role"),
        ("generate", {"model": "m\0\ud800", "prompt": "x\0\ud800"}, "There is no agent"),
        ("generate", {"name": "m", "prompt": "x"}, "There is no agent 'm'"),
        ("show", {"model": ["m"]}, "body.model"),
        ("embed", {"model": "m"}, "body.input"),
        ("embeddings", {"model": "nobody/m", "prompt": "x"}, "nobody"),
    ],
)
def test_bad_input_is_named(org: Org, path: str, body: Any, complaint: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = org.http.post(f"/api/{path}", content=content)
    assert answer.status_code in (400, 404), answer.text
    assert complaint in answer.json()["error"]
