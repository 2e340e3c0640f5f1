"""The memory blocks of an agent: what they hold, how they are changed, and with whom they are shared."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from .http import Connection, HoldfastError, NotThereError

EDITABLE = ("value", "description", "limit", "read_only")


def blocks(server: Connection, agent: str) -> list[dict[str, Any]]:
    """Those of the agent, and in `shared_with` the names of the other agents that hold each."""
    return [{**_shown(block), "shared_with": _holders(server, agent, block["id"])} for block in _held(server, agent)]


def available(server: Connection, agent: str, others: Iterable[str]) -> list[dict[str, Any]]:
    """Blocks of the other agents that the agent could share: those under labels that it has not."""
    taken = {block["label"] for block in _held(server, agent)}
    found: dict[str, dict[str, Any]] = {}
    for other in others:
        with suppress(NotThereError):
            found |= {block["id"]: _shown(block) for block in _held(server, other) if block["label"] not in taken}
    return list(found.values())


def change(server: Connection, agent: str, loaded: Mapping[str, Any], edited: Mapping[str, Any]) -> None:
    """Sends what differs from `loaded`, unless somebody else has changed just that in the meantime."""
    changes = {name: edited[name] for name in EDITABLE if edited[name] != loaded[name]}
    if not changes:
        return
    path = f"{_of(agent)}/core-memory/blocks/{quote(loaded['label'], safe='')}"
    now = _shown(server.get(path))
    if stale := [name for name in changes if now[name] not in (loaded[name], edited[name])]:
        raise HoldfastError(
            f"The agent or somebody else has changed {' and '.join(stale)} of block {loaded['label']!r} since it was"
            " loaded. Load the memory again and repeat the change."
        )
    server.patch(path, changes)


def create(server: Connection, agent: str, new: Mapping[str, Any]) -> str:
    """A further block of the agent; its id."""
    fields = {name: new[name] for name in ("label", *EDITABLE) if new.get(name) is not None}
    made = server.post("/v1/blocks/", fields)["id"]
    attach(server, agent, made)
    return made


def attach(server: Connection, agent: str, block: str) -> None:
    server.patch(f"{_of(agent)}/core-memory/blocks/attach/{quote(block, safe='')}")


def detach(server: Connection, agent: str, block: str) -> None:
    """The block itself stays, for the others that hold it."""
    server.patch(f"{_of(agent)}/core-memory/blocks/detach/{quote(block, safe='')}")


def _of(agent: str) -> str:
    return f"/v1/agents/{quote(agent, safe='')}"


def _held(server: Connection, agent: str) -> list[dict[str, Any]]:
    return server.get(f"{_of(agent)}/core-memory/blocks", limit=1000)


def _shown(block: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": block["id"],
        "label": block["label"],
        "value": block["value"],
        "description": block.get("description") or "",
        "limit": block["limit"],
        "read_only": bool(block.get("read_only")),
    }


def _holders(server: Connection, agent: str, block: str) -> list[str]:
    holders = server.get(f"/v1/blocks/{quote(block, safe='')}/agents", limit=20)
    return [holder["name"] for holder in holders if holder["id"] != agent]
