"""Agents as models of OpenAI's API: the official client, streaming and not, and what goes wrong."""

import json
from base64 import b64decode
from operator import mul
from struct import unpack
from typing import Any
from uuid import uuid4

import openai
import pytest

from tests.facades.chatting import PIXEL, TITLE, WEATHER, complete, openai_client
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, missing, of_agent, texts
from tests.turns.approving import careful, insert

COMPLETIONS = "/v1/chat/completions"
UNHEADED = (
    "Your task is to reflect the speaker's likely facial expression through a fitting emoji.\n\nMessage: REPLY Boats",
    'You have been provided with a set of responses from various models to the latest user query: "x"\nREPLY Boats',
)
"""As Open WebUI 0.12 asks for an emoji, and for one answer out of several."""


def _asking(model: str, text: Any = "REPLY hello", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


@pytest.mark.contract("openai.chat.stream", "openai.chat.whole")
@pytest.mark.parametrize("path", ["/openai/v1", "/v1"])
def test_the_last_message_is_said_to_the_agent(org: Org, models: OpenAIServer, path: str) -> None:
    owner, client = agent(org, name="Ada"), openai_client(org, path)
    history: Any = [{"role": "user", "content": "earlier"}, {"role": "assistant", "content": "never said"}]
    messages: Any = [*history, {"role": "user", "content": "REPLY hello there"}]
    whole = client.chat.completions.create(model=owner, messages=messages)
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == ("hello there", "stop")
    assert whole.usage is not None and whole.usage.total_tokens > 0
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(model="Ada", messages=messages, stream=True, stream_options=options)
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "hello there"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1
    assert texts(of_agent(org, owner, order="asc")) == ["REPLY hello there", "hello there"] * 2


def test_a_raw_stream_ends_with_done(org: Org, models: OpenAIServer) -> None:
    answer = org.http.post(COMPLETIONS, json=_asking(agent(org), stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert frames[-1] == "[DONE]"
    assert {json.loads(frame)["object"] for frame in frames[:-1]} == {"chat.completion.chunk"}


async def test_the_asynchronous_client(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    async with openai.AsyncOpenAI(base_url=f"{org.server.url}/openai/v1", api_key=org.key, max_retries=0) as client:
        async with client.chat.completions.stream(**_asking(owner, "REPLY one two three")) as stream:
            events = [event async for event in stream]
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "one two three"
    assert len([event for event in events if event.type == "content.delta"]) > 1


def test_agents_are_the_models(org: Org) -> None:
    ada, first, second = agent(org, name="Ada L"), agent(org, name="Twin"), agent(org, name="Twin")
    client = openai_client(org)
    listed = client.models.list().data
    assert [model.id for model in listed] == [second, first, "Ada L"]
    assert [model.to_dict()["name"] for model in listed] == ["Twin", "Twin", "Ada L"]
    assert client.models.retrieve("Ada L").to_dict()["agent_id"] == ada
    assert client.models.retrieve(first).id == first
    with pytest.raises(openai.BadRequestError, match="2 agents are named 'Twin'"):
        client.models.retrieve("Twin")
    assert org.http.get("/v1/models/").json()[0]["handle"], "V1's own list is another one"


def test_what_the_system_message_says_holds_for_this_answer(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org, system="You are Ada."), openai_client(org)
    told: Any = [{"role": "system", "content": "Speak Latin."}, {"role": "user", "content": "hi"}]
    client.chat.completions.create(model=owner, messages=told)
    prompt = models.chats[-1].body["messages"][0]["content"]
    assert "You are Ada." in prompt and prompt.endswith("\n\nSpeak Latin.")
    complete(client, owner, "hi again")
    assert "Latin" not in json.dumps(models.chats[-1].body)


def test_images_reach_the_model(org: Org, models: OpenAIServer) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    assert complete(openai_client(org), agent(org), [{"type": "text", "text": "REPLY a dot"}, image]) == "a dot"
    assert PIXEL in json.dumps(models.chats[-1].body["messages"][-1])


def test_tools_of_the_client(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org), openai_client(org)
    messages: Any = [{"role": "user", "content": "Weather?"}]
    models.queue(Reply("Looking.", calls=(("weather", {"city": "Ulm"}),)), Reply("Sunny in Ulm."))
    chunks = client.chat.completions.create(model=owner, messages=messages, tools=[WEATHER], stream=True)
    choices = [chunk.choices[0] for chunk in chunks]
    assert choices[-1].finish_reason == "tool_calls"
    (call,) = [call for choice in choices for call in choice.delta.tool_calls or ()]
    assert call.function is not None and (call.function.name, call.function.arguments) == ("weather", '{"city": "Ulm"}')
    made = {"id": call.id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages += [
        {"role": "assistant", "tool_calls": [made]},
        {"role": "tool", "tool_call_id": call.id, "content": "22"},
    ]
    answer = client.chat.completions.create(model=owner, messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "Sunny in Ulm."
    assert models.chats[-1].body["messages"][-1]["content"] == "22"


def test_a_call_that_the_client_never_answers_is_let_go(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org), openai_client(org)
    models.queue(Reply(calls=(("weather", {"city": "Ulm"}),)))
    create: Any = client.chat.completions.create
    answer = create(**_asking(owner, "Weather?"), tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    assert complete(client, owner, "REPLY never mind") == "never mind"


def test_a_call_that_a_person_must_approve(org: Org, models: OpenAIServer) -> None:
    owner, client = careful(org), openai_client(org)
    models.queue(Reply(calls=(insert(),)))
    with pytest.raises(openai.ConflictError, match=f"must approve first.*POST /v1/agents/{owner}/messages"):
        complete(client, owner, "insert x")
    with pytest.raises(openai.ConflictError, match="approv"):
        complete(client, owner, "and now?")


def test_failures_come_in_openais_envelope(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org), openai_client(org)
    with pytest.raises(openai.NotFoundError, match="There is no agent 'gpt-4o'") as unknown:
        complete(client, "gpt-4o", "hi")
    assert (unknown.value.code, unknown.value.type) == ("model_not_found", "invalid_request_error")
    with pytest.raises(openai.NotFoundError):
        complete(client, missing("agent"), "hi")
    models.always = Reply(status=401, error="wrong key")
    for stream in (False, True):
        with pytest.raises(openai.AuthenticationError) as refused:
            complete(client, owner, "hi", stream=stream)
        assert refused.value.code == "llm_authentication"
    assert texts(of_agent(org, owner)) == []


def test_a_failure_in_the_middle_of_a_stream(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    models.queue(Reply("one two three four", cut_after=3), *[Reply(status=400, error="broken")] * 4)
    answer = org.http.post(COMPLETIONS, json=_asking(owner, stream=True))
    *said, failed, done = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert "one" in "".join(json.loads(frame)["choices"][0]["delta"].get("content", "") for frame in said)
    assert json.loads(failed)["error"]["message"] and done == "[DONE]"
    models.queue(Reply("one two three four", cut_after=3), *[Reply(status=400, error="broken")] * 4)
    with pytest.raises(openai.APIError, match=r"\S"):
        list(openai_client(org).chat.completions.create(**_asking(owner), stream=True))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "body.model"),
        ({"model": "m"}, "body.messages"),
        ({"model": "m", "messages": []}, "no message with the role `user`"),
        ({"model": "m", "messages": "hello"}, "body.messages"),
        ({"model": "m", "messages": [{"role": "assistant", "content": "x"}]}, "no message with the role `user`"),
        ({"model": "m", "messages": [{"role": "user", "content": None}]}, "is to be a text"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "'input_audio'"),
        ({"model": "m", "messages": [{"role": "tool", "content": "x"}]}, "no `tool_call_id`"),
        ({"model": "m\0\ud800", "messages": [{"role": "user", "content": "x\0\ud800"}]}, "There is no agent"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 2}, "body.n"),
        ({"model": "m" * 1000, "messages": []}, "body.model"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "x"}]}, "body.tools"),
    ],
)
def test_bad_input_is_named(org: Org, body: dict[str, Any], complaint: str) -> None:
    answer = org.http.post(COMPLETIONS, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code in (400, 404), answer.text
    error = answer.json()["error"]
    assert complaint in error["message"] and error["type"] == "invalid_request_error"


def test_what_is_no_json_or_says_nothing(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    for body in (b"{", b"\xff\xfe", b'{"model":', b"[" * 100_000):
        broken = org.http.post(COMPLETIONS, content=body)
        assert broken.status_code == 400 and broken.json()["error"]["message"], broken.text
    contents: list[Any] = ["", []]
    for content in contents:
        empty = org.http.post(COMPLETIONS, json=_asking(owner, content))
        assert empty.status_code == 400 and "empty" in empty.json()["error"]["message"]
    twice = org.http.post(COMPLETIONS, json=_asking(owner, "x", tools=[WEATHER, WEATHER]))
    assert twice.status_code == 400 and "weather more than once" in twice.json()["error"]["message"]


def test_chores_leave_no_trace(org: Org, models: OpenAIServer) -> None:
    owner, client = agent(org, system="You are Ada."), openai_client(org)
    assert complete(client, owner, TITLE) == "Boats"
    assert complete(client, owner, "REPLY tags", extra_body={"metadata": {"task": "tags_generation"}}) == "tags"
    chunks = client.chat.completions.create(**_asking(owner, TITLE), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Boats"
    for prompt in UNHEADED:
        assert complete(client, owner, prompt) == "Boats"
    assert "You are Ada." not in json.dumps([chat.body for chat in models.chats])
    assert of_agent(org, owner) == of_agent(org, owner, limit=1)
    with_documents = "### Task:\nRespond to the user query using the provided context.\nREPLY from the context"
    assert complete(client, owner, with_documents) == "from the context"
    assert "from the context" in texts(of_agent(org, owner))


def test_embeddings(org: Org) -> None:
    client = openai_client(org)
    written = client.embeddings.create(model="default", input=["a boat", "a ship"])
    assert [each.index for each in written.data] == [0, 1] and written.usage.total_tokens > 0
    raw = org.http.post(
        "/openai/v1/embeddings", json={"model": "", "input": ["a boat", "a ship"], "encoding_format": "base64"}
    )
    packed = b64decode(raw.json()["data"][0]["embedding"])
    again = unpack(f"<{len(packed) // 4}f", packed)
    # In eight-bit numbers a vector depends a little on the texts that were worked on with it.
    assert sum(map(mul, again, written.data[0].embedding)) == pytest.approx(1, abs=5e-2)
    for sent in ([], "", ["a", ""], [[1, 2]]):
        bad = org.http.post("/openai/v1/embeddings", json={"input": sent})
        assert bad.status_code == 400 and "input" in bad.json()["error"]["message"], bad.text
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model=f"nobody/{uuid4()}", input="x")


@pytest.mark.contract("openai.voice.retired")
def test_the_voice_endpoint_is_gone(org: Org) -> None:
    answer = org.http.post(f"/v1/voice-beta/{missing('agent')}/chat/completions", json={})
    assert answer.status_code == 410 and COMPLETIONS in answer.json()["error"]["message"]
