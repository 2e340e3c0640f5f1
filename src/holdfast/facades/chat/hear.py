"""What an agent answers, or what its model does when the chat program only wants a chore done."""

from collections.abc import AsyncGenerator

from holdfast.facades.chat import talk, tasks
from holdfast.facades.chat.pieces import Piece, pieces
from holdfast.facades.chat.talk import Lobby, Talk
from holdfast.messages.requests import MessageCreate


async def hear(lobby: Lobby, said: Talk, *, is_task: bool = False) -> AsyncGenerator[Piece]:
    """The answer piece by piece; what is wrong with the question is raised at once."""
    content = said.says.content if isinstance(said.says, MessageCreate) else ""
    if isinstance(content, str) and (is_task or tasks.is_task(content)):
        return tasks.done(lobby, said, content)
    return pieces(await talk.begin(lobby, said), lobby.runner.keepalive)
