"""Turns in which the model calls a tool of the organization's own: it runs in the sandbox (CONTRACT §8)."""

import pytest

from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, say
from tests.turns.listening import asked

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
