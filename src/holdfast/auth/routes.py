"""HTTP of API keys: an organization manages its own, an administrator those of all."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.auth import store
from holdfast.auth.caller import Caller, Db, Keys
from holdfast.auth.model import ApiKey, CreateKey, IssuedKey
from holdfast.kit.ids import KeyId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("keys")

Of = Annotated[str | None, Query(description="Another organization; for administrators only.")]


@router.get("/keys/", list[ApiKey])
async def list_keys(
    who: Caller, db: Db, page: Annotated[Page, page_of("desc", WHOLE)], organization_id: Of = None
) -> Response:
    """The keys of the organization, revoked ones too; never their text."""
    return reply(await db.read(store.list_keys, who, page, organization_id))


@router.post("/keys/", IssuedKey)
async def create_key(who: Caller, db: Db, new: CreateKey) -> Response:
    """A new key; its text is in `key`, this once."""
    key, text = await db.write(store.add_key, who, new, new.organization_id)
    return reply(key.model_dump() | {"key": text})


@router.get("/keys/{key_id}", ApiKey)
async def retrieve_key(key_id: KeyId, who: Caller, db: Db, organization_id: Of = None) -> Response:
    """One key, without its text."""
    return reply(await db.read(store.get_key, who, key_id, organization_id))


@router.delete("/keys/{key_id}", ApiKey)
async def revoke_key(key_id: KeyId, who: Caller, db: Db, keys: Keys, organization_id: Of = None) -> Response:
    """Revoke a key, from now on and for good."""
    revoked = await db.write(store.revoke_key, who, key_id, organization_id)
    keys.forget()
    return reply(revoked)
