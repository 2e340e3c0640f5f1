"""Agents with something to compact, and what the model was asked meanwhile."""

import json
from typing import Any

from tests.fakes.openai_server import OpenAIServer, Recorded
from tests.harness.models import MODEL
from tests.harness.tenants import Org
from tests.messages.talking import Json, agent, of_agent

LIGHT = "gpt-5-mini"
"""What summarises for agents on a model of OpenAI's."""

SMALL = 2000


def talker(org: Org, turns: int = 6, *, words: int = 0, **fields: Any) -> str:
    """An agent with so many exchanges behind it, each message with so many words more."""
    more = " word" * words
    said = [text for number in range(turns) for text in (f"question {number}{more}", f"answer {number}{more}")]
    return agent(org, *said, **{"model": MODEL, "system": "Be brief.", **fields})


def small(org: Org, **fields: Any) -> str:
    """An agent whose window is soon full."""
    body = {"context_window_limit": SMALL, "system": "Be brief.", "model": MODEL, **fields}
    return agent(org, **body)


def compact(org: Org, agent_id: str, **settings: Any) -> Json:
    body = {"compaction_settings": settings} if settings else {}
    answer = org.http.post(f"/v1/agents/{agent_id}/summarize", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def in_view(org: Org, agent_id: str) -> list[str]:
    shown = org.http.get(f"/v1/agents/{agent_id}")
    assert shown.status_code == 200, shown.text
    return shown.json()["message_ids"]


def asked_to_summarise(models: OpenAIServer) -> list[Json]:
    return [chat.body for chat in models.chats if chat.body["model"] == LIGHT]


def asked_to_answer(models: OpenAIServer) -> list[Json]:
    return [chat.body for chat in models.chats if chat.body["model"] != LIGHT]


def tokens(body: Json) -> float:
    return len(json.dumps(body)) / 4


def transcript(body: Json) -> str:
    """What a summariser was given to read."""
    return str(body["messages"][-1]["content"])


def unpaired(body: Json) -> list[str]:
    """The calls without a return right behind them, and the returns without a call right before."""
    wrong, waiting = list[str](), list[str]()
    assert "Interrupted: " not in str(body), "no call lost its return"
    for message in body["messages"]:
        if message["role"] == "tool":
            wrong += [] if message["tool_call_id"] in waiting else [message["tool_call_id"]]
            waiting = [id for id in waiting if id != message["tool_call_id"]]
            continue
        wrong += waiting
        calls: list[Json] = message.get("tool_calls") or []
        waiting = [str(call["id"]) for call in calls]
    return wrong + waiting


def oldest_in_view(org: Org, agent_id: str) -> list[str]:
    """The id of the first message after the prompt and the summary, if there is one."""
    return in_view(org, agent_id)[2:3]


def returns_of(org: Org, agent_id: str) -> set[str]:
    """The ids of all messages that hold a tool's return."""
    listed = of_agent(org, agent_id, limit=1000, include_return_message_types=["tool_return_message"])
    return {message["id"] for message in listed}


def order_of(chats: list[Recorded]) -> list[str]:
    """`s` for each summary asked for, `a` for each answer."""
    return ["s" if chat.body["model"] == LIGHT else "a" for chat in chats]
