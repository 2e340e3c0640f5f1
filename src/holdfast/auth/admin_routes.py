"""HTTP of organizations and users, for administrators."""

from typing import Annotated

from fastapi import Body, Response

from holdfast.auth import store
from holdfast.auth.caller import Admin, Db, Keys
from holdfast.auth.model import (
    ChangeUser,
    CreateUser,
    IssuedKey,
    NewApiKey,
    NewOrganization,
    Organization,
    User,
)
from holdfast.kit.entity import Patch
from holdfast.kit.ids import OrganizationId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("admin")

Listed = Annotated[Page, page_of("asc", WHOLE)]


@router.get("/admin/orgs/", list[Organization])
async def list_organizations(_who: Admin, db: Db, page: Listed) -> Response:
    """All organizations of this installation."""
    return reply(await db.read(store.list_organizations, page))


@router.post("/admin/orgs/", Organization)
async def create_organization(_who: Admin, db: Db, new: NewOrganization) -> Response:
    """A new organization; what belongs to it is invisible to all others."""
    return reply(await db.write(store.add_organization, new))


@router.patch("/admin/orgs/", Organization)
async def update_organization(
    org_id: str, _who: Admin, db: Db, changes: Annotated[Patch[NewOrganization], Body()]
) -> Response:
    """Change an organization; null leaves a field as it is."""
    return reply(await db.write(store.change_organization, org_id, changes.values))


@router.delete("/admin/orgs/", Organization)
async def delete_organization(org_id: str, _who: Admin, db: Db, keys: Keys) -> Response:
    """Delete an organization with everything that belongs to it."""
    gone = await db.write(store.delete_organization, org_id)
    keys.forget()
    return reply(gone)


@router.post("/admin/orgs/{org_id}/keys", IssuedKey)
async def create_key_of_organization(org_id: OrganizationId, who: Admin, db: Db, new: NewApiKey) -> Response:
    """A new key for any organization; its text is in `key`, this once."""
    key, text = await db.write(store.add_key, who, new, org_id)
    return reply(key.model_dump() | {"key": text})


@router.get("/admin/users/", list[User])
async def list_users(_who: Admin, db: Db, page: Listed) -> Response:
    """All users of this installation."""
    return reply(await db.read(store.list_users, page))


@router.post("/admin/users/", User)
async def create_user(who: Admin, db: Db, new: CreateUser) -> Response:
    """A new user, of the caller's organization unless another one is named."""
    return reply(await db.write(store.add_user, new, new.organization_id or who.organization_id))


@router.put("/admin/users/", User)
async def update_user(_who: Admin, db: Db, changed: ChangeUser) -> Response:
    """Rename a user."""
    return reply(await db.write(store.change_user, changed))


@router.delete("/admin/users/", User)
async def delete_user(user_id: str, _who: Admin, db: Db, keys: Keys) -> Response:
    """Delete a user and revoke the keys that act as it; what it made stays."""
    gone = await db.write(store.delete_user, user_id)
    keys.forget()
    return reply(gone)
