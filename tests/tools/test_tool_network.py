"""Which custom tools reach the network: the administrator decides."""

import socket
from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.fleet import FreshServer, engines
from tests.harness.tenants import new_org

SOURCE = '''
import socket

def {name}(port: int) -> str:
    """Look whether somebody is there.

    Args:
        port: Where.
    """
    socket.create_connection(("127.0.0.1", port), 10).close()
    return "reached"
'''

LOOKUP = '''
import socket

def lookup() -> str:
    """Look a name up."""
    return socket.gethostbyname("name.invalid")
'''

REACHED: Mapping[str, tuple[str, ...]] = {"none": (), "tagged": ("outward",), "all": ("outward", "inward")}


@pytest.mark.parametrize("engine", engines()[:1])
@pytest.mark.parametrize("setting", REACHED)
def test_who_reaches_the_network(fresh_server: FreshServer, setting: str) -> None:
    org = new_org(fresh_server({"HOLDFAST_TOOL_NETWORK": setting}))
    tags = {"outward": ["network"], "inward": ["other"]}
    made = [{"source_code": SOURCE.format(name=name), "tags": tags[name]} for name in tags]
    ids = [org.http.post("/v1/tools/", json=each).raise_for_status().json()["id"] for each in made]
    ids.append(org.http.post("/v1/tools/", json={"source_code": LOOKUP}).raise_for_status().json()["id"])
    agent = org.http.post("/v1/agents/", json={"tool_ids": ids}).raise_for_status().json()["id"]

    def run(name: str, **args: Any) -> dict[str, Any]:
        return org.http.post(f"/v1/agents/{agent}/tools/{name}/run", json={"args": args}).raise_for_status().json()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        reached = [name for name in tags if run(name, port=port)["func_return"] == "reached"]
    assert reached == [*REACHED[setting]]
    failed = run("lookup")
    assert failed["status"] == "error"
    said = "".join(failed["stderr"] or ())
    ways = {"none": "HOLDFAST_TOOL_NETWORK", "tagged": "the tag `network`", "all": ""}
    assert ways[setting] in said
