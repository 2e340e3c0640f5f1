"""Servers that hang, die, lie and flood: each costs one readable error, and nobody else waits."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.fakes.mcp_plain import tool
from tests.fakes.mcp_zoo import Zoo
from tests.harness.fleet import Fleet, engines
from tests.harness.tenants import new_org
from tests.mcp.conftest import ALLOWED, Client

ROOT = "/v1/tools/mcp/servers"


def tried(client: Client, url: str) -> httpx.Response:
    return client.http.post(f"{ROOT}/test", json={"server_name": "tried", "server_url": url})


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("html", 502, "not JSON"),
        ("unauthorized", 502, "401"),
        ("failing", 502, "500"),
        ("moved-away", 502, "register the server under that URL"),
        ("moved-to-metadata", 502, "leads to http://169.254.169.254"),
        ("nowhere", 502, "404"),
    ],
)
def test_what_is_no_server_is_told_apart(once: Client, zoo: Zoo, kind: str, status: int, said: str) -> None:
    answer = tried(once, zoo.url(kind))

    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]
    assert zoo.asked("plain") == []


@pytest.mark.contract("mcp.failures")
def test_a_call_that_breaks_is_a_502_that_says_how(once: Client, zoo: Zoo) -> None:
    for kind, said in (("dying", "broke off"), ("ends-early", "may have run"), ("too-huge", "more than 16 MB")):
        animal: Any = zoo.animals[kind]
        listing, animal.said = animal.said, zoo.animals["plain"].said
        server = once.add(zoo.url(kind))
        answer_of_tools = once.tools(server)
        assert answer_of_tools, kind
        animal.said = listing
        answer = once.run(server, "echo", text="x")
        assert answer.status_code == 502, answer.text
        assert said in answer.json()["detail"]


@pytest.mark.contract("mcp.failures")
def test_hanging_servers_end_in_time_and_hold_nobody_up(shared: Fleet, model_env: dict[str, str], zoo: Zoo) -> None:
    ours = shared.make(engines()[0], {**model_env, **ALLOWED, "HOLDFAST_MCP_TIMEOUT_SECONDS": "4"}).start()
    client = Client(new_org(ours))
    good, calling = client.add(zoo.url("plain")), client.add(zoo.url("hangs-on-call"))
    hanging = client.tool(calling, "echo")["id"]
    path = f"/v1/mcp-servers/{calling['id']}/tools/{hanging}/run"

    def run(_: int) -> httpx.Response:
        return ours.http_as(client.org.key).post(path, json={"args": {"text": "x"}}, timeout=60)

    with ThreadPoolExecutor(12) as pool:
        late = [pool.submit(run, number) for number in range(8)]
        late += [pool.submit(tried, client, zoo.url(kind)) for kind in ("hangs-on-connect", "hangs-on-list")]
        while not zoo.asked("hangs-on-call", "tools/call"):
            time.sleep(0.01)
        assert client.run(good, "echo", text="meanwhile").json()["func_return"] == "meanwhile"
        assert not any(each.done() for each in late)
        answers = [each.result(60) for each in late]

    assert [answer.status_code for answer in answers] == [408] * 10
    assert all("did not answer within 4 seconds" in answer.json()["detail"] for answer in answers)
    ours.stop()


def test_redirects_within_a_server_are_followed(once: Client, zoo: Zoo) -> None:
    server = once.add(zoo.url("moved"))

    assert once.run(server, "echo", text="there").json()["func_return"] == "there"


def test_a_lost_session_is_opened_again(once: Client, zoo: Zoo) -> None:
    server = once.add(zoo.url("forgetful"))

    assert [once.run(server, "echo", text=text).json()["func_return"] for text in "abc"] == ["a", "b", "c"]
    assert len(zoo.asked("forgetful", "initialize")) == 3


def test_five_hundred_tools_are_all_there(client: Client, zoo: Zoo) -> None:
    server = client.add(zoo.url("paged"))

    names = [each["name"] for each in client.tools(server)]

    assert len(names) == 500
    assert len(zoo.asked("paged", "tools/list")) == 5
    every = client.http.get("/v1/tools/").json()
    assert {each["name"] for each in every} >= set(names)


def test_a_list_without_end_ends(once: Client, zoo: Zoo) -> None:
    assert [each["name"] for each in tried(once, zoo.url("circling")).json()["tools"]] == ["echo", "echo"]
    assert tried(once, zoo.url("broken")).json()["tools"] == []


def test_any_schema_becomes_one_of_an_object(once: Client, zoo: Zoo) -> None:
    server = once.add(zoo.url("odd"))

    found = {each["name"].removesuffix(zoo.name("")): each for each in once.tools(server)}

    assert len(found) == 9
    schemas = {name: each["json_schema"]["parameters"] for name, each in found.items()}
    assert all(schema["type"] == "object" and isinstance(schema["properties"], dict) for schema in schemas.values())
    assert schemas["union"]["properties"] == {"a": {"type": "string"}}
    assert schemas["recursive"]["$defs"]["node"]["properties"] == {"next": {"$ref": "#/$defs/node"}}
    assert schemas["types"]["properties"] == {"x": {"type": ["string", "integer"]}, "y": {}}
    assert "required" not in schemas["required"]
    assert all(len(each["name"]) <= 48 and each["name"].replace("-", "_").isidentifier() for each in found.values())
    odd = next(name for name in found if name.startswith("with_dots"))
    assert once.run(server, odd).json()["func_return"].startswith('{"arguments": {}, "name": "with.dots and spaces')


def test_every_kind_of_content_is_readable(once: Client, zoo: Zoo) -> None:
    zoo.animals["rich"].tools = [tool("rich")]
    server = once.add(zoo.url("rich"))

    def returned(kind: str) -> Any:
        return once.run(server, "rich", kind=kind).json()["func_return"]

    assert returned("mixed").split("\n") == [
        "seen",
        "[image, image/png, 3 bytes]",
        "of a file",
        "[resource b: file:///b]",
        '{"type":"hologram","depth":3}',
        "no part",
    ]
    assert returned("structured") == {"sum": 3}
    assert returned("nothing") == ""
    assert returned("nul").startswith("ab")


def test_a_huge_result_is_cut(once: Client, zoo: Zoo) -> None:
    server = once.add(zoo.url("huge"))

    returned = once.run(server, "echo").json()["func_return"]

    assert len(returned) < 2_000_100
    assert returned.endswith("[cut: 5000000 characters]")


def test_a_hundred_calls_at_once(once: Client, zoo: Zoo) -> None:
    server = once.add(zoo.url("streaming"))
    path = f"/v1/mcp-servers/{server['id']}/tools/{once.tool(server, 'echo')['id']}/run"

    def call(number: int) -> Any:
        return once.http.post(path, json={"args": {"text": f"n{number}"}}, timeout=60).json()["func_return"]

    with ThreadPoolExecutor(100) as pool:
        returned = list(pool.map(call, range(100)))

    assert returned == [f"n{n}" for n in range(100)]
    assert len(zoo.asked("streaming", "initialize")) <= 2
