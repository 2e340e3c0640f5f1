"""HTTP of searching tools."""

from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import Field
from typing_extensions import TypedDict

from holdfast.auth.caller import Caller
from holdfast.kit.entity import Sparse
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.recall.query import Mode
from holdfast.recall.toolbox import Toolbox
from holdfast.tools.model import Tool, ToolFilter

router = Router("tools")

MOST_RESULTS = 100


class SearchTools(Sparse):
    """What to look for among the tools. Without a query the newest are listed."""

    query: str | None = None
    search_mode: Mode = "hybrid"
    tool_types: list[str] | None = None
    tags: list[str] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 50


class SearchedTool(TypedDict):
    """A tool, what of it was searched, its places by words and by meaning, and what they add up to."""

    tool: Tool
    embedded_text: str | None
    fts_rank: int | None
    vector_rank: int | None
    combined_score: float


async def _toolbox(request: Request) -> Toolbox:
    return request.app.state.toolbox


@router.post("/tools/search", list[SearchedTool])
async def search_tools(who: Caller, toolbox: Annotated[Toolbox, Depends(_toolbox)], wanted: SearchTools) -> Response:
    """The tools that are for what is asked, by words and by meaning."""
    only = ToolFilter(tool_types=wanted.tool_types or [])
    found = await toolbox.search(who, wanted.query or "", only, wanted.tags or [], wanted.search_mode)
    return reply(
        [
            SearchedTool(
                tool=each.tool,
                embedded_text=each.text,
                fts_rank=each.by_words,
                vector_rank=each.by_meaning,
                combined_score=each.score,
            )
            for each in found[: wanted.limit]
        ]
    )
