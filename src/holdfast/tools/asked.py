"""What routes ask for that run tools."""

from typing import Annotated

from fastapi import Depends, Request

from holdfast.tools.builtin.context import Finder, Outside
from holdfast.tools.custom import CustomTools
from holdfast.tools.outside import Executors


async def _executors(request: Request) -> Executors:
    return request.app.state.executors


async def _custom(request: Request) -> CustomTools:
    return request.app.state.custom


async def _outside(request: Request) -> Outside:
    return request.app.state.runner.worker.outside


async def _finder(request: Request) -> Finder:
    return request.app.state.find


Running = Annotated[Executors, Depends(_executors)]
Custom = Annotated[CustomTools, Depends(_custom)]
Reaching = Annotated[Outside, Depends(_outside)]
Finding = Annotated[Finder, Depends(_finder)]
