"""How messages are typed: lines, fences, backslashes, pasted blocks, history, and what is no text."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from holdfast.cli.chat.prompt import whole
from tests.cli.chat.conftest import Open
from tests.cli.command import output, run
from tests.fakes.openai_server import OpenAIServer
from tests.harness.process import plain_environment


def said(models: OpenAIServer) -> list[str]:
    """The messages that the model was asked with, one per request."""
    return [request.body["messages"][-1]["content"] for request in models.chats]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["plain"], "plain"),
        (['"""', "a", "", "  b", '"""'], "a\n\n  b"),
        (['"""a', 'b"""'], "a\nb"),
        (['"""one"""'], "one"),
        (["a\\", "b\\", "c"], "a\nb\nc"),
        (["C:\\\\"], "C:\\\\"),
        (["pasted\nat once\\\n"], "pasted\nat once\\\n"),
    ],
)
def test_a_message_of_several_lines(lines: list[str], message: str) -> None:
    rest = iter(lines[1:])
    assert whole(lines[0], lambda: next(rest)) == message
    assert not list(rest)


def test_several_lines_through_a_pipe(env: Mapping[str, str], models: OpenAIServer) -> None:
    output(run("chat", env=env, stdin='"""\none\n\ntwo REPLY x\n"""\nthree \\\nfour REPLY y\n'))
    assert said(models) == ["one\n\ntwo REPLY x", "three \nfour REPLY y"]


@pytest.mark.parametrize("end", ['"""\nnever closed\n', "goes on \\\n"])
def test_input_that_ends_in_the_middle_is_refused(env: Mapping[str, str], models: OpenAIServer, end: str) -> None:
    done = run("chat", env=env, stdin=end)
    assert done.returncode == 1
    assert "The input ends in the middle of a message" in done.stderr
    assert not models.chats


def test_what_is_no_text_is_refused(env: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "chat"],
        env=plain_environment(**env),
        input=b"REPLY x\ncaf\xe9\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == b"x\n"
    assert done.stderr.endswith(b"error: Line 2 of the input is no UTF-8 text; convert it, for instance with iconv.\n")


def test_fences_and_backslashes_at_a_terminal(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    terminal = opened(env)
    terminal.type('"""')
    terminal.wait_for("… ")
    terminal.type("one")
    terminal.wait_for("… ")
    terminal.type('REPLY fenced"""')
    terminal.wait_for("\nfenced\n> ")
    terminal.type("two\\")
    terminal.wait_for("… ")
    terminal.type("REPLY joined")
    terminal.wait_for("\njoined\n> ")
    assert said(models) == ["one\nREPLY fenced", "two\nREPLY joined"]


def test_a_pasted_block_is_one_message(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    terminal = opened(env)
    terminal.press("\x1b[200~/first line\nREPLY pasted\x1b[201~")
    terminal.wait_for("REPLY pasted")
    terminal.press("\n")
    terminal.wait_for("\npasted\n> ")
    assert said(models) == ["/first line\nREPLY pasted"]


def test_ctrl_c_at_the_prompt_drops_the_line(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    terminal = opened(env)
    terminal.press("half a thought")
    terminal.wait_for("half a thought")
    terminal.interrupt_until("> ")
    terminal.type("REPLY whole")
    terminal.wait_for("\nwhole\n> ")
    assert said(models) == ["REPLY whole"]


def test_lines_are_remembered_for_the_next_time(
    env: Mapping[str, str], models: OpenAIServer, opened: Open, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    terminal = opened({**env, "XDG_STATE_HOME": str(state)})
    terminal.press("\x1b[200~REPLY again\nand more\x1b[201~\n")
    terminal.wait_for("\nagain\n> ")
    terminal.type("/quit")
    assert terminal.close() == 0
    kept = state / "holdfast" / "chat-history"
    assert [json.loads(line) for line in kept.read_text().splitlines()] == ["REPLY again\nand more", "/quit"]
    assert kept.stat().st_mode & 0o077 == 0
    kept.write_text("garbage\n" + kept.read_text())
    again = opened({**env, "XDG_STATE_HOME": str(state)})
    again.press("\x1b[A\x1b[A\n")
    again.wait_for("\nagain\n> ")
    assert said(models) == ["REPLY again\nand more"] * 2


def test_a_state_directory_that_cannot_be_written_is_no_obstacle(env: Mapping[str, str], opened: Open) -> None:
    terminal = opened({**env, "XDG_STATE_HOME": os.devnull})
    terminal.type("REPLY all the same")
    terminal.wait_for("\nall the same\n> ")
    terminal.type("/quit")
    assert terminal.close() == 0
