"""MCP servers by the API of ids, with the official client and raw HTTP."""

from typing import Any

import pytest
from letta_client import ConflictError
from letta_client.types.streamable_http_mcp_server import StreamableHTTPMcpServer

from tests.fakes.mcp_odoo import Odoo
from tests.fakes.mcp_plain import tool
from tests.fakes.mcp_zoo import Zoo
from tests.harness.waiting import until
from tests.mcp.conftest import Client


@pytest.mark.contract("mcp.create")
def test_a_registered_server_is_flat_and_its_tools_are_there_at_once(client: Client, zoo: Zoo) -> None:
    name = client.org.name("server")
    sdk = client.org.client.mcp_servers

    made = sdk.create(
        server_name=name,
        config={"mcp_server_type": "streamable_http", "server_url": zoo.url("odoo"), "auth_token": "Bearer secret-1"},
    )

    assert isinstance(made, StreamableHTTPMcpServer)
    assert made.id is not None
    assert made.id.startswith("mcp_server-")
    assert (made.server_name, made.mcp_server_type) == (name, "streamable_http")
    assert made.auth_token == "Bearer secret-1"
    assert made.auth_header == "Authorization"
    assert sdk.retrieve(made.id) == made
    assert sdk.list() == [made]
    by_name = {each.name: each for each in sdk.tools.list(made.id)}
    create = by_name["odoo_record_creator"]
    assert create.tool_type == "external_mcp"
    assert create.tags == [f"mcp:{name}"]
    assert create.to_dict()["metadata_"] == {"mcp": {"server_name": name, "server_id": made.id}}
    assert set(by_name) == {each["name"] for each in zoo.animals["odoo"].tools}
    assert create.name in {each.name for each in client.org.client.tools.list()}
    assert sdk.tools.retrieve(create.id, mcp_server_id=made.id) == create


@pytest.mark.contract("mcp.create")
def test_a_server_that_is_away_is_registered_all_the_same(client: Client) -> None:
    made = client.add("http://127.0.0.1:9/mcp")

    assert client.tools(made) == []
    refreshed = client.http.patch(f"/v1/mcp-servers/{made['id']}/refresh")
    assert refreshed.status_code == 502
    assert refreshed.json()["error"]["type"] == "mcp_connection_error"
    assert "cannot be reached" in refreshed.json()["detail"]


@pytest.mark.contract("mcp.names")
def test_a_name_is_taken_once(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("plain"))

    with pytest.raises(ConflictError) as raised:
        client.org.client.mcp_servers.create(server_name=made["server_name"], config={"server_url": zoo.url("plain")})

    assert made["id"] in str(raised.value)


@pytest.mark.contract("mcp.change")
def test_a_change_keeps_what_is_not_sent_and_renames_the_tools_with_the_server(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("plain"), auth_token="one")
    name = client.org.name("other")

    changed = client.http.patch(
        f"/v1/mcp-servers/{made['id']}", json={"server_name": name, "config": {"custom_headers": {"X-A": "b"}}}
    ).json()

    assert changed == {**made, "server_name": name, "custom_headers": {"X-A": "b"}}
    [echo] = client.tools(made)
    assert echo["tags"] == [f"mcp:{name}"]
    assert echo["metadata_"]["mcp"]["server_name"] == name
    assert client.run(made, "echo", text="hi").json()["func_return"] == "hi"
    assert zoo.asked("plain")[-1].headers["x-a"] == "b"
    other = client.http.patch(f"/v1/mcp-servers/{made['id']}", json={"config": {"mcp_server_type": "sse"}})
    assert other.status_code == 400


@pytest.mark.contract("mcp.delete")
def test_a_deleted_server_takes_its_tools_from_everybody(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("plain"))
    [echo] = client.tools(made)
    agent = client.http.post("/v1/agents/", json={"tool_ids": [echo["id"]]}).json()

    gone = client.http.delete(f"/v1/mcp-servers/{made['id']}")

    assert (gone.status_code, gone.content) == (204, b"")
    assert client.http.get(f"/v1/mcp-servers/{made['id']}").status_code == 404
    assert client.http.get(f"/v1/tools/{echo['id']}").status_code == 404
    tools = client.http.get(f"/v1/agents/{agent['id']}/tools").json()
    assert "echo" not in {each["name"] for each in tools}


@pytest.mark.contract("mcp.refresh")
def test_a_refresh_tells_what_has_changed(client: Client, zoo: Zoo) -> None:
    plain = zoo.animals["plain"]
    one, two, three = zoo.name("one"), zoo.name("two"), zoo.name("three")
    plain.tools = [tool(one), tool(two)]
    made = client.add(zoo.url("plain"))
    before = client.tool(made, one)
    plain.tools = [tool(one, description="Other."), tool(three)]

    refreshed = client.http.patch(f"/v1/mcp-servers/{made['id']}/refresh").json()

    assert refreshed == {"deleted": [two], "updated": [one], "added": [three]}
    after = client.tool(made, one)
    assert after["id"] == before["id"]
    assert after["json_schema"]["description"] == "Other."
    again = client.org.client.mcp_servers.refresh(made["id"])
    assert again == {"deleted": [], "updated": [], "added": []}


@pytest.mark.contract("mcp.run")
def test_a_run_answers_with_the_result_or_the_error_of_the_tool(client: Client, zoo: Zoo) -> None:
    zoo.animals["plain"].tools += [tool("fails"), tool("whoami")]
    made = client.add(zoo.url("plain"))
    echo = client.tool(made, "echo")

    done = client.org.client.mcp_servers.tools.run(echo["id"], mcp_server_id=made["id"], args={"text": "hello"})
    failed = client.run(made, "fails").json()

    assert (done.status, done.func_return) == ("success", "hello")
    assert (failed["status"], failed["func_return"], failed["stderr"]) == ("error", None, ["the disk is full"])
    path = f"/v1/mcp-servers/{made['id']}/tools/{client.tool(made, 'whoami')['id']}/run"
    assert client.http.post(path, json={"args": None}).json() == client.http.post(path, json={}).json()
    missing = client.http.post(
        f"/v1/mcp-servers/{made['id']}/tools/tool-123e4567-e89b-42d3-8456-426614174000/run", json={}
    )
    assert missing.status_code == 404


