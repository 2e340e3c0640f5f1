"""HTTP of identities by themselves; what links them to agents is in `agents/identity_routes.py`."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.auth.caller import Caller, Db
from holdfast.identities import store
from holdfast.identities.model import Identity, IdentityFilter, IdentityProperty
from holdfast.kit.ids import IdentityId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("identities")


@router.get("/identities/", list[Identity], deprecated=True)
async def list_identities(
    who: Caller,
    db: Db,
    wanted: Annotated[IdentityFilter, Query()],
    page: Annotated[Page, page_of("desc", WHOLE)],
) -> Response:
    """The identities that match every filter sent."""
    return reply(await db.read(store.page, who, page, wanted))


@router.get("/identities/count", int, deprecated=True)
async def count_identities(who: Caller, db: Db) -> Response:
    """How many identities there are."""
    return reply(await db.read(store.count, who))


@router.get("/identities/{identity_id}", Identity, deprecated=True)
async def retrieve_identity(identity_id: IdentityId, who: Caller, db: Db) -> Response:
    """One identity."""
    return reply(await db.read(store.get, who, identity_id))


@router.delete("/identities/{identity_id}", None, deprecated=True)
async def delete_identity(identity_id: IdentityId, who: Caller, db: Db) -> Response:
    """Delete an identity; its agents and blocks stay."""
    return reply(await db.write(store.delete, who, identity_id))


@router.put("/identities/{identity_id}/properties", None, deprecated=True)
async def set_identity_properties(
    identity_id: IdentityId, properties: list[IdentityProperty], who: Caller, db: Db
) -> Response:
    """Add properties; one with the same key takes the place of the one before."""
    return reply(await db.write(store.set_properties, who, identity_id, properties))
