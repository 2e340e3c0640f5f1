"""Fifty clients that write blocks, messages and agents at once: no lock is ever seen, nothing is lost."""

import os

import pytest

from tests.harness.fleet import FreshServer
from tests.store import storm as storms

SECONDS = float(os.environ.get("HOLDFAST_STORM_SECONDS", "20"))
CLIENTS = 50


@pytest.mark.soak
def test_storm(fresh_server: FreshServer) -> None:
    server = fresh_server()
    storm = storms.begin(server, CLIENTS)
    storms.rage(storm, SECONDS)
    print(f"{fresh_server.engine}: {storm.summary}")
    assert not storm.faults, f"{len(storm.faults)}: {storm.faults[:10]}"
    storms.check(storm)
    assert "locked" not in server.log
    assert "Traceback" not in server.log
