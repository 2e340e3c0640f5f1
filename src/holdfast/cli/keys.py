"""`holdfast keys`: API keys, created and revoked directly in the database."""

from datetime import timedelta
from typing import Annotated

import typer

from holdfast.auth import store
from holdfast.auth.model import DEFAULT_ORG, EVERYONE, ApiKey, NewApiKey, Scope
from holdfast.cli import screen
from holdfast.cli.installation import database
from holdfast.cli.orgs import every_organization
from holdfast.errors import NotFound
from holdfast.kit.clock import now
from holdfast.kit.page import MOST, Page
from holdfast.store.table import Tx

app = typer.Typer(name="keys", help="Create, list and revoke API keys.", no_args_is_help=True)

INCLUDED: dict[Scope, list[Scope]] = {"read": ["read"], "write": ["write", "read"], "admin": ["admin", "write", "read"]}

Org = Annotated[str | None, typer.Option("--org", help="The id of the organization.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")] = "",
    org: Org = None,
    user: Annotated[str | None, typer.Option(help="The id of the user that the key acts as.")] = None,
    scope: Annotated[Scope, typer.Option(help="Each includes the one before it: read, write, admin.")] = "write",
    days: Annotated[int | None, typer.Option(min=1, help="The key expires after this many days.")] = None,
) -> None:
    """Create a key and print it: this once, it is not stored."""
    new = NewApiKey(
        name=name,
        scopes=INCLUDED[scope],
        user_id=user,
        expires_at=None if days is None else now() + timedelta(days=days),
    )
    with database() as db:
        key, text = db.now(store.add_key, EVERYONE, new, organization_id=org or DEFAULT_ORG)
    typer.echo(f"{key.id}, for {key.organization_id}; the key is shown only now:", err=True)
    typer.echo(text)


@app.command("list")
def list_(org: Org = None) -> None:
    """List the keys of one organization, or of all."""
    with database() as db:
        found = db.now(_keys, org)
    screen.table(
        ["id", "name", "organization", "scopes", "ends with", "last used", "state"],
        [
            [key.id, key.name, key.organization_id, ", ".join(key.scopes), key.hint, _day(key), _state(key)]
            for key in found
        ],
    )


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id of the key (`holdfast keys list`).")]) -> None:
    """Revoke a key. A running server refuses it within seconds."""
    with database() as db:
        key = db.now(_revoke, key_id)
    typer.echo(f"Revoked {key.id} ({key.name or 'without a name'}).")


def _keys(tx: Tx, org: str | None) -> list[ApiKey]:
    if org is not None:
        store.get_organization(tx, org)
    names = [org] if org is not None else [each.id for each in every_organization(tx)]
    return [key for name in names for key in store.list_keys(tx, store.of(name), Page(MOST, "desc"))]


def _revoke(tx: Tx, key_id: str) -> ApiKey:
    key = next((each for each in _keys(tx, None) if each.id == key_id), None)
    if key is None:
        raise NotFound(f"No API key with id {key_id}; `holdfast keys list` shows those there are.")
    return store.revoke_key(tx, store.of(key.organization_id), key.id)


def _day(key: ApiKey) -> str:
    return f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at else "-"


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at:
        return f"{'expired' if key.expires_at <= now() else 'expires'} {key.expires_at:%Y-%m-%d}"
    return "in force"
