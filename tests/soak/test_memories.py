"""Hundreds of changes to memories with the power cut among them, from many seeds: rows, index and search agree."""

import os

import pytest

from tests.harness.fleet import FreshServer
from tests.harness.tenants import new_org
from tests.recall.sequences import Changes

SEEDS = int(os.environ.get("HOLDFAST_SOAK_SEEDS", "6"))
CHANGES = 250


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SEEDS))
def test_memories_after_any_sequence(fresh_server: FreshServer, seed: int) -> None:
    changes = Changes(new_org(fresh_server()), seed)
    for _ in range(5):
        changes.happen(CHANGES // 5, cuts=2)
        changes.check()
    print(f"\n{fresh_server.engine}, seed {seed}: {dict(changes.done)}")
    assert "Traceback" not in changes.org.server.log
