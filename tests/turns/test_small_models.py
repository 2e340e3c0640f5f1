"""Agents on small models: what they print becomes calls, and whatever they print, there is an answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.ollama_server import OllamaServer, described
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Engine, Fleet, FreshServer, engines
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say
from tests.turns.listening import streaming

FACT = "Anna is allergic to nuts."
PRINTED = {
    "qwen": '<tool_call>\n{"name": "archival_memory_insert", "arguments": {"content": "%s"}}\n</tool_call>',
    "llama": '{"name": "archival_memory_insert", "parameters": {"content": "%s"}}',
    "gemma": '```tool_code\narchival_memory_insert(content="%s")\n```',
    "mistral": '[TOOL_CALLS] [{"name": "insert_archival_memory", "arguments": {"text": "%s",}}]',
    "phi": '<|tool_call|>[{"name": "archival_memory_insert", "arguments": {"content": "%s"',
}
GARBAGE = "<tool_call>\n{]]\n</tool_call>"
TOOLS = ["archival_memory_insert", "archival_memory_search"]
KINDS = ("letta_v1_agent", "memgpt_agent")
once = pytest.mark.parametrize("engine", engines()[:1], indirect=True)
"""On one engine: what a model has said is read before the database hears of it."""


def small(org: Org, kind: str = "letta_v1_agent", **fields: Any) -> str:
    """An agent that is helped as small models are."""
    speaks = ["send_message"] if kind == "memgpt_agent" else []
    chosen = {"tools": [*TOOLS, *speaks], "metadata": {"small_model_mode": "on"}, "agent_type": kind}
    return agent(org, **{**chosen, **fields})


def kept(org: Org, owner: str) -> list[str]:
    return [each["text"] for each in org.http.get(f"/v1/agents/{owner}/archival-memory").json()]


def spoken(answer: Json) -> list[str]:
    return [each["content"] for each in answer["messages"] if each["message_type"] == "assistant_message"]


def reason(answer: Json) -> str:
    return answer["stop_reason"]["stop_reason"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_family_prints_is_kept_and_answered(org: Org, models: OpenAIServer, kind: str) -> None:
    for printed in PRINTED.values():
        owner = small(org, kind)
        models.queue(Reply(printed % FACT), Reply("I will remember that."))
        answer = say(org, f"agents/{owner}", FACT)
        assert kept(org, owner) == [FACT]
        assert spoken(answer) == ["I will remember that."]
        assert reason(answer) == "end_turn"
        assert "tool_call" not in str(spoken(answer))
    assert len(models.chats) == 2 * len(PRINTED)


@once
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", ["", "  \n", GARBAGE, "<think>Hm.</think>"])
def test_whatever_it_says_there_is_an_answer(org: Org, models: OpenAIServer, kind: str, said: str) -> None:
    owner = small(org, kind)
    models.queue(*(Reply(said) for _ in range(3)))
    answer = say(org, f"agents/{owner}", "What does Anna not eat?")
    assert len(models.chats) == 3
    assert spoken(answer) == ["I could not find the right words just now. Please say it once more, in other words."]
    assert reason(answer) == "end_turn"
    corrected, plain = (chat.body for chat in models.chats[1:])
    assert corrected["response_format"]["type"] == "json_schema"
    assert not corrected.get("tools")
    assert not plain.get("tools")
    assert "response_format" not in plain


def test_the_last_resort_is_what_its_memory_holds(org: Org, models: OpenAIServer) -> None:
    owner = small(org)
    org.http.post(f"/v1/agents/{owner}/archival-memory", json={"text": FACT}).raise_for_status()
    models.queue(*(Reply() for _ in range(3)))
    answer = say(org, f"agents/{owner}", "What is Anna allergic to?")
    assert FACT in models.chats[0].body["messages"][-1]["content"], "it is reminded without having asked for it"
    (text,) = spoken(answer)
    assert FACT in text


@once
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_told_once_what_was_wrong(org: Org, models: OpenAIServer, kind: str) -> None:
    owner = small(org, kind)
    call = {"name": "archival_memory_insert", "arguments": {"content": FACT}}
    wrong = '<tool_call>{"name": "archival_memory_insert", "arguments": {}}</tool_call>'
    models.queue(Reply(wrong), Reply(json.dumps(call)), Reply("Noted."))
    answer = say(org, f"agents/{owner}", FACT)
    assert kept(org, owner) == [FACT]
    assert spoken(answer) == ["Noted."]
    *_, own, told = models.chats[1].body["messages"]
    assert own["content"] == wrong
    assert "archival_memory_insert needs content" in told["content"]
    assert "no valid tool call" not in str(models.chats[2].body["messages"]), "it is not reminded of it later"
    assert "no valid tool call" not in str(of_agent(org, owner))


@once
def test_an_answer_in_the_form_of_the_retry_is_text(org: Org, models: OpenAIServer) -> None:
    owner = small(org)
    models.queue(Reply(), Reply('{"say": "Nuts."}'))
    assert spoken(say(org, f"agents/{owner}", "What does Anna not eat?")) == ["Nuts."]


@once
def test_a_call_of_its_own_is_made_to_fit(org: Org, models: OpenAIServer) -> None:
    owner = small(org)
    models.queue(Reply(calls=(("archival_insert", {"memory": FACT, "tags": "food"}),)), Reply("Noted."))
    assert spoken(say(org, f"agents/{owner}", FACT)) == ["Noted."]
    assert kept(org, owner) == [FACT]


@once
def test_an_agent_that_has_said_nothing_goes_on_after_a_call(org: Org, models: OpenAIServer) -> None:
    owner = small(org, "memgpt_agent")
    call = ("archival_memory_insert", {"content": FACT, "request_heartbeat": False})
    models.queue(Reply(calls=(call,)), Reply(calls=(("send_message", {"message": "Noted."}),)))
    answer = say(org, f"agents/{owner}", FACT)
    assert spoken(answer) == ["Noted."]
    assert reason(answer) == "end_turn"


@once
def test_printed_thoughts_are_no_text(org: Org, models: OpenAIServer) -> None:
    owner = small(org)
    models.queue(Reply("<think>She said nuts.</think>\nNuts."))
    answer = say(org, f"agents/{owner}", "What does Anna not eat?")
    assert spoken(answer) == ["Nuts."]
    assert [each["reasoning"] for each in answer["messages"] if "reasoning" in each] == ["She said nuts."]


@once
def test_json_that_was_asked_for_stays_text(org: Org, models: OpenAIServer) -> None:
    owner = small(org)
    text = '```json\n{"name": "Anna", "age": 31}\n```\nThat is the record.'
    models.queue(Reply(text))
    assert spoken(say(org, f"agents/{owner}", "Give me Anna as JSON.")) == [text]
    assert len(models.chats) == 1


@once
def test_printed_calls_are_not_streamed_as_text(org: Org, models: OpenAIServer) -> None:
    owner = small(org)
    models.queue(Reply("Let me note that down.\n" + PRINTED["qwen"] % FACT), Reply("I have noted it for you."))
    with streaming(org, f"agents/{owner}", FACT, stream_tokens=True) as events:
        told = [event.json for event in events if event.kind != "[DONE]"]
    texts = [each["content"] for each in told if each["message_type"] == "assistant_message"]
    assert "".join(texts).replace("\n", "") == "Let me note that down.I have noted it for you."
    assert len(texts) > 6, "words come as they are said"
    assert [each["tool_call"]["name"] for each in told if each["message_type"] == "tool_call_message"] == [TOOLS[0]]
    assert kept(org, owner) == [FACT]


@once
def test_it_is_offered_few_tools_and_a_short_prompt(org: Org, models: OpenAIServer) -> None:
    many = ["web_search", "fetch_webpage", "memory_replace", "memory_insert", "conversation_search", *TOOLS]
    helped, other = small(org, tools=many), small(org, tools=many, metadata={"small_model_mode": "off"})
    own = small(org, tools=many, system="You are a pirate.")
    for owner in (helped, other, own):
        say(org, f"agents/{owner}", "Hello!")
    few, all_of_them, _ = ([tool["function"]["name"] for tool in chat.body["tools"]] for chat in models.chats)
    assert set(few) == {*TOOLS, "memory_insert", "conversation_search", "memory_replace", *few}
    assert len(few) == 6
    assert len(all_of_them) == len(many)
    shorter, longer, pirate = (chat.body["messages"][0]["content"] for chat in models.chats)
    assert len(shorter) < len(longer) - 300
    assert "<memory_metadata>" in shorter
    assert pirate.startswith("You are a pirate.")


@once
def test_agents_on_other_models_are_asked_as_ever(org: Org, models: OpenAIServer) -> None:
    """The same request, and nothing is made of what the model prints."""
    requests: list[Json] = []
    for metadata in (None, {"small_model_mode": "off"}, {"small_model_mode": 7}, {"small_model_mode": "auto"}):
        owner = small(org, metadata=metadata)
        models.queue(Reply(PRINTED["qwen"] % FACT))
        answer = say(org, f"agents/{owner}", FACT)
        assert spoken(answer) == [PRINTED["qwen"] % FACT]
        assert kept(org, owner) == []
        body = models.chats[-1].body
        body["messages"][0]["content"] = body["messages"][0]["content"].split("<memory_metadata>")[0]
        requests.append(body)
    assert all(request == requests[0] for request in requests)


@pytest.fixture(scope="module")
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


def test_small_models_of_ollama_are_known_by_their_size(
    fleet: Fleet, ollama: OllamaServer, model_env: dict[str, str]
) -> None:
    """Once, on one engine: nothing of it depends on the database."""
    ollama.models = {
        "qwen3:4b": sized("4.0B"),
        "llama3.2:latest": sized("3.2B", "tools"),
        "phi3:mini": sized("3.8B", "completion"),
        "qwen3:32b": sized("32.8B"),
        "gemma3:12b": sized("12.2B", "vision"),
    }
    engine: Engine = engines()[0]
    server = FreshServer(fleet, engine, model_env)({"OLLAMA_BASE_URL": ollama.url})
    org = new_org(server)
    until(lambda: _windows(org) == {8192}, "Ollama has described its models", seconds=90, pause=2)
    for model in ("qwen3:4b", "llama3.2:latest", "phi3:mini"):
        _is_helped(org, ollama, model)
    for model in ("qwen3:32b", "gemma3:12b"):
        owner = agent(org, tools=TOOLS, model=f"ollama/{model}")
        ollama.queue(Reply(PRINTED["llama"] % FACT))
        assert spoken(say(org, f"agents/{owner}", FACT)) == [PRINTED["llama"] % FACT], model
        assert kept(org, owner) == []


def _windows(org: Org) -> set[int]:
    """The windows of Ollama's models, as far as they are known: a busy machine may need a second list."""
    listed = org.http.get("/v1/models/").json()
    return {each["context_window"] for each in listed if each["handle"].startswith("ollama/")}


def sized(size: str, *can: str) -> Json:
    told = described(8192, *can)
    return {**told, "details": {**told["details"], "parameter_size": size}}


def _is_helped(org: Org, ollama: OllamaServer, model: str) -> None:
    owner = agent(org, tools=TOOLS, model=f"ollama/{model}", context_window_limit=4096)
    before = len(ollama.chats)
    ollama.queue(Reply(GARBAGE), Reply(PRINTED["phi"] % FACT), Reply("Noted."))
    answer = say(org, f"agents/{owner}", FACT)
    assert kept(org, owner) == [FACT], model
    assert spoken(answer) == ["Noted."]
    first, corrected, last = ollama.chats[before:]
    assert {chat["options"]["num_ctx"] for chat in (first, corrected, last)} == {4096}
    assert "format" not in first
    assert ("tools" in first) != ("archival_memory_insert(content, tags?)" in first["messages"][0]["content"])
    names = [each["properties"]["name"]["enum"] for each in corrected["format"]["anyOf"][:-1]]
    assert names == [[name] for name in TOOLS]
    assert "tools" not in corrected
    assert corrected.get("think") in (None, False)
