"""What a request adds to the prompt for itself alone, and the request as it would be sent (CONTRACT §3.1)."""

from typing import Any

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent, of_agent, say
from tests.turns.listening import asked

SKILL = {"name": "pdf", "description": "Fills in forms.", "location": "/skills/pdf/SKILL.md"}


def preview(org: Org, owner: str, **fields: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": "REPLY hi"}], **fields}
    shown = org.http.post(f"/v1/agents/{owner}/messages/preview-raw-payload", json=body)
    assert shown.status_code == 200, shown.text
    return shown.json()


@pytest.mark.contract("turns.send.client-skills")
def test_skills_of_the_client_are_listed_for_one_request(org: Org, models: OpenAIServer) -> None:
    owner = agent(org)
    say(org, f"agents/{owner}", "REPLY hi", client_skills=[SKILL])
    said = asked(models)[0]["content"]
    assert said.endswith("<available_skills>\n- pdf: Fills in forms. (/skills/pdf/SKILL.md)\n</available_skills>")
    assert "available_skills" not in str(of_agent(org, owner))
    say(org, f"agents/{owner}", "REPLY hi")
    assert said.startswith(asked(models)[0]["content"])
    assert "available_skills" not in asked(models)[0]["content"]
    say(org, f"agents/{owner}", "REPLY hi", client_skills=[SKILL], override_system="You are Bob.")
    assert asked(models)[0]["content"].startswith("You are Bob.\n\n<available_skills>")


@pytest.mark.contract("turns.preview.whole")
def test_a_preview_is_what_is_sent(org: Org, models: OpenAIServer) -> None:
    rules = [{"type": "run_first", "tool_name": "send_message"}]
    owner = agent(
        org,
        agent_type="memgpt_v2_agent",
        tools=["send_message", "memory_insert"],
        tool_rules=rules,
        memory_blocks=[{"label": "notes", "value": "Likes tea."}],
    )
    org.http.patch(f"/v1/agents/{owner}/core-memory/blocks/notes", json={"value": "Likes water."})
    shown = preview(org, owner, client_skills=[SKILL])
    assert "Likes water." in shown["messages"][0]["content"]
    assert shown["tool_choice"]["function"]["name"] == "send_message"
    say(org, f"agents/{owner}", "REPLY hi", client_skills=[SKILL])
    sent = models.chats[-1].body
    for body in (shown, sent):
        prompt = body["messages"][0]
        prompt["content"] = "".join(line for line in prompt["content"].splitlines() if "recompiled" not in line)
    assert shown == sent
