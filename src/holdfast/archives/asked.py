"""What archives' routes need of the search above them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Protocol

from fastapi import Depends, Request

from holdfast.archives.model import Archive, NewPassage, Passage
from holdfast.archives.passages import Note
from holdfast.auth.model import Who
from holdfast.store.table import Tx

Stored = tuple[Archive, list[Passage]]
Storing = Callable[[Tx, Note], Stored]
"""A unit of work that stores passages and has them noted."""


class PassageSearch(Protocol):
    """Search, as far as whoever stores passages has to do with it."""

    async def store(self, new: Sequence[NewPassage], unit: Storing) -> Stored:
        """Store passages: they are found by their words at once, by their meaning too unless that takes long."""
        ...

    async def same(self, who: Who, archive_id: str, texts: Sequence[str]) -> Mapping[str, str]:
        """For those texts that say no more than a passage of the archive: that passage's id."""
        ...


async def _search(request: Request) -> PassageSearch:
    return request.app.state.find


Searchable = Annotated[PassageSearch, Depends(_search)]
