"""Chores of a chat program, such as the title of a chat: the agent's model does them; the agent does not hear of it."""

from collections.abc import AsyncGenerator

from holdfast.facades.chat.agents import named
from holdfast.facades.chat.pieces import Over, Piece, SaidText
from holdfast.facades.chat.talk import Lobby, Talk
from holdfast.turns.generate import GenerateRequest, generated

HEADING = "### Task:"
HISTORY = "<chat_history>"
OPENINGS = (
    "Your task is to reflect the speaker's likely facial expression",
    "You have been provided with a set of responses from various models",
)
"""How the prompts begin that have no heading: for an emoji, and for one answer made of those of several models."""


def is_task(prompt: str) -> bool:
    """Is this one of Open WebUI's prompts for titles, tags, follow-ups, searches, emoji and the like?

    The prompt that it puts around a question with documents has the same heading, and holds no history.
    """
    text = prompt.lstrip()
    return text.startswith(OPENINGS) or (text.startswith(HEADING) and HISTORY in text)


async def done(lobby: Lobby, talk: Talk, prompt: str) -> AsyncGenerator[Piece]:
    """What the agent's model makes of the prompt."""
    agent = await lobby.db.read(named, lobby.who, talk.model)
    asked = GenerateRequest(prompt=prompt, system_prompt=talk.instructions)
    made = await generated(lobby.who, agent, lobby.models, asked)
    yield SaidText(made.content)
    yield Over("stop", made.spent)
