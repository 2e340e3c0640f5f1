"""MCP servers that the administrator names in the environment or in a file: registered, or renewed, at every start."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from holdfast.auth.model import EVERYONE
from holdfast.config.forms import MCP_SERVERS
from holdfast.errors import AppError, BadRequest
from holdfast.mcp import store
from holdfast.mcp.model import NamedServer
from holdfast.mcp.servers import Servers
from holdfast.store.database import Database

log = logging.getLogger("holdfast")

WORDS = {"url": "server_url", "transport": "mcp_server_type", "headers": "custom_headers"}
"""What other programs' files say, and what it is called here."""

MOST_BYTES = 1_000_000


def from_file(path: Path) -> Mapping[str, Any]:
    """The servers of a file; none when it is not there, and none with a warning when it cannot be meant."""
    try:
        with path.open("rb") as file:
            return cast(Mapping[str, Any], MCP_SERVERS.parse(file.read(MOST_BYTES).decode()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else f"it is not {MCP_SERVERS.expected}"
        log.warning("The MCP servers of %s are not registered: %s.", path, reason)
        return {}


async def register(db: Database, servers: Servers, wanted: Mapping[str, Any]) -> None:
    """Make them servers of the default organization; one that cannot be is named with the reason."""
    for name, entry in wanted.items():
        if entry.get("disabled") is True or entry.get("enabled") is False:
            continue
        try:
            await _register(db, servers, _named(name, entry))
        except AppError as refused:
            log.warning("The MCP server %r of the settings is not registered: %s", name, refused)


async def _register(db: Database, servers: Servers, named: NamedServer) -> None:
    await servers.check(store.unstored(EVERYONE, named))
    stored = await db.write(store.put, EVERYONE, named)
    servers.drop(stored.id)
    with suppress(AppError):  # it may be away for now
        await servers.sync(EVERYONE, stored)


def _named(name: str, entry: Mapping[str, Any]) -> NamedServer:
    fields = {WORDS.get(field, field): value for field, value in entry.items()}
    try:
        return NamedServer.model_validate({**fields, "server_name": name})
    except ValidationError as wrong:
        problems = (f"`{'.'.join(map(str, each['loc']))}`: {each['msg']}" for each in wrong.errors(include_input=False))
        raise BadRequest("; ".join(problems)) from None
