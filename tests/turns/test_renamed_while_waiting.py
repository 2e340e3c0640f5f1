"""Tools that get another name while a call of them waits: what was approved is what is run (CONTRACT §5.1)."""

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, of_agent
from tests.turns.approving import PARALLEL, Json, answer, decided, insert, pending, waiting_of
from tests.turns.listening import asked
from tests.turns.test_tool_calls import returned

NOTES: Json = {"memory_blocks": [{"label": "notes", "value": ""}], "tools": ["memory_insert"]}
CALL = ("brew", {"cups": 2})


def source(name: str, drink: str) -> str:
    arguments = "Args:\n        cups (int): How many."
    return f'def {name}(cups: int) -> str:\n    """Make {drink}.\n\n    {arguments}\n    """\n    return "{drink}"\n'


def schema(name: str, **properties: Json) -> Json:
    arguments = {"cups": {"type": "integer"}, **properties}
    parameters = {"type": "object", "properties": arguments, "required": list(arguments)}
    return {"name": name, "description": "Make it.", "parameters": parameters}


def tool(org: Org, name: str, drink: str, asks: bool = True) -> str:
    body = {"source_code": source(name, drink), "default_requires_approval": asks}
    made = org.http.post("/v1/tools/", json=body)
    assert made.status_code == 200, made.text
    return made.json()["id"]


def change(org: Org, tool_id: str, **fields: Json | str) -> None:
    changed = org.http.patch(f"/v1/tools/{tool_id}", json=fields)
    assert changed.status_code == 200, changed.text


RENAMED: list[Json] = [
    {"source_code": source("steep", "tea")},
    {"json_schema": schema("steep")},
    {"json_schema": schema("steep"), "name": "steep"},
]


@pytest.mark.contract("approvals.renamed")
@pytest.mark.parametrize("patch", RENAMED, ids=["source", "schema", "name"])
def test_an_approved_call_runs_the_tool_that_was_approved(org: Org, models: OpenAIServer, patch: Json) -> None:
    brew = tool(org, "brew", "tea")
    owner = agent(org, tool_ids=[brew])
    (call,) = pending(org, models, owner, CALL)
    change(org, brew, **patch)
    waiting = waiting_of(org, owner)
    assert waiting is not None
    assert waiting["tool_calls"] == [call]
    assert set(call) == {"name", "arguments", "tool_call_id"}
    models.queue(Reply("Here you are."))
    got = answer(org, f"agents/{owner}", decided(call))
    assert returned(got) == [("success", "tea")]
    spoken, back = asked(models)[-2:]
    assert spoken["tool_calls"][0]["function"]["name"] == "brew"
    assert (back["tool_call_id"], back["content"]) == (call["tool_call_id"], "tea")
    (request,) = (each for each in of_agent(org, owner) if each["message_type"] == "approval_request_message")
    assert request["tool_calls"] == [call]


@pytest.mark.contract("approvals.renamed")
def test_another_tool_that_takes_the_name_is_not_run_in_its_place(org: Org, models: OpenAIServer) -> None:
    brew, pour = tool(org, "brew", "tea"), tool(org, "pour", "poison", asks=False)
    owner = agent(org, tool_ids=[brew, pour])
    (call,) = pending(org, models, owner, CALL)
    change(org, brew, source_code=source("steep", "tea"))
    change(org, pour, source_code=source("brew", "poison"))
    models.queue(Reply("Here you are."))
    assert returned(answer(org, f"agents/{owner}", decided(call))) == [("success", "tea")]


@pytest.mark.contract("approvals.changed")
@pytest.mark.parametrize("way", ["deleted", "detached", "taken away, and its name given to another"])
def test_a_tool_that_is_gone_is_said_to_be(org: Org, models: OpenAIServer, way: str) -> None:
    brew, pour = tool(org, "brew", "tea"), tool(org, "pour", "poison", asks=False)
    owner = agent(org, tool_ids=[brew, pour])
    (call,) = pending(org, models, owner, CALL)
    gone = f"/v1/agents/{owner}/tools/detach/{brew}"
    assert (org.http.patch(gone) if way == "detached" else org.http.delete(f"/v1/tools/{brew}")).status_code == 200
    if way.startswith("taken"):
        change(org, pour, source_code=source("brew", "poison"))
    models.queue(Reply("Oh."))
    ((status, text),) = returned(answer(org, f"agents/{owner}", decided(call)))
    assert status == "error"
    assert "brew" in text
    assert "Not called" in text
    models.queue(Reply("Still here."))
    assert org.http.post(f"/v1/agents/{owner}/messages", json={"input": "hello"}).status_code == 200


@pytest.mark.contract("approvals.renamed")
def test_a_call_that_waits_with_others_runs_its_tool_too(org: Org, models: OpenAIServer) -> None:
    brew = tool(org, "brew", "tea", asks=False)
    asks = {"type": "requires_approval", "tool_name": "memory_insert"}
    owner = agent(org, tool_ids=[brew], tool_rules=[asks], **NOTES, **PARALLEL)
    (call,) = pending(org, models, owner, CALL, insert())
    change(org, brew, source_code=source("steep", "tea"))
    models.queue(Reply("Here you are."))
    first, second = returned(answer(org, f"agents/{owner}", decided(call)))
    assert first == ("success", "tea")
    assert second[0] == "success"


@pytest.mark.contract("approvals.renamed")
def test_the_arguments_are_checked_against_the_schema_as_it_is_now(org: Org, models: OpenAIServer) -> None:
    brew = tool(org, "brew", "tea")
    owner = agent(org, tool_ids=[brew])
    (call,) = pending(org, models, owner, CALL)
    change(org, brew, json_schema=schema("steep", sugar={"type": "boolean"}))
    models.queue(Reply("Oh."))
    ((status, text),) = returned(answer(org, f"agents/{owner}", decided(call)))
    assert (status, "`sugar` is missing" in text) == ("error", True)


@pytest.mark.contract("approvals.renamed")
@pytest.mark.parametrize("answers", ["approval", "result"])
def test_rules_go_on_with_the_new_name(org: Org, models: OpenAIServer, answers: str) -> None:
    brew = tool(org, "brew", "tea")
    rules = [{"type": kind, "tool_name": "brew"} for kind in ("exit_loop", "required_before_exit")]
    owner = agent(org, tool_ids=[brew], tool_rules=rules)
    (call,) = pending(org, models, owner, CALL)
    change(org, brew, source_code=source("steep", "tea"))
    result = {"type": "tool", "tool_call_id": call["tool_call_id"], "tool_return": "tea", "status": "success"}
    got = answer(org, f"agents/{owner}", decided(call) if answers == "approval" else result)
    assert returned(got) == [("success", "tea")]
    assert got["stop_reason"]["stop_reason"] == "tool_rule"


@pytest.mark.contract("approvals.renamed")
def test_a_request_that_does_not_say_which_tool_it_means_goes_by_the_name(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, tool_ids=[tool(org, "brew", "tea")])
    pending(org, models, owner, CALL)
    file = org.http.get(f"/v1/agents/{owner}/export").text
    made = org.http.post("/v1/agents/import", files={"file": ("agent.af", file)})
    assert made.status_code == 200, made.text
    (copy,) = made.json()["agent_ids"]
    waiting = waiting_of(org, copy)
    assert waiting is not None
    models.queue(Reply("Here you are."))
    assert returned(answer(org, f"agents/{copy}", decided(waiting["tool_calls"][0]))) == [("success", "tea")]
