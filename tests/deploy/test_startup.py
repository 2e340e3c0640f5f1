"""A program that keeps its agents here starts, in raw HTTP and in its order: twice, and nothing is there twice."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.mcp_zoo import Zoo
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer

Json = dict[str, Any]

SYSTEM = "You are the research orchestrator. " + "Read, compare, cite. " * 180
CORE = ("memory_insert", "memory_replace", "conversation_search")
EXITS = [{"tool_name": name, "type": "exit_loop"} for name in ("load_skill", "unload_skill")]
BLOCKS = [
    {"label": "persona", "value": "I organize research.", "limit": 4000, "description": "Who the agent is"},
    {"label": "human", "value": "", "limit": 4000, "description": "Who the user is"},
    {"label": "loaded_skills", "value": "", "limit": 2000, "description": "Skills in use"},
]
LATER = {"label": "planning", "value": "", "limit": 3000}
EMBEDDING = {
    "embedding_endpoint_type": "openai",
    "embedding_endpoint": "https://api.openai.com/v1",
    "embedding_model": "text-embedding-3-small",
    "embedding_dim": 1536,
    "embedding_chunk_size": 300,
}


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    with Zoo() as zoo:
        yield zoo
        zoo.release()


class Program:
    """Starts as the program does: it knows nothing but names."""

    def __init__(self, http: httpx.Client, mcp_url: str) -> None:
        self.http = http
        self.mcp = {"server_name": "thoth-research-tools", "config": self._config(mcp_url)}

    def ok(self, method: str, path: str, **sent: Any) -> Any:
        answer = self.http.request(method, path, **sent)
        assert answer.status_code in (200, 204), f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def start(self) -> Json:
        """Both passes: what is missing is made, what is there is brought up to date."""
        assert self.ok("GET", "/v1/health")["status"] == "ok"
        self._register()
        base = self.ok("POST", "/v1/tools/add-base-tools")
        assert {*CORE} <= {tool["name"] for tool in base}
        assert all(tool["id"] for tool in base)
        tools = {tool["name"]: tool["id"] for tool in self.ok("GET", "/v1/tools/")}
        found = [agent for agent in self.ok("GET", "/v1/agents/") if agent["name"] == "thoth_main_orchestrator"]
        agent = self._renew(found[0]) if found else self._create(tools)
        for name in CORE:
            self.ok("PATCH", f"/v1/agents/{agent['id']}/tools/attach/{tools[name]}")
        self.ok("PATCH", f"/v1/agents/{agent['id']}/core-memory/blocks/loaded_skills", json={"value": "none"})
        self.ok("GET", "/v1/folders")
        return self.ok("GET", f"/v1/agents/{agent['id']}")

    def _register(self) -> None:
        answer = self.http.post("/v1/mcp-servers/", json=self.mcp)
        listed = self.ok("GET", "/v1/mcp-servers/")
        [mine] = [server for server in listed if server["server_name"] == self.mcp["server_name"]]
        if answer.status_code == 409:
            self.ok("PATCH", f"/v1/mcp-servers/{mine['id']}", json={"config": self.mcp["config"]})
        else:
            assert answer.status_code == 200, answer.text
        assert self.ok("GET", f"/v1/mcp-servers/{mine['id']}/tools")
        assert self.ok("GET", f"/v1/mcp-servers/{mine['id']}/tools/")

    def _create(self, tools: Json) -> Json:
        assert self.ok("GET", "/v1/models/embedding")
        assert self.ok("GET", "/v1/models/")
        body = {
            "name": "thoth_main_orchestrator",
            "system": SYSTEM,
            "embedding_config": EMBEDDING,
            "llm_config": {
                "model": "gpt-4o-mini",
                "model_endpoint_type": "openai",
                "model_endpoint": "https://api.openai.com/v1",
                "context_window": 64_000,
                "temperature": 0.3,
            },
            "tools": [name for name in CORE if name in tools],
            "include_base_tools": True,
            "memory_blocks": BLOCKS,
            "tool_rules": EXITS,
        }
        agent = self.ok("POST", "/v1/agents/", json=body)
        return self.ok("PATCH", f"/v1/agents/{agent['id']}", json={"system": SYSTEM})

    def _renew(self, agent: Json) -> Json:
        changes = {"system": SYSTEM, "llm_config": {"model": "openai/gpt-4.1"}, "tool_rules": EXITS}
        changed = self.ok("PATCH", f"/v1/agents/{agent['id']}", json=changes)
        held = {block["label"] for block in self.ok("GET", f"/v1/agents/{agent['id']}/core-memory/blocks")}
        for block in (each for each in (*BLOCKS, LATER) if each["label"] not in held):
            made = self.ok("POST", "/v1/blocks/", json=block)
            self.ok("PATCH", f"/v1/agents/{agent['id']}/core-memory/blocks/attach/{made['id']}")
        foreign = [tool for tool in changed["tools"] if tool["name"] == "web_search"]
        for tool in foreign:
            self.ok("PATCH", f"/v1/agents/{agent['id']}/tools/detach/{tool['id']}")
        return changed

    @staticmethod
    def _config(url: str) -> Json:
        return {"mcp_server_type": "streamable_http", "server_url": url}


def test_the_start_runs_twice_and_nothing_is_there_twice(fresh_server: FreshServer, zoo: Zoo) -> None:
    server = fresh_server({"ANTHROPIC_API_KEY": "", "GROQ_API_KEY": ""})
    program = Program(server.http, zoo.url("plain"))

    first = program.start()
    assert first["llm_config"]["handle"] == "openai/gpt-4o-mini"
    assert first["llm_config"]["context_window"] == 64_000
    tools_before = len(program.ok("GET", "/v1/tools/"))
    server.restart()
    second = program.start()
    third = program.start()

    assert first["id"] == second["id"] == third["id"]
    assert second["llm_config"]["model"] == "gpt-4.1"
    assert second["llm_config"]["handle"] == "openai/gpt-4.1"
    assert second["llm_config"]["temperature"] == 0.3
    assert second["llm_config"]["model_endpoint_type"] == "openai"
    assert second["embedding_config"] == first["embedding_config"]
    assert second["system"] == SYSTEM
    assert [rule["tool_name"] for rule in second["tool_rules"] if rule["type"] == "exit_loop"] == [
        "load_skill",
        "unload_skill",
    ]
    for agent in (first, second, third):
        names = [tool["name"] for tool in agent["tools"]]
        assert len(names) == len({*names})
        assert {*CORE} <= {*names}
    assert sorted(block["label"] for block in first["memory"]["blocks"]) == sorted(b["label"] for b in BLOCKS)
    for agent in (second, third):
        labels = sorted(block["label"] for block in agent["memory"]["blocks"])
        assert labels == sorted(block["label"] for block in (*BLOCKS, LATER))
    assert len(program.ok("GET", "/v1/agents/")) == 1
    assert len(program.ok("GET", "/v1/mcp-servers/")) == 1
    assert len(program.ok("GET", "/v1/blocks/")) == len(BLOCKS) + 1
    assert len(program.ok("GET", "/v1/tools/")) == tools_before


def test_conversations_as_its_window_uses_them(fresh_server: FreshServer, zoo: Zoo, models: OpenAIServer) -> None:
    program = Program(fresh_server().http, zoo.url("plain"))
    agent = program.start()["id"]
    assert [each["id"] for each in program.ok("GET", "/v1/agents/?view=basic")] == [agent]

    made = program.ok("POST", f"/v1/conversations/?agent_id={agent}", json={"summary": "Papers"})
    program.ok("POST", f"/v1/conversations/?agent_id={agent}", json={})
    listed = program.ok("GET", f"/v1/conversations/?agent_id={agent}&limit=200")
    assert len(listed) == 2
    assert {"id", "agent_id", "summary", "created_at"} <= listed[0].keys()
    path = f"/v1/conversations/{made['id']}"
    assert program.ok("PATCH", path, json={"summary": "Papers on sleep"})["summary"] == "Papers on sleep"

    parts = [{"type": "text", "text": "Second question"}]
    said = [{"role": "system", "content": "The vault is open."}, {"role": "user", "content": "Third question"}]
    for body in ({"input": "First question"}, {"input": parts}, {"messages": said}):
        models.queue(Reply(text="An answer."))
        sent = {**body, "streaming": True, "stream_tokens": True}
        with program.http.stream("POST", f"{path}/messages", json=sent, timeout=60) as answer:
            assert answer.status_code == 200, answer.read()
            frames = answer.read().decode().split("\n\n")
        assert any('"assistant_message"' in frame for frame in frames)
        assert any('"end_turn"' in frame for frame in frames)

    newest = program.ok("GET", f"{path}/messages?limit=300&order=desc&use_assistant_message=true")
    texts = [each["content"] for each in newest if each["message_type"] == "user_message"]
    assert texts[0] == "Third question"
    assert texts[-1] == "First question"
    older = program.ok("GET", f"{path}/messages?limit=300&order=desc&before={newest[0]['id']}")
    assert [each["id"] for each in older] == [each["id"] for each in newest[1:] if each["id"] != newest[0]["id"]]
    oldest = program.ok("GET", f"{path}/messages?limit=20&order=asc")
    assert [each["id"] for each in oldest] == [each["id"] for each in reversed(newest)]

    program.ok("DELETE", path)
    assert program.http.get(path).status_code == 404
    assert len(program.ok("GET", f"/v1/conversations/?agent_id={agent}")) == 1


def test_an_agent_is_saved_as_json_and_made_again(fresh_server: FreshServer, zoo: Zoo) -> None:
    program = Program(fresh_server().http, zoo.url("plain"))
    program.start()
    [listed] = program.ok("GET", "/v1/agents/?limit=1000")
    saved = program.ok("GET", f"/v1/agents/{listed['id']}")
    program.ok("DELETE", f"/v1/agents/{saved['id']}")

    kept = ("agent_type", "llm_config", "embedding_config", "system", "tool_rules", "tags", "model_settings")
    more = ("enable_sleeptime", "timezone", "max_files_open", "per_file_view_window_char_limit", "metadata")
    blocks = [{name: block[name] for name in ("label", "value", "limit", "description")} for block in saved["blocks"]]
    body = {
        "name": saved["name"],
        **{name: saved[name] for name in (*kept, *more) if name in saved},
        "memory_blocks": blocks,
        "tools": [tool["name"] for tool in saved["tools"]],
    }
    made = program.ok("POST", "/v1/agents/", json=body)

    again = program.ok("GET", f"/v1/agents/{made['id']}")
    for agent in (saved, again):
        del agent["model_settings"]["parallel_tool_calls"]  # unset it is shown as true here and as false in llm_config
    for name in (*kept, *more):
        assert again.get(name) == saved.get(name), name
    assert {tool["name"] for tool in again["tools"]} == {tool["name"] for tool in saved["tools"]}
    assert [(block["label"], block["value"]) for block in again["blocks"]] == [
        (block["label"], block["value"]) for block in saved["blocks"]
    ]
