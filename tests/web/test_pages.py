"""The pages of the server, and the places where health is looked for."""

import re

import pytest

from tests.harness.fleet import FreshServer
from tests.harness.server import Server

PAGES = ("/", "/docs", "/redoc")


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_from_elsewhere(server: Server, path: str) -> None:
    page = server.http.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page.text)


def test_the_front_page_says_what_runs_here(server: Server) -> None:
    page = server.http.get("/").text
    assert "openai/" in page
    assert ("PostgreSQL" in page) == ("LETTA_PG_URI" in server.env)


def test_the_document_of_the_api_is_served(server: Server) -> None:
    document = server.http.get("/openapi.json").json()
    assert document["info"]["title"] == "Holdfast"
    assert "/v1/agents/" in document["paths"]


@pytest.mark.parametrize(
    "path", ["/v1/health/", "/v1/health", "//v1/health", "/latest/health/", "/v1/ready/", "/health"]
)
def test_health_is_answered_without_a_redirect(server: Server, path: str) -> None:
    answer = server.http.get(server.url + path, follow_redirects=False)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["version"]


def test_pages_and_health_are_open_where_all_else_asks_for_the_password(fresh_server: FreshServer) -> None:
    server = fresh_server({"LETTA_SERVER_PASSWORD": "open sesame"})
    assert [server.http.get(path).status_code for path in (*PAGES, "/v1/health/", "/v1/ready")] == [200] * 5
    assert server.http.get("/openapi.json").status_code == 401
    assert server.http.get("/v1/version").status_code == 401


def test_an_unknown_place_says_where_to_look(server: Server) -> None:
    answer = server.http.get("/v1/agent")
    assert answer.status_code == 404
    assert "/docs" in answer.json()["detail"]
    answer = server.http.delete("/v1/agents/")
    assert answer.status_code == 405
    assert "GET" in answer.json()["detail"]
