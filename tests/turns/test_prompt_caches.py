"""How much of what models are asked their servers have read before: counted by servers that say so (DESIGN law 4)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pytest

from tests.fakes.anthropic_script import text, tool_use
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.prompt_caches import CachingClaude, OpenAICache
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, say

TURNS = 20
EDITED = (5, 10, 15, 20)
"""The turns in which the model edits its memory."""

NOTES: Json = {"memory_blocks": [{"label": "notes", "value": "Likes tea."}], "tools": ["memory_insert"]}
WORDS = "Tell me more about it, please; one sentence will do. "


@dataclass
class Talk:
    """Twenty turns, what their models were asked, and what they cost."""

    org: Org
    owner: str
    usage: list[Json] = field(default_factory=list[Json])

    def turn(self, number: int) -> None:
        answer = say(self.org, f"agents/{self.owner}", f"{number}: {WORDS}")
        self.usage.append(answer["usage"])

    def share(self) -> float:
        """How much of all prompts was cached, the very first aside: nothing could be known of it."""
        cached = sum(used["cached_input_tokens"] for used in self.usage[1:])
        return cached / sum(used["prompt_tokens"] for used in self.usage[1:])


def insert(number: int) -> Json:
    return {"label": "notes", "new_string": f"Asked {number} times."}


@pytest.fixture
def claude() -> Iterator[CachingClaude]:
    with CachingClaude() as server:
        yield server


def _with_openai(org: Org, models: OpenAIServer, edited: tuple[int, ...]) -> tuple[Talk, list[str]]:
    models.counts = OpenAICache().usage
    talk = Talk(org, agent(org, **NOTES))
    for number in range(1, TURNS + 1):
        if number in edited:
            models.queue(Reply(calls=(("memory_insert", insert(number)),)))
        models.queue(Reply(f"Answer {number}. {WORDS}"))
        talk.turn(number)
    return talk, [str([chat.body["tools"], chat.body["messages"][0]]) for chat in models.chats]


def _with_claude(org: Org, claude: CachingClaude, edited: tuple[int, ...]) -> tuple[Talk, list[str]]:
    talk = Talk(org, agent(org, model="anthropic/claude-sonnet-4-5", reasoning=False, **NOTES))
    for number in range(1, TURNS + 1):
        if number in edited:
            claude.replies.append([tool_use("memory_insert", insert(number), f"toolu_{number}")])
        claude.replies.append([text(f"Answer {number}. {WORDS}")])
        talk.turn(number)
    return talk, [str([sent.body["tools"], sent.body["system"]]) for sent in claude.to("/v1/messages")]


def _check(talk: Talk, prefixes: list[str], edited: tuple[int, ...], least: float) -> None:
    assert talk.share() >= least
    assert len(prefixes) == TURNS + len(edited)
    assert len(list(groupby(prefixes))) == len([number for number in edited if number < TURNS]) + 1
    _check_accounts(talk)


def _check_accounts(talk: Talk) -> None:
    """Steps and runs say what the answer said."""
    used = talk.usage[-1]
    run = used["run_ids"][0]
    counted: Any = talk.org.http.get(f"/v1/runs/{run}/usage").json()
    steps: list[Json] = talk.org.http.get(f"/v1/runs/{run}/steps").json()
    assert used["cached_input_tokens"] > 0
    assert counted["prompt_tokens_details"]["cached_tokens"] == used["cached_input_tokens"]
    assert sum(step["prompt_tokens_details"]["cached_tokens"] for step in steps) == used["cached_input_tokens"]
    assert sum(step["prompt_tokens"] for step in steps) == used["prompt_tokens"]


@pytest.mark.contract("turns.prompt.cached")
@pytest.mark.parametrize(("edited", "least"), [((), 0.9), (EDITED, 0.8)], ids=["no edits", "edits"])
def test_what_openai_has_read_before(org: Org, models: OpenAIServer, edited: tuple[int, ...], least: float) -> None:
    talk, prefixes = _with_openai(org, models, edited)
    _check(talk, prefixes, edited, least)


@pytest.mark.contract("turns.prompt.cached")
@pytest.mark.parametrize(("edited", "least"), [((), 0.9), (EDITED, 0.8)], ids=["no edits", "edits"])
def test_what_claude_has_kept(
    fresh_server: FreshServer, claude: CachingClaude, edited: tuple[int, ...], least: float
) -> None:
    org = new_org(fresh_server({"ANTHROPIC_API_KEY": "sk-ant-scripted", "ANTHROPIC_BASE_URL": claude.url}))
    talk, prefixes = _with_claude(org, claude, edited)
    _check(talk, prefixes, edited, least)
