"""A stream of more than 300 seconds through nginx: the model is silent for longer than it waits; pings carry it."""

import json

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness import clients
from tests.harness.fleet import FreshServer
from tests.harness.nginx import Nginx

SILENCE_S = 310


@pytest.mark.soak
def test_a_model_may_think_for_longer_than_nginx_waits(fresh_server: FreshServer, models: OpenAIServer) -> None:
    server = fresh_server()
    nginx = Nginx(server.port)
    try:
        http = clients.raw(nginx.start().url)
        agent = http.post("/v1/agents/", json={"name": "slow", "include_base_tools": False}).json()["id"]
        models.queue(Reply(text="At last.", delay=SILENCE_S))
        body = {"input": "Think", "stream_tokens": True}
        kinds = list[str]()
        with http.stream("POST", f"/v1/agents/{agent}/messages/stream", json=body, timeout=2 * SILENCE_S) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    kinds.append(json.loads(line.removeprefix("data: "))["message_type"])
    finally:
        nginx.remove()
    assert kinds.count("ping") >= SILENCE_S // 30
    assert "assistant_message" in kinds
    assert kinds[-2:] == ["stop_reason", "usage_statistics"]
