"""What an agent's thread begins with, after the prompt (CONTRACT §4)."""

import json

from holdfast.agents.model import Agent
from holdfast.kit.ids import new_id
from holdfast.messages.model import Message, Part, ReasoningPart, Role, TextPart, ToolCallPart, ToolReturnPart
from holdfast.prompt.events import event_text

GREETED = frozenset(("memgpt_agent", "memgpt_v2_agent", "react_agent", "workflow_agent", "voice_convo_agent"))
"""Types whose thread begins with a call of send_message, as an example, and the user's login."""

THOUGHT = "I am awake. I try out how I speak."
GREETING = "Hello, I am here."


def first_messages(agent: Agent) -> list[Message]:
    """The messages of a new or emptied thread of the agent itself."""
    if agent.agent_type not in GREETED:
        return []
    call_id = f"call_{new_id('call')[-12:]}"
    arguments = json.dumps({"message": GREETING, "request_heartbeat": False})
    call = ToolCallPart(id=call_id, name="send_message", arguments=arguments)
    returned = ToolReturnPart(call_id=call_id, name="send_message", output="The message was sent.")
    login = event_text("login", agent.timezone, last_login="never")
    return [
        _message(agent, "assistant", ReasoningPart(reasoning=THOUGHT, is_native=False), call),
        _message(agent, "tool", returned),
        _message(agent, "user", TextPart(text=login)),
    ]


def _message(agent: Agent, role: Role, *parts: Part) -> Message:
    return Message(
        id=new_id("message"),
        organization_id=agent.organization_id,
        agent_id=agent.id,
        thread_id=agent.id,
        role=role,
        content=list(parts),
    )
