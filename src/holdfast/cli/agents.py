"""`holdfast agents`: list, show, create, delete, export and import agents of a running server."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli import screen
from holdfast.cli.client import Client, Key, Url
from holdfast.errors import BadRequest, NotFound

app = typer.Typer(name="agents", help="List, show, create, delete, export and import agents.", no_args_is_help=True)

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


@app.command()
def export(
    agent: Name,
    file: Annotated[
        Path | None, typer.Argument(help="The file to make; the agent's name and .af when left out.")
    ] = None,
    no_messages: Annotated[bool, typer.Option("--no-messages", help="Leave out what was said.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write an agent into a file (.af) that can be imported on another server; secrets are not in it."""
    client = Client(url, key)
    found = find(client, agent)
    target = file or Path(re.sub(r"[^\w-]+", "_", found["name"]) + ".af")
    if file is None and target.exists():
        raise BadRequest(f"{target} is there already; name the file to write.")
    query = {"scrub_messages": "true"} if no_messages else {}
    body = b"".join(client.download(f"/v1/agents/{found['id']}/export", **query))
    try:
        target.write_bytes(body)
    except OSError as failed:
        raise BadRequest(f"{target} cannot be written: {failed.strerror}.") from failed
    typer.echo(f"Wrote {found['name']} ({found['id']}) to {target}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="An agent file (.af).")],
    name: Annotated[str | None, typer.Option(help="What to call the agent; as in the file when not given.")] = None,
    model: Annotated[str | None, typer.Option(help="provider/name, instead of the file's model.")] = None,
    embedding: Annotated[str | None, typer.Option(help="provider/name, instead of the file's embedding model.")] = None,
    secret: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a secret that the file names.")] = None,
    no_messages: Annotated[bool, typer.Option("--no-messages", help="Leave out what was said.")] = False,
    keep_tools: Annotated[
        bool, typer.Option("--keep-tools", help="Do not renew tools that are there already.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make the agents of an agent file, and print their ids."""
    try:
        body = file.read_bytes()
    except OSError as failed:
        raise BadRequest(f"{file} cannot be read: {failed.strerror}.") from failed
    chosen = {"name": name, "model": model, "embedding": embedding, "secrets": _secrets(secret or [])}
    form = {field: value for field, value in chosen.items() if value}
    form |= {"append_copy_suffix": "false", "strip_messages": _word(no_messages)}
    form |= {"override_existing_tools": _word(not keep_tools)}
    for id in Client(url, key).upload("/v1/agents/import", file.name, body, form)["agent_ids"]:
        typer.echo(id)


def _word(value: bool) -> str:
    return str(value).lower()


def _secrets(given: list[str]) -> str:
    pairs = [each.partition("=") for each in given]
    for each, (secret, mark, _) in zip(given, pairs, strict=True):
        if not mark or not secret:
            raise BadRequest(f"A secret is given as NAME=VALUE; {each.partition('=')[0]!r} has no value.")
    return json.dumps({secret: value for secret, _, value in pairs}) if pairs else ""
