"""The table of the providers that organizations have added."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import Conflict
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.llm.model import Listed
from holdfast.providers.model import ProviderCreate, ProviderFilter, StoredProvider
from holdfast.store.table import Rows, Tx

rows = Rows(
    "providers",
    StoredProvider,
    sa.Index("providers_by_name", "organization_id", "name", unique=True),
    noun="provider",
)

_BY_AGE = (rows.c.created_at, rows.c.id)


def create(tx: Tx, who: Who, new: ProviderCreate) -> StoredProvider:
    """A new provider; its name must be free in the organization."""
    if taken := rows.first(tx, who, sa.func.lower(rows.c.name) == new.name.lower()):
        raise Conflict(
            f"{taken.id} is called {taken.name!r} already; choose another name, or change that provider with "
            f"PATCH /v1/providers/{taken.id}."
        )
    made = StoredProvider(
        **new.model_dump(),
        id=new_id("provider"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        by_administrator=who.is_admin,
    )
    rows.insert(tx, made)
    return made


def get(tx: Tx, who: Who, id: str) -> StoredProvider:
    return rows.get(tx, who, id)


def page(tx: Tx, who: Who, page: Page, wanted: ProviderFilter) -> list[StoredProvider]:
    return rows.page(tx, who, page, *(rows.c[name] == value for name, value in wanted if value))


def every(tx: Tx, who: Who) -> list[StoredProvider]:
    """All providers of an organization, in the order in which they were added."""
    return rows.all(tx, who, order=_BY_AGE)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> StoredProvider:
    return rows.update(tx, who, id, values)


def synced(tx: Tx, who: Who, id: str, found: Sequence[Listed]) -> StoredProvider:
    """Keep what a provider has listed."""
    return rows.update(tx, who, id, {"listed": [asdict(each) for each in found], "last_synced": now()})


def delete(tx: Tx, who: Who, id: str) -> None:
    """Remove a provider; agents that run on its models stay, and say so at their next turn."""
    rows.delete(tx, who, id)
