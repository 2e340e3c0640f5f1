"""What routes ask for that run tools."""

from typing import Annotated

from fastapi import Depends, Request

from holdfast.tools.builtin.context import Finder
from holdfast.tools.outside import Executors


async def _executors(request: Request) -> Executors:
    return request.app.state.executors


async def _finder(request: Request) -> Finder:
    return request.app.state.find


Outside = Annotated[Executors, Depends(_executors)]
Finding = Annotated[Finder, Depends(_finder)]
