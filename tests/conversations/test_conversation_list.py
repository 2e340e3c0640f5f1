"""Lists of conversations (CONTRACT §1.4, §12)."""

from typing import Any

import pytest

from tests.harness.tenants import Org
from tests.messages.talking import agent, missing


def make(org: Org, agent_id: str, summary: str, **fields: Any) -> str:
    made = org.http.post("/v1/conversations/", params={"agent_id": agent_id}, json={"summary": summary, **fields})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def summaries(org: Org, **query: Any) -> list[str]:
    answer = org.http.get("/v1/conversations/", params=query)
    assert answer.status_code == 200, answer.text
    return [conversation["summary"] for conversation in answer.json()]


@pytest.mark.contract("conversations.list")
def test_the_newest_come_first_and_own_threads_are_none(org: Org) -> None:
    owner, other = agent(org), agent(org)
    for number in range(3):
        make(org, owner, f"c{number}")
    make(org, other, "d")
    assert summaries(org) == ["d", "c2", "c1", "c0"]
    assert summaries(org, agent_id=owner) == ["c2", "c1", "c0"]
    assert summaries(org, agent_id=owner, order="asc", limit=2) == ["c0", "c1"]
    assert summaries(org, agent_id=missing("agent")) == []


@pytest.mark.contract("conversations.list.after")
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_follow_each_other_in_the_requested_order(org: Org, order: str) -> None:
    owner = agent(org)
    made = [make(org, owner, f"c{number}") for number in range(5)]
    seen: list[str] = []
    after: str | None = None
    while page := org.http.get(
        "/v1/conversations/", params={"order": order, "limit": 2, **({"after": after} if after else {})}
    ).json():
        seen += [conversation["id"] for conversation in page]
        after = seen[-1]
    assert seen == (made if order == "asc" else made[::-1])


def test_an_unknown_cursor_is_an_error(org: Org) -> None:
    assert org.http.get("/v1/conversations/", params={"after": missing("conv")}).status_code == 404


@pytest.mark.contract("conversations.list.search")
def test_summaries_can_be_searched(org: Org) -> None:
    owner = agent(org)
    for summary in ("Trip to Übersee", "Groceries 100%", "Trip home"):
        make(org, owner, summary)
    assert summaries(org, summary_search="trip") == ["Trip home", "Trip to Übersee"]
    assert summaries(org, summary_search="übersee") == ["Trip to Übersee"]
    assert summaries(org, summary_search="%") == ["Groceries 100%"]


@pytest.mark.contract("conversations.list.archived")
def test_archived_ones_are_shown_when_asked_for(org: Org) -> None:
    owner = agent(org)
    make(org, owner, "open")
    org.http.patch(f"/v1/conversations/{make(org, owner, 'old')}", json={"archived": True})
    assert summaries(org) == ["open"]
    assert summaries(org, archive_status="archived") == ["old"]
    assert summaries(org, archive_status="all") == ["old", "open"]
    assert org.http.get("/v1/conversations/", params={"archive_status": "some"}).status_code == 422


@pytest.mark.contract("conversations.list.hidden")
def test_hidden_ones_are_left_out(org: Org) -> None:
    owner = agent(org)
    hidden = make(org, owner, "hidden", hidden=True)
    make(org, owner, "shown")
    assert summaries(org, archive_status="all") == ["shown"]
    assert org.http.get(f"/v1/conversations/{hidden}").json()["summary"] == "hidden"


@pytest.mark.contract("conversations.list.order-by")
@pytest.mark.parametrize(
    "order,expected", [("desc", ["late", "early", "silent"]), ("asc", ["early", "late", "silent"])]
)
def test_those_without_a_message_come_last(org: Org, order: str, expected: list[str]) -> None:
    owner = agent(org)
    for summary, moment in (("early", "2026-01-01T00:00:00Z"), ("silent", None), ("late", "2026-02-01T00:00:00Z")):
        made = make(org, owner, summary)
        if moment:
            org.http.patch(f"/v1/conversations/{made}", json={"last_message_at": moment})
    asked = {"order_by": "last_message_at", "order": order}
    assert summaries(org, **asked) == expected
    first = org.http.get("/v1/conversations/", params={**asked, "limit": 1}).json()[0]["id"]
    assert summaries(org, **asked, after=first) == expected[1:]
    unknown = org.http.get("/v1/conversations/", params={"order_by": "colour"})
    assert unknown.status_code == 400
    assert "last_message_at" in unknown.json()["detail"]
