"""Connecting while somebody watches, and OAuth with an authorization server of our own."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.fakes.mcp_zoo import Zoo
from tests.mcp.conftest import Client

CALLBACK = "/v1/tools/mcp/oauth/callback"


@contextmanager
def watching(client: Client, method: str, path: str, body: Any = None) -> Generator[Iterator[dict[str, Any]]]:
    """The events of an attempt to connect."""
    with client.http.stream(method, path, json=body, timeout=60) as response:
        assert response.status_code == 200, response.read()
        lines = (line for line in response.iter_lines() if line.startswith("data: "))
        yield (json.loads(line.removeprefix("data: ")) for line in lines)


def until_authorization(events: Iterator[dict[str, Any]]) -> str:
    """The URL that a person is to open."""
    assert next(events)["event"] == "connection_attempt"
    assert next(events)["event"] == "oauth_required"
    asked = next(events)
    assert asked["event"] == "authorization_url"
    assert asked["session_id"].startswith("mcp-oauth-")
    assert next(events)["event"] == "waiting_for_auth"
    return asked["url"]


def come_back(client: Client, **query: str) -> httpx.Response:
    """What the browser does, which shows no key."""
    return client.org.server.http.get(CALLBACK, params=query)


@pytest.mark.contract("mcp.connect")
def test_connecting_tells_what_happens(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("plain"))
    away = client.add("http://127.0.0.1:9/")

    with watching(client, "GET", f"/v1/mcp-servers/connect/{made['id']}") as events:
        attempt, success = events
    with watching(client, "GET", f"/v1/mcp-servers/connect/{away['id']}") as events:
        *_, failed = events

    assert attempt == {"event": "connection_attempt", "server_name": made["server_name"]}
    assert success["event"] == "success"
    assert [each["name"] for each in success["tools"]] == ["echo"]
    assert failed["event"] == "error"
    assert "cannot be reached" in failed["message"]


@pytest.mark.contract("mcp.oauth")
def test_a_server_is_authorized_and_its_token_renewed(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("guarded"))
    assert client.tools(made) == []

    with watching(client, "GET", f"/v1/mcp-servers/connect/{made['id']}") as events:
        url = until_authorization(events)
        asked = httpx.URL(url).params
        assert asked["code_challenge_method"] == "S256"
        assert asked["scope"] == "tools"
        assert asked["redirect_uri"] == f"{client.org.server.url}{CALLBACK}"
        assert asked["resource"] == zoo.url("guarded")
        page = come_back(client, code=zoo.authority.agree(url), state=asked["state"])
        assert page.status_code == 200, page.text
        assert next(events)["event"] == "success"

    first = client.run(made, "whoami").json()["func_return"]
    assert first.startswith("Bearer access-")
    zoo.tokens.clear()
    second = client.run(made, "whoami").json()["func_return"]
    assert second.startswith("Bearer access-")
    assert second != first
    again = come_back(client, code="x", state=asked["state"])
    assert again.status_code == 400


def test_a_refusal_ends_the_attempt(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("guarded"))

    with watching(client, "GET", f"/v1/mcp-servers/connect/{made['id']}") as events:
        state = httpx.URL(until_authorization(events)).params["state"]
        refused = come_back(client, error="access_denied", error_description="not today", state=state)
        ended = next(events)

    assert refused.status_code == 400
    assert ended == {"event": "error", "message": "Not authorized: not today"}
    explained = client.http.patch(f"/v1/mcp-servers/{made['id']}/refresh")
    assert f"connect/{made['id']}" in explained.json()["detail"]


def test_a_stolen_code_is_worth_nothing(client: Client, zoo: Zoo) -> None:
    made = client.add(zoo.url("guarded"))

    with watching(client, "GET", f"/v1/mcp-servers/connect/{made['id']}") as events:
        state = httpx.URL(until_authorization(events)).params["state"]
        other = "https://x/?code_challenge=of-somebody-else"
        refused = come_back(client, code=zoo.authority.agree(other), state=state)
        ended = next(events)

    assert refused.status_code == 502
    assert "invalid_grant" in ended["message"]


@pytest.mark.contract("mcp.by-name.connect")
def test_a_server_may_be_authorized_before_it_is_stored(client: Client, zoo: Zoo) -> None:
    name = client.org.name("server")
    body = {"server_name": name, "type": "streamable_http", "server_url": zoo.url("guarded")}

    with watching(client, "POST", "/v1/tools/mcp/servers/connect", body) as events:
        url = until_authorization(events)
        come_back(client, code=zoo.authority.agree(url), state=httpx.URL(url).params["state"])
        assert next(events)["event"] == "success"
    client.http.put("/v1/tools/mcp/servers", json=body)

    [stored] = client.http.get("/v1/mcp-servers/").json()
    assert client.run(stored, "whoami").json()["func_return"].startswith("Bearer access-")


@pytest.mark.parametrize("place", ["resource_metadata", "authorization_servers", "registration_endpoint"])
def test_whoever_authorizes_is_not_looked_for_at_a_metadata_address(once: Client, zoo: Zoo, place: str) -> None:
    made = once.add(zoo.url("guarded"))
    zoo.authority.elsewhere[place] = "http://169.254.169.254/latest"

    with watching(once, "GET", f"/v1/mcp-servers/connect/{made['id']}") as events:
        *_, failed = events

    assert failed["event"] == "error"
    assert "169.254.169.254" in failed["message"]
    assert "metadata" in failed["message"]


def test_a_code_is_not_sent_to_a_metadata_address(once: Client, zoo: Zoo) -> None:
    made = once.add(zoo.url("guarded"))
    zoo.authority.elsewhere["token_endpoint"] = "http://169.254.169.254/latest"

    with watching(once, "GET", f"/v1/mcp-servers/connect/{made['id']}") as events:
        url = until_authorization(events)
        page = come_back(once, code=zoo.authority.agree(url), state=httpx.URL(url).params["state"])
        failed = next(events)

    assert page.status_code == 502
    assert failed["event"] == "error"
    assert "metadata" in failed["message"]


def test_a_callback_that_nobody_waits_for_is_refused(once: Client) -> None:
    for query in ({}, {"state": "x" * 5000}, {"state": "org.x", "code": "y"}, {"state": "\x00"}):
        assert come_back(once, **query).status_code in (400, 422)
