"""A chat whose connection breaks, or whose server goes away and comes back."""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.chat.conftest import Open
from tests.cli.command import run
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.cable import Cable
from tests.harness.fleet import FreshServer
from tests.harness.server import Server
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.turns.listening import Later

WORDS = [f"w{number}" for number in range(30)]
SLOW = Reply(" ".join(WORDS), chunk_delay=0.1)


def words(shown: str) -> list[str]:
    return re.findall(r"\bw\d+\b", shown)


@pytest.fixture
def mortal(fresh_server: FreshServer) -> Server:
    """A server that may be killed; stopping, it does not wait for answers."""
    return fresh_server({"HOLDFAST_DRAIN_SECONDS": "0"})


@pytest.fixture
def alone(mortal: Server, tmp_path: Path) -> Mapping[str, str]:
    """Its only user."""
    return {"HOME": str(tmp_path), "HOLDFAST_URL": mortal.url}


def test_a_cut_connection_loses_and_doubles_nothing(
    env: Mapping[str, str], org: Org, models: OpenAIServer, opened: Open
) -> None:
    models.queue(SLOW)
    with Cable(org.server.port) as cable:
        terminal = opened({**env, "HOLDFAST_URL": cable.url})
        terminal.type("count")
        terminal.wait_for("w3")
        cable.cut()
        terminal.wait_for("reconnecting")
        terminal.wait_for("w12")
        cable.cut()
        shown = terminal.wait_for("w29")
    assert words(shown) == WORDS
    assert shown.count("reconnecting") == 2
    assert len(models.chats) == 1


def test_a_message_whose_answer_never_began_is_not_sent_twice(
    env: Mapping[str, str], org: Org, models: OpenAIServer, opened: Open
) -> None:
    with Cable(org.server.port) as cable:
        terminal = opened({**env, "HOLDFAST_URL": cable.url})
        cable.cut_before = b"content-type: text/event-stream"
        terminal.type("REPLY once")
        terminal.wait_for("\nonce\n> ")
    assert "reconnecting" in terminal.shown
    assert len(models.chats) == 1


def test_a_pipe_reads_on_too(env: Mapping[str, str], org: Org, models: OpenAIServer) -> None:
    models.queue(SLOW)
    with Cable(org.server.port) as cable:
        cutting = Later(lambda: cable.cut() if models.asked.wait(30) else None)
        done = run("chat", env={**env, "HOLDFAST_URL": cable.url}, stdin="count\n")
        cutting.result()
    assert done.stdout == f"{SLOW.text}\n"
    assert "reconnecting" in done.stderr
    assert len(models.chats) == 1


@pytest.mark.parametrize("ending", ["kill -9", "SIGTERM"])
def test_a_restarted_server_ends_with_one_whole_answer(
    mortal: Server, alone: Mapping[str, str], models: OpenAIServer, opened: Open, ending: str
) -> None:
    models.queue(SLOW, Reply("The whole answer.", chunk_delay=0.01))
    terminal = opened(alone)
    terminal.type("count")
    terminal.wait_for("w2")
    if ending == "SIGTERM":
        mortal.stop()
    else:
        mortal.kill9()
    terminal.wait_for("reconnecting")
    mortal.start()
    shown = terminal.wait_for("answer.\n> ")
    assert "[the server was restarted; what it had not finished is said anew]\nThe whole answer.\n" in shown
    assert words(shown) == WORDS[: len(words(shown))]
    assert shown.count("The whole answer.") == 1
    terminal.type("REPLY and on")
    terminal.wait_for("\nand on\n")


