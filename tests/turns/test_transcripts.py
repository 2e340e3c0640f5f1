"""What a process remembers of a thread is what is stored: the next request equals the one made from the database."""

import random
import re
from collections.abc import Callable

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, say
from tests.turns.listening import MODERN, asked, user

COMPILED = re.compile(r"recompiled: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
NOTES = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert"]}


def turn(org: Org, models: OpenAIServer, path: str, text: str) -> None:
    """A turn whose request must be the one that the preview makes from what is stored."""
    shown = org.http.post(f"/v1/{path}/messages/preview-raw-payload", json={**user(text), "streaming": False})
    assert shown.status_code == 200, shown.text
    say(org, path, text)
    expected = shown.json()["messages"]
    sent = next(chat.body["messages"] for chat in reversed(models.chats) if chat.body["messages"][-1] == expected[-1])
    assert _undated(sent) == _undated(expected)


def _undated(messages: list[Json]) -> list[Json]:
    """A prompt that is due is compiled for the preview, and again for the turn, which may be in the next second."""
    system, *rest = messages
    return [{**system, "content": COMPILED.sub("recompiled: then", system["content"])}, *rest]


@pytest.mark.contract("turns.stable-prefix")
def test_a_thread_goes_on_as_it_is_stored_whatever_happens_between_turns(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, **NOTES, parallel_tool_calls=True)
    path = f"agents/{owner}"

    def edit_block() -> None:
        patched = org.http.patch(f"/v1/agents/{owner}/core-memory/blocks/notes", json={"value": "Edited."})
        assert patched.status_code == 200

    def recompile() -> None:
        assert org.http.post(f"/v1/agents/{owner}/recompile").status_code == 200

    def shorten() -> None:
        listed = org.http.get(f"/v1/agents/{owner}", headers=MODERN).json()["message_ids"]
        org.http.patch(f"/v1/agents/{owner}", json={"message_ids": [listed[0], *listed[-2:]]}).raise_for_status()

    def reset() -> None:
        org.http.patch(f"/v1/agents/{owner}/reset-messages", json={}).raise_for_status()

    def fail() -> None:
        models.queue(Reply(status=400, error="no"))
        org.http.post(f"/v1/agents/{owner}/messages", json=user("This one fails."))

    def call_tools() -> None:
        note = ("memory_insert", {"label": "notes", "new_string": "Likes tea."})
        models.queue(Reply(calls=(note, note)), Reply("Noted."))
        say(org, path, "Note it twice.")

    def compact() -> None:
        org.http.post(f"/v1/agents/{owner}/summarize", json={})

    between: list[Callable[[], None]] = [edit_block, recompile, shorten, reset, fail, call_tools, compact]
    order = random.Random(7)
    for number in range(40):
        turn(org, models, path, f"REPLY answer {number}")
        if number % 2:
            order.choice(between)()


@pytest.mark.contract("turns.stable-prefix")
def test_each_request_begins_with_the_one_before(org: Org, models: OpenAIServer) -> None:
    path = f"agents/{agent(org)}"
    before = list[object]()
    for number in range(20):
        say(org, path, f"REPLY answer {number}")
        now = asked(models)
        assert now[: len(before)] == before
        before = list(now)
