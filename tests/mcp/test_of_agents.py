"""Tools of MCP servers on behalf of an agent: its own credentials, and errors that it can read."""

from typing import Any

import httpx
import pytest

from tests.fakes.mcp_plain import tool
from tests.fakes.mcp_zoo import Zoo
from tests.mcp.conftest import Client


def agent_with(client: Client, held: dict[str, Any], **secrets: str) -> str:
    made = client.http.post("/v1/agents/", json={"tool_ids": [held["id"]], "secrets": secrets})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def run(client: Client, agent: str, held: dict[str, Any], arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    path = f"/v1/agents/{agent}/tools/{held['name']}/run"
    answer = client.http.post(path, json={"args": arguments or {}}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_agent_is_given_the_tools_of_servers(client: Client, zoo: Zoo) -> None:
    zoo.animals["plain"].tools = [tool("one"), tool("two")]
    server = client.add(zoo.url("plain"))
    names = sorted(each["name"] for each in client.tools(server))
    given = {"mcp_server_ids": [server["id"]], "include_base_tools": False}

    def tools_of(answer: httpx.Response) -> list[str]:
        assert answer.status_code == 200, answer.text
        return [each["name"] for each in answer.json()["tools"]]

    made = client.http.post("/v1/agents/", json={**given, "tools": ["conversation_search"]})
    assert tools_of(made)[0] == "conversation_search"
    assert sorted(tools_of(made)[1:]) == names
    path = f"/v1/agents/{made.json()['id']}"
    assert tools_of(client.http.patch(path, json={"tool_ids": []})) == []
    for _ in range(2):
        assert sorted(tools_of(client.http.patch(path, json={"mcp_server_ids": [server["id"]]}))) == names
    nobody = "mcp_server-00000000-0000-4000-8000-000000000000"
    refused = client.http.patch(path, json={"mcp_server_ids": [nobody]})
    assert (refused.status_code, nobody in refused.json()["detail"]) == (404, True)


@pytest.mark.contract("mcp.templates")
def test_each_agent_shows_the_server_its_own_key(client: Client, zoo: Zoo) -> None:
    zoo.animals["plain"].tools = [tool("whoami")]
    server = client.add(zoo.url("plain"), custom_headers={"Authorization": "Bearer {{ USER_KEY | nobodys }}"})
    whoami = client.tool(server, "whoami")
    ann, ben, none = (agent_with(client, whoami, **s) for s in ({"USER_KEY": "anns"}, {"USER_KEY": "bens"}, {}))

    seen = [run(client, agent, whoami)["func_return"] for agent in (ann, ben, none, ann)]

    assert seen == ["Bearer anns", "Bearer bens", "Bearer nobodys", "Bearer anns"]
    sessions = {got.headers["mcp-session-id"] for got in zoo.asked("plain", "tools/call")}
    assert len(sessions) == 3


def test_a_server_that_fails_is_an_error_of_the_tool(client: Client, zoo: Zoo) -> None:
    server = client.add(zoo.url("plain"))
    echo = client.tool(server, "echo")
    agent = agent_with(client, echo)
    client.http.patch(f"/v1/mcp-servers/{server['id']}", json={"config": {"server_url": "http://127.0.0.1:9/"}})

    came = run(client, agent, echo, {"text": "x"})

    assert came["status"] == "error"
    assert "http://127.0.0.1:9/ cannot be reached" in came["stderr"][-1]


def test_a_secret_that_is_missing_is_named(client: Client, zoo: Zoo) -> None:
    server = client.add(zoo.url("plain"), custom_headers={"X-Key": "{{ MISSING_KEY }}"})
    echo = client.tool(server, "echo")
    assert "x-key" not in zoo.asked("plain", "tools/list")[-1].headers

    came = run(client, agent_with(client, echo), echo, {"text": "x"})

    assert came["status"] == "error"
    assert "X-Key needs MISSING_KEY" in came["stderr"][-1]
    assert zoo.asked("plain", "tools/call") == []
