"""When Ollama fails: what is tried again, and what the user is told."""

import asyncio
import json
from threading import Event

import pytest

from holdfast.llm.failures import ContextOverflow, StreamBroken
from holdfast.llm.models import Models
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_script import Reply
from tests.llm.asking import Asker
from tests.llm.ollama_asking import DONE, say

OVERFLOW = json.dumps(
    {"error": {"code": 400, "message": "request (2622 tokens) exceeds the available context size (512 tokens)"}}
)


@pytest.mark.parametrize("said", ["the input length exceeds the context length", OVERFLOW])
async def test_a_prompt_that_is_too_long_is_told_as_that(
    ollama_models: Models, ollama: OllamaServer, said: str
) -> None:
    ollama.refuses = said
    assert isinstance((await say(ollama_models)).error, ContextOverflow)


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        (
            Reply(status=404, error="model 'qwen3:8b' not found, try pulling it first"),
            "llm_bad_request",
            "ollama pull qwen3:8b",
        ),
        (Reply(status=404, raw=b"404 page not found"), "llm_bad_request", "OLLAMA_BASE_URL"),
        (
            Reply(status=400, error="model requires more system memory (5.6 GiB) than is available"),
            "llm_bad_request",
            "smaller model",
        ),
        (Reply(raw=b"<html><body>Welcome to nginx</body></html>"), "llm_error", "not JSON"),
        (Reply(raw=b""), "llm_empty_response", "empty answer"),
        (Reply(raw=b"[1]\n"), "llm_error", "no JSON object"),
        (Reply(raw=b'{"hello": "world"}'), "llm_error", "none of Ollama's"),
        (Reply(raw=b'{"error": "llama runner process has terminated"}'), "llm_error", "terminated"),
        (Reply(chunks=({**DONE, "done_reason": "load"},)), "llm_empty_response", "empty answer"),
        (Reply("  "), "llm_empty_response", "empty answer"),
        (Reply(reasoning="I think and think"), "llm_empty_response", "empty answer"),
        (Reply(raw=b"\xff\xfe\x00"), "llm_error", "not JSON"),
    ],
)
async def test_failures_name_the_way_out(
    ollama_models: Models, ollama: OllamaServer, reply: Reply, code: str, says: str
) -> None:
    ollama.queue(reply)
    heard = await say(ollama_models)
    assert heard.error is not None
    assert heard.error.code == code
    assert says in heard.error.detail + heard.error.explanation


async def test_a_model_that_was_not_pulled(ollama_models: Models, ollama: OllamaServer) -> None:
    heard = await say(ollama_models, model="llama9:1b")
    assert heard.error is not None
    assert "ollama pull llama9:1b" in heard.error.detail


@pytest.mark.parametrize(
    "reply",
    [
        Reply("one two three", cut_after=2),
        Reply(chunks=({**DONE, "done": False, "message": {"role": "assistant", "content": "one"}},)),
        Reply(chunks=({**DONE, "done": False, "message": {"content": "one"}}, {"error": "an error was encountered"})),
        Reply(chunks=({**DONE, "done": False, "message": {"content": "one"}}, '{"message": {"cont')),
    ],
)
async def test_an_answer_that_breaks_off(ollama_models: Models, ollama: OllamaServer, reply: Reply) -> None:
    ollama.queue(reply)
    heard = await say(ollama_models)
    assert isinstance(heard.error, StreamBroken)
    assert heard.text.startswith("one")
    assert len(ollama.chats) == 1, "what was passed on must not be said twice"


async def test_lines_cut_anywhere_and_a_last_one_without_an_end(ollama_models: Models, ollama: OllamaServer) -> None:
    lines = [{**DONE, "done": False, "message": {"role": "assistant", "content": "ü"}}, DONE]
    ollama.queue(Reply(raw="\r\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()))
    heard = await say(ollama_models)
    assert (heard.text, heard.error) == ("ü", None)


async def test_nobody_there(ask: Asker) -> None:
    heard = await say(ask.models({"OLLAMA_BASE_URL": "http://127.0.0.1:9"}))
    assert heard.error is not None
    for part in ("127.0.0.1:9", "Is ollama running?", "OLLAMA_BASE_URL"):
        assert part in heard.error.detail


async def test_a_slow_first_word_is_waited_for(ollama_models: Models, ollama: OllamaServer) -> None:
    ollama.waits = Event()
    asyncio.get_running_loop().call_later(0.5, ollama.waits.set)
    ollama.queue(Reply("at last"))
    assert (await say(ollama_models)).text == "at last"
