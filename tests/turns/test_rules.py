"""Tool rules have effect: what is offered, forced, filled in and refused (CONTRACT §4.3)."""

from typing import Any

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, of_agent, say

MODEL = "openai/gpt-4o-mini"
TOOLS = ["memory_insert", "memory_replace", "memory_rethink", "conversation_search", "memory_finish_edits"]
INSERT = ("memory_insert", {"label": "notes", "new_string": "x"})
RETHINK = ("memory_rethink", {"label": "notes", "new_memory": "7"})
SEARCH = ("conversation_search", {"query": "x"})
FINISH = ("memory_finish_edits", dict[str, Any]())


def ruled(org: Org, *rules: Json, tools: list[str] = TOOLS, **fields: Any) -> str:
    """A native agent with these rules."""
    block = {"label": "notes", "value": ""}
    body = {"model": MODEL, "tools": tools, "memory_blocks": [block], "tool_rules": list(rules), **fields}
    return agent(org, **body)


def rule(kind: str, tool: str, **fields: Any) -> Json:
    return {"type": kind, "tool_name": tool, **fields}


def offered(models: OpenAIServer, number: int = -1) -> list[str]:
    """The tools of one request to the model."""
    return [tool["function"]["name"] for tool in models.chats[number].body.get("tools", [])]


def forced(models: OpenAIServer, number: int = -1) -> str:
    """Which tool a request forces: a name, "required", or "auto"."""
    choice = models.chats[number].body.get("tool_choice", "auto")
    return choice if isinstance(choice, str) else choice["function"]["name"]


def returns(answer: Json) -> list[tuple[str, str]]:
    return [
        (back["status"], back["tool_return"])
        for message in answer["messages"]
        if message["message_type"] == "tool_return_message"
        for back in message["tool_returns"]
    ]


def stop(answer: Json) -> str:
    return answer["stop_reason"]["stop_reason"]


@pytest.mark.contract("turns.rules.run-first")
def test_the_first_tool_is_forced_with_its_arguments(org: Org, models: OpenAIServer) -> None:
    owner = ruled(org, rule("run_first", "memory_insert", args={"new_string": "from the rule"}))
    models.queue(Reply(calls=(INSERT,)), Reply("Done."))
    answer = say(org, f"agents/{owner}", "go")
    assert (offered(models, 0), forced(models, 0)) == (["memory_insert"], "memory_insert")
    assert (offered(models, 1), forced(models, 1)) == (TOOLS, "auto")
    assert returns(answer) == [("success", "from the rule")]
    say(org, f"agents/{owner}", "REPLY again")
    assert forced(models, 2) == "memory_insert", "a turn begins anew"


@pytest.mark.contract("turns.rules.run-first.several")
def test_several_first_tools_need_a_model_with_structured_output(org: Org, models: OpenAIServer) -> None:
    rules = [rule("run_first", "memory_insert"), rule("run_first", "conversation_search")]
    body = {"model": "openai/gpt-4.1", "tools": TOOLS, "tool_rules": rules}
    refused = org.http.post("/v1/agents/", json=body)
    assert refused.status_code == 400
    assert "gpt-4o" in refused.json()["detail"]
    plain = org.http.post("/v1/agents/", json={**body, "tool_rules": rules[:1]}).json()["id"]
    assert org.http.patch(f"/v1/agents/{plain}", json={"tool_rules": rules}).status_code == 400
    structured = ruled(org, *rules)
    moved = org.http.patch(f"/v1/agents/{structured}", json={"model": "openai/gpt-4.1"})
    assert moved.status_code == 400
    assert "run_first" in moved.json()["detail"]
    say(org, f"agents/{structured}", "REPLY hi")
    assert models.chats[-1].body["model"].startswith("gpt-4o")
    assert (sorted(offered(models)), forced(models)) == (["conversation_search", "memory_insert"], "required")


