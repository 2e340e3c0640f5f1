"""The commands of the chat: lines that begin with a slash."""

import difflib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from holdfast.cli import agents, screen
from holdfast.cli.chat.editing import edited
from holdfast.cli.chat.listing import choose, history, show_numbered
from holdfast.cli.chat.place import OWN, Place
from holdfast.cli.chat.rendering import Rendering
from holdfast.cli.chat.session import Chat, has_person, spent
from holdfast.errors import AppError, BadRequest, Conflict, NotFound

MOST_LISTED = 20


class Leave(Exception):
    """The user has had enough."""


@dataclass(frozen=True, slots=True)
class Slash:
    """One command: what it takes, what it is for, what it does with the rest of the line."""

    usage: str
    purpose: str
    obey: Callable[[Chat, str], None]
    choices: Callable[[Chat], Sequence[str]] | None = None
    """What its first word may be."""


def obey(chat: Chat, line: str) -> None:
    """Do what a line that begins with a slash says; `Leave` when that is to leave."""
    word, _, rest = line[1:].partition(" ")
    name = _named(word.strip())
    SLASHES[name].obey(chat, rest.strip())


def complete(chat: Chat, line: str) -> Sequence[str]:
    """What may stand in the place of the last word."""
    if not line.startswith("/"):
        return []
    words = line.split(" ")
    if len(words) == 1:
        return [f"/{name}" for name in SLASHES]
    if len(words) == 3 and words[0] == "/blocks":
        return ["edit"]
    slash = SLASHES.get(words[0][1:])
    if len(words) != 2 or slash is None or slash.choices is None:
        return []
    with suppress(AppError):
        return slash.choices(chat)
    return []


def _named(word: str) -> str:
    """The command that a word means, in full or its beginning if no other begins so."""
    if word in SLASHES:
        return word
    begun = [name for name in SLASHES if word and name.startswith(word)]
    if len(begun) == 1:
        return begun[0]
    near = begun or difflib.get_close_matches(word, SLASHES, n=1)
    hint = f" Did you mean {' or '.join(f'/{name}' for name in near)}?" if near else ""
    raise NotFound(
        f"There is no command /{word} here; /help lists them.{hint} "
        "A message that begins with a slash is typed with two."
    )


def _help(chat: Chat, rest: str) -> None:
    screen.table(["command", "what it does"], [[slash.usage, slash.purpose] for slash in SLASHES.values()])
    screen.out.print(
        'A message of several lines: """ before and after it, a backslash at the end of each line but the last, or '
        "pasted at once.\nCtrl-C interrupts an answer or clears the line, Ctrl-D leaves."
    )


def _blocks(chat: Chat, rest: str) -> None:
    label, _, order = rest.partition(" ")
    found = chat.place.blocks()
    if not label:
        screen.table(["block", "value"], [[name, block["value"]] for name, block in found.items()])
        return
    if label not in found:
        raise NotFound(f"There is no block {label!r} here; there are {', '.join(found) or 'none'}.")
    block = found[label]
    verb, _, text = order.strip().partition(" ")
    if not verb:
        used = f"{len(block['value'])} of {block['limit']} characters"
        screen.err.print(screen.safe(f"{block.get('description') or label} ({used})"), style="dim", soft_wrap=True)
        screen.out.print(screen.safe(block["value"]), soft_wrap=True)
    elif verb == "edit":
        _edit(chat, label, text.strip() or edited(block["value"], label), block["value"])
    else:
        raise BadRequest(f"What is {verb!r}? /blocks {label} shows the block, /blocks {label} edit changes it.")


def _edit(chat: Chat, label: str, text: str, before: str) -> None:
    """Write the block, unless it has changed since it was read: the agent writes it too."""
    block = chat.place.blocks()[label]
    if block["value"] != before:
        raise Conflict(f"Block {label} was changed while you wrote, so your text was not stored:\n{text}")
    if text == before:
        screen.err.print("Nothing was changed.", style="dim")
        return
    chat.place.write_block(block, text)
    Rendering().changes({label: before}, {label: text})


def _model(chat: Chat, rest: str) -> None:
    found = chat.client.call("GET", "/v1/models/")
    handles = sorted(each["handle"] for each in found if each.get("handle"))
    if not rest:
        screen.out.print(screen.safe(f"{chat.place.agent['name']} uses {chat.place.model}."), soft_wrap=True)
    chosen = choose(chat, "model", rest, handles, loosely=True) if rest else ""
    near = [handle for handle in handles if chosen.lower() in handle.lower()]
    is_one = chosen in handles or len(near) < 2 or any(handle.endswith(f"/{chosen}") for handle in near)
    if rest and is_one:
        chat.place.set_model(chosen)
        chat.greet()
    else:
        show_numbered(chat, "model", ["handle"], [[handle] for handle in near], near)


def _new(chat: Chat, rest: str) -> None:
    chat.go(chat.place.new(rest))


