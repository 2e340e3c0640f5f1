"""`holdfast audit`: what was forgotten and exported, by whom and when."""

import json
from typing import Annotated, Any

import typer

from holdfast.cli import screen
from holdfast.cli.client import Client, Key, Url

app = typer.Typer()


@app.command()
def audit(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many entries.")] = 20,
    org: Annotated[str | None, typer.Option("--org", help="Another organization; for administrators.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="The full JSON.")] = False,
) -> None:
    """List what was forgotten and exported, newest first; never what it said."""
    query: dict[str, Any] = {"limit": limit} | ({"organization_id": org} if org else {})
    found: list[dict[str, Any]] = Client(url, key).call("GET", "/v1/audit/", **query)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = [
        [
            each["created_at"][:19],
            each["action"],
            each["target"],
            each["key_id"] or each["created_by_id"] or "",
            _what(each),
        ]
        for each in found
    ]
    screen.table(["at", "what", "of", "by", "came to"], rows)


def _what(entry: dict[str, Any]) -> str:
    counted: dict[str, int] = entry["details"].get("erased") or entry["details"].get("exported") or {}
    rows = sum(counted.values())
    return f"{rows} rows" if counted else "not over"
