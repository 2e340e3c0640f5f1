"""`holdfast chat` and `holdfast agents`: real clients of a real server."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.command import output, run
from tests.cli.terminal import Terminal
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.harness.waiting import until

REMEMBER = 'CALL memory_insert {"label": "human", "new_string": "Ada likes tea"} REPLY I wrote it down.'


def test_a_pipe_gets_the_answers_and_nothing_else(env: Mapping[str, str]) -> None:
    done = run("chat", env=env, stdin=f"REPLY Hello there.\n\n{REMEMBER}\n")
    assert output(done) == "Hello there.\nI wrote it down.\n"
    lines = done.stderr.splitlines()
    assert '⚙ memory_insert(label="human", new_string="Ada likes tea")' in lines
    assert any(line.startswith("  → ") for line in lines)
    assert lines[-2:] == ["memory: human", "  + Ada likes tea"]
    assert "\x1b" not in done.stdout + done.stderr


def test_without_a_name_it_is_always_the_same_agent(env: Mapping[str, str], org: Org) -> None:
    output(run("chat", env=env, stdin=f"{REMEMBER}\n"))
    again = output(run("chat", env=env, stdin="/blocks\n"))
    assert "human    Ada likes tea" in again
    assert len(org.http.get("/v1/agents/").json()) == 1
    output(run("chat", "--new", env=env, stdin=""))
    assert len(org.http.get("/v1/agents/").json()) == 2


def test_reasoning_is_shown_beside_the_answer(env: Mapping[str, str], models: OpenAIServer) -> None:
    models.queue(Reply("Four.", reasoning="two and two"))
    done = run("chat", env=env, stdin="How many?\n/history\n")
    assert output(done) == "Four.\n> How many?\ntwo and two\nFour.\n"
    assert "two and two" in done.stderr


def test_commands_in_the_chat(env: Mapping[str, str]) -> None:
    for name in ("ada", "bob"):
        output(run("agents", "create", name, env=env))
    done = run("chat", "ada", env=env, stdin="/agents\n/agents bob\n/help\n/quit\nREPLY never\n")
    text = output(done)
    assert {"ada", "bob"} <= {word for line in text.splitlines() for word in line.split()[1:2]}
    assert "/blocks" in text
    assert "never" not in text
    assert "bob (agent-" in done.stderr


def test_a_failing_model_is_told_and_ends_a_script_with_1(env: Mapping[str, str]) -> None:
    done = run("chat", env=env, stdin="FAIL 401\n")
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_model_prints_cannot_command_the_terminal(env: Mapping[str, str], models: OpenAIServer) -> None:
    models.queue(Reply("a\x1b]0;title\x07b\x9b31mc [bold]d[/bold] :smile:"))
    assert output(run("chat", env=env, stdin="go\n")) == "a]0;titleb31mc [bold]d[/bold] :smile:\n"


@pytest.mark.parametrize("arguments", [("chat",), ("agents", "list")])
def test_no_server_is_said_with_what_to_do(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, "--url", "http://127.0.0.1:1", env={"HOME": str(tmp_path)}, stdin="hello\n")
    assert done.returncode == 1
    assert "No server answers at http://127.0.0.1:1." in done.stderr
    assert "holdfast serve" in done.stderr


def test_an_unknown_agent_is_named(env: Mapping[str, str]) -> None:
    done = run("chat", "nobody", env=env)
    assert (done.returncode, done.stderr) == (
        1,
        "error: No agent is called 'nobody'; `holdfast agents list` shows those there are.\n",
    )


def test_agents_from_birth_to_end(env: Mapping[str, str]) -> None:
    made = output(run("agents", "create", "ada", "--human", "She likes tea.", env=env)).strip()
    assert made in output(run("agents", "list", env=env))
    shown = output(run("agents", "show", "ada", env=env))
    assert made in shown
    assert "She likes tea." in shown
    assert json.loads(output(run("agents", "show", made, "--json", env=env)))["id"] == made
    assert run("agents", "delete", "ada", env=env, stdin="n\n").returncode != 0
    assert made in output(run("agents", "delete", "ada", "--yes", env=env))
    assert json.loads(output(run("agents", "list", "--json", env=env))) == []


def test_ctrl_c_interrupts_the_answer_and_not_the_chat(env: Mapping[str, str], models: OpenAIServer) -> None:
    terminal = Terminal("chat", env=env)
    terminal.wait_for("> ")
    models.queue(Reply("one two three", chunk_delay=20))
    terminal.type("count")
    until(lambda: models.chats, "the model's being asked")
    terminal.interrupt()
    terminal.wait_for("[interrupted]")
    terminal.wait_for("> ")
    terminal.type("REPLY still here")
    terminal.wait_for("\nstill here")
    terminal.type("/quit")
    assert terminal.close() == 0


def test_text_appears_as_it_comes(env: Mapping[str, str], models: OpenAIServer) -> None:
    terminal = Terminal("chat", env=env)
    terminal.wait_for("> ")
    models.queue(Reply(" ".join(f"w{number}" for number in range(40)), chunk_delay=0.1))
    terminal.type("count")
    assert "w39" not in terminal.wait_for("w3")
    terminal.wait_for("w39")
    terminal.type("/quit")
    assert terminal.close() == 0
