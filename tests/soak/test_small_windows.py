"""Hundreds of turns in small windows: no request is too long, nothing that was said is lost."""

import json
import os
import random

import pytest

from tests.compaction.threads import (
    LIGHT,
    SMALL,
    asked_to_answer,
    asked_to_summarise,
    in_view,
    order_of,
    small,
    tokens,
    unpaired,
)
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, of_agent, say

TURNS = int(os.environ.get("HOLDFAST_SOAK_TURNS", "400"))
MODES = ["sliding_window", "all", "self_compact_sliding_window", "self_compact_all"]


def message(random: random.Random, number: int) -> str:
    """Short or long, with or without calls, in one script or another."""
    words = random.choices(["owl", "Straße", "今天", "пример"], k=random.randint(1, 60))
    said = f"turn {number} {' '.join(words)}"
    calls = [
        f"CALL memory_insert {json.dumps({'label': 'notes', 'new_string': '.'})}",
        f"CALL conversation_search {json.dumps({'query': 'owl', 'limit': 2})}",
    ]
    return " ".join([*random.sample(calls, random.randint(0, 2)), said])


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
def test_a_small_window_for_hundreds_of_turns(org: Org, models: OpenAIServer, mode: str) -> None:
    rng = random.Random(mode)
    owner = small(
        org,
        memory_blocks=[{"label": "notes", "value": ""}],
        tools=["memory_insert", "conversation_search"],
        compaction_settings={"mode": mode},
    )
    sent = list[str]()
    for number in range(TURNS):
        sent.append(message(rng, number))
        if rng.random() < 0.05 and len(in_view(org, owner)) > 12:
            models.queue(Reply(status=400, error="maximum context length is 1000 tokens"))
        answer = say(org, f"agents/{owner}", sent[-1])
        assert answer["stop_reason"]["stop_reason"] == "end_turn"
    _check(models, mode)
    assert [text for text in _heard(org, owner) if text in sent] == sent, "summaries are listed among them"


def _check(models: OpenAIServer, mode: str) -> None:
    asked = asked_to_answer(models)
    assert all(not unpaired(body) for body in asked)
    assert max(tokens(body) for body in asked) <= SMALL * 1.05
    if not mode.startswith("self"):
        assert TURNS / 50 < len(asked_to_summarise(models)) < TURNS / 2
        assert "sss" not in "".join(order_of(models.chats)), f"{LIGHT} is asked once for each compaction"


def _heard(org: Org, owner: str) -> list[str]:
    """What the user said, over all pages of the history."""
    heard, after = list[str](), None
    while True:
        query: Json = {"limit": 200, "order": "asc", "include_return_message_types": ["user_message"]}
        page = of_agent(org, owner, **query, **({"after": after} if after else {}))
        heard += [str(each["content"]) for each in page]
        if not page or page[-1]["id"] == after:
            return heard
        after = page[-1]["id"]
