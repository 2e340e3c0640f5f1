"""`holdfast agents`: list, show, create and delete agents of a running server."""

import json
from typing import Annotated, Any

import typer

from holdfast.cli import screen
from holdfast.cli.client import Client, Key, Url
from holdfast.errors import NotFound

app = typer.Typer(name="agents", help="List, show, create and delete agents.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or id.")]
AsJson = Annotated[bool, typer.Option("--json", help="The full JSON.")]

PERSONA = "I am a helpful assistant with a memory that I keep myself. I write down what matters and look it up later."


def find(client: Client, wanted: str) -> dict[str, Any]:
    """The agent with this id or name."""
    if wanted.startswith("agent-"):
        return client.call("GET", f"/v1/agents/{wanted}")
    found = client.call("GET", "/v1/agents/", name=wanted, limit=1)
    if not found:
        raise NotFound(f"No agent is called {wanted!r}; `holdfast agents list` shows those there are.")
    return found[0]


def make(client: Client, name: str, **settings: Any) -> dict[str, Any]:
    """A new agent with the two usual blocks; what is None is left to the server."""
    blocks = [
        {"label": "persona", "value": settings.pop("persona", None) or PERSONA},
        {"label": "human", "value": settings.pop("human", None) or ""},
    ]
    chosen = {field: value for field, value in settings.items() if value is not None}
    return client.call("POST", "/v1/agents/", {"name": name, "memory_blocks": blocks, **chosen})


@app.command("list")
def list_(
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the agents, newest first."""
    found = list[dict[str, Any]]()
    client = Client(url, key)
    while page := client.call("GET", "/v1/agents/", limit=200, **({"after": found[-1]["id"]} if found else {})):
        found += page
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    screen.table(
        ["name", "id", "model", "created"],
        [[agent["name"], agent["id"], agent.get("model"), (agent.get("created_at") or "")[:19]] for agent in found],
    )


@app.command()
def show(
    agent: Name,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show one agent: model, tools, memory blocks."""
    found = find(Client(url, key), agent)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    tools: list[dict[str, Any]] = found.get("tools") or []
    memory: dict[str, Any] = found.get("memory") or {}
    blocks: list[dict[str, Any]] = memory.get("blocks") or []
    names = ", ".join(sorted(tool["name"] for tool in tools)) or "-"
    rows = [["name", found["name"]], ["id", found["id"]], ["type", found.get("agent_type")]]
    rows += [["model", found.get("model")], ["embedding", found.get("embedding") or "(the server's)"], ["tools", names]]
    rows += [[f"block {block['label']}", block["value"]] for block in blocks]
    screen.table(["", ""], rows)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The agent's name.")],
    model: Annotated[str | None, typer.Option(help="provider/name; the server's default when not given.")] = None,
    persona: Annotated[str | None, typer.Option(help="The text of the persona block.")] = None,
    human: Annotated[str | None, typer.Option(help="The text of the human block.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Create an agent and print its id."""
    made = make(Client(url, key), name, model=model, persona=persona, human=human)
    typer.echo(made["id"])


@app.command()
def delete(
    agent: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Delete an agent with its messages."""
    client = Client(url, key)
    found = find(client, agent)
    if not yes:
        typer.confirm(f"Delete {found['name']} ({found['id']}) with all its messages?", abort=True)
    client.call("DELETE", f"/v1/agents/{found['id']}")
    typer.echo(f"Deleted {found['name']} ({found['id']}).")
