"""Agents that use tools of MCP servers in their turns."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.mcp_zoo import Zoo
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Fleet, engines
from tests.harness.tenants import new_org
from tests.mcp.conftest import ALLOWED, Client
from tests.mcp.test_transports import program

SECRET = "the-key-of-nobody-else"


def agent_with(client: Client, held: dict[str, Any], **fields: Any) -> str:
    made = client.http.post("/v1/agents/", json={"tool_ids": [held["id"]], **fields})
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


HOSTILE: Mapping[str, str] = {
    "html": "not JSON",
    "unauthorized": "401",
    "failing": "500",
    "nowhere": "404",
    "moved-away": "register the server under that URL",
    "moved-to-metadata": "leads to http://169.254.169.254",
    "dying": "broke off",
    "ends-early": "may have run",
    "too-huge": "more than 16 MB",
    "hangs-on-connect": "did not answer within 4 seconds",
    "hangs-on-call": "did not answer within 4 seconds",
}


@pytest.fixture(scope="module")
def impatient(shared: Fleet, model_env: Mapping[str, str]) -> Client:
    """A tenant of a server that waits four seconds for a tool."""
    env = {**model_env, **ALLOWED, "HOLDFAST_MCP_TIMEOUT_SECONDS": "4"}
    return Client(new_org(shared.make(engines()[0], env).start()))


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_turn_ends_whatever_a_server_does(impatient: Client, models: OpenAIServer, zoo: Zoo, kind: str) -> None:
    server = impatient.add(zoo.url("plain"))
    echo = impatient.tool(server, "echo")
    agent = agent_with(impatient, echo)
    impatient.http.patch(f"/v1/mcp-servers/{server['id']}", json={"config": {"server_url": zoo.url(kind)}})

    came = returned(impatient, models, agent, echo, {"text": "x"})

    assert came["status"] == "error"
    assert HOSTILE[kind] in came["tool_return"]
    assert came["tool_return"] in json.dumps(models.chats[-1].body["messages"], ensure_ascii=False)


@pytest.mark.parametrize(("way", "said"), [("end", "has ended"), ("deaf", "has closed its input")])
def test_a_turn_ends_whatever_a_program_does(impatient: Client, models: OpenAIServer, way: str, said: str) -> None:
    held = impatient.tool(program(impatient), way)

    came = returned(impatient, models, agent_with(impatient, held), held, {})

    assert (came["status"], said in came["tool_return"]) == ("error", True)


def test_the_key_of_an_agent_is_shown_to_the_server_alone(once: Client, models: OpenAIServer, zoo: Zoo) -> None:
    server = once.add(zoo.url("plain"), custom_headers={"Authorization": "Bearer {{ USER_KEY }}"})
    echo = once.tool(server, "echo")
    agent = agent_with(once, echo, secrets={"USER_KEY": SECRET})

    assert returned(once, models, agent, echo, {"text": "x"})["status"] == "success"
    assert zoo.asked("plain", "tools/call")[-1].headers["authorization"] == f"Bearer {SECRET}"
    once.http.patch(f"/v1/mcp-servers/{server['id']}", json={"config": {"server_url": zoo.url("unauthorized")}})
    assert returned(once, models, agent, echo, {"text": "x"})["status"] == "error"

    assert zoo.asked("unauthorized")[-1].headers["authorization"] == f"Bearer {SECRET}"
    asked = json.dumps([chat.body for chat in models.chats])
    assert (echo["name"] in asked, SECRET in asked) == (True, False)
    runs = once.http.get("/v1/runs/", params={"agent_id": agent}).json()
    told = ["/messages", "/context", "/export"]
    pages = [once.http.get(f"/v1/agents/{agent}{page}") for page in told]
    pages += [once.http.get(f"/v1/runs/{run['id']}/{page}") for run in runs for page in ("steps", "messages")]
    pages += [once.http.get(f"/v1/mcp-servers/{server['id']}"), once.http.get("/v1/tools/")]
    assert {page.status_code for page in pages} == {200}
    assert not any(SECRET in page.text for page in pages)
    assert SECRET not in once.org.server.log
