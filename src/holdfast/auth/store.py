"""Organizations, users and API keys. These are reference rows: they are found by id alone, before `Who` is known."""

import hashlib
import math
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.auth.model import (
    DEFAULT_ORG,
    DEFAULT_USER,
    EVERYONE,
    ApiKey,
    ChangeUser,
    NewApiKey,
    NewOrganization,
    NewUser,
    Organization,
    Scope,
    User,
    Who,
)
from holdfast.errors import BadRequest, Forbidden, NotFound
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.prepared import savepoint
from holdfast.store.table import Rows, Tx

organizations = Rows("organizations", Organization)
users = Rows("users", User, sa.Index("users_id", "id", unique=True))
api_keys = Rows(
    "api_keys", ApiKey, sa.Index("api_keys_digest", "organization_id", "digest", unique=True), noun="API key"
)

E = TypeVar("E", Organization, User)

KEY_MARK = "hf"
USED_EVERY = timedelta(minutes=5)


def add_organization(tx: Tx, new: NewOrganization, id: str | None = None) -> Organization:
    own = id or new_id("org")
    return organizations.insert(tx, Organization(**new.model_dump(), id=own, organization_id=own))


def ensure_defaults(tx: Tx) -> None:
    """The default organization and user of the contract, made once."""
    if users.find(tx, EVERYONE, DEFAULT_USER) is not None:
        return
    try:
        with savepoint(tx):
            add_organization(tx, NewOrganization(), DEFAULT_ORG)
            users.insert(tx, User(name="default_user", id=DEFAULT_USER, organization_id=DEFAULT_ORG))
    except IntegrityError:
        return  # another server that starts at the same moment was faster, and has committed


def of(organization_id: str) -> Who:
    """The one who acts for an organization in administrative statements."""
    return Who(organization_id, None)


def get_organization(tx: Tx, id: str) -> Organization:
    return organizations.get(tx, of(id), id)


def list_organizations(tx: Tx, page: Page) -> list[Organization]:
    return _page_of_all(tx, organizations, page)


def change_organization(tx: Tx, id: str, values: dict[str, object]) -> Organization:
    return organizations.update(tx, of(id), id, values)


def delete_organization(tx: Tx, id: str) -> Organization:
    """Remove an organization with everything that belongs to it."""
    if id == DEFAULT_ORG:
        raise BadRequest("The default organization cannot be deleted: requests without a credential belong to it.")
    gone = get_organization(tx, id)
    for table in reversed(organizations.table.metadata.sorted_tables):
        if "organization_id" in table.c:
            tx.execute(table.delete().where(table.c.organization_id == id))
    return gone


def add_user(tx: Tx, new: NewUser, organization_id: str) -> User:
    get_organization(tx, organization_id)
    return users.insert(tx, User(name=new.name, id=new_id("user"), organization_id=organization_id))


def find_user(tx: Tx, id: str) -> User | None:
    row = tx.execute(sa.select(users.table).where(users.c.id == id)).one_or_none()
    return None if row is None else users.load(row)


def get_user(tx: Tx, id: str) -> User:
    user = find_user(tx, id)
    if user is None:
        raise NotFound(f"No user with id {id}.")
    return user


def list_users(tx: Tx, page: Page) -> list[User]:
    return _page_of_all(tx, users, page)


def change_user(tx: Tx, changed: ChangeUser) -> User:
    user = get_user(tx, changed.id)
    if changed.organization_id not in (None, user.organization_id):
        raise BadRequest(f"User {user.id} cannot move to {changed.organization_id}; create a user there instead.")
    if changed.name is None:
        return user
    return users.update(tx, of(user.organization_id), user.id, {"name": changed.name})


def delete_user(tx: Tx, id: str) -> User:
    user = get_user(tx, id)
    if id == DEFAULT_USER:
        raise BadRequest("The default user cannot be deleted: requests without a credential act as it.")
    users.delete(tx, of(user.organization_id), id)
    theirs = (api_keys.c.organization_id == user.organization_id, api_keys.c.user_id == id)
    tx.execute(api_keys.table.update().where(*theirs, api_keys.c.revoked_at.is_(None)).values(revoked_at=now()))
    return user


