"""What the routes of files need of the server around them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request


async def _nudge(request: Request) -> Callable[[], None]:
    return request.app.state.loader.nudge


Nudge = Annotated[Callable[[], None], Depends(_nudge)]
"""Says that a file waits to be read."""
