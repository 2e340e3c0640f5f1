"""Batches as a client sends them and looks after them."""

from collections.abc import Sequence
from typing import Any

from tests.archives.holding import Json, ok
from tests.harness.tenants import Org
from tests.harness.waiting import until

BATCHES = "/v1/messages/batches"


def request(agent_id: str, text: str, **fields: Any) -> Json:
    return {"agent_id": agent_id, "messages": [{"role": "user", "content": text}], **fields}


def send(org: Org, *requests: Json, **fields: Any) -> Json:
    return ok(org.http.post(BATCHES, json={"requests": requests, **fields}))


def batch(org: Org, id: str) -> Json:
    return ok(org.http.get(f"{BATCHES}/{id}"))


def over(org: Org, id: str) -> Json:
    """The batch, once it is over."""
    until(lambda: batch(org, id)["status"] != "running", f"the end of {id}", 60)
    return batch(org, id)


def counts(found: Json) -> Json:
    """How many of its requests are how far, without what there is none of."""
    names = ("waiting", "running", "succeeded", "failed", "cancelled")
    return {name: found["metadata"][name] for name in names if found["metadata"][name]}


def messages(org: Org, id: str, **query: Any) -> list[Json]:
    """What was said in a batch, oldest first."""
    return ok(org.http.get(f"{BATCHES}/{id}/messages", params={"order": "asc", **query}))["messages"]


def texts(said: Sequence[Json]) -> list[str]:
    return [part["text"] for message in said for part in message["content"]]
