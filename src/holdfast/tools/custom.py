"""Running custom tools: what a call needs is put together here, and its source runs in the sandbox."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from holdfast.auth.model import Who
from holdfast.errors import BadRequest
from holdfast.kit.reply import encode
from holdfast.sandbox.model import Outcome, Program, Sandbox
from holdfast.tools import source
from holdfast.tools.door import Doors
from holdfast.tools.fitting import Misfit, fitted
from holdfast.tools.model import VARIABLE, PipRequirement, Tool
from holdfast.tools.outside import Calling, Ran
from holdfast.tools.packages import LENT, Packages, Unpacked
from holdfast.tools.source import PythonSource

Language = Literal["python", "javascript", "typescript"]

LANGUAGES: Mapping[str | None, Language] = {
    None: "python",
    "python": "python",
    "javascript": "javascript",
    "typescript": "typescript",
}
GUEST = Path(__file__).with_name("guest.py").read_text()
"""Calls the tool in the sandbox; the arguments reach it as data."""
API_KEY = "LETTA_API_KEY"
"""A tool in whose environment this is gets `client`, which talks to this server."""
CLIENT = "letta_client"
"""The module that `client` comes from."""
NETWORK = "network"
"""The tag of tools that ask for one."""
WITHOUT_NETWORK = ("Network is unreachable", "name resolution", "Name or service not known", "socket.gaierror")
"""What failures say that come of having none."""
MOST_ENVIRONMENT = 1_000_000
"""Characters of environment that a program can be given."""


class Unrunnable(Exception):
    """A tool that cannot be run at all; the sentence says why."""


@dataclass(frozen=True, slots=True)
class CustomTools:
    """The executor of tools whose source the server has."""

    sandbox: Sandbox
    packages: Packages
    doors: Doors
    variables: Callable[[Who], Awaitable[Mapping[str, str]]]
    """Those of an organization, by name."""
    time_limit_s: float
    network: str = "none"
    """Which tools reach the network: none, those that are tagged so, or all."""

    async def run(self, calling: Calling) -> Ran:
        """Run a call; whatever goes wrong with it is told in the answer."""
        try:
            outcome = self._explained(await self._outcome(calling))
        except (Unrunnable, Misfit, Unpacked, BadRequest) as refused:
            return Ran("error", str(refused))
        return Ran(
            status=outcome.status,
            output=_told(outcome),
            value=outcome.value,
            stdout=_lines(outcome.stdout),
            stderr=_lines(outcome.stderr),
            fingerprint=outcome.fingerprint,
        )

    async def renew_packages(self, tools: Iterable[Tool]) -> None:
        """Install anew what these tools need, for example after a release."""
        for requirements, imports in _sets(tools):
            await self.packages.renew(requirements, imports)

    def _explained(self, outcome: Outcome) -> Outcome:
        """A failure for want of a network says how a tool gets one."""
        if self.network == "all" or not any(sign in outcome.error for sign in WITHOUT_NETWORK):
            return outcome
        way = "give the tool the tag `network`" if self.network == "tagged" else "HOLDFAST_TOOL_NETWORK=tagged or all"
        return replace(outcome, error=f"{outcome.error}\n(This tool has no network; what gives it one: {way}.)")

    async def _outcome(self, calling: Calling) -> Outcome:
        tool = calling.tool
        text, language = _source(tool)
        arguments = fitted(tool.name, tool.parameters, calling.arguments)
        environment = _environment(await self.variables(calling.who), calling)
        program = Program(
            text,
            language,
            tool.name,
            arguments,
            environment=environment,
            network=self.network == "all" or (self.network == "tagged" and NETWORK in tool.tags),
            time_limit_s=self.time_limit_s,
        )
        if language != "python":
            return await self.sandbox.run(program)
        read = source.read(text, tool.name)
        program = _python(program, read, calling)
        if not (read.uses_client and API_KEY in environment):
            packages = await self.packages.directory(tool.pip_requirements or [], read.imports)
            return await self.sandbox.run(replace(program, packages=packages))
        packages = await self.packages.directory(tool.pip_requirements or [], {*read.imports, CLIENT})
        async with self.doors.open(calling.who) as socket:
            return await self.sandbox.run(replace(program, packages=packages, socket=socket))


def _python(program: Program, read: PythonSource, calling: Calling) -> Program:
    """What runs a Python tool: its function itself, or what calls it with more than JSON."""
    arguments, text = source.completed(read, program.arguments), source.runnable(read, program.source)
    if read.is_plain and not read.uses_client:
        return replace(program, source=text, function=read.name, arguments=arguments)
    return replace(
        program,
        source=f"{text}\n\n{GUEST}",
        function="holdfast_call",
        arguments={"name": read.name, "arguments": arguments, "agent": calling.agent_state},
    )


def _sets(tools: Iterable[Tool]) -> Iterator[tuple[Sequence[PipRequirement], Collection[str]]]:
    """What Python tools with requirements need, each set once; a source that cannot be read needs nothing."""
    found: dict[tuple[frozenset[tuple[str, str | None]], frozenset[str]], Sequence[PipRequirement]] = {}
    for tool in tools:
        if not tool.pip_requirements or LANGUAGES.get(tool.source_type) != "python":
            continue
        with suppress(BadRequest):
            read = source.read(tool.source_code or "", tool.name)
            imported = {*read.imports, CLIENT} if read.uses_client else read.imports
            imports = frozenset(module for module in imported if module in LENT)
            needs = frozenset((each.name, each.version) for each in tool.pip_requirements)
            found[needs, imports] = tool.pip_requirements
    for (_, imports), requirements in found.items():
        yield requirements, imports


def wants_agent_state(tool: Tool) -> bool:
    """Whether a tool asks for a copy of its agent."""
    return "agent_state" in (tool.source_code or "")


def _source(tool: Tool) -> tuple[str, Language]:
    if not tool.source_code:
        raise Unrunnable(f"{tool.name} has no source code, only a schema; nothing was done. Its client has to run it.")
    if tool.source_type not in LANGUAGES:
        known = ", ".join(name for name in LANGUAGES if name)
        raise Unrunnable(f"{tool.name} is written in {tool.source_type!r}; this server runs {known}.")
    if tool.npm_requirements:
        names = ", ".join(each.name for each in tool.npm_requirements)
        raise Unrunnable(f"{tool.name} needs npm packages ({names}), which this server does not install.")
    return tool.source_code, LANGUAGES[tool.source_type]


def _environment(variables: Mapping[str, str], calling: Calling) -> dict[str, str]:
    """What the tool finds in its environment; nothing of the server's own."""
    own = {
        "LETTA_AGENT_ID": calling.agent_id,
        "LETTA_PROJECT_ID": calling.project_id,
        "LETTA_TOOL_ID": calling.tool.id,
        "LETTA_RUN_ID": calling.run_id,
    }
    environment = {**variables, **calling.secrets, **{name: value for name, value in own.items() if value}}
    for name in environment:
        if not re.fullmatch(VARIABLE, name):
            raise Unrunnable(
                f"{name[:80]!r} is no name of an environment variable: it takes letters, digits and `_`. Rename it."
            )
    if sum(map(len, environment.values())) > MOST_ENVIRONMENT:
        raise Unrunnable(f"The secrets and variables have more than {MOST_ENVIRONMENT} characters together.")
    return environment


def _told(outcome: Outcome) -> str:
    """What the model reads of a call."""
    if outcome.status == "error":
        return outcome.error
    value: Any = outcome.value
    return value if isinstance(value, str) else "None" if value is None else encode(value).decode()


def _lines(text: str) -> list[str]:
    return [text] if text else []
