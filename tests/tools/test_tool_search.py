"""Searching tools by what they are for (CONTRACT §8)."""

from typing import Any

import pytest

from tests.harness.tenants import Org

WEATHER = '''
def forecast(town: str) -> str:
    """Tell whether it will rain or the sun will shine.

    Args:
        town: Where.
    """
    return "sun"
'''
INVOICE = '''
def send_invoice(customer: str) -> str:
    """Bill a customer for what was delivered.

    Args:
        customer: Whom.
    """
    return "sent"
'''


@pytest.fixture
def own(org: Org) -> Org:
    for source, tags in ((WEATHER, ["outdoors"]), (INVOICE, ["money"])):
        org.http.post("/v1/tools/", json={"source_code": source, "tags": tags}).raise_for_status()
    return org


def names(org: Org, **wanted: Any) -> list[str]:
    return [found["tool"]["name"] for found in search(org, **wanted)]


def search(org: Org, **wanted: Any) -> list[dict[str, Any]]:
    answer = org.http.post("/v1/tools/search", json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.contract("tools.search")
def test_tools_are_found_by_words_and_by_meaning(own: Org) -> None:
    first = search(own, query="rain")[0]
    assert (first["tool"]["name"], first["fts_rank"], first["vector_rank"]) == ("forecast", 1, 1)
    assert first["embedded_text"].startswith("forecast\nTell whether it will rain")
    assert first["combined_score"] == pytest.approx(2 / 61)
    assert names(own, query="What is the weather like?", search_mode="vector")[0] == "forecast"
    assert names(own, query="request payment", search_mode="vector", tool_types=["custom"]) == [
        "send_invoice",
        "forecast",
    ]
    only = search(own, query="bill the customer", search_mode="fts")
    assert [found["tool"]["name"] for found in only] == ["send_invoice"]
    assert (only[0]["fts_rank"], only[0]["vector_rank"]) == (1, None)


@pytest.mark.contract("tools.search.filters")
def test_a_search_is_narrowed_by_types_tags_and_limit(own: Org) -> None:
    assert names(own, query="rain", tags=["money"]) == ["send_invoice"]
    assert "forecast" not in names(own, query="rain", tool_types=["letta_core", "letta_files_core"])
    assert len(names(own, query="memory", limit=3)) == 3
    assert names(own, limit=2) == ["send_invoice", "forecast"]
    assert names(own, query="", tool_types=["custom"]) == ["send_invoice", "forecast"]
    assert names(own, query="zzzzz", search_mode="fts") == []
    assert names(own, query="\x00\ud800 rain".encode("utf-8", "replace").decode())[0] == "forecast"
    assert own.http.post("/v1/tools/search", json={"search_mode": "magic"}).status_code == 422
    assert own.http.post("/v1/tools/search", json={"tool_types": ["magic"]}).status_code == 400


def test_a_search_with_the_sdk(own: Org) -> None:
    [found] = own.client.tools.search(query="rain", search_mode="hybrid", limit=1)
    assert found.tool.name == "forecast"
