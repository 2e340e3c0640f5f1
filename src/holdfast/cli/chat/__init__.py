"""`holdfast chat`: talk to an agent in the terminal, or through a pipe."""

import os
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from holdfast.cli import agents, screen
from holdfast.cli.chat import commands
from holdfast.cli.chat.place import Place
from holdfast.cli.chat.prompt import Prompt, piped
from holdfast.cli.chat.remembered import History, directory
from holdfast.cli.chat.session import Chat, has_person
from holdfast.cli.client import Client, Key, Url
from holdfast.errors import AppError, BadRequest

app = typer.Typer()

OWN_AGENT = "chat"
"""The agent of `holdfast chat` when none is named; it is made on first use."""


@app.command()
def chat(
    agent: Annotated[
        str | None, typer.Argument(help="Name or id; without one, the agent `chat`, which is made when missing.")
    ] = None,
    agent_option: Annotated[str | None, typer.Option("--agent", help="The same as an option.")] = None,
    conversation: Annotated[
        str | None,
        typer.Option(help="An id, `default` for the agent's own thread, or `new`; else where the chat was left."),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Make a new agent, with this name if one is given.")] = False,
    model: Annotated[str | None, typer.Option(help="provider/name, for an agent that is made.")] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds for which a server that is away is tried.")] = 60.0,
    url: Url = None,
    key: Key = None,
) -> None:
    """Talk to an agent: answers are streamed, reasoning, tool calls and memory edits are shown."""
    if agent and agent_option:
        raise BadRequest("Name the agent once, as an argument or with --agent.")
    client = Client(url, key)
    talk = Chat(Place(client, _chosen(client, agent or agent_option, new=new, model=model)), patience)
    talk.arrive(conversation)
    if has_person():
        _heard(talk, None)
    for said in _messages(talk):
        if not _heard(talk, said):
            break
    if talk.failed and not has_person():
        raise typer.Exit(1)


def _heard(talk: Chat, said: str | None) -> bool:
    """Obey or pass on what was said; False means leave. On a terminal a problem is told and the chat goes on."""
    try:
        if said is None:
            talk.catch_up()
        elif said.startswith("/") and not said.startswith("//") and "\n" not in said:
            commands.obey(talk, said)
        else:
            talk.say(said[1:] if said.startswith("//") else said)
    except commands.Leave:
        return False
    except AppError as problem:
        if not has_person():
            raise
        screen.err.print(screen.safe(f"error: {problem}"), style="bold red", soft_wrap=True)
    except (KeyboardInterrupt, EOFError):
        if not has_person():
            raise
        screen.out.print()
    return True


def _chosen(client: Client, agent: str | None, *, new: bool, model: str | None) -> dict[str, Any]:
    if agent is not None and not new:
        return agents.find(client, agent)
    name = agent or OWN_AGENT
    found: list[dict[str, Any]] = [] if new else client.call("GET", "/v1/agents/", name=name, limit=1)
    return found[0] if found else agents.make(client, name, model=model)


def _messages(talk: Chat) -> Iterator[str]:
    if not has_person():
        return piped()
    return Prompt(History(directory(os.environ)), lambda line: commands.complete(talk, line)).messages()
