"""`holdfast memory`: the history of blocks and passages, and going back, in a terminal."""

import json

from tests.archives.holding import ok
from tests.cli.command import beside, output
from tests.harness.fleet import FreshServer


def test_a_block_is_looked_through_and_put_back(fresh_server: FreshServer) -> None:
    server = fresh_server()
    blocks = [{"label": "human", "value": "Name: Ada"}]
    agent = ok(server.http.post("/v1/agents/", json={"name": "bob", "memory_blocks": blocks}))
    block = agent["blocks"][0]["id"]
    for value in ("Name: Eve", "Name: Eva"):
        ok(server.http.patch(f"/v1/blocks/{block}", json={"value": value}))
    lines = output(beside(server, "memory", "log", "human", "--agent", "bob")).splitlines()
    assert [line.split()[0] for line in lines] == ["version", "3", "2", "1"]
    assert lines[1].endswith("Name: Eva")
    assert len(json.loads(output(beside(server, "memory", "log", block, "-n", "1", "--json")))) == 1
    assert "-Name: Eve\n+Name: Eva" in output(beside(server, "memory", "diff", block))
    assert "-Name: Ada\n+Name: Eva" in output(beside(server, "memory", "diff", block, "--from", "1"))
    assert "the same" in output(beside(server, "memory", "diff", block, "--from", "3", "--to", "3"))
    assert "version 4" in output(beside(server, "memory", "undo", "human", "-a", "bob", "--reason", "no"))
    assert ok(server.http.get(f"/v1/blocks/{block}"))["value"] == "Name: Eve"
    assert "version 5" in output(beside(server, "memory", "restore", block, "1"))
    assert ok(server.http.get(f"/v1/blocks/{block}"))["value"] == "Name: Ada"


def test_a_passage_and_a_run_are_put_back(fresh_server: FreshServer) -> None:
    server = fresh_server()
    body = {"model": "holdfast/demo", "memory_blocks": [{"label": "human", "value": ""}]}
    agent = ok(server.http.post("/v1/agents/", json=body))["id"]
    [stored] = ok(server.http.post(f"/v1/agents/{agent}/archival-memory", json={"text": "a fact"}))
    ok(server.http.delete(f"/v1/agents/{agent}/archival-memory/{stored['id']}"))
    output(beside(server, "memory", "undo", stored["id"]))
    assert len(ok(server.http.get(f"/v1/agents/{agent}/archival-memory"))) == 1
    said = ok(server.http.post(f"/v1/agents/{agent}/messages", json={"input": "My name is Ada. Please remember that."}))
    run = said["messages"][0]["run_id"]
    assert "Ada" in ok(server.http.get(f"/v1/agents/{agent}/core-memory/blocks/human"))["value"]
    undone = output(beside(server, "memory", "undo", run)).splitlines()
    assert undone[0].startswith("put back: human")
    assert ok(server.http.get(f"/v1/agents/{agent}/core-memory/blocks/human"))["value"] == ""
    assert "Undid 0 changes" in output(beside(server, "memory", "undo", run, "--force"))


def test_what_is_not_meant_is_said(fresh_server: FreshServer) -> None:
    server = fresh_server()
    ok(server.http.post("/v1/agents/", json={"name": "bob", "memory_blocks": [{"label": "human", "value": ""}]}))
    for arguments, named in (
        (("log", "human"), "--agent"),
        (("log", "nothing", "--agent", "bob"), "'human'"),
        (("log", "human", "--agent", "nobody"), "nobody"),
        (("diff", f"run-{'0' * 36}"), "memory undo"),
        (("undo", "human", "--agent", "bob", "--force"), "--force"),
        (("undo", "human", "--agent", "bob"), "no earlier version"),
    ):
        done = beside(server, "memory", *arguments)
        assert done.returncode == 1, arguments
        assert named in done.stderr
