"""What `llm_letta` 18.0.1.0.0 calls: as its client sends it, byte by byte, and with that client where it can be had."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.mcp_odoo import Odoo
from tests.fakes.mcp_zoo import Zoo
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness import clients
from tests.harness.fleet import engines
from tests.harness.models import EMBEDDING, MODEL
from tests.harness.process import plain_environment
from tests.harness.server import Server
from tests.odoo.fern_program import ACME, HEADERS, TOOL

HERE = Path(__file__).parent
UV = Path(sys.executable).parent / "uv"
FIELDS = {"name": "Acme Corp", "email": "acme@example.com"}
CREATING = (Reply(calls=((TOOL, {"model": "res.partner", "fields": FIELDS}),)), Reply("Created customer with ID 123."))
MODEL_FIELDS = {
    "handle",
    "provider_name",
    "context_window",
    "model_endpoint_type",
    "temperature",
    "max_tokens",
    "model",
}
EMBEDDING_FIELDS = {
    "handle",
    "embedding_endpoint_type",
    "embedding_dim",
    "embedding_chunk_size",
    "batch_size",
    "embedding_endpoint",
    "embedding_model",
}


def frames(text: str) -> list[Any]:
    """The JSON of a stream, as a client reads it that lets pass what it cannot read."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def assistant(text: str) -> str:
    return "".join(each["content"] for each in frames(text) if each["message_type"] == "assistant_message")


def test_the_calls_in_their_order(server: Server, models: OpenAIServer, zoo: Zoo, odoo: Odoo, mcp_name: str) -> None:
    http = clients.raw(server.url, {"Authorization": "Bearer False", "User-Agent": "letta-client/1.0.0a5"})

    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = http.request(method, path, json=body) if body is not None else http.request(method, path)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    assert all(set(each) >= MODEL_FIELDS for each in ask("GET", "/v1/models/"))
    assert all(set(each) >= EMBEDDING_FIELDS for each in ask("GET", "/v1/models/embedding"))
    blocks = [{"label": "persona", "value": "I work in Odoo."}, {"label": "human", "value": "The user."}]
    chosen = {"name": "thread_1", "model": MODEL, "embedding": EMBEDDING, "memory_blocks": blocks, "tools": []}
    keys = {"tool_exec_environment_variables": {"ODOO_API_KEY": "key-of-marc"}}
    agent = ask("POST", "/v1/agents/", {**chosen, **keys})["id"]

    ask("GET", f"/v1/agents/{agent}/tools")
    assert mcp_name not in ask("GET", "/v1/tools/mcp/servers")
    config = {"server_name": mcp_name, "type": "streamable_http", "server_url": zoo.url("odoo")}
    assert mcp_name in {
        each["server_name"] for each in ask("PUT", "/v1/tools/mcp/servers", {**config, "custom_headers": HEADERS})
    }
    assert mcp_name in ask("GET", "/v1/tools/mcp/servers")
    assert TOOL in {each["name"] for each in ask("GET", f"/v1/tools/mcp/servers/{mcp_name}/tools")}
    added = ask("POST", f"/v1/tools/mcp/servers/{mcp_name}/{TOOL}")
    [tool] = [each["id"] for each in ask("GET", "/v1/tools/") if each["name"] == TOOL]
    assert (added["id"], added["tool_type"]) == (tool, "external_mcp")
    ask("PATCH", f"/v1/agents/{agent}/tools/attach/{tool}")

    models.queue(*CREATING)
    sent = {"messages": [{"role": "user", "content": ACME}], "stream_tokens": True}
    assert assistant(ask("POST", f"/v1/agents/{agent}/messages/stream", sent)) == "Created customer with ID 123."
    assert [(each["values"], each["create_uid"]) for each in odoo.records] == [(FIELDS, "Marc")]
    models.queue(Reply("Yes."))
    whole = {"messages": [{"role": "user", "content": "Done?"}], "stream_tokens": False}
    assert assistant(ask("POST", f"/v1/agents/{agent}/messages/stream", whole)) == "Yes."

    ask("PATCH", f"/v1/agents/{agent}/tools/detach/{tool}")
    assert TOOL not in {each["name"] for each in ask("GET", f"/v1/agents/{agent}/tools")}
    assert ask("PATCH", f"/v1/agents/{agent}", {"model": "openai/gpt-4o"})["llm_config"]["handle"] == "openai/gpt-4o"
    ask("DELETE", f"/v1/agents/{agent}")
    gone = http.get(f"/v1/agents/{agent}")
    assert gone.status_code == 404
    assert agent in gone.json()["detail"]


@pytest.fixture
def old_client(pytestconfig: pytest.Config) -> Path:
    """letta-client 1.0.0a5, fetched once; it cannot be installed beside the one of today."""
    cache: Any = pytestconfig.cache
    place: Path = cache.mkdir("letta-client-1.0.0a5") / "packages"
    if not place.exists():
        fresh = place.with_name(f"packages-{os.getpid()}")
        options = ("--quiet", "--no-deps", "--require-hashes", "--python", sys.executable, "--target", str(fresh))
        fetch = [str(UV), "pip", "install", *options, "--requirements", str(HERE / "fern.txt")]
        done = subprocess.run(fetch, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip(f"letta-client 1.0.0a5 cannot be fetched: {done.stderr.strip()[-200:]}")
        fresh.rename(place)
    return place


@pytest.mark.parametrize("engine", engines()[:1])
def test_the_client_itself(server: Server, models: OpenAIServer, zoo: Zoo, odoo: Odoo, old_client: Path) -> None:
    models.queue(*CREATING, Reply("Yes."))
    program = [sys.executable, str(HERE / "fern_program.py"), server.url, zoo.url("odoo"), "odoo_of_old"]
    env = plain_environment(PYTHONPATH=str(old_client), PYTHONWARNINGS="ignore")

    ran = subprocess.run(program, env=env, capture_output=True, text=True, timeout=120, check=False)

    server.http.delete("/v1/tools/mcp/servers/odoo_of_old")
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(ran.stdout)
    assert MODEL in seen["models"]
    assert seen["said"] == ["Created customer with ID 123.", "Yes."]
    assert seen["attached"] == [TOOL]
    assert seen["model"] == ["openai/gpt-4o", "You are the sales assistant.", ["I work in Odoo.", "The user."]]
    assert seen["gone"][0] == 404
    assert "detail" in seen["gone"][1]
    assert [(each["values"], each["create_uid"]) for each in odoo.records] == [(FIELDS, "Mitchell")]
