"""Paging as every list of V1 does it (CONTRACT §1.4)."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

Order = Literal["asc", "desc"]

WHOLE = 1000
"""What a list of things that clients look up by name returns when no limit is sent (SEEDS, decisions)."""

MOST = 1000
"""The largest page; a larger limit is served as this one."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: cursors are ids of listed items, meant relative to the order."""

    limit: int
    order: Order
    before: str | None = None
    after: str | None = None
    order_by: str = "created_at"

    @property
    def newest_first(self) -> bool:
        return self.order == "desc"


def paging(
    default_order: Order, default_limit: int, most: int = MOST, *, strict: bool = False
) -> Callable[..., Coroutine[Any, Any, Page]]:
    """The dependency that reads a page from the query, with the defaults of one collection.

    A strict one refuses a limit that no page can have, where others serve an empty page or their largest.
    """
    told = "How many items at most."
    bounds = Query(ge=1, le=most, description=told) if strict else Query(ge=0, description=told)

    async def read(
        before: Annotated[str | None, Query(description="Items before this id, in the requested order.")] = None,
        after: Annotated[str | None, Query(description="Items after this id, in the requested order.")] = None,
        limit: Annotated[int | None, bounds] = None,
        order: Annotated[Order | None, Query(description="asc: oldest first; desc: newest first.")] = None,
        order_by: Annotated[str | None, Query(description="The field to sort by.")] = None,
    ) -> Page:
        return Page(
            limit=min(default_limit if limit is None else limit, most),
            order=order or default_order,
            before=before or None,
            after=after or None,
            order_by=order_by or "created_at",
        )

    return read


def page_of(default_order: Order, default_limit: int, *, strict: bool = False) -> object:
    """`Annotated[Page, page_of("desc", 50)]` in a route's signature."""
    return Depends(paging(default_order, default_limit, strict=strict))
