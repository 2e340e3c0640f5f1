"""Agents that use tools of MCP servers in their turns."""

from typing import Any

from tests.fakes.mcp_zoo import Zoo
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.mcp.conftest import Client


def agent_with(client: Client, held: dict[str, Any]) -> str:
    made = client.http.post("/v1/agents/", json={"tool_ids": [held["id"]]})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def returned(
    client: Client, models: OpenAIServer, agent: str, held: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    """What the only tool call of a turn came to."""
    models.queue(Reply(calls=((held["name"], arguments),)), Reply("done"))
    said = {"messages": [{"role": "user", "content": "go"}]}
    answer = client.http.post(f"/v1/agents/{agent}/messages", json=said, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["stop_reason"]["stop_reason"] == "end_turn", answer.text
    return next(each for each in answer.json()["messages"] if each["message_type"] == "tool_return_message")


def test_a_record_of_any_form_is_created(client: Client, models: OpenAIServer, zoo: Zoo) -> None:
    server = client.add(zoo.url("odoo"), auth_token="system-api-key")
    create = client.tool(server, "odoo_record_creator")
    values = {"model": "res.partner", "fields": {"name": "Acme Corp", "is_company": True, "tags": [[6, 0, [1]]]}}

    came = returned(client, models, agent_with(client, create), create, values)

    assert came["status"] == "success"
    assert zoo.asked("odoo", "tools/call")[-1].message["params"]["arguments"] == values
    sent = next(
        each["function"] for each in models.chats[0].body["tools"] if each["function"]["name"] == create["name"]
    )
    assert "strict" not in sent
    assert sent["parameters"]["properties"]["fields"]["additionalProperties"] is True


def test_a_server_that_fails_costs_one_readable_error(client: Client, models: OpenAIServer, zoo: Zoo) -> None:
    server = client.add(zoo.url("plain"))
    echo = client.tool(server, "echo")
    agent = agent_with(client, echo)
    client.http.patch(f"/v1/mcp-servers/{server['id']}", json={"config": {"server_url": "http://127.0.0.1:9/"}})

    came = returned(client, models, agent, echo, {"text": "x"})

    assert came["status"] == "error"
    assert "http://127.0.0.1:9/ cannot be reached" in came["tool_return"]
