"""Model servers behind a proxy that the environment names."""

import base64
from pathlib import Path

import pytest

from tests.fakes.scripted_http import Answer, ScriptedHttp, of_json
from tests.llm.asking import HELLO, Asker, hear

SAID = of_json(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    }
)
SECRET = "Basic " + base64.b64encode(b"me:pass word").decode()


@pytest.fixture
def proxy(service: ScriptedHttp, monkeypatch: pytest.MonkeyPatch) -> ScriptedHttp:
    """A proxy that wants a name and a password, and answers itself."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, service.url.replace("http://", "http://me:pass%20word@"))
    return service


async def test_a_request_goes_through_the_proxy(ask: Asker, proxy: ScriptedHttp) -> None:
    proxy.on("/chat/completions", SAID)
    heard = await hear(ask.provider(url="http://models.example/v1"), HELLO)
    assert heard.text == "hello"
    (asked,) = proxy.requests
    assert asked.path == "http://models.example/v1/chat/completions"
    assert asked.headers["proxy-authorization"] == SECRET


async def test_an_encrypted_connection_is_opened_through_it(ask: Asker, proxy: ScriptedHttp) -> None:
    proxy.on("models.example:443", Answer(status=403))
    heard = await hear(ask.provider(url="https://models.example/v1"), HELLO)
    assert heard.error is not None
    asked = proxy.requests[0]
    assert (asked.method, asked.path) == ("CONNECT", "models.example:443")
    assert asked.headers["proxy-authorization"] == SECRET


async def test_hosts_that_need_no_proxy(
    ask: Asker, proxy: ScriptedHttp, http_server: ScriptedHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,other.example")
    http_server.on("/chat/completions", SAID)
    heard = await hear(ask.provider(url=f"{http_server.url}/v1"), HELLO)
    assert heard.text == "hello"
    assert http_server.requests[0].path == "/v1/chat/completions"


async def test_passwords_of_other_programs_are_left_alone(
    ask: Asker, service: ScriptedHttp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    service.on("/chat/completions", SAID)
    heard = await hear(ask.provider(url=f"{service.url}/v1"), HELLO)
    assert heard.text == "hello"
    assert service.requests[0].headers["authorization"].startswith("Bearer ")
