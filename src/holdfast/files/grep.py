"""Looking through the files of an agent for lines that match a regular expression."""

import asyncio
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from holdfast.auth.model import Who
from holdfast.errors import BadRequest
from holdfast.files import chunks, opened, reader
from holdfast.kit.reply import encode
from holdfast.store.database import Database
from holdfast.store.table import Tx

MOST_LOOKED_AT = 48_000_000
"""Characters that one search reads."""
SEARCH_S = 10.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to look for, and which of the matches to show."""

    pattern: str
    include: str | None = None
    around: int = 1
    """MatchedLines that are shown before and after a match."""
    offset: int = 0
    most: int = 20


@dataclass(frozen=True, slots=True)
class MatchedLines:
    """The matches of a page, each as JSON has it: file, line, first, lines."""

    matches: list[dict[str, Any]]
    more: bool
    looked_at: int
    """How many files."""


async def lines(db: Database, who: Who, agent_id: str, wanted: Pattern) -> MatchedLines:
    """The lines that match in all files of an agent, in the order of the files' names."""
    texts = await db.read(_texts, who, agent_id, wanted.include)
    if not texts:
        return MatchedLines([], more=False, looked_at=0)
    body = await asyncio.to_thread(encode, texts)
    try:
        found = await reader.run({"do": "search", **asdict(wanted)}, body, SEARCH_S)
    except reader.CannotRead as refused:
        slow = f"`pattern` takes too long; use a simpler one, or `include` fewer files than {len(texts)}."
        raise BadRequest(slow if str(refused) == reader.TOO_SLOW else str(refused)) from refused
    return MatchedLines(found["matches"], found["more"], len(texts))


def _texts(tx: Tx, who: Who, agent_id: str, include: str | None) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    left = MOST_LOOKED_AT
    for each in opened.of_agent(tx, who, agent_id):
        if include and not (fnmatchcase(each.name, include) or fnmatchcase(each.file.name, include)):
            continue
        text = chunks.text(tx, who, each.file.id)
        left -= len(text)
        if left < 0:
            raise BadRequest("The files are too large to look through at once; narrow the search with `include`.")
        if text:
            found.append((each.name, text))
    return found
