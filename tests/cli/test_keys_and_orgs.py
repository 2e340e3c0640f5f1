"""Keys and organizations, managed beside a running server."""

from tests.cli.command import beside, output
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.waiting import until

NOBODY = "org-00000000-0000-4000-8000-00000000dead"


def test_a_key_opens_its_organization_until_it_is_revoked(fresh_server: FreshServer) -> None:
    server = fresh_server({"LETTA_SERVER_PASSWORD": "sesame"})
    org = output(beside(server, "orgs", "create", "acme")).strip()
    made = beside(server, "keys", "create", "theirs", "--org", org)
    key = output(made).strip()
    assert org in made.stderr

    with server.http_as(key) as theirs, server.http_as("sesame") as ours:
        assert theirs.post("/v1/agents/", json={"name": "mine"}).status_code == 200
        assert [agent["name"] for agent in theirs.get("/v1/agents/").json()] == ["mine"]
        assert ours.get("/v1/agents/").json() == []

    listed = output(beside(server, "keys", "list", "--org", org))
    assert key not in listed
    assert key[-4:] in listed
    key_id = listed.splitlines()[1].split()[0]
    assert key_id in output(beside(server, "keys", "revoke", key_id))
    until(lambda: _status(server, key) == 401, "a key that is refused")
    assert "revoked" in output(beside(server, "keys", "list"))


def test_scopes_and_an_end(fresh_server: FreshServer) -> None:
    server = fresh_server({"LETTA_SERVER_PASSWORD": "sesame"})
    reader = output(beside(server, "keys", "create", "reader", "--scope", "read", "--days", "1")).strip()
    with server.http_as(reader) as http:
        assert http.get("/v1/agents/").status_code == 200
        assert http.post("/v1/agents/", json={}).status_code == 403
    assert "expires" in output(beside(server, "keys", "list"))


def test_organizations_are_listed_renamed_and_deleted(fresh_server: FreshServer) -> None:
    server = fresh_server(start=False)
    org = output(beside(server, "orgs", "create", "acme")).strip()
    output(beside(server, "orgs", "rename", org, "bcme"))
    assert [line.split()[:2] for line in output(beside(server, "orgs", "list")).splitlines()[2:]] == [[org, "bcme"]]
    unsure = beside(server, "orgs", "delete", org, stdin="n\n")
    assert unsure.returncode != 0
    output(beside(server, "orgs", "delete", org, "--yes"))
    assert org not in output(beside(server, "orgs", "list"))


def test_what_is_not_there_is_named(fresh_server: FreshServer) -> None:
    server = fresh_server(start=False)
    for arguments in (
        ("keys", "create", "--org", NOBODY),
        ("keys", "list", "--org", NOBODY),
        ("orgs", "delete", NOBODY),
    ):
        done = beside(server, *arguments)
        assert done.returncode == 1
        assert NOBODY in done.stderr
        assert "Traceback" not in done.stderr
    done = beside(server, "keys", "revoke", "key-1")
    assert (done.returncode, "key-1" in done.stderr) == (1, True)


def _status(server: Server, key: str) -> int:
    with server.http_as(key) as http:
        return http.get("/v1/agents/").status_code
