"""`holdfast providers`: the model providers of an organization, managed through a running server."""

import os
import sys
from typing import Annotated, Any

import typer

from holdfast.cli import screen
from holdfast.cli.client import Client, Key, Url
from holdfast.errors import NotFound

app = typer.Typer(name="providers", help="List, add, check and remove model providers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or id.")]
KEY_ENV = "HOLDFAST_PROVIDER_KEY"


@app.command("list")
def list_(url: Url = None, key: Key = None) -> None:
    """List the providers that were added, and how many models each has."""
    client = Client(url, key)
    found: list[dict[str, Any]] = client.call("GET", "/v1/providers/")
    counts = dict.fromkeys((each["name"] for each in found), 0)
    for model in client.call("GET", "/v1/models/", provider_category="byok") if found else ():
        counts[model["provider_name"]] = counts.get(model["provider_name"], 0) + 1
    screen.table(
        ["name", "id", "type", "address", "models", "asked"],
        [
            [
                each["name"],
                each["id"],
                each["provider_type"],
                each.get("base_url") or "(its own)",
                counts[each["name"]],
                (each.get("last_synced") or "never")[:19],
            ]
            for each in found
        ],
    )


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The first half of its models' handles.")],
    kind: Annotated[str, typer.Option("--type", help="openai, anthropic, ollama, vllm, …")] = "openai",
    base_url: Annotated[str | None, typer.Option(help="Its address, when it is not the service's own.")] = None,
    region: Annotated[str | None, typer.Option(help="For Bedrock.")] = None,
    api_version: Annotated[str | None, typer.Option(help="For Azure.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Add a provider. Its key is asked for, or read from a pipe or from HOLDFAST_PROVIDER_KEY."""
    body = {"name": name, "provider_type": kind, "api_key": _secret()}
    more = {"base_url": base_url, "region": region, "api_version": api_version}
    client = Client(url, key)
    chosen = {field: value for field, value in more.items() if value is not None}
    made = client.call("POST", "/v1/providers/", body | chosen)
    typer.echo(made["id"])
    if made["last_synced"] is None:
        typer.echo(f"It did not list its models; `holdfast providers check {name}` says why.", err=True)


@app.command()
def check(provider: Name, url: Url = None, key: Key = None) -> None:
    """See whether a provider accepts its key, and ask it for its models again."""
    client = Client(url, key)
    found = _find(client, provider)
    said = client.call("POST", f"/v1/providers/{found['id']}/check")
    client.call("PATCH", f"/v1/providers/{found['id']}/refresh")
    typer.echo(said["message"])


@app.command()
def remove(
    provider: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Remove a provider with its key; agents on its models need another one before they answer again."""
    client = Client(url, key)
    found = _find(client, provider)
    if not yes:
        typer.confirm(f"Remove {found['name']} ({found['id']})?", abort=True)
    client.call("DELETE", f"/v1/providers/{found['id']}")
    typer.echo(f"Removed {found['name']} ({found['id']}).")


def _find(client: Client, wanted: str) -> dict[str, Any]:
    """The provider with this id or name."""
    if wanted.startswith("provider-"):
        return client.call("GET", f"/v1/providers/{wanted}")
    found = client.call("GET", "/v1/providers/", name=wanted)
    if not found:
        raise NotFound(f"No provider is called {wanted!r}; `holdfast providers list` shows those there are.")
    return found[0]


def _secret() -> str:
    """The provider's key, from where no other user of the machine can read it; a server of one's own may have none."""
    if KEY_ENV in os.environ:
        return os.environ[KEY_ENV].strip()
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return typer.prompt("Its API key (empty for none)", default="", hide_input=True, show_default=False)
