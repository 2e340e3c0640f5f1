"""Tools whose work is done outside this server's database: in a sandbox, by an MCP server, by a client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from holdfast.auth.model import Who
from holdfast.tools.model import Tool, ToolType


@dataclass(frozen=True, slots=True)
class Calling:
    """A call of such a tool, and on whose behalf it is made."""

    who: Who
    tool: Tool
    arguments: Mapping[str, Any]
    agent_id: str | None = None
    project_id: str | None = None
    run_id: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The agent's own, by name."""
    agent_state: Mapping[str, Any] | None = field(default=None, repr=False)
    """The agent as the API shows it, without its tools, for a tool that asks for it."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a call came to."""

    status: Literal["success", "error"]
    output: str
    """What the model is told."""
    value: Any = None
    """What the function returned."""
    stdout: Sequence[str] = ()
    stderr: Sequence[str] = ()
    fingerprint: str | None = None
    """Which sandbox it ran in, if one."""


class Executor(Protocol):
    """Runs the tools of one type; whatever goes wrong with one is a `Ran` that says so."""

    async def run(self, calling: Calling) -> Ran: ...


Executors = Mapping[ToolType, Executor]
