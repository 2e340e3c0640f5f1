"""What archives' routes need of the search above them."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from holdfast.auth.model import Who

Settle = Callable[[Who, str], Awaitable[None]]
"""Waits until what was stored in an archive can be found, or for as long as a request may take."""


async def _settle(request: Request) -> Settle:
    return request.app.state.settle_archive


Searchable = Annotated[Settle, Depends(_settle)]
