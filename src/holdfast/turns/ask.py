"""Saying something to an agent from inside the server, and hearing its answer."""

from holdfast.agents import store as agents
from holdfast.auth.model import Who
from holdfast.messages.requests import MessageCreate
from holdfast.turns.begin import Asked
from holdfast.turns.collect import collect, texts_said
from holdfast.turns.requests import SendMessage
from holdfast.turns.runner import Runner


async def ask(runner: Runner, who: Who, agent_id: str, text: str) -> str:
    """Have a turn worked on in the agent's own thread; what it said, as text."""
    body = SendMessage(messages=[MessageCreate(role="user", content=text)])
    asked = Asked(who, body, lambda tx: agents.with_own_thread(tx, who, agent_id), "send_message", to=agent_id)
    return "\n".join(texts_said(await collect(await runner.launch(asked))))