def add_key(tx: Tx, who: Who, new: NewApiKey, organization_id: str | None = None) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown this once and never stored."""
    org = organization_id or who.organization_id
    _refuse_overreach(who, org, new.scopes)
    if new.expires_at is not None and new.expires_at <= now():
        raise BadRequest(f"expires_at {new.expires_at.isoformat()} is in the past; leave it out for a key without end.")
    get_organization(tx, org)
    if new.user_id is not None:
        users.get(tx, of(org), new.user_id)
    text = f"{KEY_MARK}-{org.removeprefix('org-').replace('-', '')}-{secrets.token_urlsafe(32)}"
    key = ApiKey(
        name=new.name,
        scopes=sorted(set(new.scopes)),
        user_id=new.user_id,
        expires_at=new.expires_at,
        id=new_id("key"),
        organization_id=org,
        digest=_digest(text),
        hint=f"…{text[-4:]}",
        created_by_id=who.user_id,
    )
    return api_keys.insert(tx, key), text


def list_keys(tx: Tx, who: Who, page: Page, organization_id: str | None = None) -> list[ApiKey]:
    return api_keys.page(tx, _keeper(who, organization_id), page)


def get_key(tx: Tx, who: Who, id: str, organization_id: str | None = None) -> ApiKey:
    return api_keys.get(tx, _keeper(who, organization_id), id)


def revoke_key(tx: Tx, who: Who, id: str, organization_id: str | None = None) -> ApiKey:
    """End a key for good; its row stays, to say that there was one."""
    key = get_key(tx, who, id, organization_id)
    return key if key.revoked_at else api_keys.update(tx, of(key.organization_id), id, {"revoked_at": now()})


def _keeper(who: Who, organization_id: str | None) -> Who:
    """The one whose keys are meant: another organization's are for administrators."""
    if organization_id is None or organization_id == who.organization_id:
        return who
    _refuse_overreach(who, organization_id, ())
    return of(organization_id)


def _refuse_overreach(who: Who, organization_id: str, scopes: Sequence[Scope]) -> None:
    """Nobody gives what they do not have."""
    if who.is_admin:
        return
    if organization_id != who.organization_id:
        raise Forbidden("Only an administrator may manage the keys of another organization; leave organization_id out.")
    beyond = sorted(set(scopes) - who.scopes)
    if beyond:
        raise Forbidden(f"This API key cannot grant the scope {beyond[0]!r}, which it does not have itself.")


def has_keys(tx: Tx) -> bool:
    """Is there any key that opens the server?"""
    live = sa.select(api_keys.c.id).where(api_keys.c.revoked_at.is_(None)).limit(1)
    return tx.execute(live).first() is not None


def who_has(tx: Tx, text: str) -> tuple[Who, float] | None:
    """Whom a key stands for and for how many seconds more, if it is in force."""
    organization_id = organization_of(text)
    if organization_id is None:
        return None
    key = api_keys.first(tx, of(organization_id), api_keys.c.digest == _digest(text))
    if key is None or key.revoked_at:
        return None
    left_s = (key.expires_at - now()).total_seconds() if key.expires_at else math.inf
    return (Who(organization_id, key.user_id, _implied(key.scopes), key.id), left_s) if left_s > 0 else None


def note_use(tx: Tx, who: Who) -> None:
    """Remember roughly when a key was last used."""
    stale = sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now() - USED_EVERY)
    mine = sa.and_(api_keys.c.organization_id == who.organization_id, api_keys.c.id == who.key_id)
    tx.execute(api_keys.table.update().where(mine, stale).values(last_used_at=now()))


def organization_of(key: str) -> str | None:
    """The organization that a key names in its own text."""
    parts = key.split("-", 2)
    if len(parts) != 3 or parts[0] != KEY_MARK or len(parts[1]) != 32 or not parts[1].isalnum():
        return None
    h = parts[1]
    return f"org-{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _implied(scopes: Sequence[Scope]) -> frozenset[Scope]:
    """admin includes write, write includes read."""
    implied: dict[Scope, tuple[Scope, ...]] = {"admin": ("admin", "write", "read"), "write": ("write", "read")}
    return frozenset(each for scope in scopes for each in implied.get(scope, (scope,)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _page_of_all(tx: Tx, rows: Rows[E], page: Page) -> list[E]:
    """One page of the whole installation's rows; `Rows.page` is for those of one organization."""
    columns = (rows.c.created_at, rows.c.id)
    query = sa.select(rows.table)
    for cursor, onwards in ((page.after, True), (page.before, False)):
        if cursor is not None:
            at, here = _place_of(tx, rows, cursor), sa.tuple_(*columns)
            query = query.where(here > at if onwards != page.newest_first else here < at)
    backwards = page.before is not None and page.after is None
    descending = page.newest_first != backwards
    ordered = query.order_by(*(column.desc() if descending else column.asc() for column in columns))
    found = [rows.load(row) for row in tx.execute(ordered.limit(page.limit))]
    return found[::-1] if backwards else found


def _place_of(tx: Tx, rows: Rows[E], id: str) -> sa.Tuple:
    row = tx.execute(sa.select(rows.c.created_at).where(rows.c.id == id)).one_or_none()
    if row is None:
        raise rows.missing(id)
    return sa.tuple_(sa.literal(row[0], rows.c.created_at.type), sa.literal(id))
