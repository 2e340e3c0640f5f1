"""`holdfast memory`: what was changed in blocks and passages, by whom, and taking it back."""

import json
from typing import Annotated, Any

import typer

from holdfast.cli import agents, screen
from holdfast.cli.client import Client, Key, Url
from holdfast.errors import BadRequest

app = typer.Typer(name="memory", help="See and undo what changed in an agent's memory.", no_args_is_help=True)

KINDS = {"block": "blocks", "passage": "passages", "run": "runs"}
"""What an id begins with, and where it is served."""

Target = Annotated[
    str, typer.Argument(metavar="WHAT", help="The id of a block or passage, or a block's label with --agent.")
]
Undoable = Annotated[
    str,
    typer.Argument(metavar="WHAT", help="The id of a block, passage or run, or a block's label with --agent."),
]
Holder = Annotated[str | None, typer.Option("--agent", "-a", help="The agent, by name or id, that holds the block.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the history.")]
AsJson = Annotated[bool, typer.Option("--json", help="The full JSON.")]
WIDTH = 60


@app.command()
def log(
    what: Target,
    agent: Holder = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many changes.")] = 20,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the changes of a block or passage, newest first."""
    client = Client(url, key)
    changes: list[dict[str, Any]] = client.call("GET", f"{_place(client, what, agent)}/versions", limit=limit)
    if as_json:
        typer.echo(json.dumps(changes, indent=2))
        return
    rows = [[str(c["version"]), c["at"][:19], c["action"], _author(c), c["reason"], _gist(c)] for c in changes]
    screen.table(["version", "at", "action", "by", "why", "text"], rows)


@app.command()
def diff(
    what: Target,
    agent: Holder = None,
    first: Annotated[int | None, typer.Option("--from", min=0, help="A version; the one before, if not given.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=1, help="A version; the newest, if not given.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show how two versions of a block or passage differ; by default, what the last change did."""
    client = Client(url, key)
    query = {name: version for name, version in (("from", first), ("to", last)) if version is not None}
    found: dict[str, Any] = client.call("GET", f"{_place(client, what, agent)}/diff", **query)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    lines = [f"{name}: {json.dumps(was)} -> {json.dumps(now)}" for name, (was, now) in found["changed"].items()]
    text = "\n".join([*filter(None, [found["diff"].rstrip("\n")]), *lines])
    typer.echo(screen.safe(text) or f"Versions {found['from_version']} and {found['to_version']} are the same.")


@app.command()
def undo(
    what: Undoable,
    agent: Holder = None,
    reason: Reason = None,
    force: Annotated[bool, typer.Option("--force", help="Of a run: put back over later edits too.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Undo the last change of a block or passage, or everything that a run changed."""
    client = Client(url, key)
    if what.startswith("run-"):
        done = client.call("POST", f"/v1/runs/{what}/undo", {"force": force, "reason": reason})
        for change in done["undone"]:
            typer.echo(f"{change['action'].replace('_', ' ')}: {change['label'] or change['id']} ({change['id']})")
        typer.echo(f"Undid {len(done['undone'])} changes of {what}.")
        return
    if force:
        raise BadRequest("--force is for runs; a block or passage needs none.")
    place = _place(client, what, agent)
    client.call("POST", f"{place}/undo", {"reason": reason})
    typer.echo(f"Undid the last change of {what}; it is version {_newest(client, place)} now.")


@app.command()
def restore(
    what: Target,
    version: Annotated[int, typer.Argument(min=1, help="The version to put back.")],
    agent: Holder = None,
    reason: Reason = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Put back a version of a block or passage, of a deleted passage too."""
    client = Client(url, key)
    place = _place(client, what, agent)
    client.call("POST", f"{place}/restore", {"version": version, "reason": reason})
    typer.echo(f"Put back version {version} of {what}; it is version {_newest(client, place)} now.")


@app.command()
def progress(
    archive: Annotated[str | None, typer.Option("--archive", help="Only the passages of this archive, by id.")] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", help="Only this agent's messages, by name or id.")
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show how much of the memory is embedded, by model: after a change of model, or while much is stored."""
    client = Client(url, key)
    query = {"archive_id": archive, "agent_id": agents.find(client, agent)["id"] if agent else None}
    found = client.call("GET", "/v1/search/progress", **{name: id for name, id in query.items() if id})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = [[m["embedding"], str(m["items"] - m["waiting"]), str(m["waiting"]), m["trouble"]] for m in found["models"]]
    screen.table(["embedding model", "embedded", "waiting", "trouble"], rows)


def _place(client: Client, what: str, agent: str | None) -> str:
    """The path of what is meant: a block or passage by its id, a block by its label."""
    kind = what.partition("-")[0]
    if agent is None and kind in KINDS and len(what) > 36:
        if kind == "run":
            raise BadRequest("A run has no versions of its own; `holdfast memory undo` takes back what it changed.")
        return f"/v1/{KINDS[kind]}/{what}"
    if agent is None:
        raise BadRequest(f"{what!r} is no id of a block or passage; for a block's label name its agent with --agent.")
    owner = agents.find(client, agent)
    held = client.call("GET", f"/v1/agents/{owner['id']}/core-memory/blocks", limit=1000)
    found = next((block for block in held if what in (block["label"], block["id"])), None)
    if found is None:
        labels = ", ".join(repr(block["label"]) for block in held) or "none"
        raise BadRequest(f"{owner['name']} holds no block labelled {what!r}; its labels: {labels}.")
    return f"/v1/blocks/{found['id']}"


def _newest(client: Client, place: str) -> int:
    return client.call("GET", f"{place}/versions", limit=1)[0]["version"]


def _author(change: dict[str, Any]) -> str:
    for name in ("run_id", "key_id", "user_id"):
        if change[name]:
            return change[name]
    return "API"


def _gist(change: dict[str, Any]) -> str:
    """The beginning of the text after the change."""
    after: dict[str, Any] = change["after"]
    text = " ".join(str(after.get("value") or after.get("text") or "").split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
