"""Tools whose work is done outside the database (DESIGN §5): never twice, never without a return."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Engine, Fleet
from tests.harness.models import environment
from tests.turns.listening import asked
from tests.turns.shed import PATIENCE_S, Workshop, workshop
from tests.turns.test_tool_calls import returned

Json = dict[str, Any]
OPENAI = {"model_settings": {"provider_type": "openai", "parallel_tool_calls": True}}


@pytest_asyncio.fixture
async def place(tmp_path: Path, models: OpenAIServer) -> AsyncGenerator[Workshop]:
    async with workshop(tmp_path, environment(models)) as made:
        yield made


def kinds(messages: list[Json]) -> list[str]:
    return [message["message_type"] for message in messages]


@pytest.mark.contract("turns.outside")
async def test_the_models_message_is_stored_before_its_tools_run(
    engine: Engine, fleet: Fleet, tmp_path: Path, models: OpenAIServer
) -> None:
    where = {"LETTA_PG_URI": fleet.new_database()} if engine == "postgres" else {}
    async with workshop(tmp_path, {**environment(models), **where}) as place:
        models.queue(Reply("I look.", calls=(("hammer", {"do": "meet"}),)), Reply("Done."))
        owner = await place.agent("hammer", secrets={"NAIL": "long"})
        request = asyncio.create_task(place.say(owner, "go"))
        await asyncio.wait_for(place.shed.begun.wait(), PATIENCE_S)
        stored = await place.listed(owner)
        assert kinds(stored)[-3:] == ["user_message", "assistant_message", "tool_call_message"]
        (step,) = (await place.http.get("/v1/steps/", params={"agent_id": owner})).json()
        assert step["status"] == "pending"
        await asyncio.wait_for(place.shed.together.wait(), PATIENCE_S)
        answer = await request
        (calling,) = place.shed.calls
        assert (dict(calling.arguments), calling.agent_id) == ({"do": "meet"}, owner)
        assert dict(calling.secrets) == {"NAIL": "long"}
        assert calling.agent_state is None
        back = answer["messages"][2]
        assert (back["tool_return"], back["status"], back["stdout"]) == ("did meet", "success", ["hammering"])
        assert {m["step_id"] for m in answer["messages"][:3]} == {step["id"]}
        assert [m["id"] for m in await place.listed(owner)][-5:-1] == [stored[-3]["id"]] + [
            m["id"] for m in answer["messages"][:3]
        ]
        assert (await place.http.get(f"/v1/steps/{step['id']}")).json()["status"] == "success"
        assert [m["role"] for m in asked(models)] == ["system", "user", "assistant", "tool"]


@pytest.mark.contract("turns.outside.faults")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"do": "fail"}, "no such hammer"), ({"do": "break"}, "RuntimeError")],
    ids=["a tool's own", "its runner's"],
)
async def test_a_fault_of_a_tool_is_an_answer(
    place: Workshop, models: OpenAIServer, arguments: Json, told: str
) -> None:
    models.queue(Reply(calls=(("hammer", arguments),)), Reply("Sorry."))
    answer = await place.say(await place.agent("hammer"), "go")
    ((status, text),) = returned(answer)
    assert status == "error"
    assert told in text
    assert answer["messages"][-1]["content"] == "Sorry."


@pytest.mark.contract("turns.outside.parallel")
async def test_tools_that_may_run_side_by_side_do(place: Workshop, models: OpenAIServer) -> None:
    calls = (("saw", {"do": "meet"}), ("hammer", {"do": "knock"}), ("saw", {"do": "meet"}))
    models.queue(Reply(calls=calls), Reply("Done."))
    answer = await place.say(await place.agent("saw+", "hammer", **OPENAI), "go")
    assert [text for _, text in returned(answer)] == ["did meet", "did knock", "did meet"]


@pytest.mark.contract("turns.outside.in-order")
async def test_the_others_run_in_their_order(place: Workshop, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(("hammer", {"do": "one"}), ("drill", {"do": "two"}))), Reply("Done."))
    await place.say(await place.agent("hammer", "drill", **OPENAI), "go")
    assert place.shed.ended == ["hammer", "drill"]


@pytest.mark.contract("turns.outside.state")
async def test_a_tool_that_asks_for_its_agent_is_given_it(place: Workshop, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(("drill", {"do": "look"}),)), Reply("Done."))
    owner = await place.agent("drill@", memory_blocks=[{"label": "notes", "value": "tea"}], secrets={"KEY": "hidden"})
    await place.say(owner, "go")
    state = place.shed.calls[0].agent_state
    assert state is not None
    assert (state["id"], state["blocks"][0]["value"]) == (owner, "tea")
    assert not {"tools", "secrets"} & state.keys()


@pytest.mark.contract("turns.outside.cancel")
async def test_a_tool_that_runs_is_cancelled_with_its_run(place: Workshop, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(("hammer", {"do": "wait"}), ("hammer", {"do": "more"}))), Reply("Fine."))
    owner = await place.agent("hammer", **OPENAI)
    request = asyncio.create_task(place.say(owner, "go"))
    await asyncio.wait_for(place.shed.begun.wait(), PATIENCE_S)
    stopped = await place.http.post(f"/v1/agents/{owner}/messages/cancel", json={})
    assert stopped.status_code == 200, stopped.text
    answer = await request
    assert answer["stop_reason"]["stop_reason"] == "cancelled"
    assert place.shed.ended == ["hammer"]
    first, second = returned(answer)
    assert first[0] == second[0] == "error"
    assert ("may" in first[1], "Not called" in second[1]) == (True, True)
    assert (await place.say(owner, "on"))["messages"][-1]["content"] == "Fine."
    assert [m["role"] for m in asked(models)] == ["system", "user", "assistant", "tool", "tool", "user"]


@pytest.mark.contract("turns.outside.stream")
async def test_a_stream_shows_the_call_and_then_what_it_printed(place: Workshop, models: OpenAIServer) -> None:
    models.queue(*[Reply(calls=(("hammer", {"do": "fail"}),)), Reply("Done.")] * 2)
    owner = await place.agent("hammer")
    for fields in ({}, {"stream_tokens": True}):
        body = {"messages": [{"role": "user", "content": "go"}], **fields}
        found = (await place.http.post(f"/v1/agents/{owner}/messages/stream", json=body)).text
        assert found.index('"tool_call_message"') < found.index('"tool_return_message"')
        assert '"stderr":["oh no"]' in found
        assert found.endswith("data: [DONE]\n\n")


@pytest.mark.contract("turns.outside.handed-over")
async def test_a_run_that_is_handed_over_in_a_call_does_not_make_it_again(tmp_path: Path, models: OpenAIServer) -> None:
    models.queue(Reply(calls=(("hammer", {"do": "wait"}),)), Reply("Fine."))
    quick = {**environment(models), "HOLDFAST_DRAIN_SECONDS": "0"}
    async with workshop(tmp_path, quick) as place:
        owner = await place.agent("hammer")
        body = {"messages": [{"role": "user", "content": "go"}]}
        run = (await place.http.post(f"/v1/agents/{owner}/messages/async", json=body)).json()["id"]
        await asyncio.wait_for(place.shed.begun.wait(), PATIENCE_S)
    async with workshop(tmp_path, quick) as place:
        told = (await place.http.post(f"/v1/runs/{run}/stream", json={})).text
        ended = (await place.http.get(f"/v1/runs/{run}")).json()
        assert (ended["status"], place.shed.calls) == ("completed", [])
        result = ended["metadata"]["result"]
        assert kinds(result["messages"]) == ["tool_call_message", "tool_return_message", "assistant_message"]
        assert "Interrupted" in result["messages"][1]["tool_return"]
        stored = await place.listed(owner)
        assert kinds(stored)[1:] == ["user_message", *kinds(result["messages"])]
        assert told.count('"tool_return_message"') == 1
        assert "Interrupted" in told


@pytest.mark.contract("turns.outside.unknown")
async def test_a_tool_that_nobody_can_run_says_so(place: Workshop, models: OpenAIServer) -> None:
    del place.app.state.executors["custom"]
    models.queue(Reply(calls=(("hammer", {"do": "x"}),)), Reply("Sorry."))
    ((status, text),) = returned(await place.say(await place.agent("hammer"), "go"))
    assert status == "error"
    assert "custom" in text
