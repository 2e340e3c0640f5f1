"""`holdfast files`: folders, what is in them, and which agents have them."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli import agents, screen
from holdfast.cli.client import Client, Key, Url
from holdfast.errors import BadRequest, NotFound

app = typer.Typer(name="files", help="Put files into folders, and give folders to agents.", no_args_is_help=True)

Folder = Annotated[str, typer.Argument(help="The folder, by name or id.")]
Agent = Annotated[str, typer.Argument(help="The agent, by name or id.")]
AsJson = Annotated[bool, typer.Option("--json", help="The full JSON.")]
Json = dict[str, Any]

AT_WORK = ("pending", "parsing", "embedding")
POLL_S = 0.5


@app.command("folders")
def list_folders(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List the folders."""
    found: Json = Client(url, key).call("GET", "/v1/folders/metadata")
    if as_json:
        typer.echo(json.dumps(found["sources"], indent=2))
        return
    rows = [
        [each["source_name"], each["source_id"], each["file_count"], each["total_size"]] for each in found["sources"]
    ]
    screen.table(["name", "id", "files", "bytes"], rows)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The folder's name.")],
    description: Annotated[str | None, typer.Option(help="What is in it.")] = None,
    instructions: Annotated[str | None, typer.Option(help="What agents are told about its files.")] = None,
    embedding: Annotated[str | None, typer.Option(help="provider/name; the server's default when not given.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Create a folder and print its id."""
    wanted = {"name": name, "description": description, "instructions": instructions, "embedding": embedding}
    chosen = {field: value for field, value in wanted.items() if value is not None}
    typer.echo(Client(url, key).call("POST", "/v1/folders/", chosen)["id"])


@app.command()
def upload(
    folder: Folder,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The files.", exists=True, dir_okay=False)],
    duplicates: Annotated[
        str, typer.Option(help="When the folder has a file of that name: suffix, replace, skip or error.")
    ] = "suffix",
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="How many seconds to wait until they can be found; 0: not at all.")
    ] = 300,
    url: Url = None,
    key: Key = None,
) -> None:
    """Put files into a folder, and say what became of each."""
    client = Client(url, key)
    place = f"/v1/folders/{find(client, folder)['id']}"
    sent: list[Json] = []
    for path in paths:
        with path.open("rb") as body:
            sent.append(client.upload(f"{place}/upload", path.name, body, duplicate_handling=duplicates))
    until = time.monotonic() + wait
    done = [_settled(client, place, file, until) for file in sent]
    _show(done)
    failed = [file["file_name"] for file in done if file["processing_status"] == "error"]
    if failed:
        raise BadRequest(f"Not read: {', '.join(failed)}. What was wrong stands beside each.")


@app.command()
def status(
    folder: Folder,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the files of a folder, how far each is, and what is wrong with it."""
    client = Client(url, key)
    found = _files(client, f"/v1/folders/{find(client, folder)['id']}")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    _show(found)


@app.command()
def attach(agent: Agent, folder: Folder, url: Url = None, key: Key = None) -> None:
    """Give a folder to an agent."""
    _change(Client(url, key), agent, folder, "attach")


@app.command()
def detach(agent: Agent, folder: Folder, url: Url = None, key: Key = None) -> None:
    """Take a folder from an agent; its files stay."""
    _change(Client(url, key), agent, folder, "detach")


@app.command()
def delete(
    folder: Folder,
    file: Annotated[str | None, typer.Argument(help="Only this file, by name or id.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Delete a file, or a folder with all its files."""
    client = Client(url, key)
    found = find(client, folder)
    place, what = f"/v1/folders/{found['id']}", f"the folder {found['name']} with all its files"
    if file is not None:
        held = _files(client, place)
        wanted = next((each for each in held if file in (each["file_name"], each["id"])), None)
        if wanted is None:
            raise NotFound(f"{found['name']} has no file {file!r}; `holdfast files status` shows those it has.")
        place, what = f"{place}/{wanted['id']}", f"the file {wanted['file_name']} of {found['name']}"
    if not yes:
        typer.confirm(f"Delete {what}?", abort=True)
    client.call("DELETE", place)
    typer.echo(f"Deleted {what}.")


def find(client: Client, wanted: str) -> Json:
    """The folder with this id or name."""
    if wanted.startswith("source-"):
        return client.call("GET", f"/v1/folders/{wanted}")
    found = client.call("GET", "/v1/folders/", name=wanted, limit=1)
    if not found:
        raise NotFound(f"No folder is called {wanted!r}; `holdfast files folders` shows those there are.")
    return found[0]


def _files(client: Client, place: str) -> list[Json]:
    found = list[Json]()
    path = f"{place}/files"
    while page := client.call("GET", path, order="asc", limit=200, **({"after": found[-1]["id"]} if found else {})):
        found += page
    return found


def _settled(client: Client, place: str, file: Json, until: float) -> Json:
    """A file when it is loaded, or when the time is over."""
    while file["processing_status"] in AT_WORK and time.monotonic() < until:
        time.sleep(POLL_S)
        file = client.call("GET", f"{place}/files/{file['id']}")
    return file


def _show(files: list[Json]) -> None:
    rows = [[file["file_name"], file["id"], _progress(file), file["error_message"]] for file in files]
    screen.table(["name", "id", "status", "what is wrong"], rows)


def _progress(file: Json) -> str:
    if file["processing_status"] == "embedding" and file["total_chunks"]:
        return f"embedding {file['chunks_embedded'] or 0}/{file['total_chunks']}"
    return file["processing_status"]


def _change(client: Client, agent: str, folder: str, verb: str) -> None:
    owner, found = agents.find(client, agent), find(client, folder)
    client.call("PATCH", f"/v1/agents/{owner['id']}/folders/{verb}/{found['id']}")
    now = "has" if verb == "attach" else "no longer has"
    typer.echo(f"{owner['name']} {now} the folder {found['name']}.")
