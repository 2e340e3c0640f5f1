"""`holdfast agents export` and `import`: an agent from one server to another, in a terminal."""

import json
from pathlib import Path

import pytest

from tests.agentfile.filing import smallest
from tests.cli.command import output, run
from tests.harness.fleet import engines
from tests.harness.tenants import Org
from tests.messages.talking import agent, of_agent, texts


@pytest.mark.parametrize("engine", engines()[:1])
def test_an_agent_moves_with_two_commands(org: Org, tmp_path: Path) -> None:
    env = {"HOLDFAST_URL": org.server.url, "HOLDFAST_API_KEY": org.key}
    agent(org, "hello", "hi", name="Ada", secrets={"TOKEN": "s3cret", "OTHER": "x"})
    target = tmp_path / "ada.af"
    assert str(target) in output(run("agents", "export", "Ada", str(target), env=env))
    told = ("--name", "Eva", "--secret", "TOKEN=a=b", "--keep-tools")
    made = output(run("agents", "import", str(target), *told, env=env)).strip()
    state = org.http.get(f"/v1/agents/{made}").json()
    assert state["name"] == "Eva"
    assert {each["key"]: each["value"] for each in state["secrets"]} == {"TOKEN": "a=b", "OTHER": ""}
    assert texts(of_agent(org, made, order="asc")) == ["hello", "hi"]

    scrubbed = tmp_path / "scrubbed.af"
    output(run("agents", "export", made, str(scrubbed), "--no-messages", env=env))
    assert "hello" not in scrubbed.read_text()
    target.write_text(json.dumps(smallest(tool_ids=["tool-9"])))
    for arguments, said in (
        (("import", str(target)), "tool-9"),
        (("import", str(tmp_path / "nothing.af")), "cannot be read"),
        (("import", str(scrubbed), "--secret", "TOKEN"), "NAME=VALUE"),
        (("export", "Ada", str(tmp_path / "no" / "where.af")), "cannot be written"),
        (("export", "Nobody"), "Nobody"),
    ):
        failed = run("agents", *arguments, env=env)
        assert failed.returncode == 1
        assert said in failed.stderr
