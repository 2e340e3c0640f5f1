"""What archives' routes need of the search above them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol

from fastapi import Depends, Request

from holdfast.auth.model import Who


class PassageSearch(Protocol):
    """Search, as far as whoever stores passages has to do with it."""

    async def settle(self, who: Who, archive_id: str) -> None:
        """Wait until what was stored in an archive can be found, or for as long as a request may take."""
        ...

    async def same(self, who: Who, archive_id: str, texts: Sequence[str]) -> Mapping[str, str]:
        """For those texts that say no more than a passage of the archive: that passage's id."""
        ...


async def _search(request: Request) -> PassageSearch:
    return request.app.state.find


Searchable = Annotated[PassageSearch, Depends(_search)]
