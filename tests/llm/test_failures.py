"""When a provider fails: what is tried again, and what the user is told."""

import socket
import time

import pytest

from holdfast.errors import ModelError
from holdfast.llm.failures import ContextOverflow
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.llm.asking import HELLO, Asker, Heard, hear

AT_ONCE = {"retry-after": "0"}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
async def test_passing_failures_are_tried_again(ask: Asker, scripted: OpenAIServer, status: int) -> None:
    scripted.queue(*[Reply(status=status, headers=AT_ONCE)] * 2, Reply("there"))
    heard = await ask()
    assert (heard.text, heard.error) == ("there", None)
    assert len(scripted.chats) == 3


async def test_three_attempts_are_enough(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(*[Reply(status=500, error="out of order", headers=AT_ONCE)] * 4)
    heard = await ask()
    assert heard.error is not None
    assert heard.error.code == "llm_error"
    assert "out of order" in heard.error.detail
    assert len(scripted.chats) == 3


async def test_retry_after_is_honoured(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply(status=429, headers={"retry-after": "0.4"}), Reply("there"))
    started = time.monotonic()
    assert (await ask()).text == "there"
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("headers", [{"retry-after-ms": "300"}, {"retry-after-ms": "300", "retry-after": "3600"}])
async def test_milliseconds_are_honoured(ask: Asker, scripted: OpenAIServer, headers: dict[str, str]) -> None:
    scripted.queue(Reply(status=503, headers=headers), Reply("there"))
    assert (await ask()).text == "there"


@pytest.mark.parametrize("date", ["Wed, 21 Oct 2015 07:28:00 GMT", "21 Oct 2015 07:28:00"])
async def test_a_date_that_is_past_means_now(ask: Asker, scripted: OpenAIServer, date: str) -> None:
    scripted.queue(Reply(status=429, headers={"retry-after": date}), Reply("there"))
    assert (await ask()).text == "there"


async def test_a_date_far_ahead_is_told_at_once(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply(status=429, headers={"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}), Reply("too late"))
    assert _error(await ask()).code == "llm_rate_limit"
    assert len(scripted.chats) == 1


@pytest.mark.parametrize("odd", ["soon", "nan", "inf", "-5", "", "Wed, 99 Oct"])
async def test_an_odd_retry_after_counts_as_none(ask: Asker, scripted: OpenAIServer, odd: str) -> None:
    scripted.queue(Reply(status=429, headers={"retry-after": odd}), Reply("there"))
    assert (await ask()).text == "there"


async def test_a_long_retry_after_is_told_at_once(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply(status=429, headers={"retry-after": "3600"}), Reply("too late"))
    heard = await ask()
    assert heard.error is not None
    assert heard.error.code == "llm_rate_limit"
    assert len(scripted.chats) == 1


async def test_a_connection_lost_before_any_text_is_tried_again(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply("lost", cut_after=0), Reply("there"))
    assert (await ask()).text == "there"


@pytest.mark.parametrize(
    ("reply", "code", "http_status", "says"),
    [
        (Reply(status=401), "llm_authentication", 401, "OPENAI_API_KEY"),
        (Reply(status=403), "llm_authentication", 401, "OPENAI_API_KEY"),
        (Reply(status=402), "llm_insufficient_credits", 402, "no credit"),
        (
            Reply(status=429, error="You exceeded your quota (insufficient_quota)"),
            "llm_insufficient_credits",
            402,
            "quota",
        ),
        (Reply(status=400, error="bad temperature"), "llm_bad_request", 400, "bad temperature"),
        (Reply(status=404, error="model not found"), "llm_bad_request", 400, "OPENAI_API_BASE"),
        (Reply(status=301, headers={"location": "https://elsewhere"}), "llm_bad_request", 400, "redirect"),
        (Reply(status=418, raw=b"<html>teapot</html>"), "llm_bad_request", 400, "418"),
        (Reply(status=400, raw=b'{"detail": [{"msg": "odd"}]}'), "llm_bad_request", 400, "odd"),
        (Reply(status=400, raw=b'{"error": "just words"}'), "llm_bad_request", 400, "just words"),
    ],
)
async def test_lasting_failures(
    ask: Asker, scripted: OpenAIServer, reply: Reply, code: str, http_status: int, says: str
) -> None:
    scripted.queue(reply)
    error = _error(await ask())
    assert (error.code, error.http_status) == (code, http_status)
    assert says in error.detail
    assert f"openai (127.0.0.1:{scripted.port})" in error.detail
    assert str(reply.status) in error.detail
    assert len(scripted.chats) == 1


async def test_a_request_that_is_too_long_is_told_apart(ask: Asker, scripted: OpenAIServer) -> None:
    body = b'{"error": {"message": "maximum is 8192", "code": "context_length_exceeded"}}'
    scripted.queue(Reply(status=400, raw=body))
    error = _error(await ask())
    assert isinstance(error, ContextOverflow)
    assert "maximum is 8192" in error.detail


async def test_silence_is_a_timeout_and_not_tried_again(ask: Asker, scripted: OpenAIServer) -> None:
    scripted.queue(Reply("late", delay=5))
    error = _error(await hear(ask.provider(timeout=0.2), HELLO))
    assert error.code == "llm_timeout"
    assert "LETTA_LLM_REQUEST_TIMEOUT_SECONDS" in error.detail
    assert len(scripted.chats) == 1


async def test_nothing_listens(ask: Asker) -> None:
    host = f"127.0.0.1:{_free_port()}"
    models = ask.models({"OLLAMA_BASE_URL": f"http://{host}"})
    error = _error(await hear(models.provider(models.card("ollama/qwen3:8b")), HELLO))
    for part in (host, "Is ollama running?", "OLLAMA_BASE_URL"):
        assert part in error.detail


@pytest.mark.parametrize("url", ["http://[::/v1", "ftp://files.example/v1"])
async def test_an_address_that_is_none(ask: Asker, url: str) -> None:
    error = _error(await hear(ask.provider(url=url), HELLO))
    assert "OPENAI_API_BASE" in error.detail


async def test_a_key_that_no_header_can_carry(ask: Asker, scripted: OpenAIServer) -> None:
    models = ask.models({"OPENAI_API_KEY": "sk-…", "OPENAI_API_BASE": scripted.url})
    error = _error(await hear(models.provider(models.card("openai/gpt-4o-mini")), HELLO))
    assert error.code == "llm_authentication"
    assert "OPENAI_API_KEY" in error.detail


def _error(heard: Heard) -> ModelError:
    assert heard.error is not None
    return heard.error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