@pytest.mark.contract("turns.rules.children")
def test_a_child_follows_its_parent_with_arguments_filled_in(org: Org, models: OpenAIServer) -> None:
    nodes = [{"name": "memory_insert", "args": {"label": "notes", "new_string": "filled in"}}]
    children = ["memory_insert", "memory_rethink"]
    owner = ruled(org, rule("constrain_child_tools", "conversation_search", children=children, child_arg_nodes=nodes))
    models.queue(Reply(calls=(SEARCH,)), Reply(calls=(FINISH,)), Reply(calls=(INSERT,)), Reply("Done."))
    answer = say(org, f"agents/{owner}", "go")
    assert forced(models, 0) == "auto"
    assert (offered(models, 1), forced(models, 1)) == (children, "required")
    assert (offered(models, 2), forced(models, 2)) == (children, "required"), "a refused call changes nothing"
    assert (offered(models, 3), forced(models, 3)) == (TOOLS, "auto")
    (_, refused, filled) = returns(answer)
    assert refused[0] == "error"
    assert "After conversation_search, call one of: memory_insert, memory_rethink." in refused[1]
    assert filled == ("success", "filled in")


@pytest.mark.contract("turns.rules.parent")
def test_a_tool_can_be_kept_for_right_after_another(org: Org, models: OpenAIServer) -> None:
    owner = ruled(org, rule("parent_last_tool", "conversation_search", children=["memory_rethink"]))
    models.queue(Reply(calls=(RETHINK,)), Reply(calls=(SEARCH,)), Reply(calls=(RETHINK,)), Reply("Done."))
    answer = say(org, f"agents/{owner}", "go")
    assert "memory_rethink" not in offered(models, 0)
    assert [status for status, _ in returns(answer)] == ["error", "success", "success"]
    assert "Only right after conversation_search" in returns(answer)[0][1]
    assert (offered(models, 2), forced(models, 2)) == (["memory_rethink"], "memory_rethink")
    assert "memory_rethink" not in offered(models, 3)


@pytest.mark.contract("turns.rules.conditional")
@pytest.mark.parametrize(
    ("returned", "mapping", "more", "follows"),
    [
        ("7", {"7": "memory_insert"}, {}, "memory_insert"),
        ("7.0", {"7": "memory_insert"}, {}, "memory_insert"),
        ("1.5", {"1": "memory_finish_edits", "1.50": "memory_insert"}, {}, "memory_insert"),
        ("True", {"1": "memory_finish_edits", "true": "memory_insert"}, {}, "memory_insert"),
        ("far away", {"far away": "memory_insert"}, {}, "memory_insert"),
        ("other", {"7": "memory_insert"}, {"default_child": "memory_finish_edits"}, "memory_finish_edits"),
        ("other", {"7": "memory_insert"}, {}, None),
        ("other", {"7": "memory_insert"}, {"require_output_mapping": True}, None),
    ],
    ids=["int", "float as int", "float", "bool", "text", "default", "any", "none falls back to all"],
)
def test_what_a_tool_returns_chooses_the_next(
    org: Org, models: OpenAIServer, returned: str, mapping: Json, more: Json, follows: str | None
) -> None:
    owner = ruled(org, rule("conditional", "memory_rethink", child_output_mapping=mapping, **more))
    models.queue(Reply(calls=(("memory_rethink", {"label": "notes", "new_memory": returned}),)), Reply("Done."))
    say(org, f"agents/{owner}", "go")
    assert (offered(models, 1), forced(models, 1)) == (([follows], follows) if follows else (TOOLS, "auto"))


@pytest.mark.contract("turns.rules.max-count")
def test_a_tool_disappears_after_its_last_use(org: Org, models: OpenAIServer) -> None:
    owner = ruled(org, rule("max_count_per_step", "memory_insert", max_count_limit=2))
    models.queue(*[Reply(calls=(INSERT,))] * 3, Reply("Done."))
    answer = say(org, f"agents/{owner}", "go")
    assert ["memory_insert" in offered(models, number) for number in range(4)] == [True, True, False, False]
    assert [status for status, _ in returns(answer)] == ["success", "success", "error"]
    assert "memory_insert can be called 2 times" in returns(answer)[2][1]
    say(org, f"agents/{owner}", "REPLY again")
    assert "memory_insert" in offered(models), "the count is that of one request"


@pytest.mark.contract("turns.rules.max-count.only")
def test_the_only_tool_disappears_too(org: Org, models: OpenAIServer) -> None:
    owner = ruled(org, rule("max_count_per_step", "memory_insert", max_count_limit=1), tools=["memory_insert"])
    models.queue(Reply(calls=(INSERT,)), Reply("Done."))
    say(org, f"agents/{owner}", "go")
    assert [offered(models, 0), offered(models, 1)] == [["memory_insert"], []]


