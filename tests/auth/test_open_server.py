"""A server without authentication: anybody on this machine is welcome, web pages from elsewhere are not."""

import socket
from typing import Any

import pytest

from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org

DEFAULT_USER = "user-00000000-0000-4000-8000-000000000000"
BLOCK: dict[str, Any] = {"label": "l", "value": ""}


@pytest.mark.contract("auth.off")
@pytest.mark.parametrize("value", ["Bearer False", "Bearer anything", "Basic eDp5", "Bearer hf-x-y", "", "password x"])
def test_any_authorization_is_tolerated(server: Server, value: str) -> None:
    made = server.http.post("/v1/blocks/", json=BLOCK, headers={"Authorization": value, "X-BARE-PASSWORD": value})
    assert made.status_code == 200, made.text
    assert made.json()["created_by_id"] == DEFAULT_USER
    server.http.delete(f"/v1/blocks/{made.json()['id']}")


def test_a_key_still_stands_for_its_organization(org: Org) -> None:
    made = org.http.post("/v1/blocks/", json=BLOCK).json()
    assert made["created_by_id"] is None
    assert [block["id"] for block in org.http.get("/v1/blocks/").json()] == [made["id"]]
    assert org.server.http.get(f"/v1/blocks/{made['id']}").status_code == 404


@pytest.mark.contract("auth.actor")
def test_the_header_user_id_names_the_user(server: Server) -> None:
    organization = new_org(server).id
    user = server.http.post("/v1/admin/users/", json={"organization_id": organization}).json()["id"]
    made = server.http.post("/v1/blocks/", json=BLOCK, headers={"user_id": user}).json()
    assert made["created_by_id"] == user
    assert server.http.get(f"/v1/blocks/{made['id']}", headers={"user_id": user}).status_code == 200
    assert server.http.get(f"/v1/blocks/{made['id']}", headers={"user_id": DEFAULT_USER}).status_code == 404
    assert server.http.get("/v1/blocks/", headers={"user_id": "me"}).status_code == 400


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8283", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost"),
        *("127.0.0.1@evil.example", "evil.example:127.0.0.1", "192.168.1.10", "0.0.0.0", "2130706433", "[::2]", "[::1"),
    ],
)
def test_a_name_that_points_here_is_not_enough(server: Server, host: str) -> None:
    """DNS rebinding: a page of evil.example makes its own name resolve to 127.0.0.1."""
    for path in ("/v1/agents/", "/v1/health/"):
        refused = _get(server, path, host)
        assert refused.startswith("HTTP/1.1 403"), refused
        assert "HOLDFAST_ALLOWED_HOSTS" in refused


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8283", "app.localhost"]
)
def test_names_of_this_machine_are_welcome(server: Server, host: str) -> None:
    assert _get(server, "/v1/agents/?limit=0", host).startswith("HTTP/1.1 200")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:8283",
        "null",
        "http://127.0.0.1.evil.example",
        "file://",
        "x",
        "app:",
        "http://[",
    ],
)
def test_pages_from_elsewhere_cannot_write(server: Server, origin: str) -> None:
    before = server.http.get("/v1/blocks/count").json()
    for method, path in (("POST", "/v1/blocks/"), ("DELETE", "/v1/blocks/x"), ("POST", "/v1/admin/orgs/")):
        refused = server.http.request(method, path, json=BLOCK, headers={"Origin": origin})
        assert refused.status_code == 403
        assert "HOLDFAST_CORS_ORIGINS" in refused.json()["detail"]
    assert server.http.get("/v1/blocks/count").json() == before
    read = server.http.get("/v1/blocks/count", headers={"Origin": origin})
    assert "access-control-allow-origin" not in read.headers


@pytest.mark.parametrize(
    "origin",
    [
        *("http://localhost:3000", "http://127.0.0.1:5173", "http://app.localhost"),
        *("app://obsidian.md", "capacitor://localhost"),
    ],
)
def test_pages_of_this_machine_can_write(server: Server, origin: str) -> None:
    made = server.http.post("/v1/blocks/", json=BLOCK, headers={"Origin": origin})
    assert made.status_code == 200
    server.http.delete(f"/v1/blocks/{made.json()['id']}")


def test_what_the_administrator_allows_is_allowed(fresh_server: FreshServer) -> None:
    allowed = {"HOLDFAST_ALLOWED_HOSTS": "box.lan", "HOLDFAST_CORS_ORIGINS": "https://chat.example"}
    server = fresh_server(allowed)
    assert _get(server, "/v1/agents/", "box.lan:8283").startswith("HTTP/1.1 200")
    assert _get(server, "/v1/agents/", "other.lan").startswith("HTTP/1.1 403")
    page = {"Origin": "https://chat.example"}
    made = server.http.post("/v1/blocks/", json=BLOCK, headers=page)
    assert (made.status_code, made.headers["access-control-allow-origin"]) == (200, page["Origin"])
    assert server.http.post("/v1/blocks/", json=BLOCK, headers={"Origin": "https://evil.example"}).status_code == 403
    asked = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-bare-password"}
    assert server.http.options("/v1/blocks/", headers=asked).status_code in (200, 204)


def test_without_a_default_user_every_request_names_one(fresh_server: FreshServer) -> None:
    server = fresh_server({"LETTA_NO_DEFAULT_ACTOR": "true"})
    refused = server.http.get("/v1/blocks/")
    assert refused.status_code == 401
    assert "user_id" in refused.json()["hint"]
    assert server.http.get("/v1/blocks/", headers={"user_id": DEFAULT_USER}).status_code == 200
    assert server.http.get("/v1/health/").status_code == 200


def _get(server: Server, path: str, host: str) -> str:
    """The whole answer to a request whose Host header no client library would send."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received.decode()
