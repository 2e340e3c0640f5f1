"""What the routes of histories ask for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query

from holdfast.kit.page import Page, paging

PAGE, MOST = 20, 100
"""How many changes a page has: each holds a whole text twice."""
LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions; by default the newest and the one before."""

    first: int | None
    last: int | None


async def _compared(
    first: Annotated[
        int | None, Query(alias="from", ge=0, le=LARGEST, description="A version; 0 is before there was any.")
    ] = None,
    last: Annotated[int | None, Query(alias="to", ge=1, le=LARGEST, description="A version.")] = None,
) -> Compared:
    return Compared(first, last)


Changes = Annotated[Page, Depends(paging("desc", PAGE, MOST))]
Versions = Annotated[Compared, Depends(_compared)]
VersionInPath = Annotated[int, Path(ge=1, le=LARGEST)]
