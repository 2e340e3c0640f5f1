"""PostgreSQL is told of tables that grow before it would look itself: without that it goes through all of them."""

from typing import Any

import psycopg
import pytest

from tests.harness.fleet import Engine, FreshServer
from tests.harness.server import Server
from tests.harness.waiting import until
from tests.recall.sequences import read

PER_PAGE = 4
"""Blocks that fill a page; longer ones would be compressed."""

KNOWN = "SELECT reltuples, relpages FROM pg_class WHERE oid = 'holdfast.blocks'::regclass"
ASKED = "SELECT analyze_count, autoanalyze_count FROM pg_stat_user_tables WHERE relname = 'blocks'"


def _store(server: Server, pages: int) -> None:
    for _ in range(PER_PAGE * pages):
        block = {"label": "notes", "value": "x" * 1800}
        server.http.post("/v1/blocks/", json=block).raise_for_status()


def _known(server: Server) -> Any:
    """How many blocks PostgreSQL believes to be there."""
    return read(server, KNOWN)[0][0]


@pytest.mark.parametrize("engine", ["postgres"])
def test_a_table_is_analyzed_each_time_that_it_has_doubled(engine: Engine, fresh_server: FreshServer) -> None:
    server = fresh_server()
    with psycopg.connect(server.env["LETTA_PG_URI"]) as database:
        database.execute("ALTER TABLE holdfast.blocks SET (autovacuum_enabled = false)")
    assert _known(server) == -1
    _store(server, 2)
    first = until(lambda: max(_known(server), 0), "the first look at the blocks", 20)
    _store(server, 20)
    until(lambda: _known(server) > 4 * first, "another look at the blocks", 30)
    looked, by_itself = read(server, ASKED)[0]
    assert looked >= 2 > by_itself
