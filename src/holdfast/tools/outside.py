"""Tools whose work is done outside this server's database: in a sandbox, or by an MCP server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self

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

    def within(self, limit: int) -> Self:
        """The same with at most so many characters in each of its texts."""
        out, err = ([cut(line, limit) for line in lines] for lines in (self.stdout, self.stderr))
        return replace(self, output=cut(self.output, limit), stdout=out, stderr=err)


class Executor(Protocol):
    """Runs the tools of one type; whatever goes wrong with one is a `Ran` that says so, uncut."""

    async def run(self, calling: Calling) -> Ran: ...


Executors = Mapping[ToolType, Executor]


async def run(executors: Executors, calling: Calling) -> Ran:
    """Run a call by whoever runs tools of its type; the tool's limit holds for what it says."""
    executor = executors.get(calling.tool.tool_type)
    if executor is None:
        tool = calling.tool
        return Ran(
            "error", f"This server cannot run {tool.name}: it knows no way to run tools of type {tool.tool_type}."
        )
    return (await executor.run(calling)).within(calling.tool.return_char_limit)


def cut(text: str, limit: int) -> str:
    """At most so many characters, and how many there were more."""
    return text if len(text) <= limit else f"{text[:limit]}... [truncated {len(text) - limit} characters]"
