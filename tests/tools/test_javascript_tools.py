"""Tools in JavaScript and TypeScript: they can be made anywhere, and a call says what is missing to run them."""

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.command import alone, run
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, say
from tests.turns.test_tool_calls import returned

SOURCE = "export function roll(sides) { return sides + 1; }"
TYPED = "export function roll(sides: number): number { return sides + 1; }"
SCHEMA: Json = {
    "name": "roll",
    "description": "Roll.",
    "parameters": {"type": "object", "properties": {"sides": {"type": "integer"}}, "required": ["sides"]},
}
CALL = ("roll", {"sides": 6})
WAY_OUT = "install Node.js 22.13 or newer, as the first `node` on the server's PATH, and start the server again"

OLD = "if [ $# = 1 ] && [ $1 = --version ]; then echo v18.20.4; else echo bad option: $1 >&2; exit 9; fi"
"""Knows no flag that is newer than it."""


def node(home: Path, script: str | None) -> str:
    """A PATH where this is `node`, if there is one at all."""
    for name in ("bwrap", "setpriv"):
        if found := shutil.which(name):
            (home / name).symlink_to(found)
    if script is None:
        return str(home)
    program = home / "node"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{home}:{os.environ['PATH']}"


def made(org: Org, language: str, source: str = SOURCE) -> str:
    body = {"source_code": source, "source_type": language, "json_schema": SCHEMA}
    tool = org.http.post("/v1/tools/", json=body)
    assert tool.status_code == 200, tool.text
    return tool.json()["id"]


def test_a_tool_is_made_without_node_and_each_call_says_what_is_missing(
    fresh_server: FreshServer, models: OpenAIServer, tmp_path: Path
) -> None:
    org = new_org(fresh_server({"PATH": node(tmp_path, None)}))
    said = f"JavaScript and TypeScript need Node.js, which this server does not have: {WAY_OUT}."
    for language in ("javascript", "typescript"):
        owner = agent(org, tool_ids=[made(org, language)])
        models.queue(Reply(calls=(CALL,)), Reply("I see."))
        assert returned(say(org, f"agents/{owner}", "roll")) == [("error", said)]
    body = {"source_code": TYPED, "source_type": "typescript", "json_schema": SCHEMA, "args": {"sides": 6}}
    ran = org.http.post("/v1/tools/run", json=body).json()
    assert (ran["status"], ran["tool_return"]) == ("error", said)


def test_a_node_that_is_too_old_is_named(fresh_server: FreshServer, models: OpenAIServer, tmp_path: Path) -> None:
    org = new_org(fresh_server({"PATH": node(tmp_path, OLD)}))
    owner = agent(org, tool_ids=[made(org, "typescript", TYPED)], tools=["run_code"])
    models.queue(Reply(calls=(CALL,)), Reply(calls=(("run_code", {"code": "1", "language": "js"}),)), Reply("I see."))
    first, second = returned(say(org, f"agents/{owner}", "roll"))
    has = f"need Node.js 20 or newer, but this server has Node.js v18.20.4 ({tmp_path}/node)"
    assert first == ("error", f"JavaScript and TypeScript {has}: {WAY_OUT}.")
    assert (second[0], first[1] in second[1]) == ("error", True)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "which this server does not have"),
        (OLD, "but this server has Node.js v18.20.4"),
        ("echo v20.9.0", "Node.js v20.9.0 runs JavaScript, and TypeScript only without types"),
        ("echo v22.12.0", "Node.js v22.12.0 runs JavaScript, and TypeScript only without types"),
        ("echo v22.13.0", "Node.js v22.13.0 runs JavaScript and TypeScript"),
        ("echo v30.0.0-nightly20261129", "Node.js v30.0.0-nightly20261129 runs JavaScript and TypeScript"),
        ("exit 0", "node that does not say its version"),
        ("exit 1", "node that does not say its version"),
        ("echo welcome; echo v22.13.0", "node that does not say its version"),
    ],
    ids=["none", "18", "20.9", "22.12", "22.13", "nightly", "silent", "failing", "chatty"],
)
def test_doctor_says_what_node_can_do(tmp_path: Path, script: str | None, said: str) -> None:
    home = tmp_path / "programs"
    home.mkdir()
    told = run("doctor", env=alone(tmp_path, PATH=node(home, script))).stdout
    if "code of others is not run" in told:
        pytest.skip("no sandbox works here")
    (line,) = (each for each in told.splitlines() if " node " in each)
    assert said in line
    assert (WAY_OUT in told) == line.startswith("note")
