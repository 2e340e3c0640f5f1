"""MCP servers by the API of names, as clients before 1.0 use it: raw HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fakes.mcp_plain import tool
from tests.fakes.mcp_zoo import Zoo
from tests.mcp.conftest import Client

ROOT = "/v1/tools/mcp/servers"


def put(client: Client, url: str, **fields: Any) -> str:
    name = client.org.name("named")
    added = client.http.put(ROOT, json={"server_name": name, "type": "streamable_http", "server_url": url, **fields})
    assert added.status_code == 200, added.text
    assert name in {each["server_name"] for each in added.json()}
    return name


@pytest.mark.contract("mcp.by-name")
def test_servers_are_a_map_by_name_and_the_same_as_those_by_id(client: Client, zoo: Zoo) -> None:
    name = put(client, zoo.url("plain"), custom_headers={"X-A": "1"})

    assert client.http.get(ROOT).json() == {
        name: {
            "server_name": name,
            "type": "streamable_http",
            "server_url": zoo.url("plain"),
            "auth_header": None,
            "auth_token": None,
            "custom_headers": {"X-A": "1"},
        }
    }
    [same] = client.http.get("/v1/mcp-servers/").json()
    assert same["server_name"] == name
    changed = client.http.patch(f"{ROOT}/{name}", json={"auth_token": "t"}).json()
    assert (changed["auth_token"], changed["custom_headers"]) == ("Bearer t", {"X-A": "1"})
    assert client.http.delete(f"{ROOT}/{name}").json() == []
    assert client.http.delete(f"{ROOT}/{name}").status_code == 404


@pytest.mark.contract("mcp.by-name")
def test_a_change_may_have_the_spellings_of_older_clients(client: Client, zoo: Zoo) -> None:
    name, program = put(client, zoo.url("plain")), client.org.name("program")
    client.http.put(ROOT, json={"server_name": program, "type": "stdio", "command": "true", "args": []})

    token = client.http.patch(f"{ROOT}/{name}", json={"token": "t", "auth_token": None, "stdio_config": None})
    config = {"server_name": program, "type": "stdio", "command": "cat", "args": ["-"], "env": {"A": "1"}}
    started = client.http.patch(f"{ROOT}/{program}", json={"stdio_config": config})

    assert (token.json()["auth_token"], token.json()["auth_header"]) == ("Bearer t", "Authorization")
    assert started.json() == config


@pytest.mark.contract("mcp.by-name")
def test_putting_a_server_again_renews_it(client: Client, zoo: Zoo) -> None:
    name = put(client, zoo.url("plain"))

    again = client.http.put(ROOT, json={"server_name": name, "server_url": zoo.url("streaming")}).json()

    assert [each["server_url"] for each in again] == [zoo.url("streaming")]


def test_a_server_that_others_delete_meanwhile_is_put_all_the_same(client: Client) -> None:
    name = client.org.name("named")
    sent = {"server_name": name, "type": "streamable_http", "server_url": "http://127.0.0.1:9/mcp"}

    def flip(number: int) -> int:
        if number % 2:
            return client.http.put(ROOT, json=sent).status_code
        client.http.delete(f"{ROOT}/{name}")
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(flip, range(160))) == {200}


def test_the_same_and_others_at_once(client: Client, zoo: Zoo) -> None:
    """As when several servers of ours start on one database, with the same settings."""
    zoo.animals["plain"].tools = [tool(f"tool_{number}") for number in range(20)]
    names = [client.org.name("named") for _ in range(4)]

    def put_one(number: int) -> int:
        config = {"server_name": names[number % 4], "type": "streamable_http", "server_url": zoo.url("plain")}
        return client.http.put(ROOT, json=config, timeout=60).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(put_one, range(12)))

    assert answers == [200] * 12
    assert sorted(client.http.get(ROOT).json()) == sorted(names)
    servers = client.http.get("/v1/mcp-servers/").json()
    assert [len(client.tools(each)) for each in servers] == [20] * 4


@pytest.mark.contract("mcp.by-name.tools")
def test_the_tools_of_a_server_are_listed_added_and_executed(client: Client, zoo: Zoo) -> None:
    zoo.animals["plain"].tools.append(tool("fails"))
    name = put(client, zoo.url("plain"))

    listed = client.http.get(f"{ROOT}/{name}/tools").json()
    added = client.http.post(f"{ROOT}/{name}/echo")
    done = client.http.post(f"{ROOT}/{name}/tools/echo/execute", json={"args": {"text": "hi"}}).json()
    failed = client.http.post(f"{ROOT}/{name}/tools/fails/execute", json={"args": {}}).json()

    assert [each["name"] for each in listed] == ["echo", "fails"]
    assert listed[0]["inputSchema"]["required"] == ["text"]
    assert added.json()["tool_type"] == "external_mcp"
    assert added.json()["id"] in {each["id"] for each in client.http.get("/v1/tools/").json()}
    assert done == {"result": "hi", "success": True}
    assert failed == {"result": "the disk is full", "success": False}
    assert client.http.post(f"{ROOT}/{name}/ghost").status_code == 404


@pytest.mark.contract("mcp.by-name.resync")
def test_a_resync_tells_what_has_changed(client: Client, zoo: Zoo) -> None:
    name = put(client, zoo.url("plain"))
    new = zoo.name("new")
    zoo.animals["plain"].tools = [tool(new)]

    synced = client.http.post(f"{ROOT}/{name}/resync").json()

    assert synced == {"deleted": ["echo"], "updated": [], "added": [new]}


@pytest.mark.contract("mcp.by-name.test")
def test_a_server_can_be_tried_without_being_stored(client: Client, zoo: Zoo) -> None:
    tried = client.http.post(f"{ROOT}/test", json={"server_name": "x", "server_url": zoo.url("plain")})
    away = client.http.post(f"{ROOT}/test", json={"server_name": "x", "server_url": "http://127.0.0.1:9/"})

    assert tried.json()["status"] == "success"
    assert [each["name"] for each in tried.json()["tools"]] == ["echo"]
    assert away.status_code == 502
    assert client.http.get(ROOT).json() == {}


def test_thoth_posts_a_server(once: Client, zoo: Zoo) -> None:
    sent = {"server_name": once.org.name(), "server_type": "streamable_http", "server_url": zoo.url("plain")}

    assert once.http.post(ROOT, json=sent).json()["id"].startswith("mcp_server-")