def _conversations(chat: Chat, rest: str) -> None:
    if rest:
        chat.go(chat.place.to(choose(chat, "conversation", rest, [OWN])))
        return
    found = chat.place.conversations(MOST_LISTED)
    rows = [[_arrow(chat, each), each.title, screen.fitted(each.last_words(), 50), each.id] for each in found]
    show_numbered(chat, "conversation", ["", "conversation", "last message", "id"], rows, [each.id for each in found])


def _arrow(chat: Chat, place: Place) -> str:
    return "→" if place.id == chat.place.id else ""


def _agents(chat: Chat, rest: str) -> None:
    if rest:
        agent = agents.find(chat.client, choose(chat, "agent", rest, []))
        place = Place(chat.client, agent)
        chat.place = place
        kept = chat.bookmark.conversation
        chat.go(place.to(kept) if kept else place)
        return
    found = chat.client.call("GET", "/v1/agents/", limit=50)
    rows = [[each["name"], each["id"], each.get("model")] for each in found]
    show_numbered(chat, "agent", ["name", "id", "model"], rows, [each["id"] for each in found])


def _agent_names(chat: Chat) -> Sequence[str]:
    return [each["name"] for each in chat.client.call("GET", "/v1/agents/", limit=50)]


def _model_handles(chat: Chat) -> Sequence[str]:
    return [each["handle"] for each in chat.client.call("GET", "/v1/models/") if each.get("handle")]


def _tools(chat: Chat, rest: str) -> None:
    found = chat.client.call("GET", f"/v1/agents/{chat.place.agent_id}/tools")
    rows = [[each["name"], ((each.get("description") or "").strip().splitlines() or [""])[0]] for each in found]
    screen.table(["tool", "what it does"], sorted(rows))


def _history(chat: Chat, rest: str) -> None:
    if rest and not (rest.isascii() and rest.isdigit()):
        raise BadRequest(f"/history takes the number of messages, not {rest!r}.")
    history(chat.place.messages(min(int(rest or 10), 1000)))


def _cancel(chat: Chat, rest: str) -> None:
    chat.place.cancel(None)
    chat.bookmark.keep(run=None)
    screen.err.print("[cancelled]", style="dim")


def _reset(chat: Chat, rest: str) -> None:
    if chat.place.conversation is not None:
        raise BadRequest("Only an agent's own thread can be emptied; /new begins a conversation with nothing in it.")
    name = screen.safe(chat.place.agent["name"])
    if has_person() and input(f"Have {name} lose sight of this thread? Memory stays. [y/N] ").strip().lower() != "y":
        return
    chat.place.reset()
    screen.err.print("[the thread is empty; its messages are still found by search]", style="dim")


def _compact(chat: Chat, rest: str) -> None:
    made = chat.place.compact()
    told = f"[{made['num_messages_before']} messages in view before, {made['num_messages_after']} now]"
    screen.err.print(told, style="dim")
    screen.out.print(screen.safe(made.get("summary") or ""), soft_wrap=True)


def _usage(chat: Chat, rest: str) -> None:
    match rest:
        case "on" | "off":
            chat.shows_usage = rest == "on"
        case "":
            screen.out.print(spent(chat.usage) if chat.usage else "Nothing has been answered yet.")
        case _:
            raise BadRequest(
                "/usage shows what the last turn cost; `/usage on` and `/usage off` say whether each does."
            )


def _details(chat: Chat, rest: str) -> None:
    if not chat.details:
        screen.out.print("The last turn called no tools.")
    for heading, text in chat.details:
        screen.out.print(screen.safe(heading), style="bold", soft_wrap=True)
        screen.out.print(screen.safe(text), soft_wrap=True)


def _quit(chat: Chat, rest: str) -> None:
    raise Leave


SLASHES: dict[str, Slash] = {
    "blocks": Slash("/blocks [LABEL [edit [TEXT]]]", "show the memory blocks or one, or write one", _blocks,
                    lambda chat: list(chat.place.blocks())),
    "model": Slash("/model [N or NAME]", "show the models, or those named so, or use one; memory stays", _model,
                   _model_handles),
    "new": Slash("/new [TITLE]", "begin a new conversation with the same agent", _new),
    "conversations": Slash("/conversations [N or ID]", "list the conversations, or go on in one", _conversations,
                           lambda chat: [OWN]),
    "agents": Slash("/agents [N or NAME]", "list the agents, or talk to another", _agents, _agent_names),
    "tools": Slash("/tools", "list the agent's tools", _tools),
    "history": Slash("/history [N]", "show the last messages of this thread", _history),
    "details": Slash("/details", "show the last turn's tool calls and returns at full length", _details),
    "usage": Slash("/usage [on or off]", "show what the last turn cost, or what every turn costs", _usage),
    "cancel": Slash("/cancel", "stop what this thread is working on", _cancel),
    "compact": Slash("/compact", "replace older messages in view by a summary", _compact),
    "reset": Slash("/reset", "empty the agent's own thread; memory stays", _reset),
    "help": Slash("/help", "list these", _help),
    "quit": Slash("/quit", "leave (also Ctrl-D)", _quit),
}  # fmt: skip
