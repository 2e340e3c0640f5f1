"""Through nginx with the configuration of the stack: streams pass unbuffered, and pages of other origins may call."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.deploy.conftest import WORDS, Stack
from tests.harness import clients
from tests.harness.nginx import Nginx
from tests.harness.waiting import until

Through = Callable[[Mapping[str, str]], httpx.Client]

SHIPPED: Mapping[str, str] = {}
PACKED = {"gzip off;": "gzip on; gzip_types text/event-stream;"}
"""Nginx passes on what it has kept as soon as it may; what compresses it waits for more, unless it is told to flush."""
DEAF = PACKED | {"proxy_cache off;": "proxy_cache off; proxy_ignore_headers X-Accel-Buffering;"}
"""Whatever the server says in its headers, the configuration decides whether words are held back."""
BUFFERED = PACKED | {"proxy_buffering off;": "proxy_buffering on;"}
"""The configuration holds words back; the server's header says not to."""

ALLOWED = (
    "app://obsidian.md",
    "capacitor://localhost",
    "http://localhost",
    "http://localhost:5173",
    "https://app.letta.com",
)
ASKED = {"access-control-request-method": "POST", "access-control-request-headers": "x-bare-password, cache-control"}


@pytest.fixture
def proxy(stack: Stack) -> Iterator[httpx.Client]:
    with clients.raw(stack.nginx.url) as http:
        yield http


@pytest.fixture
def through(stack: Stack) -> Iterator[Through]:
    """Clients of proxies whose configurations are the shipped one with these edits."""
    started = dict[str, tuple[Nginx, httpx.Client]]()

    def proxied(edits: Mapping[str, str]) -> httpx.Client:
        if not edits:
            return started.setdefault("", (stack.nginx, clients.raw(stack.nginx.url)))[1]
        own = Nginx(stack.server.port, edits)
        started[own.url] = (own, clients.raw(own.url))
        own.start()
        return started[own.url][1]

    yield proxied
    for nginx, http in started.values():
        http.close()
        if nginx is not stack.nginx:
            nginx.remove()


