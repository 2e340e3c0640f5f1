"""The commands of the chat, typed into a terminal or sent through a pipe."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.chat.conftest import Open
from tests.cli.command import output, run
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json

REMEMBER = 'CALL memory_insert {"label": "human", "new_string": "Ada likes tea"} REPLY I wrote it down.'


def the_agent(org: Org) -> Json:
    (agent,) = org.http.get("/v1/agents/").json()
    return agent


def human(org: Org) -> str:
    return org.http.get(f"/v1/agents/{the_agent(org)['id']}/core-memory/blocks/human").json()["value"]


def editor(tmp_path: Path, script: str) -> str:
    """An editor that does what the lines of a shell script say to the file $1."""
    program = tmp_path / "my editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return f"'{program}'"


def test_conversations_are_made_listed_and_switched(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    terminal = opened(env)
    terminal.type("REPLY at home")
    terminal.wait_for("at home\n> ")
    terminal.type("/new Travel plans")
    terminal.wait_for("in Travel plans. /help")
    terminal.type("REPLY far away")
    terminal.wait_for("\nfar away\n> ")
    assert len([m for m in models.chats[-1].body["messages"] if m["role"] == "user"]) == 1
    terminal.type("/conversations")
    shown = terminal.wait_for("far away")
    home, travel = (next(line for line in shown.splitlines() if title in line) for title in ("own thread", "Travel"))
    assert home.split()[0] == "1"
    assert travel.split()[:2] == ["2", "→"]
    assert "at home" in home
    terminal.wait_for("> ")
    terminal.type("/conversations 1")
    terminal.wait_for("/help lists")
    terminal.wait_for("> ")
    terminal.type("/history 2")
    terminal.wait_for("> REPLY at home\nat home\n")
    terminal.type("/conversations 3")
    terminal.wait_for("There is no number 3")


def test_the_chat_goes_on_where_it_was_left(env: Mapping[str, str], opened: Open, tmp_path: Path) -> None:
    terminal = opened(env)
    terminal.type("/new Garden")
    terminal.wait_for("commands.\n> ")
    terminal.press("\x04")
    assert terminal.close() == 0
    assert "in Garden" in opened(env).shown
    assert "in Garden" not in opened(env, "--conversation", "default").shown
    kept = tmp_path / ".local/state/holdfast"
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.iterdir()} == {0o600}
    assert "in Garden" not in run("chat", env=env, stdin="REPLY x\n").stderr


def test_a_new_conversation_from_the_start(env: Mapping[str, str], org: Org) -> None:
    output(run("chat", "--conversation", "new", env=env, stdin="REPLY x\n"))
    (made,) = org.http.get("/v1/conversations/").json()
    text = output(run("chat", "--conversation", made["id"], env=env, stdin="/history\n"))
    assert text == "> REPLY x\nx\n"
    done = run("chat", "--conversation", "nothing", env=env, stdin="REPLY x\n")
    assert done.returncode == 1
    assert "nothing" in done.stderr


def test_another_model_keeps_the_memory(env: Mapping[str, str], org: Org, models: OpenAIServer, opened: Open) -> None:
    terminal = opened(env)
    terminal.type(REMEMBER)
    terminal.wait_for("+ Ada likes tea")
    terminal.wait_for("> ")
    terminal.type("/model")
    shown = terminal.wait_for("openai/gpt-4o-mini")
    line = next(line for line in shown.splitlines() if "openai/gpt-4o-mini" in line)
    terminal.wait_for("> ")
    terminal.type(f"/model {line.split()[0]}")
    terminal.wait_for("openai/gpt-4o-mini. /help")
    terminal.type("REPLY hello")
    terminal.wait_for("\nhello\n> ")
    asked = models.chats[-1].body
    assert asked["model"] == "gpt-4o-mini"
    assert "Ada likes tea" in str(asked["messages"][0])
    terminal.type("/model MINI")
    shown = terminal.wait_for("openai/gpt-5-mini")
    assert "openai/gpt-4o-mini" in shown, "a name that several have lists them"
    assert "holdfast/demo" not in shown
    terminal.wait_for("> ")
    terminal.type("/model 5-mini")
    terminal.wait_for("openai/gpt-5-mini. /help")
    assert the_agent(org)["model"] == "openai/gpt-5-mini"


def test_blocks_are_shown_and_edited(env: Mapping[str, str], org: Org, opened: Open, tmp_path: Path) -> None:
    terminal = opened({**env, "EDITOR": editor(tmp_path, 'printf "Likes tea.\\nLives in Turin.\\n" > "$1"')})
    terminal.type("/blocks human edit")
    terminal.wait_for("+ Lives in Turin.\n> ")
    assert human(org) == "Likes tea.\nLives in Turin."
    terminal.type("/blocks human edit Likes coffee.")
    shown = terminal.wait_for("+ Likes coffee.\n> ")
    assert "  - Likes tea.\n  - Lives in Turin.\n" in shown
    terminal.type("/blocks human")
    terminal.wait_for("\nLikes coffee.\n> ")
    terminal.type("/blocks nobody")
    terminal.wait_for("There is no block 'nobody' here; there are")


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 3", "ended with code 3"), (r"printf '\377' > $1", "no UTF-8 text"), (":", "Nothing was changed.")],
)
def test_an_editor_that_fails_changes_nothing(
    env: Mapping[str, str], org: Org, tmp_path: Path, script: str, said: str
) -> None:
    done = run("chat", env={**env, "VISUAL": editor(tmp_path, script)}, stdin="/blocks human edit\n")
    assert said in done.stderr
    assert human(org) == ""


def test_without_an_editor_the_text_is_asked_for(env: Mapping[str, str]) -> None:
    done = run("chat", env=env, stdin="/blocks human edit\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No editor is named in VISUAL or EDITOR" in done.stderr


def test_a_block_that_changed_meanwhile_is_not_overwritten(env: Mapping[str, str], org: Org, tmp_path: Path) -> None:
    output(run("chat", env=env, stdin="/blocks\n"))
    (block,) = [each for each in the_agent(org)["memory"]["blocks"] if each["label"] == "human"]
    change = (
        f"{editor(tmp_path, 'echo mine > $1')[1:-1]}.py",
        "import os, sys, urllib.request as u\n"
        f"r = u.Request('{org.server.url}/v1/blocks/{block['id']}', b'{{\"value\": \"theirs\"}}', method='PATCH')\n"
        f"r.add_header('authorization', 'Bearer {org.key}'); r.add_header('content-type', 'application/json')\n"
        "u.urlopen(r).read(); open(sys.argv[1], 'w').write('mine')\n",
    )
    Path(change[0]).write_text(change[1])
    done = run("chat", env={**env, "EDITOR": f"python3 '{change[0]}'"}, stdin="/blocks human edit\n")
    assert done.returncode == 1
    assert "was changed while you wrote" in done.stderr
    assert done.stderr.endswith("mine\n")
    assert human(org) == "theirs"


def test_calls_and_returns_are_folded_and_unfolded(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    note = "\n".join(f"line {number}" for number in range(30))
    models.queue(Reply(calls=(("memory_insert", {"label": "human", "new_string": note}),)), Reply("Kept."))
    terminal = opened(env, columns=60)
    terminal.type("keep it")
    shown = terminal.wait_for("+ line 29\n> ")
    (call,) = [line for line in shown.splitlines() if line.startswith("⚙")]
    assert len(call) <= 60
    assert call.endswith("…")
    terminal.type("/details")
    shown = terminal.wait_for("> ")
    assert f"⚙ memory_insert\nlabel: human\nnew_string: {note}\n→ return\n" in shown


def test_usage(env: Mapping[str, str], models: OpenAIServer) -> None:
    spent = {"prompt_tokens": 120, "completion_tokens": 8, "total_tokens": 128}
    models.queue(Reply("one", usage=spent), Reply("two", usage=spent))
    done = run("chat", env=env, stdin="/usage\ngo\n/usage\n/usage on\ngo\n/usage loud\n")
    assert done.stdout == "Nothing has been answered yet.\none\n120 tokens in, 8 out, 1 step, 128 in view\ntwo\n"
    assert "\n120 tokens in, 8 out, 1 step, 128 in view\nerror: /usage shows" in done.stderr


def test_lists_of_tools_and_messages(env: Mapping[str, str]) -> None:
    text = output(run("chat", env=env, stdin=f"{REMEMBER}\n/tools\n/history 10\n"))
    assert "conversation_search" in text
    assert f"> {REMEMBER}\n⚙ memory_insert(" in text
    assert text.endswith("I wrote it down.\n")
    assert "not 'many'" in run("chat", env=env, stdin="/history many\n").stderr


def test_compacting_and_emptying_a_thread(env: Mapping[str, str], models: OpenAIServer, opened: Open) -> None:
    for number in range(4):
        output(run("chat", env=env, stdin=f"REPLY answer {number}\n"))
    models.queue(Reply("They counted."))
    terminal = opened(env)
    terminal.type("/compact")
    terminal.wait_for("They counted.")
    terminal.wait_for("> ")
    terminal.type("/reset")
    terminal.wait_for("[y/N]")
    terminal.type("y")
    terminal.wait_for("[the thread is empty")
    terminal.wait_for("> ")
    terminal.type("REPLY fresh")
    terminal.wait_for("\nfresh\n> ")
    assert [message["role"] for message in models.chats[-1].body["messages"]] == ["system", "user"]


def test_cancelling_what_another_client_started(
    env: Mapping[str, str], org: Org, models: OpenAIServer, opened: Open
) -> None:
    terminal = opened(env)
    models.queue(Reply("never", delay=60))
    agent = the_agent(org)["id"]
    run_id = org.http.post(f"/v1/agents/{agent}/messages/async", json={"input": "work"}).json()["id"]
    terminal.type("/cancel")
    terminal.wait_for("[cancelled]")
    assert org.http.get(f"/v1/runs/{run_id}").json()["status"] == "cancelled"
    terminal.type("/cancel")
    terminal.wait_for("nothing to cancel")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/nonsense", "There is no command /nonsense here; /help lists them."),
        ("/block", "> "),
        ("/conv 7", "Nothing is number 7 yet: list first"),
        ("/comp", "> "),
        ("/h", "Did you mean /history or /help?"),
        ("/tolls", "Did you mean /tools?"),
        ("/agents nobody", "No agent is called 'nobody'"),
        ("/model nothing/such", "nothing/such"),
    ],
)
def test_mistyped_commands_get_a_hint(env: Mapping[str, str], opened: Open, typed: str, said: str) -> None:
    terminal = opened(env)
    terminal.type(typed)
    terminal.wait_for(said)


def test_a_message_may_begin_with_a_slash(env: Mapping[str, str], models: OpenAIServer) -> None:
    assert output(run("chat", env=env, stdin="//etc REPLY yes\n")) == "yes\n"
    assert models.chats[-1].body["messages"][-1]["content"] == "/etc REPLY yes"


def test_tab_completes_commands_and_names(env: Mapping[str, str], opened: Open) -> None:
    terminal = opened(env)
    terminal.press("/bl\thu\t\n")
    terminal.wait_for("/blocks human")
    terminal.wait_for("of 100000 characters")
