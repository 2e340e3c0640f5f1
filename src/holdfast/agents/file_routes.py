"""HTTP of the files that an agent has, and of which of them are open before it."""

from typing import Annotated, Any

from fastapi import Query, Response
from typing_extensions import TypedDict

from holdfast.agents import directories, store
from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.files import attached, opened
from holdfast.files.model import AttachedFile
from holdfast.files.opened import FileView, NamedFile, Request
from holdfast.kit.ids import AgentId, FileId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.store.table import Tx

router = Router("files")


class AgentFileAttachment(TypedDict):
    """A file of an agent; `id` is that of the link between them."""

    id: str
    file_id: str
    file_name: str
    folder_id: str
    folder_name: str
    is_open: bool
    last_accessed_at: Any
    visible_content: str | None
    start_line: int | None
    end_line: int | None


class PaginatedAgentFiles(TypedDict):
    """A page of an agent's files."""

    files: list[AgentFileAttachment]
    next_cursor: str | None
    has_more: bool


@router.get("/agents/{agent_id}/files", PaginatedAgentFiles)
async def list_files_of_agent(
    agent_id: AgentId,
    who: Caller,
    db: Db,
    page: Annotated[Page, page_of("desc", WHOLE)],
    cursor: Annotated[str | None, Query(deprecated=True, description="The same as `after`.")] = None,
    is_open: Annotated[bool | None, Query(description="Only those that are open, or only those that are not.")] = None,
) -> Response:
    """The files of the folders that an agent has, and what it sees of those that are open."""
    wanted = Page(page.limit, page.order, page.before, page.after or cursor or None)
    return reply(await db.read(_page, who, agent_id, wanted, is_open))


@router.patch("/agents/{agent_id}/files/close-all", list[str])
async def close_all_files(agent_id: AgentId, who: Caller, db: Db) -> Response:
    """Close all files of an agent; their names."""
    return reply(await db.write(_close_all, who, agent_id))


@router.patch("/agents/{agent_id}/files/{file_id}/open", list[str])
async def open_file(agent_id: AgentId, file_id: FileId, who: Caller, db: Db) -> Response:
    """Open a file of an agent; the names of those that were closed to make room."""
    return reply(await db.write(_open, who, agent_id, file_id))


@router.patch("/agents/{agent_id}/files/{file_id}/close", dict[str, str])
async def close_file(agent_id: AgentId, file_id: FileId, who: Caller, db: Db) -> Response:
    """Close a file of an agent."""
    name = await db.write(_close, who, agent_id, file_id)
    return reply({"message": f"{name} is closed."})


def _page(tx: Tx, who: Who, agent_id: str, page: Page, is_open: bool | None) -> PaginatedAgentFiles:
    agent = store.get(tx, who, agent_id)
    one_more = Page(page.limit + 1, page.order, page.before, page.after)
    found = attached.page_of_files(tx, who, agent_id, one_more, is_open)
    more = len(found) > page.limit
    shown = _within(found, page)
    files = [_file(tx, who, each, directories.view_characters(agent)) for each in opened.known(tx, who, shown)]
    return {"files": files, "next_cursor": shown[-1].id if more and shown else None, "has_more": more}


def _within(found: list[AttachedFile], page: Page) -> list[AttachedFile]:
    """The page without the one that only says whether there are more."""
    if len(found) <= page.limit:
        return found
    return found[1:] if page.before is not None and page.after is None else found[: page.limit]


def _file(tx: Tx, who: Who, known: NamedFile, most: int) -> AgentFileAttachment:
    seen = opened.view(tx, who, known.link, most) if known.link.is_open else FileView("", 1, 0, 0)
    has_text = seen.last >= seen.first
    return {
        "id": known.link.id,
        "file_id": known.file.id,
        "file_name": known.name,
        "folder_id": known.folder.id,
        "folder_name": known.folder.name,
        "is_open": known.link.is_open,
        "last_accessed_at": known.link.last_accessed_at,
        "visible_content": seen.numbered if known.link.is_open else None,
        "start_line": seen.first if has_text else None,
        "end_line": seen.last if has_text else None,
    }


def _open(tx: Tx, who: Who, agent_id: str, file_id: str) -> list[str]:
    agent = store.rows.update(tx, who, agent_id, {})
    known = opened.known(tx, who, [attached.file_of(tx, who, agent_id, file_id)])
    closed = opened.open_all(tx, who, agent_id, [Request(each) for each in known], directories.most_open(agent))
    return [each.name for each in closed]


def _close(tx: Tx, who: Who, agent_id: str, file_id: str) -> str:
    store.get(tx, who, agent_id)
    link = attached.file_of(tx, who, agent_id, file_id)
    return opened.close_all(tx, who, [link])[0].name


def _close_all(tx: Tx, who: Who, agent_id: str) -> list[str]:
    store.get(tx, who, agent_id)
    return [each.name for each in opened.close_all(tx, who, attached.open_files(tx, who, agent_id))]
