"""Nothing crosses from one organization to another: every operation that is served, tried with another tenant's ids."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.auth.document import WORDS, Operation, Place, Request, kind_of, operations
from tests.auth.things import KINDS, Tenant, furnished
from tests.harness.fleet import Fleet
from tests.harness.pooler import Pooler
from tests.harness.postgres import Postgres
from tests.harness.server import Server
from tests.harness.tenants import new_org

ANSWERED: dict[str, tuple[int, str]] = {
    "PATCH /v1/agents/{agent_id}/messages/{message_id}": (405, "history is never rewritten, whoever's it is"),
    "POST /v1/voice-beta/{agent_id}/chat/completions": (410, "retired for everybody; no agent is looked up"),
}
"""Operations that answer otherwise than 404 to a foreign id in the path, and why."""

SAID = {"messages": [{"role": "user", "content": WORDS}]}
BODIES: dict[str, Any] = {
    "PATCH /v1/agents/{agent_id}/tools/approval/{tool_name}": {"requires_approval": True},
    **{
        f"POST /v1/{to}/messages{how}": SAID
        for to in ("agents/{agent_id}", "conversations/{conversation_id}")
        for how in ("", "/stream", "/async", "/preview-raw-payload")
    },
    **{f"POST /api/agents/{{agent_id}}/messages{how}": {"message": WORDS} for how in ("", "/stream")},
}
"""Bodies that the document alone does not lead to."""

WORDS_IN_PATHS = {"tool_name", "transaction_id", "mcp_server_name", "mcp_tool_name"}
"""Parameters in paths that are no ids; the id beside them is what is foreign."""

NAMED_BY_CLIENTS = ("/api/agents/", ("body", "user_id"))
"""Where the path begins so, that place holds whatever name the client has for its user."""

ADMINISTRATION = "/v1/admin/"
VOLATILE = {
    *("/v1/agents/{agent_id}/context", "/v1/health/", "/v1/ready/", "/v1/search/progress", "/metrics"),
    *("/v1/forget/", "/v1/forget/{forgetting_id}", "/v1/audit/"),
    "/v1/agents/{agent_id}/export",
    "/api/agents/{agent_id}/sessions/{session_id}/export",
}
"""Reads that may differ from one call to the next."""


@dataclass(frozen=True)
class Neighbours:
    """Two tenants of one server, and the operations that it serves."""

    mine: Tenant
    theirs: Tenant
    served: list[Operation]

    def request(self, operation: Operation) -> Request:
        """The operation as my client would call it, with my ids."""
        return Request(operation, self.mine.ids, BODIES.get(str(operation)))


@pytest.fixture
def neighbours(server: Server) -> Neighbours:
    return _neighbours(server)


def _neighbours(server: Server) -> Neighbours:
    served = operations(server.http.get("/openapi.json").json())
    names = {str(operation) for operation in served}
    mine, theirs = (furnished(new_org(server), uuid4().hex, names) for _ in range(2))
    return Neighbours(mine, theirs, served)


@pytest.mark.contract("auth.tenants")
def test_the_ids_of_another_organization_name_nothing(neighbours: Neighbours) -> None:
    _nothing_crosses(neighbours)


@pytest.mark.contract("auth.tenants")
def test_nothing_crosses_through_a_pooler_either(
    fleet: Fleet, postgres: Postgres, pooler: Pooler, model_env: Mapping[str, str]
) -> None:
    """Where the next statement may find another session, who is asking must not depend on the session."""
    _nothing_crosses(_neighbours(fleet.make("postgres", model_env, database=pooler.uri(postgres.create())).start()))


def _nothing_crosses(neighbours: Neighbours) -> None:
    unknown = sorted(set(_unknown(neighbours)))
    assert not unknown, f"teach tests/auth/things.py to make one of each: {unknown}"
    before = _everything_of(neighbours.theirs, neighbours.served)
    found = [fault for operation in neighbours.served for fault in _tried(neighbours, operation)]
    assert not found, "\n".join(found)
    assert _everything_of(neighbours.theirs, neighbours.served) == before


def test_what_is_found_without_ids_is_only_ones_own(neighbours: Neighbours) -> None:
    found = list[str]()
    for operation in neighbours.served:
        if operation.method == "GET":
            answer = neighbours.request(operation).send(neighbours.mine.org.http)
            found += _faults(neighbours, f"{operation} for oneself", answer)
    assert not found, "\n".join(found)


def test_the_owner_finds_it_all(neighbours: Neighbours) -> None:
    """Otherwise the tests above would prove nothing."""
    read = _everything_of(neighbours.mine, neighbours.served)
    hidden = [path for path, text in read.items() if "{" in path and neighbours.mine.secret not in text]
    assert len(hidden) < len(read) / 2, hidden


def _unknown(neighbours: Neighbours) -> Iterator[str]:
    """Ids in the document of which the tenants have none, and parameters in paths that are neither ids nor known."""
    for operation in neighbours.served:
        if operation.path.startswith(ADMINISTRATION):
            continue
        yield from (kind for _place, kind in operation.places() if kind not in KINDS)
        names = (name for name in operation.path_names if kind_of(name) is None)
        yield from (name for name in names if name not in {*neighbours.theirs.ids, *WORDS_IN_PATHS})


def _tried(neighbours: Neighbours, operation: Operation) -> Iterator[str]:
    """What is wrong with the answers when a foreign id is in one place after the other, and then in all of the path."""
    theirs = neighbours.theirs.ids
    beginning, named = NAMED_BY_CLIENTS
    places = (each for each in operation.places() if not (operation.path.startswith(beginning) and each[0] == named))
    foreign = {place: theirs[kind] for place, kind in places if kind in theirs}
    in_path = {place: value for place, value in foreign.items() if place[0] == "path"}
    for changed in [*({place: value} for place, value in foreign.items()), in_path]:
        answer = neighbours.request(operation).send(neighbours.mine.org.http, changed)
        case = f"{operation} with a foreign {' and '.join('.'.join(place) for place in changed)}"
        yield from _faults(neighbours, case, answer)
        yield from _wrong_status(operation, changed, case, answer)


def _faults(neighbours: Neighbours, case: str, answer: httpx.Response) -> Iterator[str]:
    if answer.status_code >= 500:
        yield f"{case}: {answer.status_code} {answer.text[:300]}"
    if neighbours.theirs.secret in answer.text:
        yield f"{case}: the answer holds what only the other tenant knows"


def _wrong_status(operation: Operation, changed: dict[Place, str], case: str, answer: httpx.Response) -> Iterator[str]:
    if operation.path.startswith(ADMINISTRATION):
        expected: tuple[int, ...] = (403,)
    elif any(place[0] == "path" for place in changed):
        expected = (ANSWERED.get(str(operation), (404,))[0],)
    else:
        if answer.is_success and any(value in answer.text for value in changed.values()):
            yield f"{case}: accepted, {answer.text[:300]}"
        return
    if answer.status_code not in expected:
        yield f"{case}: {answer.status_code} instead of {expected[0]}, {answer.text[:300]}"


def _everything_of(tenant: Tenant, served: list[Operation]) -> dict[str, str]:
    """All that can be read of a tenant, by path."""
    return {
        operation.path: _steady(Request(operation, tenant.ids).send(tenant.org.http))
        for operation in served
        if operation.method == "GET" and operation.path not in VOLATILE
    }


def _steady(answer: httpx.Response) -> str:
    """The answer without when keys were last used."""
    if "last_used_at" not in answer.text:
        return answer.text
    listed: list[dict[str, Any]] = answer.json() if isinstance(answer.json(), list) else [answer.json()]
    return str([{name: value for name, value in key.items() if name != "last_used_at"} for key in listed])
