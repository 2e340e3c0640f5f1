"""Turns in which the model calls a tool of the organization's own: it runs in the sandbox (CONTRACT §8)."""

import psutil
import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import Json, agent, of_agent, say
from tests.turns.backgrounds import over, started
from tests.turns.listening import active, asked, sending

PATIENCE_S = 45

STOCK = '''
import os
import sys
from dataclasses import dataclass

@dataclass
class Line:
    article: str
    count: int = 1

def order(lines: list[Line], agent_state) -> dict:
    """Order articles.

    Args:
        lines: What to order.
    """
    print("ordering for", agent_state.name)
    print(os.environ["SHOP"], file=sys.stderr)
    if any(line.count > 10 for line in lines):
        raise ValueError("only 10 of each are in stock")
    return {line.article: line.count for line in lines}
'''


def customer(org: Org) -> str:
    schema = {
        "name": "order",
        "parameters": {
            "type": "object",
            "properties": {
                "lines": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"article": {"type": "string"}, "count": {"type": "integer"}},
                        "required": ["article"],
                    },
                }
            },
            "required": ["lines"],
        },
    }
    made = org.http.post("/v1/tools/", json={"source_code": STOCK, "json_schema": schema, "return_char_limit": 400})
    return agent(org, name=org.name("customer"), tool_ids=[made.json()["id"]], secrets={"SHOP": "corner"})


@pytest.mark.contract("tools.custom.turn")
def test_a_turn_runs_custom_tools_and_the_model_reads_what_came_of_it(org: Org, models: OpenAIServer) -> None:
    owner = customer(org)
    name = org.http.get(f"/v1/agents/{owner}").json()["name"]
    models.queue(
        Reply(calls=(("order", {"lines": [{"article": "tea", "count": "2"}]}),)),
        Reply(calls=(("order", {"lines": [{"count": 1}]}),)),
        Reply(calls=(("order", {"lines": [{"article": "cake", "count": 11}]}),)),
        Reply("Ordered."),
    )
    answer = say(org, f"agents/{owner}", "two teas")
    first, second, third = (m for m in answer["messages"] if m["message_type"] == "tool_return_message")
    assert (first["status"], first["tool_return"]) == ("success", '{"tea":2}')
    assert (first["stdout"], first["stderr"]) == ([f"ordering for {name}\n"], ["corner\n"])
    assert (second["status"], "`lines.0.article` is missing" in second["tool_return"]) == ("error", True)
    assert (third["status"], "only 10 of each are in stock" in third["tool_return"]) == ("error", True)
    assert "line 20, in order" in third["tool_return"]
    assert "holdfast" not in third["tool_return"]
    assert answer["messages"][-1]["content"] == "Ordered."
    assert '{"tea":2}' in [message["content"] for message in asked(models) if message["role"] == "tool"]
    kept = org.http.get(f"/v1/agents/{owner}/messages", params={"limit": 100}).json()
    assert first["stdout"] in [message.get("stdout") for message in kept]


SLOW = '''
def slow(seconds: int) -> str:
    """Take long.

    Args:
        seconds: How long.
    """
    import time
    time.sleep(seconds)
    return "it ran to its end"
'''


@pytest.mark.contract("tools.custom.killed")
@pytest.mark.parametrize("mode", ["background", "foreground"])
def test_a_tool_whose_server_is_killed_is_not_run_again(
    fresh_server: FreshServer, models: OpenAIServer, mode: str
) -> None:
    server = fresh_server()
    org = new_org(server)
    tool = org.http.post("/v1/tools/", json={"source_code": SLOW}).json()
    owner = agent(org, tool_ids=[tool["id"]])
    models.queue(Reply("Wait.", calls=(("slow", {"seconds": 300}),)))
    path = f"agents/{owner}"
    told = None
    if mode == "background":
        run = started(org, path, "go")
    else:
        told = sending(org, path, "go")
        run = until(lambda: active(org, owner), "the run", PATIENCE_S)[0]["id"]
    until(lambda: _calls(org, owner), "the call in the history", PATIENCE_S)
    until(lambda: _sandboxes(server.pid), "the tool at work", PATIENCE_S)
    at_work = _sandboxes(server.pid)
    server.kill9()
    models.queue(Reply("I do not know what became of it."))
    server.start()
    until(lambda: not any(process.is_running() for process in at_work), "the end of the sandbox", PATIENCE_S)
    if told is None:
        assert over(org, run, PATIENCE_S)["status"] == "completed"
    else:
        told.result()
        assert over(org, run, PATIENCE_S)["status"] == "failed"
        say(org, path, "and now?")
    (returned,) = [m for m in of_agent(org, owner) if m["message_type"] == "tool_return_message"]
    assert returned["status"] == "error"
    assert "may or may not have had an effect" in returned["tool_return"]
    assert [message["role"] for message in asked(models)].count("tool") == 1


def _calls(org: Org, owner: str) -> list[Json]:
    return [message for message in of_agent(org, owner) if message["message_type"] == "tool_call_message"]


def _sandboxes(pid: int) -> list[psutil.Process]:
    """What a server has started and is not itself."""
    return psutil.Process(pid).children(recursive=True)
