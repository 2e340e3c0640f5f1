"""Lists of blocks: pages, their order, and filters (CONTRACT §1.4, §2.3)."""

import sqlite3
from typing import Any

import psycopg
import pytest

from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import Org

UNKNOWN = "block-00000000-0000-4000-8000-000000000000"


def make(org: Org, **fields: Any) -> str:
    made = org.http.post("/v1/blocks/", json={"label": "notes", "value": "", **fields})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def ids(org: Org, **query: Any) -> list[str]:
    listed = org.http.get("/v1/blocks/", params=query)
    assert listed.status_code == 200, listed.text
    return [block["id"] for block in listed.json()]


@pytest.mark.contract("blocks.list")
def test_the_oldest_come_first(org: Org) -> None:
    made = [make(org, label=f"l{number}") for number in range(4)]
    assert ids(org) == made
    assert ids(org, order="desc") == made[::-1]
    assert ids(org, limit=2) == made[:2]
    assert ids(org, limit=0) == []
    assert ids(org, before="", after="") == made


@pytest.mark.contract("blocks.list.no-limit")
def test_a_list_without_a_limit_is_whole(org: Org) -> None:
    made = [make(org) for _ in range(60)]
    assert ids(org) == made
    assert ids(org, limit=100_000) == made


@pytest.mark.contract("blocks.paging.cursors")
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_cursors_are_relative_to_the_order(org: Org, order: str) -> None:
    made = [make(org) for _ in range(7)]
    expected = made if order == "asc" else made[::-1]
    assert ids(org, order=order, after=expected[2], limit=2) == expected[3:5]
    assert ids(org, order=order, before=expected[5], limit=2) == expected[3:5]
    assert ids(org, order=order, after=expected[1], before=expected[5]) == expected[2:5]
    assert ids(org, order=order, after=expected[-1]) == []
    assert ids(org, order=order, before=expected[0]) == []


@pytest.mark.contract("blocks.paging.unknown-cursor")
@pytest.mark.parametrize("cursor", ["before", "after"])
def test_an_unknown_cursor_is_404(org: Org, cursor: str) -> None:
    missing = org.http.get("/v1/blocks/", params={cursor: UNKNOWN})
    assert missing.status_code == 404
    assert UNKNOWN in missing.json()["detail"]


@pytest.mark.contract("blocks.paging.sdk")
def test_the_client_walks_all_pages(org: Org) -> None:
    made = [make(org) for _ in range(11)]
    assert [block.id for block in org.client.blocks.list(limit=3)] == made
    assert [block.id for block in org.client.blocks.list(limit=4, order="desc")] == made[::-1]


@pytest.mark.contract("blocks.paging.ties")
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_equal_times_lose_nothing(fresh_server: FreshServer, order: str) -> None:
    server = fresh_server()
    made = [server.http.post("/v1/blocks/", json={"label": "l", "value": ""}).json()["id"] for _ in range(9)]
    server.stop()
    _make_times_equal(server)
    server.start()
    walked = list[str]()
    while page := _page(server, order=order, limit=2, **({"after": walked[-1]} if walked else {})):
        walked += page
    expected = sorted(made, reverse=order == "desc")
    assert walked == expected
    assert _page(server, order=order, limit=2, before=expected[4]) == expected[2:4]


@pytest.mark.contract("blocks.count")
def test_a_count_is_a_bare_number(org: Org) -> None:
    assert org.http.get("/v1/blocks/count").json() == 0
    for label in ("a", "a", "b"):
        make(org, label=label)
    assert org.http.get("/v1/blocks/count").json() == 3
    assert org.http.get("/v1/blocks/count", params={"label": "a"}).json() == 2


@pytest.mark.contract("blocks.filter")
def test_filters_narrow_a_list(org: Org) -> None:
    tea = make(org, label="Drinks", value="Green TEA", description="what she drinks", tags=["x", "y"], project_id="p1")
    car = make(org, label="Cars", value="100% électrique_", is_template=True, tags=["y"])
    for query, expected in (
        ({"label": "Drinks"}, [tea]),
        ({"name": "Cars"}, [car]),
        ({"label": "drinks"}, []),
        ({"label_search": "DRI"}, [tea]),
        ({"value_search": "tea"}, [tea]),
        ({"value_search": "ÉLECTRIQUE"}, [car]),
        ({"value_search": "%"}, [car]),
        ({"value_search": "_"}, [car]),
        ({"description_search": "DRINKS"}, [tea]),
        ({"templates_only": "true"}, [car]),
        ({"project_id": "p1"}, [tea]),
        ({"tags": ["x"]}, [tea]),
        ({"tags": ["x", "y"]}, [tea, car]),
        ({"tags": ["x", "y"], "match_all_tags": "true"}, [tea]),
        ({"tags": ["z"]}, []),
        ({"label_search": "dri", "tags": ["y"], "project_id": "p2"}, []),
        ({"label": "", "tags": [""]}, []),
    ):
        assert ids(org, **query) == expected, query


@pytest.mark.contract("blocks.filter.holders")
def test_blocks_by_how_many_agents_hold_them(org: Org) -> None:
    none, one, two = make(org), make(org), make(org)
    for held in ([one, two], [two]):
        labels = {two: "two", one: "one"}
        for block in held:
            org.http.patch(f"/v1/blocks/{block}", json={"label": labels[block]})
        made = org.http.post("/v1/agents/", json={"block_ids": held, "memory_blocks": []})
        assert made.status_code == 200, made.text
    assert ids(org, connected_to_agents_count_gt=0) == [one, two]
    assert ids(org, connected_to_agents_count_lt=1) == [none]
    assert ids(org, connected_to_agents_count_eq=[0, 2]) == [none, two]
    assert ids(org, connected_to_agents_count_gt=0, connected_to_agents_count_lt=2) == [one]


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=-1",
        "order=up",
        "connected_to_agents_count_gt=x",
        f"connected_to_agents_count_eq={10**30}",
        "match_all_tags=?",
    ],
)
def test_a_query_that_makes_no_sense_is_named(org: Org, query: str) -> None:
    refused = org.http.get(f"/v1/blocks/?{query}")
    assert refused.status_code == 422
    assert query.partition("=")[0] in refused.json()["detail"]


def test_bytes_that_are_no_text_find_nothing(org: Org) -> None:
    make(org, label="ab")
    assert org.http.get("/v1/blocks/?label=%ff%fe").json() == []
    assert org.http.get("/v1/blocks/?label_search=a%00b").status_code == 200


def _page(server: Server, **query: Any) -> list[str]:
    return [block["id"] for block in server.http.get("/v1/blocks/", params=query).json()]


def _make_times_equal(server: Server) -> None:
    """Two machines, or one fast one, make rows at the same moment."""
    if uri := server.env.get("LETTA_PG_URI"):
        with psycopg.connect(uri) as database:
            database.execute("UPDATE holdfast.blocks SET created_at = (SELECT min(created_at) FROM holdfast.blocks)")
        return
    with sqlite3.connect(server.data / "holdfast.db") as database:
        database.execute("UPDATE blocks SET created_at = (SELECT min(created_at) FROM blocks)")
