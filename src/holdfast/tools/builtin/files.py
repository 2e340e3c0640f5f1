"""The tools with which an agent reads the files of its folders, and finds what is in them (CONTRACT §6.3)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from holdfast.files import attached, opened
from holdfast.files.grep import MatchedLines, Pattern
from holdfast.files.opened import NamedFile, Request
from holdfast.tools.builtin.context import LookContext, ToolContext
from holdfast.tools.builtin.tool import ToolError, tool

DEFAULT_RESULTS = 5
MOST_RESULTS = 50
MOST_AROUND = 20
PAGE = 20
MOST_NAMED = 20
"""Names that are listed for a model that asks for a file which is not there."""


class FileRequest(TypedDict):
    """A file, and the part of it that is wanted."""

    file_name: Annotated[str, Field(description="The file's name, with its folder: folder/file.")]
    offset: NotRequired[Annotated[int | None, Field(description="The first line to show, counted from 0.")]]
    length: NotRequired[Annotated[int | None, Field(description="How many lines; as many as fit when left out.")]]


def _request(sent: Any) -> Any:
    """Small models send the name alone."""
    return {"file_name": sent} if isinstance(sent, str) else sent


@tool("letta_files_core")
def open_files(
    ctx: ToolContext,
    file_requests: list[Annotated[FileRequest, BeforeValidator(_request)]],
    close_all_others: bool | None = None,
) -> str:
    """Open files, so that their text stays in view; those not used for longest are closed when there are too many.

    Args:
        file_requests: The files, each with the part that is wanted.
        close_all_others: Whether all other files are closed; false when left out.
    """
    wanted = _wanted(ctx, file_requests)
    most = len(wanted) if close_all_others else ctx.most_files_open
    closed = opened.open_all(ctx.tx, ctx.who, ctx.agent_id, wanted, most)
    shown = [_shown(ctx, request.known) for request in wanted]
    if closed:
        shown.append(f"Closed to make room: {', '.join(each.name for each in closed)}.")
    return "\n\n".join(shown)


@tool("letta_files_core")
async def grep_files(
    ctx: LookContext,
    pattern: str,
    include: str | None = None,
    context_lines: int | None = None,
    offset: int | None = None,
) -> str:
    """Find lines in your files that match a regular expression; the files need not be open.

    Args:
        pattern: The regular expression; upper and lower case are the same.
        include: Only files whose name matches this pattern, such as *.md.
        context_lines: How many lines to show around a match, 1 when left out.
        offset: How many matches to pass over, for the next page.
    """
    around, begin = 1 if context_lines is None else context_lines, offset or 0
    if not pattern:
        raise ToolError("`pattern` is empty; give what to look for.")
    if around < 0 or begin < 0:
        raise ToolError("`context_lines` and `offset` cannot be negative; leave them out.")
    wanted = Pattern(pattern, include, min(around, MOST_AROUND), begin, PAGE)
    return _page(await ctx.find.lines(ctx.who, ctx.agent_id, wanted), wanted)


@tool("letta_files_core")
async def semantic_search_files(ctx: LookContext, query: str, limit: int | None = None) -> str:
    """Find passages in your files by their words and their meaning, the best fit first; the files need not be open.

    Args:
        query: What to look for: words, names or a question.
        limit: How many passages at most, 5 when left out.
    """
    if limit is not None and limit < 1:
        raise ToolError(f"`limit` is {limit}; give 1 or more, or leave it out.")
    if not query.strip():
        raise ToolError("`query` is empty; say what to look for.")
    found = await ctx.find.files(ctx.who, ctx.agent_id, query, min(limit or DEFAULT_RESULTS, MOST_RESULTS))
    if not found:
        return "Nothing was found: none of your files has any text yet, or you have no files."
    passages = [f"{name}, from line {each.item.start_line}:\n{each.item.text.strip()}" for name, each in found]
    return "\n\n".join(passages)


def _wanted(ctx: ToolContext, sent: Sequence[FileRequest]) -> list[Request]:
    if not sent:
        raise ToolError("`file_requests` is empty; name the files to open.")
    if len(sent) > ctx.most_files_open:
        raise ToolError(f"You can have {ctx.most_files_open} files open at once, not {len(sent)}; open fewer.")
    known = opened.of_agent(ctx.tx, ctx.who, ctx.agent_id)
    wanted = {(made := _made(known, request)).known.link.id: made for request in sent}
    return list(wanted.values())


def _made(known: Sequence[NamedFile], sent: FileRequest) -> Request:
    name, first, count = sent["file_name"], sent.get("offset") or 0, sent.get("length")
    if first < 0 or (count is not None and count < 1):
        raise ToolError(f"The `offset` of {name!r} must be 0 or more and its `length` 1 or more; or leave them out.")
    return Request(_named(known, name), first, count)


def _named(known: Sequence[NamedFile], name: str) -> NamedFile:
    """The file of a name, also when the folder was left out and there is only one."""
    same = [each for each in known if each.name == name] or [each for each in known if each.file.name == name]
    if len(same) == 1:
        return same[0]
    if same:
        raise ToolError(f"There are several files named {name!r}: {_names(same)}. Give the folder too.")
    raise ToolError(f"You have no file named {name!r}. Your files: {_names(known) or 'none'}.")


def _names(known: Sequence[NamedFile]) -> str:
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return ", ".join(each.name for each in known[:MOST_NAMED]) + more


def _shown(ctx: ToolContext, known: NamedFile) -> str:
    link = attached.file_of(ctx.tx, ctx.who, ctx.agent_id, known.file.id)
    seen = opened.view(ctx.tx, ctx.who, link, ctx.file_view_characters)
    if not seen.total:
        why = known.file.error_message or "It is still being read; look again later."
        return f"{known.name} is open, but has no text yet. {why}"
    if seen.last < seen.first:
        return f"{known.name} is open, but ends before line {seen.first}: it has {seen.total} lines."
    return f"{known.name} is open ({seen.facts}):\n{seen.numbered}"


def _page(found: MatchedLines, wanted: Pattern) -> str:
    if not found.looked_at:
        return "You have no files with text" + (f" that match {wanted.include!r}." if wanted.include else ".")
    if not found.matches:
        return f"No line matches {wanted.pattern!r} in {found.looked_at} files" + (
            f" after the first {wanted.offset} matches." if wanted.offset else "; try fewer or other words."
        )
    shown = "\n\n".join(_match(each) for each in found.matches)
    if not found.more:
        return shown
    return f"{shown}\n\nThere are more matches; call again with offset={wanted.offset + len(found.matches)}."


def _match(found: Mapping[str, Any]) -> str:
    lines = [
        f"{'>' if number == found['line'] else ' '} {number}: {line}"
        for number, line in enumerate(found["lines"], found["first"])
    ]
    return "\n".join([f"{found['file']}:", *lines])
