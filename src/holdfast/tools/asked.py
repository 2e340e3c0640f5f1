"""What routes ask for that run tools."""

from typing import Annotated

from fastapi import Depends, Request

from holdfast.tools.builtin.context import Finder, Outside
from holdfast.tools.outside import Executors


async def _executors(request: Request) -> Executors:
    return request.app.state.executors


async def _outside(request: Request) -> Outside:
    return request.app.state.runner.worker.outside


async def _finder(request: Request) -> Finder:
    return request.app.state.find


Running = Annotated[Executors, Depends(_executors)]
Reaching = Annotated[Outside, Depends(_outside)]
Finding = Annotated[Finder, Depends(_finder)]
