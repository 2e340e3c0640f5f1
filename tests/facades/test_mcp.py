"""The MCP server: the official client over HTTP and over standard input and output, and what goes wrong."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import StdioServerParameters, stdio_client
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.cli import command
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.process import plain_environment
from tests.harness.tenants import Org, new_org
from tests.harness.warm import HOLDFAST
from tests.messages.talking import Json, agent

TOOLS = ["list_agents", "remember", "recall", "forget", "read_blocks", "edit_block", "send_message"]
NOTES = {"memory_blocks": [{"label": "notes", "value": "Likes tea.", "description": "What matters."}]}

Connect = Callable[[Org, str], AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def _over_http(org: Org, mode: str) -> AsyncGenerator[Client]:
    headers = {"Authorization": f"Bearer {org.key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(f"{org.server.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@asynccontextmanager
async def _over_stdio(org: Org, mode: str) -> AsyncGenerator[Client]:
    program, *arguments = HOLDFAST
    env = plain_environment(HOLDFAST_URL=org.server.url, HOLDFAST_API_KEY=org.key)
    transport = stdio_client(StdioServerParameters(command=program, args=[*arguments, "mcp"], env=env))
    async with Client(transport, mode=mode) as client:
        yield client


WAYS: Mapping[str, Connect] = {"http": _over_http, "stdio": _over_stdio}


async def _call(client: Client, name: str, **arguments: Any) -> Json:
    result = await client.call_tool(name, arguments)
    text: str = getattr(result.content[0], "text", "")
    assert not result.is_error, text
    assert result.structured_content == json.loads(text)
    return result.structured_content or {}


async def _refusal(client: Client, name: str, **arguments: Any) -> str:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    return getattr(result.content[0], "text", "")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_everything_that_the_official_client_can_do(org: Org, models: OpenAIServer, way: str, mode: str) -> None:
    owner = agent(org, name="Ada", **NOTES)
    async with WAYS[way](org, mode) as client:
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        assert client.server_info is not None and client.server_info.name == "holdfast"
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == TOOLS
        assert (await _call(client, "list_agents"))["agents"] == [{"id": owner, "name": "Ada", "description": None}]
        (kept,) = (await _call(client, "remember", text="The red bicycle is in the garage.", tags=["things"]))[
            "remembered"
        ]
        found = (await _call(client, "recall", query="where is the bicycle?", agent="Ada"))["memories"]
        assert [(each["id"], each["tags"]) for each in found] == [(kept["id"], ["things"])]
        gone = await _call(client, "forget", memory_id=kept["id"])
        assert gone == {"forgotten": kept["id"], "can_be_undone": True}
        assert (await _call(client, "recall", query="bicycle"))["memories"] == []
        await _call(client, "edit_block", label="notes", old_text="tea", new_text="coffee")
        blocks = (await _call(client, "read_blocks"))["blocks"]
        assert [(each["label"], each["value"]) for each in blocks] == [("notes", "Likes coffee.")]
        models.queue(Reply("Hello from Ada."))
        assert (await _call(client, "send_message", message="hello"))["answer"] == "Hello from Ada."
        (resource,) = (await client.list_resources()).resources
        assert str(resource.uri) == f"holdfast://agents/{owner}/blocks/notes"
        assert resource.name == "Ada: notes"
        (content,) = (await client.read_resource(str(resource.uri))).contents
        assert getattr(content, "text", "") == "Likes coffee."
    version = org.http.get(f"/v1/passages/{kept['id']}/versions").json()[0]
    assert version["reason"] == "forgotten over MCP"


async def test_a_memory_can_be_erased_for_good(org: Org) -> None:
    agent(org, name="Ada")
    async with _over_http(org, "auto") as client:
        (kept,) = (await _call(client, "remember", text="A secret."))["remembered"]
        gone = await _call(client, "forget", memory_id=kept["id"], permanently=True)
        assert not gone["can_be_undone"]
        assert org.http.get(f"/v1/forget/{gone['job']}").status_code == 200
        assert org.http.get(f"/v1/passages/{kept['id']}/versions").status_code == 404


async def test_a_key_reaches_its_organization_only(org: Org) -> None:
    mine, other = agent(org, name="Ada", **NOTES), new_org(org.server)
    theirs = agent(other, name="Bob", **NOTES)
    async with _over_http(org, "auto") as client:
        (kept,) = (await _call(client, "remember", text="Only mine."))["remembered"]
    async with _over_http(other, "auto") as client:
        assert [each["id"] for each in (await _call(client, "list_agents"))["agents"]] == [theirs]
        for name, arguments in {
            "remember": {"text": "x"},
            "recall": {"query": "x"},
            "forget": {"memory_id": kept["id"]},
            "read_blocks": {},
            "edit_block": {"label": "notes", "new_text": "x"},
            "send_message": {"message": "x"},
        }.items():
            assert mine in await _refusal(client, name, agent=mine, **arguments)
            assert "Ada" in await _refusal(client, name, agent="Ada", **arguments)
        assert kept["id"] in await _refusal(client, "forget", memory_id=kept["id"])
        assert [str(each.uri) for each in (await client.list_resources()).resources] == [
            f"holdfast://agents/{theirs}/blocks/notes"
        ]
        with pytest.raises(Exception, match="notes"):
            await client.read_resource(f"holdfast://agents/{mine}/blocks/notes")


async def test_a_key_that_may_only_read(org: Org) -> None:
    agent(org, name="Ada", **NOTES)
    key = org.server.http.post(f"/v1/admin/orgs/{org.id}/keys", json={"name": "reader", "scopes": ["read"]}).json()
    async with _over_http(Org(org.server, org.id, key["key"]), "auto") as client:
        assert (await _call(client, "read_blocks"))["agent"] == "Ada"
        assert (await _call(client, "recall", query="x"))["memories"] == []
        assert "may only read" in await _refusal(client, "remember", text="x")
        assert "may only read" in await _refusal(client, "edit_block", label="notes", new_text="x")


async def test_what_a_model_does_wrong_is_explained_to_it(org: Org) -> None:
    async with _over_http(org, "auto") as client:
        assert "no agents yet" in await _refusal(client, "read_blocks")
        agent(org, name="Ada", memory_blocks=[{"label": "law", "value": "No.", "read_only": True}])
        twin = agent(org, name="Ada")
        said = await _refusal(client, "read_blocks", agent="Ada")
        assert "which agent is meant" in said
        assert twin in said
        org.http.delete(f"/v1/agents/{twin}").raise_for_status()
        assert "Bob" in await _refusal(client, "read_blocks", agent="Bob")
        assert "read-only" in await _refusal(client, "edit_block", label="law", new_text="Yes.")
        assert "'law'" in await _refusal(client, "edit_block", label="rules", new_text="Yes.")
        assert "has no argument nonsense" in await _refusal(client, "recall", query="x", nonsense=1)
        assert "`query`" in await _refusal(client, "recall")
        assert "`limit`" in await _refusal(client, "recall", query="x", limit=-1)
        with pytest.raises(Exception, match="no tool 'fly'"):
            await client.call_tool("fly", {})


FAULTS: Mapping[str, tuple[Any, Mapping[str, str], int, int]] = {
    "no JSON": (b"{", {}, 400, -32700),
    "no object": (1, {}, 400, -32600),
    "an empty batch": ([], {}, 400, -32600),
    "no version of JSON-RPC": ({"id": 1, "method": "ping"}, {}, 400, -32600),
    "a method that is no text": ({"jsonrpc": "2.0", "id": 1, "method": 5}, {}, 400, -32600),
    "an id that is no id": ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, {}, 400, -32600),
    "parameters as a list": ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, {}, 400, -32600),
    "an unknown method": ({"jsonrpc": "2.0", "id": 1, "method": "prompts/get"}, {}, 200, -32601),
    "an unknown version": (
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"MCP-Protocol-Version": "1999-01-01"},
        400,
        -32022,
    ),
    "a cursor from elsewhere": (
        {"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {"cursor": "agent-x"}},
        {},
        200,
        -32602,
    ),
    "a URI of something else": (
        {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "file:///etc/passwd"}},
        {},
        200,
        -32602,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_messages_that_are_none(org: Org, fault: str) -> None:
    body, headers, status, code = FAULTS[fault]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = org.http.post("/mcp", content=content, headers={"Content-Type": "application/json", **headers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_what_wants_no_answer_gets_none(org: Org) -> None:
    said = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    silent: list[Any] = [said, [said, said], {"jsonrpc": "2.0", "id": 1, "result": {}}]
    for message in silent:
        answer = org.http.post("/mcp", json=message)
        assert (answer.status_code, answer.content) == (202, b"")
    both = org.http.post("/mcp", json=[said, {"jsonrpc": "2.0", "id": "a", "method": "ping"}])
    assert both.json() == [{"jsonrpc": "2.0", "id": "a", "result": {}}]
    assert org.http.get("/mcp").status_code == 405
    assert org.http.delete("/mcp").status_code == 405


def test_a_server_that_is_away_is_told_over_stdio(org: Org) -> None:
    lines = [{"jsonrpc": "2.0", "id": 7, "method": "ping"}, {"jsonrpc": "2.0", "method": "notifications/initialized"}]
    sent = "".join(json.dumps(line) + "\n" for line in lines) + "\nno json\n"
    done = command.beside(org.server, "mcp", "--url", "http://127.0.0.1:9", stdin=sent)
    first, second = (json.loads(line) for line in command.output(done).splitlines())
    assert first["id"] == 7
    assert "No server answers" in first["error"]["message"]
    assert second["error"]["code"] == -32700
