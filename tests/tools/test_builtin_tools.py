"""The built-in tools in real turns: the scripted model calls them as the message says (CONTRACT §6.3)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org

TOOLS = (
    *("conversation_search", "core_memory_append", "core_memory_replace"),
    *("memory_insert", "memory_replace", "memory_rethink", "memory_finish_edits"),
)


LATER = ("run_code", "run_code_with_tools")


@dataclass
class Talk:
    """An agent that has one block to edit, one that it must not edit, and every memory tool."""

    org: Org
    id: str

    def send(self, text: str) -> list[dict[str, Any]]:
        answer = self.org.http.post(
            f"/v1/agents/{self.id}/messages", json={"messages": [{"role": "user", "content": text}]}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["messages"]

    def call(self, name: str, **arguments: Any) -> str:
        """What a call that works returns."""
        return self._returned("success", f"CALL {name} {json.dumps(arguments)}")

    def refused(self, name: str, **arguments: Any) -> str:
        """What a call that cannot be done returns."""
        return self._returned("error", f"CALL {name} {json.dumps(arguments)}")

    def value(self, label: str = "notes") -> str:
        return self.org.http.get(f"/v1/agents/{self.id}/core-memory/blocks/{label}").json()["value"]

    def _returned(self, status: Literal["success", "error"], text: str) -> str:
        returns = [m for m in self.send(text) if m["message_type"] == "tool_return_message"]
        assert [each["status"] for each in returns] == [status], [each["tool_return"] for each in returns]
        return returns[0]["tool_return"]


def talk(org: Org, value: str = "one\ntwo\nthree", tools: Sequence[str] = TOOLS, **fields: Any) -> Talk:
    blocks = [
        {"label": "notes", "value": value, "limit": 100},
        {"label": "law", "value": "Do no harm.", "read_only": True},
    ]
    body = {"model": MODEL, "include_base_tools": False, "tools": list(tools), "memory_blocks": blocks, **fields}
    made = org.http.post("/v1/agents/", json=body)
    assert made.status_code == 200, made.text
    return Talk(org, made.json()["id"])


@pytest.fixture(autouse=True)
def scripted(models: OpenAIServer) -> OpenAIServer:
    return models


@pytest.mark.contract("tools.memory.append")
def test_append_joins_with_a_line_break(org: Org) -> None:
    agent = talk(org)
    assert agent.call("core_memory_append", label="notes", content="four") == "one\ntwo\nthree\nfour" == agent.value()
    assert talk(org, value="").call("core_memory_append", label="notes", content="one") == "one"


@pytest.mark.contract("tools.memory.core-replace")
def test_core_replace_takes_every_match(org: Org) -> None:
    agent = talk(org, value="tea, tea")
    assert agent.call("core_memory_replace", label="notes", old_content="tea", new_content="rum") == "rum, rum"
    assert "old_content" in agent.refused("core_memory_replace", label="notes", old_content="tea", new_content="x")
    assert agent.value() == "rum, rum"


@pytest.mark.contract("tools.memory.replace")
def test_replace_needs_exactly_one_match(org: Org) -> None:
    agent = talk(org, value="tea\ntea or rum")
    said = agent.refused("memory_replace", label="notes", old_string="tea", new_string="x")
    assert "2 times" in said
    assert "1, 2" in said
    assert "old_string" in agent.refused("memory_replace", label="notes", old_string="Rum", new_string="x")
    assert "empty" in agent.refused("memory_replace", label="notes", old_string="", new_string="x")
    assert agent.value() == "tea\ntea or rum"
    assert agent.call("memory_replace", label="notes", old_string=" or rum", new_string="") == "tea\ntea"


@pytest.mark.contract("tools.memory.insert")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({}, "one\ntwo\nthree\nnew"),
        ({"insert_line": -1}, "one\ntwo\nthree\nnew"),
        ({"insert_line": 0}, "new\none\ntwo\nthree"),
        ({"insert_line": "2"}, "one\ntwo\nnew\nthree"),
        ({"insert_line": 3}, "one\ntwo\nthree\nnew"),
    ],
)
def test_insert_goes_after_the_line(org: Org, line: dict[str, Any], expected: str) -> None:
    agent = talk(org)
    assert agent.call("memory_insert", label="notes", new_string="new", **line) == expected == agent.value()


@pytest.mark.contract("tools.memory.insert.range")
@pytest.mark.parametrize("line", [4, -2])
def test_insert_beyond_the_block_is_refused(org: Org, line: int) -> None:
    agent = talk(org)
    said = agent.refused("memory_insert", label="notes", new_string="new", insert_line=line)
    assert str(line) in said
    assert "3 lines" in said


@pytest.mark.contract("tools.memory.rethink")
def test_rethink_rewrites_or_creates(org: Org) -> None:
    agent = talk(org)
    agent.call("memory_rethink", label="notes", new_memory="fresh")
    agent.call("memory_rethink", label="plans", new_memory="Travel.")
    assert (agent.value(), agent.value("plans")) == ("fresh", "Travel.")
    assert agent.call("memory_finish_edits") == "None"


@pytest.mark.contract("tools.memory.refused")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("core_memory_append", {"content": "x"}),
        ("core_memory_replace", {"old_content": "Do", "new_content": "x"}),
        ("memory_replace", {"old_string": "Do", "new_string": "x"}),
        ("memory_insert", {"new_string": "x"}),
        ("memory_rethink", {"new_memory": "x"}),
    ],
)
def test_what_no_memory_tool_may_do(org: Org, name: str, arguments: dict[str, str]) -> None:
    agent = talk(org)
    assert "read-only" in agent.refused(name, label="law", **arguments)
    assert agent.value("law") == "Do no harm."
    last = list(arguments)[-1]
    long = agent.refused(name, label="notes", **{**_fitting(arguments), last: "x" * 101})
    assert "100" in long
    assert "13" in long
    numbered = agent.refused(name, label="notes", **{**arguments, last: "1→ one"})
    assert "`1→`" in numbered or "'1→'" in numbered
    assert agent.value() == "one\ntwo\nthree"
    if name != "memory_rethink":
        unknown = agent.refused(name, label="nots", **arguments)
        assert "'notes'" in unknown
        assert "'law'" in unknown


def _fitting(arguments: dict[str, str]) -> dict[str, str]:
    return {name: "one" if text == "Do" else text for name, text in arguments.items()}


def test_a_block_above_its_limit_can_be_made_smaller(org: Org) -> None:
    agent = talk(org, value="x" * 300)
    assert agent.call("memory_rethink", label="notes", new_memory="y" * 200) == "y" * 200
    assert "200" in agent.refused("memory_insert", label="notes", new_string="z")


@pytest.mark.contract("tools.arguments")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"label": "notes"}, "`new_string` is missing"),
        ({"label": "notes", "new_string": "x", "line": 1}, "no argument `line`"),
        ({"label": "notes", "new_string": "x", "insert_line": "top"}, "`insert_line`"),
        ({"label": ["notes"], "new_string": "x"}, "`label`"),
        ({"label": None, "new_string": "x"}, "`label`"),
    ],
)
def test_arguments_that_do_not_fit_are_named_with_what_is_expected(
    org: Org, arguments: dict[str, Any], said: str
) -> None:
    agent = talk(org)
    answer = agent.refused("memory_insert", **arguments)
    assert said in answer
    assert "`insert_line` (integer, optional)" in answer
    assert agent.value() == "one\ntwo\nthree"


@pytest.mark.contract("tools.arguments.lenient")
def test_what_small_models_write_is_understood(org: Org) -> None:
    agent = talk(org)
    assert agent.call("memory_insert", label="notes", new_string=5, insert_line=None).endswith("\n5")
    assert agent.call("memory_insert", label="notes", new_string="six", request_heartbeat=True).endswith("\nsix")
    agent.call("conversation_search", query="tea", roles="user", limit="1")


def test_a_tool_that_the_agent_does_not_have_is_not_run(org: Org, scripted: OpenAIServer) -> None:
    agent = talk(org, tools=["memory_insert"])
    arguments = {"label": "notes", "old_string": "one", "new_string": "x"}
    scripted.queue(Reply(calls=(("memory_replace", arguments),)), Reply("Done."))
    returns = [m for m in agent.send("Go on.") if m["message_type"] == "tool_return_message"]
    assert [each["status"] for each in returns] == ["error"]
    assert "memory_replace" in returns[0]["tool_return"]
    assert agent.value() == "one\ntwo\nthree"


@pytest.mark.contract("tools.return-limit")
def test_a_long_return_is_cut_with_a_note(org: Org) -> None:
    tool = org.http.get("/v1/tools/", params={"name": "memory_rethink"}).json()[0]["id"]
    org.http.patch(f"/v1/tools/{tool}", json={"return_char_limit": 10})
    agent = talk(org)
    said = agent.call("memory_rethink", label="notes", new_memory="x" * 60)
    assert said.startswith("x" * 10 + "...")
    assert "50" in said
    assert agent.value() == "x" * 60


@pytest.mark.contract("tools.conversation-search")
def test_search_finds_what_was_said(org: Org) -> None:
    agent = talk(org, timezone="Europe/Berlin")
    agent.send("I keep bees. REPLY How many bees?")
    agent.send("The weather is fine. REPLY Good.")
    found = _results(agent.call("conversation_search", query="bees", limit=2))
    assert {(each["role"], "bees" in each["content"]) for each in found} == {("user", True), ("assistant", True)}
    assert all(each["relevance"]["words"] == ["bees"] for each in found)
    assert {"timestamp", "time_ago", "role", "content"} <= found[0].keys()
    assert found[0]["timestamp"][-6:] in ("+01:00", "+02:00")
    by_user = _results(agent.call("conversation_search", query="bees", roles=["user"]))
    assert {each["role"] for each in by_user} == {"user"}
    assert len(_results(agent.call("conversation_search", limit=1))) == 1


@pytest.mark.contract("tools.conversation-search.dates")
def test_search_keeps_to_the_dates(org: Org) -> None:
    agent = talk(org)
    agent.send("I keep bees.")
    assert _results(agent.call("conversation_search", query="bees", start_date="2020-01-01", end_date="2999-12-31"))
    assert not _results(agent.call("conversation_search", query="bees", end_date="2020-01-01T10:00"))
    assert "start_date" in agent.refused("conversation_search", start_date="yesterday")
    assert "end_date" in agent.refused("conversation_search", start_date="2020-01-02", end_date="2020-01-01")
    assert "end_date" in agent.refused("conversation_search", end_date="9999-12-31T23:59:59-23:00")


@pytest.mark.contract("tools.conversation-search.own")
def test_search_leaves_out_tool_returns_and_other_agents(org: Org) -> None:
    talk(org).send("I keep bees.")
    agent = talk(org)
    agent.call("core_memory_append", label="notes", content="wasps")
    agent.send("Go on.")
    found = _results(agent.call("conversation_search", query="wasps", roles=["tool"]))
    assert found == []
    assert not [each for each in _results(agent.call("conversation_search", query="wasps")) if each["role"] == "tool"]
    assert not [each for each in _results(agent.call("conversation_search", query="bees")) if "keep" in each["content"]]


@pytest.mark.contract("tools.memory.prompt")
def test_an_edit_shows_in_the_prompt_of_the_next_turn(org: Org, scripted: OpenAIServer) -> None:
    agent = talk(org)
    agent.call("memory_replace", label="notes", old_string="two", new_string="TWENTY")
    agent.send("Go on.")
    system = scripted.chats[-1].body["messages"][0]
    assert "TWENTY" in json.dumps(system)


def _results(said: str) -> list[dict[str, Any]]:
    return json.loads(said)["results"]


@pytest.mark.contract("tools.return-limit")
def test_the_note_says_how_much_of_a_custom_tools_return_is_gone(org: Org) -> None:
    source = "def shout():\n    print('o' * 70)\n    return 'ü' * 60"
    org.http.post("/v1/tools/", json={"source_code": source, "return_char_limit": 10}).raise_for_status()
    agent = talk(org, tools=["shout"])
    cut = "ü" * 10 + "... [truncated 50 characters]"
    assert agent.call("shout") == cut
    ran = org.http.post(f"/v1/agents/{agent.id}/tools/shout/run", json={}).json()
    assert ran["stdout"] == ["o" * 10 + "... [truncated 61 characters]"]
