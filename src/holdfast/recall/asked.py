"""What the routes of search are given: the search, and who keeps it in step."""

from typing import Annotated

from fastapi import Depends, Request

from holdfast.recall.find import Find
from holdfast.recall.search import Recall


async def _find(request: Request) -> Find:
    return request.app.state.find


async def _recall(request: Request) -> Recall:
    return request.app.state.recall


Finding = Annotated[Find, Depends(_find)]
Recalling = Annotated[Recall, Depends(_recall)]
