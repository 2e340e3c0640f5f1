"""A long conversation whose summariser cannot be relied on, and what must hold of every request that it came to."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.llm.tokens import estimate
from tests.compaction.threads import LIGHT, small, tokens, unpaired
from tests.fakes.openai_script import Reply, called_before
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, of_agent, say

MODES = ("sliding_window", "all", "self_compact_sliding_window", "self_compact_all")
TOOLS = ("memory_insert", "conversation_search", "archival_memory_insert", "archival_memory_search")
ASKED = "Answer with the summary alone"
OVERFLOW = 0.02
"""How often the model server calls a request too long, whatever it holds."""
FULL, LEFT = 0.9, 0.9
"""A window is shortened when it is fuller than this, and then takes less than that."""

FAULTS = {
    "summary": Reply("They spoke of owls, and of where things are kept."),
    "long summary": Reply("and so on " * 400),
    "far too much": Reply("blah" * 60_000),
    "nothing": Reply(""),
    "blank": Reply(" \n "),
    "error": Reply(status=500, error="scripted failure"),
    "busy": Reply(status=429, error="slow down", headers={"retry-after": "0"}),
    "refused": Reply(status=403, error="not for you"),
    "hung up": Reply("Half of a summary", cut_after=2),
    "too long": Reply(status=400, error="maximum context length is 100 tokens"),
}
"""What a summariser does, each as often as any other."""


def asks_for_summary(body: Json) -> bool:
    return body["model"] == LIGHT or ASKED in f"{body['messages'][0]} {body['messages'][-1]}"


def canary(rng: random.Random, number: int, who: str) -> str:
    """A sentence that nobody says twice."""
    animals, places = ("owl", "heron", "lynx", "marten"), ("Turin", "Odense", "Porto", "Gdansk")
    word = "".join(rng.choices("bdfgklmnprstvz", k=4) + rng.choices("aeiou", k=2))
    return f"{who} {number}: the {rng.choice(animals)} called {word}{number} was seen near {rng.choice(places)}."


def padding(rng: random.Random, most: int) -> str:
    words = ("owl", "kettle", "Straße", "今天", "пример", "seventeen", "of", "the")
    return " ".join(rng.choices(words, k=rng.randint(0, most)))


@dataclass
class Conversation:
    """One agent, its user and its model server; everything random comes from the seed."""

    org: Org
    models: OpenAIServer
    mode: str
    window: int
    faults: Sequence[Reply] = tuple(FAULTS.values())
    summarisers: Sequence[str] = ()
    """Further models that are chosen to summarise in turn; none is asked for long."""
    owner: str = ""
    said: list[str] = field(default_factory=list[str])
    answered: list[str] = field(default_factory=list[str])
    compactions: list[Json] = field(default_factory=list[Json])
    overflows: int = 0
    _overflown: bool = False

    def hold(self, turns: int) -> None:
        self._faulty, self._talking = random.Random(f"faults {self.mode}"), random.Random(f"talk {self.mode}")
        self.models.script = self._reply
        self.owner = small(
            self.org,
            context_window_limit=self.window,
            memory_blocks=[{"label": "notes", "value": "", "limit": self.window // 4}],
            tools=[*TOOLS],
            compaction_settings={"mode": self.mode},
        )
        for number in range(turns):
            if self.summarisers and number % 20 == 10:
                self._choose(self._faulty.choice(self.summarisers))
            self._turn(number)

    def _choose(self, summariser: str) -> None:
        body = {"compaction_settings": {"model": summariser}}
        self.org.http.patch(f"/v1/agents/{self.owner}", json=body).raise_for_status()

    def _turn(self, number: int) -> None:
        rng = self._talking
        self.said.append(f"turn {number} {canary(rng, number, 'User')} {padding(rng, self.window // 40)}".strip())
        answer = say(self.org, f"agents/{self.owner}", self.said[-1], include_compaction_messages=True)
        assert answer["stop_reason"]["stop_reason"] == "end_turn", answer
        shown = [each for each in answer["messages"] if each["message_type"] == "summary_message"]
        self.compactions += [each["compaction_stats"] for each in shown]

    def _reply(self, body: Json) -> Reply:
        if asks_for_summary(body):
            return self._faulty.choice(self.faults)
        if not self._overflown and len(body["messages"]) > 12 and self._faulty.random() < OVERFLOW:
            self.overflows, self._overflown = self.overflows + 1, True
            return Reply(status=400, error=f"maximum context length is {self.window} tokens")
        self._overflown = False
        return self._answer(body)

    def _answer(self, body: Json) -> Reply:
        """Some calls, one in each step, and then a text; which ones depends on the turn alone."""
        asked = re.search(r"turn (\d+) User", str(_last_of_user(body)))
        if asked is None:
            return Reply("What was it about?")
        number, rng = int(asked[1]), random.Random(f"answer {self.mode} {asked[1]}")
        calls = [self._call(rng, number) for _ in range(rng.randint(0, 3))]
        if (done := _returned(body)) < len(calls):
            return Reply(calls=(calls[done],))
        self.answered.append(f"{canary(rng, number, 'Agent')} {padding(rng, self.window // 40)}".strip())
        return Reply(self.answered[-1])

    def _call(self, rng: random.Random, number: int) -> tuple[str, Json]:
        arguments: dict[str, Json] = {
            "memory_insert": {"label": "notes", "new_string": f"note {number}"},
            "conversation_search": {"query": padding(rng, 5) or "owl", "limit": rng.randint(1, 3)},
            "archival_memory_insert": {"content": f"fact {number} {padding(rng, 20)}"},
            "archival_memory_search": {"query": "fact", "top_k": rng.randint(1, 5)},
        }
        name = rng.choice(TOOLS)
        return name, arguments[name]

    @property
    def asked(self) -> list[Json]:
        """The requests for answers."""
        return [chat.body for chat in self.models.chats if not asks_for_summary(chat.body)]

    @property
    def summaries_asked(self) -> list[Json]:
        return [chat.body for chat in self.models.chats if asks_for_summary(chat.body)]

    def check(self) -> None:
        self._check_requests()
        self._check_compactions()
        self._check_history()
        self._check_search(min(50, len(self.said)))

    def _check_requests(self) -> None:
        asked = self.asked
        assert [unpaired(body) for body in asked if unpaired(body)] == []
        assert max(tokens(body) for body in asked) <= self.window
        assert max(estimate(json.dumps(body, ensure_ascii=False)) for body in asked) <= self.window
        assert [body for body in asked if not str(_last_of_user(body)).count("turn ")] == [], "the question is in view"

    def _check_compactions(self) -> None:
        """One for every time that the window was filled: each leaves room, and the next begins when that is gone."""
        assert self.compactions
        early = [each for each in self.compactions if each["context_tokens_before"] <= FULL * self.window]
        assert len(early) <= self.overflows, early
        late = [each for each in self.compactions if each["context_tokens_after"] >= LEFT * self.window]
        assert late == []

    def _check_history(self) -> None:
        listed = self._listed()
        assert [text for text in listed if text in {*self.said}] == self.said
        assert [text for text in listed if text in {*self.answered}] == self.answered

    def _listed(self) -> list[str]:
        """What was said, over all pages of the history."""
        texts, after = list[str](), None
        while True:
            query: dict[str, Any] = {"limit": 200, "order": "asc", **({"after": after} if after else {})}
            page = of_agent(self.org, self.owner, **query)
            texts += [str(each.get("content")) for each in page if each["message_type"] != "tool_return_message"]
            if not page or page[-1]["id"] == after:
                return texts
            after = page[-1]["id"]

    def _check_search(self, count: int) -> None:
        lost = list[str]()
        for text in random.Random(self.mode).sample([*self.said, *self.answered], count):
            [sentence] = re.findall(r"(?:User|Agent) \d+: [^.]*\.", text)
            query = {"agent_id": self.owner, "query": sentence, "limit": 3}
            found = self.org.http.post("/v1/messages/search", json=query).raise_for_status().json()
            lost += [] if text in [each["content"] for each in found] else [sentence]
        assert lost == []

    @property
    def figures(self) -> str:
        before, after = ([each[f"context_tokens_{name}"] for each in self.compactions] for name in ("before", "after"))
        fullest = max(tokens(body) for body in self.asked)
        return (
            f"{self.mode}: {len(self.said)} turns, {len(self.asked)} requests of at most {fullest:.0f} tokens of "
            f"{self.window}; {len(self.compactions)} compactions from {min(before)}–{max(before)} to "
            f"{min(after)}–{max(after)}; summaries asked for {len(self.summaries_asked)} times; "
            f"{self.overflows} requests called too long"
        )


def _last_of_user(body: Json) -> Any:
    return next(message["content"] for message in reversed(body["messages"]) if message["role"] == "user")


def _returned(body: Json) -> int:
    """How many tools have returned since the user spoke."""
    roles = [message["role"] for message in body["messages"]]
    last = max(number for number, role in enumerate(roles) if role == "user")
    return roles[last:].count("tool") + called_before(str(body["messages"][last]["content"]))
