"""`holdfast chat`: talk to an agent in the terminal, or through a pipe."""

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

import typer

from holdfast.cli import agents, screen
from holdfast.cli.client import Client, Key, Url
from holdfast.cli.rendering import Rendering
from holdfast.errors import AppError

app = typer.Typer()

OWN_AGENT = "chat"
"""The agent of `holdfast chat` when none is named; it is made on first use."""

HELP = """/agents           list the agents
/agent NAME       go on with another agent
/blocks           show the memory blocks
/help             this
/quit             leave (also Ctrl-D); Ctrl-C interrupts an answer"""


class Chat:
    """One terminal talking to one agent at a time."""

    def __init__(self, client: Client, agent: dict[str, Any]) -> None:
        self.client = client
        self.agent = agent
        self.failed = False

    @property
    def _path(self) -> str:
        return f"/v1/agents/{self.agent['id']}"

    def greet(self) -> None:
        screen.err.print(
            screen.safe(f"{self.agent['name']} ({self.agent['id']}), {self.agent.get('model')}. /help lists commands."),
            style="dim",
        )

    def command(self, line: str) -> bool:
        """Obey a line that starts with a slash; False means leave."""
        word, _, rest = line[1:].partition(" ")
        match word:
            case "quit" | "exit" | "q":
                return False
            case "blocks":
                screen.table(["block", "value"], self._blocks().items())
            case "agents":
                found = self.client.call("GET", "/v1/agents/", limit=50)
                screen.table(["name", "id", "model"], [[a["name"], a["id"], a.get("model")] for a in found])
            case "agent" if rest.strip():
                self.agent = agents.find(self.client, rest.strip())
                self.greet()
            case "help":
                screen.out.print(HELP)
            case _:
                screen.err.print(f"There is no command /{screen.safe(word)} here; /help lists them.")
        return True

    def say(self, text: str) -> None:
        """One message and its turn, with questions about calls that need approval in between."""
        before = self._blocks()
        item: dict[str, Any] = {"role": "user", "content": text}
        while True:
            rendering = self._turn(item)
            self.failed = self.failed or rendering.failed
            if rendering.stop_reason != "requires_approval" or not rendering.pending:
                break
            item = {"type": "approval", "approvals": [_ask(*call) for call in rendering.pending.items()]}
        if rendering.used_tools:
            rendering.changes(before, self._blocks())

    def _turn(self, item: dict[str, Any]) -> Rendering:
        rendering = Rendering()
        body = {"messages": [item], "stream_tokens": True}
        try:
            for event in self.client.stream(f"{self._path}/messages/stream", body):
                rendering.show(event)
            rendering.end()
        except KeyboardInterrupt:
            self.client.call("POST", f"{self._path}/messages/cancel", _runs(rendering))
            rendering.note("[interrupted]")
        return rendering

    def _blocks(self) -> dict[str, str]:
        return {b["label"]: b["value"] for b in self.client.call("GET", f"{self._path}/core-memory/blocks")}


@app.command()
def chat(
    agent: Annotated[
        str | None, typer.Argument(help="Name or id; without one, the agent `chat`, which is made when missing.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Make a new agent, with this name if one is given.")] = False,
    model: Annotated[str | None, typer.Option(help="provider/name, for an agent that is made.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Talk to an agent: answers are streamed, reasoning, tool calls and memory edits are shown."""
    client = Client(url, key)
    talk = Chat(client, _chosen(client, agent, new=new, model=model))
    talk.greet()
    for line in _lines():
        if not _heard(talk, line):
            break
    if talk.failed and not sys.stdin.isatty():
        raise typer.Exit(1)


def _heard(talk: Chat, line: str) -> bool:
    """Obey or pass on what was said; False means leave. On a terminal a problem is told and the chat goes on."""
    try:
        if line.startswith("/"):
            return talk.command(line)
        talk.say(line)
    except AppError as problem:
        if not sys.stdin.isatty():
            raise
        screen.err.print(screen.safe(f"error: {problem}"), style="bold red", soft_wrap=True)
    return True


def _chosen(client: Client, agent: str | None, *, new: bool, model: str | None) -> dict[str, Any]:
    if agent is not None and not new:
        return agents.find(client, agent)
    name = agent or OWN_AGENT
    found: list[dict[str, Any]] = [] if new else client.call("GET", "/v1/agents/", name=name, limit=1)
    return found[0] if found else agents.make(client, name, model=model)


def _lines() -> Iterator[str]:
    """What the user says: prompted for on a terminal, line by line from a pipe."""
    if not sys.stdin.isatty():
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    _remember_lines()
    while True:
        try:
            line = input("> ").strip()
        except KeyboardInterrupt:
            screen.out.print()
            continue
        except EOFError:
            screen.out.print()
            return
        if line:
            yield line


def _remember_lines() -> None:
    """Arrow keys and history: importing readline is what turns `input` into an editor, where Python has it."""
    with contextlib.suppress(ImportError):
        import_module("readline")


def _ask(id: str, call: str) -> dict[str, Any]:
    """The user's answer to a call that needs approval; nobody to ask means no."""
    if not sys.stdin.isatty():
        screen.err.print(screen.safe(f"Denied, as there is no terminal to ask: {call}"))
        return {"type": "approval", "tool_call_id": id, "approve": False, "reason": "nobody was there to ask"}
    allowed = input(screen.safe(f"Allow {call}? [y/N] ")).strip().lower() in ("y", "yes")
    return {"type": "approval", "tool_call_id": id, "approve": allowed}


def _runs(rendering: Rendering) -> dict[str, list[str]]:
    return {"run_ids": [rendering.run_id]} if rendering.run_id else {}