def test_a_server_that_stays_away_is_given_up_with_the_way_on(
    mortal: Server, alone: Mapping[str, str], models: OpenAIServer, opened: Open
) -> None:
    models.queue(SLOW, Reply("Here it is."))
    terminal = opened(alone, "--patience", "0.3")
    terminal.type("count")
    terminal.wait_for("w2")
    mortal.kill9()
    shown = terminal.wait_for("the rest of this answer.")
    assert "error: No server answers at" in shown
    assert "`holdfast chat` then continues in the same thread" in shown
    terminal.wait_for("> ")
    terminal.type("/quit")
    assert terminal.close() == 0
    mortal.start()
    again = opened(alone)
    again.wait_for("Here it is.\n> ")
    assert "[the last answer" in again.shown


def test_a_message_typed_while_the_server_is_away_arrives_once(
    mortal: Server, alone: Mapping[str, str], models: OpenAIServer, opened: Open
) -> None:
    terminal = opened(alone)
    terminal.type("REPLY first")
    terminal.wait_for("\nfirst\n> ")
    mortal.kill9()
    terminal.type("REPLY second")
    terminal.wait_for("reconnecting")
    mortal.start()
    terminal.wait_for("\nsecond\n> ")
    assert len(models.chats) == 2


def test_an_answer_left_alone_is_followed_at_the_next_start(
    env: Mapping[str, str], models: OpenAIServer, opened: Open
) -> None:
    models.queue(SLOW)
    left = opened(env)
    left.type("count")
    left.wait_for("w2")
    left.kill()
    terminal = opened(env)
    shown = terminal.wait_for("w29\n> ")
    assert "[the last answer" in shown
    assert words(shown) == WORDS
    terminal.type("/quit")
    assert terminal.close() == 0
    assert "[the last answer" not in opened(env).shown


def test_an_answer_that_came_meanwhile_is_shown_once(
    env: Mapping[str, str], org: Org, models: OpenAIServer, opened: Open
) -> None:
    models.queue(Reply("said to nobody", chunk_delay=0.3))
    left = opened(env)
    left.type("talk")
    left.wait_for("said")
    left.kill()
    until(lambda: not org.http.get("/v1/runs/", params={"active": True}).json(), "the end of the run")
    terminal = opened(env)
    assert "[the last answer came while the chat was closed]\nsaid to nobody\n" in terminal.wait_for("nobody\n> ")


def test_events_that_are_not_kept_are_told_from_the_record(
    env: Mapping[str, str], org: Org, models: OpenAIServer, opened: Open, tmp_path: Path
) -> None:
    models.queue(SLOW)
    left = opened(env)
    left.type("count")
    left.wait_for("w2")
    left.interrupt()
    left.wait_for("[interrupted]")
    (agent,) = org.http.get("/v1/agents/").json()
    sent = {"input": "REPLY without events"}
    assert org.http.post(f"/v1/agents/{agent['id']}/messages", json=sent).status_code == 200
    run_id = org.http.get("/v1/runs/", params={"limit": 1}).json()[0]["id"]
    bookmark = f'{{"{org.server.url} {agent["id"]}": {{"run": "{run_id}"}}}}'
    (tmp_path / ".local/state/holdfast/chat.json").write_text(bookmark)
    shown = opened(env).wait_for("without events\n> ")
    assert "here it is whole]\nwithout events\n" in shown


def test_events_that_are_lost_are_told_from_the_record(
    mortal: Server, alone: Mapping[str, str], models: OpenAIServer, opened: Open
) -> None:
    models.queue(Reply("said to nobody", chunk_delay=0.3))
    left = opened(alone)
    left.type("talk")
    left.wait_for("said")
    left.kill()
    with closing(sqlite3.connect(mortal.data / "holdfast.db")) as database:
        at_work = "SELECT count(*) FROM runs WHERE owner IS NOT NULL"
        until(lambda: database.execute(at_work).fetchone() == (0,), "the run to be over and told", 60)
    mortal.stop()
    with closing(sqlite3.connect(mortal.data / "holdfast.db")) as database, database:
        database.execute("DELETE FROM run_events WHERE seq > 1")
    mortal.start()
    shown = opened(alone).wait_for("said to nobody\n> ")
    assert "here it is whole]\nsaid to nobody\n" in shown
