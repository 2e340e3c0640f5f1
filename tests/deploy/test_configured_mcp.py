"""MCP servers of the administrator's file and variable: there after the start, once, also after the second one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import ConfigError, load
from holdfast.mcp.configured import from_file
from tests.fakes.mcp_zoo import Zoo
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.waiting import until

FILE = ".letta/mcp-servers.json"


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    with Zoo() as zoo:
        yield zoo
        zoo.release()


def write(server: Server, text: str) -> None:
    path = server.home / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def listed(server: Server) -> dict[str, dict[str, Any]]:
    return {each["server_name"]: each for each in server.http.get("/v1/mcp-servers/").json()}


def tools_of(server: Server, name: str) -> list[str]:
    found = listed(server).get(name)
    tools: list[dict[str, Any]] = server.http.get(f"/v1/mcp-servers/{found['id']}/tools").json() if found else []
    return [tool["name"] for tool in tools]


def test_servers_of_the_file_and_the_variable_are_registered_once(fresh_server: FreshServer, zoo: Zoo) -> None:
    there = {"variable": {"server_url": zoo.url("odoo"), "mcp_server_type": "streamable_http"}}
    server = fresh_server({"LETTA_MCP_SERVERS": json.dumps(there)}, start=False)
    entries = {
        "file": {"url": zoo.url("plain"), "transport": "http", "headers": {"X-Of-The-File": "yes"}},
        "off": {"url": zoo.url("plain"), "enabled": False},
        "program": {"command": "npx", "args": ["something"]},
        "broken": {"url": 7, "headers": {"Authorization": "5ecret"}},
        "away": {"url": "http://127.0.0.1:9/mcp"},
    }
    write(server, json.dumps({"servers": entries}))
    server.start()
    until(lambda: tools_of(server, "variable"), "the tools of the last one", seconds=60)
    before = listed(server)
    assert before.keys() == {"file", "away", "variable"}
    assert tools_of(server, "file")
    assert zoo.asked("plain")[0].headers["x-of-the-file"] == "yes"
    assert "'program' of the settings is not registered" in server.log
    assert "HOLDFAST_MCP_STDIO=true" in server.log
    assert "'broken' of the settings is not registered: `server_url`" in server.log
    assert "5ecret" not in server.log

    asked = len(zoo.asked("odoo", "tools/list"))
    server.restart()
    until(lambda: len(zoo.asked("odoo", "tools/list")) > asked, "the second registration", seconds=60)
    assert {name: each["id"] for name, each in listed(server).items()} == {
        name: each["id"] for name, each in before.items()
    }


def test_a_file_that_cannot_be_meant_is_named_and_stops_nothing(fresh_server: FreshServer) -> None:
    server = fresh_server(start=False)
    write(server, '{"servers": {"a": 1}}')
    server.start()
    until(lambda: "are not registered: it is not a JSON object" in server.log, "the warning", seconds=60)
    assert listed(server) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"servers": 1}', "\x00", "\ufeff{}", "[" * 50_000])
def test_garbage_in_the_file_is_no_servers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mcp-servers.json"
    path.write_text(text)
    assert from_file(path) == {}


def test_what_is_no_text_or_no_file_is_no_servers(tmp_path: Path) -> None:
    path = tmp_path / "mcp-servers.json"
    assert from_file(path) == {}
    assert from_file(tmp_path) == {}
    path.write_bytes(b"\xff\xfe{}")
    assert from_file(path) == {}


def test_a_variable_that_is_no_json_stops_the_start_without_showing_it() -> None:
    with pytest.raises(ConfigError) as refused:
        load({"LETTA_MCP_SERVERS": "notes=http://h/?token=5ecret"}, {})
    assert str(refused.value).startswith("LETTA_MCP_SERVERS: its value is not a JSON object such as")
    assert "5ecret" not in str(refused.value)
