"""The other ways to reach a server: the stream of 2024, programs, answers as streams, and the official SDK's server."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.mcp_sdk import official
from tests.fakes.mcp_zoo import Zoo
from tests.harness.fleet import Fleet, engines
from tests.harness.server import Server
from tests.harness.tenants import new_org
from tests.harness.waiting import until
from tests.mcp.conftest import ALLOWED, Client

PROGRAM = Path(__file__).with_name("program.py")


def program(client: Client, **env: str) -> dict[str, Any]:
    sent = {"mcp_server_type": "stdio", "command": sys.executable, "args": [str(PROGRAM)], "env": env}
    made = client.http.post("/v1/mcp-servers/", json={"server_name": client.org.name("program"), "config": sent})
    assert made.status_code == 200, made.text
    return made.json()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_answers_may_come_as_a_stream(once: Client, zoo: Zoo) -> None:
    server = once.add(zoo.url("streaming"))

    assert once.run(server, "echo", text="in pieces").json()["func_return"] == "in pieces"
    assert any(got.message.get("result") == {} for got in zoo.asked("streaming")), "the server's ping is answered"


def test_the_transport_of_2024(client: Client, zoo: Zoo) -> None:
    server = client.add(zoo.url("old"), mcp_server_type="sse")

    assert client.org.client.mcp_servers.retrieve(server["id"]).mcp_server_type == "sse"
    assert client.run(server, "echo", text="old").json()["func_return"] == "old"


@pytest.mark.parametrize("place", ["http://169.254.169.254/latest", "http://localhost:{port}/plain"])
def test_what_a_stream_is_shown_goes_to_its_own_server_alone(once: Client, zoo: Zoo, place: str) -> None:
    zoo.old.endpoint = place.format(port=zoo.port)

    tried = once.http.post(
        "/v1/tools/mcp/servers/test", json={"server_name": "x", "type": "sse", "server_url": zoo.url("old")}
    )

    assert tried.status_code == 502, tried.text
    assert "which is another server" in tried.json()["detail"]
    assert zoo.asked("plain") == []


@pytest.mark.parametrize("kind", ["http", "json", "stateless", "sse"])
def test_a_server_of_the_official_sdk(once: Client, kind: str) -> None:
    with official(kind) as url:
        server = once.add(url, mcp_server_type="sse" if kind == "sse" else "streamable_http")
        added = once.run(server, "add", a=1, b=2)
        wrong = once.run(server, "add", a="many").json()
        failed = once.run(server, "complain").json()

    assert added.json()["func_return"] == {"result": 3}, added.text
    assert (wrong["status"], failed["status"]) == ("error", "error")
    assert failed["stderr"] == ["Error executing tool complain"]


def test_a_program_is_a_server(client: Client) -> None:
    made = program(client, NAME="{{ NAME | nobody }}")

    assert made["command"] == sys.executable
    assert client.org.client.mcp_servers.retrieve(made["id"]).mcp_server_type == "stdio"
    assert client.run(made, "say", text="zeile\nzwei é").json()["func_return"] == "zeile\nzwei é"
    environment = json.loads(client.run(made, "environment").json()["func_return"])
    assert environment["NAME"] == "nobody"
    assert not {"OPENAI_API_KEY", "HOLDFAST_DATA", "HOLDFAST_MCP_STDIO"} & environment.keys()


def test_a_program_that_ends_is_started_again(once: Client) -> None:
    made = program(once)

    ended = once.run(made, "end")

    assert ended.status_code == 502
    assert "has ended" in ended.json()["detail"]
    assert once.run(made, "say", text="back").json()["func_return"] == "back"


def test_a_program_that_stops_reading_in_a_call_costs_an_error_and_is_started_again(once: Client) -> None:
    made = program(once)

    deaf = once.run(made, "deaf")

    assert deaf.status_code == 502, deaf.text
    assert "has closed its input" in deaf.json()["detail"]
    assert once.run(made, "say", text="back").json()["func_return"] == "back"


@pytest.mark.parametrize("when", ["parting", "last"])
def test_what_a_program_says_when_it_stops_reading_is_heard(once: Client, when: str) -> None:
    made = program(once)

    old = int(once.run(made, when).json()["func_return"])

    def back() -> bool:  # a call that was sent just before the input closed fails
        return once.run(made, "say", text="back").json().get("func_return") == "back"

    until(back, "the program to be there again", 30)
    assert not lives(old)


def test_a_program_is_ended_also_when_nobody_waits_for_that(shared: Fleet, model_env: Mapping[str, str]) -> None:
    ours = shared.make(engines()[0], {**model_env, **ALLOWED, "HOLDFAST_MCP_TIMEOUT_SECONDS": "1"}).start()
    client = Client(new_org(ours))
    made = program(client)
    until(lambda: client.http.patch(f"/v1/mcp-servers/{made['id']}/refresh").status_code == 200, "its tools", 30)
    old = int(client.run(made, "last").json()["func_return"])

    client.run(made, "say")  # its limit is over before that of the farewell

    until(lambda: not lives(old), "the program to end", 30)
    ours.stop()


def test_a_program_that_ends_at_once_is_registered_all_the_same(once: Client) -> None:
    sent: dict[str, Any] = {"type": "stdio", "server_name": once.org.name("brief"), "command": "true", "args": []}

    put = [once.http.put("/v1/tools/mcp/servers", json=sent) for _ in range(30)]  # when it ends is chance

    assert {each.status_code for each in put} == {200}, [each.text for each in put if each.status_code != 200]


def test_a_program_goes_with_all_that_it_has_started(once: Client) -> None:
    made = program(once)
    pids: list[int] = json.loads(once.run(made, "child").json()["func_return"])
    assert all(lives(pid) for pid in pids)

    once.http.delete(f"/v1/mcp-servers/{made['id']}")

    until(lambda: not any(lives(pid) for pid in pids), "the program and its child to end", 30)


def test_programs_are_off_unless_allowed(plain_server: Server) -> None:
    refused = plain_server.http.post(
        "/v1/mcp-servers/", json={"server_name": "x", "config": {"command": "true", "args": []}}
    )

    assert refused.status_code == 400
    assert "HOLDFAST_MCP_STDIO=true" in refused.json()["detail"]


def test_addresses_of_this_machine_are_for_administrators(plain_server: Server, zoo: Zoo) -> None:
    sent = {"server_name": f"x{zoo.port}", "config": {"server_url": zoo.url("plain")}}

    theirs = new_org(plain_server).http.post("/v1/mcp-servers/", json=sent)
    ours = plain_server.http.post("/v1/mcp-servers/", json=sent)

    assert theirs.status_code == 400
    assert "HOLDFAST_ALLOW_PRIVATE_URLS=true" in theirs.json()["detail"]
    assert ours.status_code == 200
    plain_server.http.delete(f"/v1/mcp-servers/{ours.json()['id']}")