def test_tools_that_change_on_the_server_change_here(client: Client, zoo: Zoo) -> None:
    changing: Any = zoo.animals["changing"]
    made = client.add(zoo.url("changing"))
    assert [each["name"] for each in client.tools(made)] == [changing.first]
    assert changing.is_heard.wait(30)

    changing.tools = [tool(changing.second)]
    changing.has_changed.set()

    until(lambda: [each["name"] for each in client.tools(made)] == [changing.second], "the other tool", 30)


@pytest.mark.contract("tools.create")
def test_a_tool_of_a_server_is_replaced_by_nobody_but_the_server(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("plain"))
    echo = client.tool(made, "echo")

    written = {"source_code": f"def {echo['name']}(): return 'mine'"}
    answers = [
        client.http.post("/v1/tools/", json=written),
        client.http.put("/v1/tools/", json=written),
        client.http.patch(f"/v1/tools/{echo['id']}", json={"source_code": "def another(): ..."}),
    ]

    assert [each.status_code for each in answers] == [400, 400, 400]
    assert all(made["id"] in each.json()["detail"] for each in answers)
    assert client.tool(made, "echo") == echo
    settings = client.http.patch(f"/v1/tools/{echo['id']}", json={"default_requires_approval": True})
    assert settings.json()["default_requires_approval"] is True
    assert client.run(made, "echo", text="hi").json()["func_return"] == "hi"
    free = client.http.post(f"/v1/mcp-servers/{made['id']}/tools/{echo['id']}/run", json={"args": None})
    assert free.json()["func_return"] == ""


@pytest.mark.contract("mcp.delete")
@pytest.mark.parametrize("id", ["garbage", "mcp_server-1", "mcp_server-00000000-0000-4000-8000-000000000000"])
def test_any_id_that_no_server_has_is_404(client: Client, id: str) -> None:
    path = f"/v1/mcp-servers/{id}"
    calls = [("GET", path), ("DELETE", path), ("PATCH", f"{path}/refresh"), ("GET", f"{path}/tools")]
    answers = [client.http.request(method, url) for method, url in calls]
    answers.append(client.http.patch(path, json={"config": {}}))
    assert [each.status_code for each in answers] == [404] * 5
    assert all(id in each.json()["detail"] for each in answers)


def test_two_servers_may_have_tools_of_one_name(client: Client, zoo: Zoo) -> None:
    one, two = client.add(zoo.url("plain")), client.add(zoo.url("streaming"))

    assert client.tool(one, "echo")["name"] == "echo"
    other = client.tool(two, "echo")["name"]
    assert other != "echo"
    assert client.run(two, "echo", text="of the second").json()["func_return"] == "of the second"
    assert len(zoo.asked("streaming", "tools/call")) == 1


def test_odoo_is_asked_in_its_version_with_everybodys_own_key(client: Client, zoo: Zoo) -> None:
    template = {"Authorization": "Bearer {{ ODOO_API_KEY | system-api-key }}"}
    made = client.add(zoo.url("odoo"), custom_headers=template)
    odoo: Any = zoo.animals["odoo"]
    assert isinstance(odoo, Odoo)

    values = {"name": "Acme Corp", "tags": [1, {"a": None}]}
    created = client.run(made, "odoo_record_creator", model="res.partner", fields=values)

    assert created.json()["status"] == "success", created.text
    assert [(each["values"], each["create_uid"]) for each in odoo.records] == [(values, "OdooBot")]
    schema = client.tool(made, "odoo_record_creator")["json_schema"]["parameters"]
    assert schema["properties"]["fields"]["additionalProperties"] is True
    said = {each.headers["mcp-protocol-version"] for each in zoo.asked("odoo", "tools/call")}
    assert said == {"2025-06-18"}


def test_secrets_are_sealed_where_they_are_stored(once: Client, zoo: Zoo) -> None:
    once.add(zoo.url("plain"), auth_token="ver-y-sec-ret", custom_headers={"X-A": "al-so-sec-ret"})

    data = once.org.server.data
    if (data / "holdfast.db").exists():
        raw = b"".join(path.read_bytes() for path in data.iterdir() if path.name.startswith("holdfast.db"))
        assert b"ver-y-sec-ret" not in raw
        assert b"al-so-sec-ret" not in raw
    assert "sec-ret" not in once.org.server.log


@pytest.mark.parametrize(
    ("config", "status", "said"),
    [
        ({"server_url": "ftp://x"}, 400, "http"),
        ({"server_url": "http://169.254.169.254/mcp"}, 400, "metadata"),
        ({"mcp_server_type": "stdio", "args": []}, 400, "command"),
        ({"mcp_server_type": "carrier_pigeon", "server_url": "http://127.0.0.1:9"}, 422, "streamable_http"),
        ({"server_url": "http://127.0.0.1:9", "custom_headers": {"a b": "c"}}, 422, "header"),
        ({"server_url": "http://127.0.0.1:9", "custom_headers": ["a"]}, 422, "custom_headers"),
    ],
)
def test_what_cannot_be_a_server_is_refused(once: Client, config: dict[str, Any], status: int, said: str) -> None:
    answer = once.http.post("/v1/mcp-servers/", json={"server_name": once.org.name(), "config": config})

    assert answer.status_code == status, answer.text
    assert said in answer.text