def agent(proxy: httpx.Client) -> str:
    made = proxy.post(
        "/v1/agents/", json={"name": "proxied", "model": "openai/gpt-4o-mini", "include_base_tools": False}
    )
    assert made.status_code == 200, made.text
    return made.json()["id"]


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def next_of(stream: Iterator[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(event for event in stream if event["message_type"] == kind)


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("edits", [SHIPPED, DEAF, BUFFERED], ids=["shipped", "configuration", "header"])
def test_each_word_arrives_before_the_model_says_the_next(
    stack: Stack, through: Through, edits: Mapping[str, str], background: bool
) -> None:
    """The configuration sees to it by itself, and so does the header that the server sends."""
    proxy = through(edits)
    body = {"input": "go on", "streaming": True, "stream_tokens": True, "background": background}
    heard = list[str]()
    with proxy.stream("POST", f"/v1/agents/{agent(proxy)}/messages/stream", json=body, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = events(answer)
        assert next_of(stream, "ping")  # the model has not been told to speak yet
        for _ in WORDS:
            stack.models.step()
            heard.append(next_of(stream, "assistant_message")["content"])
        kinds = [event["message_type"] for event in stream]
    assert heard == list(WORDS)
    assert kinds[-2:] == ["stop_reason", "usage_statistics"]


def test_with_neither_of_them_words_are_held_back(stack: Stack, through: Through) -> None:
    """The test above can fail: here each word has left the server before the next is said, and none has arrived."""
    proxy, direct = through({**DEAF, **BUFFERED}), stack.server.http
    id = agent(direct)
    body = {"input": "go on", "streaming": True, "stream_tokens": True, "background": True, "include_pings": False}

    said = list[str]()

    def said_before() -> list[int]:
        """How many words the server had let go by the time that each arrived."""
        with proxy.stream("POST", f"/v1/agents/{id}/messages/stream", json=body, timeout=60) as answer:
            return [len(said) for event in events(answer) if event["message_type"] == "assistant_message"]

    with ThreadPoolExecutor(1) as beside:
        held = beside.submit(said_before)
        run = until(lambda: direct.get("/v1/runs/", params={"agent_id": id}).json(), "a run of the agent", 30)[0]
        with direct.stream("POST", f"/v1/runs/{run['id']}/stream", json={}, timeout=60) as answer:
            stream = events(answer)
            for word in WORDS:
                stack.models.step()
                assert next_of(stream, "assistant_message")["content"] == word
                said.append(word)
            assert [event["message_type"] for event in stream][-2:] == ["stop_reason", "usage_statistics"]
    assert len(held.result()) == len(WORDS)
    assert min(held.result()) >= len(WORDS) - 1


@pytest.mark.parametrize("origin", ALLOWED)
def test_a_page_of_a_named_origin_may_call(proxy: httpx.Client, origin: str) -> None:
    asked = proxy.options("/v1/agents/", headers={"origin": origin, **ASKED})
    assert asked.status_code == 204
    assert asked.headers.get_list("access-control-allow-origin") == [origin]
    allowed = asked.headers["access-control-allow-headers"].lower().split(", ")
    assert {"x-bare-password", "cache-control", "authorization", "content-type"} <= {*allowed}
    assert "PATCH" in asked.headers["access-control-allow-methods"]

    answer = proxy.get("/v1/agents/", headers={"origin": origin})
    assert answer.status_code == 200
    assert answer.headers.get_list("access-control-allow-origin") == [origin]
    assert answer.headers.get_list("access-control-allow-credentials") == ["true"]


def test_an_error_can_be_read_by_the_page_too(proxy: httpx.Client) -> None:
    missing = proxy.get(
        f"/v1/agents/agent-{'0' * 8}-0000-4000-8000-{'0' * 12}", headers={"origin": "app://obsidian.md"}
    )
    assert missing.status_code == 404
    assert missing.headers["access-control-allow-origin"] == "app://obsidian.md"


def test_further_origins_are_the_server_s_to_decide(proxy: httpx.Client) -> None:
    own, foreign = {"origin": "https://own.example"}, {"origin": "https://foreign.example"}
    assert (
        proxy.options("/v1/agents/", headers={**own, **ASKED}).headers["access-control-allow-origin"] == own["origin"]
    )
    assert proxy.get("/v1/agents/", headers=own).headers.get_list("access-control-allow-origin") == [own["origin"]]
    assert "access-control-allow-origin" not in proxy.options("/v1/agents/", headers={**foreign, **ASKED}).headers
    assert "access-control-allow-origin" not in proxy.get("/v1/agents/", headers=foreign).headers


def test_two_slashes_are_one(proxy: httpx.Client, stack: Stack) -> None:
    id = agent(proxy)
    assert httpx.get(f"{stack.nginx.url}//v1/agents/{id}").json()["id"] == id
    listed = httpx.get(f"{stack.nginx.url}//v1/agents/?name=proxied&limit=1")
    assert len(listed.json()) == 1
    changed = httpx.patch(f"{stack.nginx.url}//v1/agents/{id}", json={"description": "by two slashes"})
    assert changed.json()["description"] == "by two slashes"


def test_nginx_says_that_it_is_there(proxy: httpx.Client) -> None:
    answer = proxy.get("/nginx-health")
    assert (answer.status_code, answer.text) == (200, "healthy\n")


def test_a_large_body_passes_and_the_limit_is_the_server_s(proxy: httpx.Client) -> None:
    large = proxy.post("/v1/blocks/", json={"label": "large", "value": "x", "metadata": {"text": "y" * 3_000_000}})
    assert large.status_code == 200, large.text
    too_large = proxy.post("/v1/blocks/", content=b" " * (65 << 20))
    assert too_large.status_code == 413
    assert "HOLDFAST_MAX_BODY_MB" in too_large.text


def test_a_server_that_is_away_is_502_and_not_a_hang() -> None:
    alone = Nginx(9)
    try:
        alone.start()
        answer = httpx.get(f"{alone.url}/v1/agents/", headers={"origin": "app://obsidian.md"}, timeout=30)
        assert answer.status_code == 502
        assert answer.headers["access-control-allow-origin"] == "app://obsidian.md"
        assert httpx.get(f"{alone.url}/nginx-health").status_code == 200
    finally:
        alone.remove()