@pytest.mark.contract("turns.rules.fallback")
def test_rules_that_leave_nothing_give_way(org: Org, models: OpenAIServer) -> None:
    rules = [
        rule("constrain_child_tools", "conversation_search", children=["memory_insert"]),
        rule("constrain_child_tools", "conversation_search", children=["memory_rethink"]),
    ]
    models.queue(Reply(calls=(SEARCH,)), Reply("Done."))
    say(org, f"agents/{ruled(org, *rules)}", "go")
    assert (offered(models, 1), forced(models, 1)) == (TOOLS, "auto")


@pytest.mark.contract("turns.rules.required")
def test_a_required_tool_is_demanded_before_the_end(org: Org, models: OpenAIServer) -> None:
    rules = [rule("required_before_exit", "memory_insert"), rule("exit_loop", "memory_finish_edits")]
    owner = ruled(org, *rules)
    models.queue(Reply("I am done."), Reply(calls=(FINISH,)), Reply(calls=(INSERT,)), Reply(calls=(FINISH,)))
    answer = say(org, f"agents/{owner}", "go")
    assert stop(answer) == "tool_rule"
    kinds = [message["message_type"] for message in answer["messages"]]
    assert kinds == ["assistant_message", *("tool_call_message", "tool_return_message") * 3]
    told = [m["content"] for m in models.chats[-1].body["messages"] if m["role"] == "user"]
    assert [text.count("memory_insert") for text in told] == [0, 1, 1]
    assert all(text.startswith('{"type": "heartbeat"') for text in told[1:])
    listed = [m for m in of_agent(org, owner) if m["message_type"] == "user_message"]
    assert len(listed) == 3


@pytest.mark.contract("turns.rules.required.max-steps")
def test_a_required_tool_cannot_hold_the_turn_for_ever(org: Org, models: OpenAIServer) -> None:
    models.queue(*[Reply("Done.")] * 3)
    owner = ruled(org, rule("required_before_exit", "memory_insert"))
    assert stop(say(org, f"agents/{owner}", "go", max_steps=3)) == "max_steps"
    assert len(models.chats) == 3
    detached = ruled(org, rule("required_before_exit", "no_such_tool"))
    assert stop(say(org, f"agents/{detached}", "REPLY hi")) == "end_turn"


@pytest.mark.contract("turns.rules.prefilled.wrong")
@pytest.mark.parametrize("args", [{"colour": "red"}, {"insert_line": "first"}], ids=["unknown", "of another type"])
def test_arguments_that_a_tool_cannot_take_end_the_turn(org: Org, models: OpenAIServer, args: Json) -> None:
    owner = ruled(org, rule("run_first", "memory_insert", args=args))
    models.queue(Reply(calls=(INSERT,)))
    answer = say(org, f"agents/{owner}", "go")
    assert stop(answer) == "invalid_tool_call"
    ((status, text),) = returns(answer)
    assert status == "error"
    assert next(iter(args)) in text
    (run,) = answer["usage"]["run_ids"]
    assert org.http.get(f"/v1/runs/{run}").json()["status"] == "failed"


@pytest.mark.contract("turns.rules.parallel")
def test_rules_make_calls_come_one_by_one(org: Org, models: OpenAIServer) -> None:
    owner = ruled(org, rule("continue_loop", "memory_insert"), parallel_tool_calls=True)
    models.queue(Reply(calls=(INSERT, INSERT)), Reply("Done."))
    assert len(returns(say(org, f"agents/{owner}", "go"))) == 1
    assert models.chats[0].body["parallel_tool_calls"] is False


@pytest.mark.contract("turns.rules.failed-exit")
def test_a_terminal_call_that_failed_does_not_end_the_turn(org: Org, models: OpenAIServer) -> None:
    owner = ruled(org, rule("exit_loop", "memory_insert"))
    models.queue(Reply(calls=(("memory_insert", {"label": "nowhere", "new_string": "x"}),)), Reply(calls=(INSERT,)))
    answer = say(org, f"agents/{owner}", "go")
    assert [status for status, _ in returns(answer)] == ["error", "success"]
    assert stop(answer) == "tool_rule"
