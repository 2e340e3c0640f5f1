"""Whole turns with models that speak protocols of their own: client, server, and a scripted Ollama or Gemini."""

from base64 import b64decode
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from tests.fakes.gemini_server import KEY, GeminiServer
from tests.fakes.ollama_server import OllamaServer, described
from tests.fakes.openai_script import Json, Reply
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import new_org
from tests.harness.waiting import until
from tests.messages.talking import agent
from tests.turns.backgrounds import over, read, started
from tests.turns.backgrounds import said as told

BLOCKS: list[Any] = [{"label": "notes", "value": "Likes tea."}]
INSERT = ("memory_insert", {"label": "notes", "new_string": "Hates coffee."})


@pytest.fixture(scope="module")
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture(scope="module")
def gemini() -> Iterator[GeminiServer]:
    with GeminiServer() as server:
        yield server


def test_a_turn_with_ollama(fresh_server: FreshServer, ollama: OllamaServer) -> None:
    ollama.reset()
    ollama.models = {"qwen3:4b": described(40_960, "tools", "thinking")}
    server = fresh_server({"OLLAMA_BASE_URL": ollama.url, "OPENAI_API_KEY": "", "OPENAI_API_BASE": ""})
    owner = _agent(server, None)
    ollama.queue(Reply(reasoning="A fact.", calls=(INSERT,)), Reply("Noted."))
    said = _say(server, owner, "I hate coffee")
    assert [kind for kind, _ in said] == [
        "reasoning_message",
        "tool_call_message",
        "tool_return_message",
        "assistant_message",
    ]
    assert said[-1][1].content == "Noted."
    assert "Hates coffee." in server.client.agents.blocks.retrieve("notes", agent_id=owner).value
    first, second = ollama.chats
    assert {sent["options"]["num_ctx"] for sent in (first, second)} == {32_768}, "another window would load it anew"
    assert second["messages"][-2]["tool_calls"][0]["function"]["name"] == "memory_insert"
    assert second["messages"][-1]["role"] == "tool"
    assert server.client.agents.retrieve(owner).llm_config.handle == "ollama/qwen3:4b", "the one that was pulled"


def test_a_run_goes_on_with_the_model_that_was_pulled(fresh_server: FreshServer, ollama: OllamaServer) -> None:
    """A process that takes runs over first learns what the programs on this machine serve."""
    ollama.reset()
    ollama.models = {"qwen3:4b": described(40_960, "tools")}
    server = fresh_server({"OLLAMA_BASE_URL": ollama.url, "OPENAI_API_KEY": "", "OPENAI_API_BASE": ""})
    org = new_org(server)
    owner = agent(org)
    ollama.waits = Event()
    run = started(org, f"agents/{owner}", "go on")
    until(lambda: ollama.chats, "a request to the model", seconds=30)
    server.kill9()
    ollama.waits.set()
    ollama.queue(Reply("I do."))
    server.start()
    ended = over(org, run)
    assert (ended["status"], ended["stop_reason"]) == ("completed", "end_turn"), ended
    assert told(read(org, run)) == ["I do."]
    first, second = ollama.chats
    assert (first["model"], first["options"]) == (second["model"], second["options"])


def test_a_model_that_was_not_pulled_is_named_at_the_start(fresh_server: FreshServer, ollama: OllamaServer) -> None:
    ollama.reset()
    ollama.models = {"llama3.2:latest": described(8192, "tools")}
    server = fresh_server({"OLLAMA_BASE_URL": ollama.url, "HOLDFAST_DEFAULT_MODEL": "ollama/qwen3:4b"})
    _says_at_a_start(server, "run `ollama pull qwen3:4b`")
    ollama.models = {}
    server = fresh_server({"OLLAMA_BASE_URL": ollama.url, "OPENAI_API_KEY": "", "OPENAI_API_BASE": ""})
    _says_at_a_start(server, "has no models yet: run `ollama pull qwen3:8b`")


def _says_at_a_start(server: Server, text: str) -> None:
    """On a machine that is too busy for Ollama to answer in time, a start says nothing, and another one does."""
    until(lambda: text in server.log or text in server.restart().log, text, seconds=60, pause=1)


def test_ollama_reads_only_what_is_new(fresh_server: FreshServer, ollama: OllamaServer) -> None:
    ollama.reset()
    server = fresh_server({"OLLAMA_BASE_URL": ollama.url})
    owner = _agent(server, "ollama/qwen3:8b", context_window_limit=8192)
    counts = [_usage(server, owner, f"message {number}") for number in range(6)]
    assert counts[0] > 400, "the first turn reads the whole prompt"
    assert max(counts[1:]) < counts[0] / 4
    assert {sent["options"]["num_ctx"] for sent in ollama.chats} == {8192}


@pytest.mark.parametrize("model", ["google_ai/gemini-2.5-flash", "google_ai/gemini-3-pro-preview"])
def test_turns_with_gemini_keep_signatures(fresh_server: FreshServer, gemini: GeminiServer, model: str) -> None:
    gemini.reset()
    server = fresh_server({"GEMINI_API_KEY": KEY, "GEMINI_BASE_URL": gemini.url})
    owner = _agent(server, model)
    gemini.queue(Reply("A fact.", reasoning="Hm.", calls=(INSERT,)), Reply("Noted."), Reply("Coffee."))
    assert [kind for kind, _ in _say(server, owner, "I hate coffee")][-1] == "assistant_message"
    assert _say(server, owner, "What do I hate?")[-1][1].content == "Coffee."
    called, noted = [content for content in gemini.chats[-1]["contents"] if content["role"] == "model"][-2:]
    assert "signature" in _signature(called, "functionCall")
    assert "signature" in _signature(noted, "text")
    assert gemini.chats[1]["contents"] == gemini.chats[2]["contents"][: len(gemini.chats[1]["contents"])]
    assert KEY not in server.log


def _agent(server: Server, model: str | None, **more: Any) -> str:
    chosen: dict[str, Any] = {"model": model} if model else {}
    made = server.client.agents.create(memory_blocks=BLOCKS, tools=["memory_insert"], **chosen, **more)
    return made.id


def _say(server: Server, owner: str, text: str) -> list[tuple[str, Any]]:
    answer = server.client.agents.messages.create(owner, input=text)
    return [(str(message.message_type), message) for message in answer.messages]


def _usage(server: Server, owner: str, text: str) -> int:
    answer = server.client.agents.messages.create(owner, input=text)
    assert answer.usage is not None
    return answer.usage.prompt_tokens or 0


def _signature(content: Json, kind: str) -> str:
    """The signature on the part of that kind, as it was before it was put into base64."""
    [found] = [part["thoughtSignature"] for part in content["parts"] if kind in part and "thoughtSignature" in part]
    return b64decode(found).decode()
