"""`holdfast orgs`: organizations, managed directly in the database."""

from collections.abc import Iterator
from typing import Annotated

import typer

from holdfast.auth import store
from holdfast.auth.model import NewOrganization, Organization
from holdfast.cli import screen
from holdfast.cli.installation import database
from holdfast.kit.page import MOST, Page
from holdfast.store.table import Tx

app = typer.Typer(name="orgs", help="Create, list and delete organizations.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The id of the organization.")]


@app.command()
def create(name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Create an organization and print its id; `holdfast keys create --org ID` then lets somebody in."""
    with database() as db:
        made = db.now(store.add_organization, NewOrganization(name=name))
    typer.echo(made.id)


@app.command("list")
def list_() -> None:
    """List the organizations, oldest first."""
    with database() as db:
        found = db.now(lambda tx: list(every_organization(tx)))
    screen.table(["id", "name", "created"], [[org.id, org.name, f"{org.created_at:%Y-%m-%d}"] for org in found])


@app.command()
def rename(org: Id, name: Annotated[str, typer.Argument(help="Its new name.")]) -> None:
    """Give an organization another name."""
    values = NewOrganization(name=name).model_dump(include={"name"})
    with database() as db:
        db.now(store.change_organization, org, values)
    typer.echo(f"{org} is called {name} now.")


@app.command()
def delete(org: Id, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete an organization with everything that belongs to it."""
    with database() as db:
        found = db.now(store.get_organization, org)
        if not yes:
            typer.confirm(f"Delete {found.name} ({found.id}) with all its agents, messages and keys?", abort=True)
        db.now(store.delete_organization, org)
    typer.echo(f"Deleted {found.name} ({found.id}).")


def every_organization(tx: Tx) -> Iterator[Organization]:
    """All of them, oldest first."""
    after: str | None = None
    while page := store.list_organizations(tx, Page(MOST, "asc", after=after)):
        yield from page
        after = page[-1].id
