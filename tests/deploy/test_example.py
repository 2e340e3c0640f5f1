"""examples/thoth/start.py, twice: the second start finds what the first one made."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.mcp_zoo import Zoo
from tests.harness.fleet import FreshServer
from tests.harness.process import plain_environment

EXAMPLE = Path(__file__).parents[2] / "examples" / "thoth" / "start.py"
SECONDS = 120


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    with Zoo() as zoo:
        yield zoo
        zoo.release()


def test_it_starts_twice_with_one_agent(fresh_server: FreshServer, zoo: Zoo) -> None:
    secured = {"LETTA_SERVER_PASSWORD": "a long secret", "LETTA_SERVER_SECURE": "true"}
    server = fresh_server(secured)

    def started(**environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, str(EXAMPLE), zoo.url("plain")],
            env=plain_environment(LETTA_BASE_URL=server.url, **environment),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    password = {"LETTA_SERVER_PASSWORD": "a long secret"}
    first = started(**password)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[1] == "answered"
    assert started(**password).stdout == first.stdout
    http = server.http_as("a long secret")
    assert len(http.get("/v1/agents/").json()) == 1
    assert len(http.get("/v1/mcp-servers/").json()) == 1

    refused = started()
    assert refused.returncode == 1
    assert "401" in refused.stderr
    assert "LETTA_SERVER_SECURE=false" in refused.stderr
