"""What a sandbox is asked to run, what it answers, and what it may use up."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from holdfast.errors import AppError

Language = Literal["python", "javascript", "typescript"]
Level = Literal["bubblewrap", "landlock", "e2b", "off"]
Calls = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Answers what a program asks the server for: the name of a function, and its arguments by name."""

SOCKET = "/run/holdfast.sock"
"""Where a program finds the server's socket; the variable HOLDFAST_SOCKET says so."""


@dataclass(frozen=True, slots=True)
class Program:
    """Code, and all that it is given."""

    source: str
    language: Language = "python"
    function: str | None = None
    """The function that is called; None: the source is a program, run for what it prints."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON values, by the names of the function's parameters."""
    agent_state: Mapping[str, Any] | None = field(default=None, repr=False)
    """Passed as the argument `agent_state` to a function that has one."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """All the environment that it gets, besides PATH, HOME, TMPDIR and LANG."""
    packages: Path | None = None
    """A directory with installed packages, which it can import and not change."""
    network: bool = False
    socket: Path | None = None
    """A socket of the server that it may talk to."""
    functions: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Functions of the server that a Python program may call: name -> the names of its parameters, in their order."""
    time_limit_s: float = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running a program came to."""

    status: Literal["success", "error"]
    value: Any = None
    """What the function returned, as JSON."""
    error: str = ""
    """What went wrong, for whoever wrote the code."""
    stdout: str = ""
    stderr: str = ""
    fingerprint: str = ""
    """Of the configuration that it ran in."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use up, and how many sandboxes wait for one."""

    memory_mb: int = 512
    """Address space of each of its processes, and what all of them may hold together."""
    scratch_mb: int = 64
    """What it may keep in /tmp, and in one file."""
    processes: int = 32
    files: int = 256
    output_kb: int = 256
    """What is kept of each of stdout and stderr."""
    result_kb: int = 4096
    """The JSON of what it returns, and of what it asks for or is answered."""
    warm: int = 8

    @property
    def flood(self) -> int:
        """A program that prints this many bytes is stopped."""
        return 16 * self.output_kb * 1024


class SandboxOff(AppError):
    """Code of others is not run here; the sentence says why, and what would change it."""

    status = 501
    code = "sandbox_off"


class Sandbox(Protocol):
    """Runs programs, each apart from everything else."""

    async def level(self) -> Level:
        """How programs are kept apart; found out once, by trying."""
        ...

    async def description(self) -> str:
        """The same in a sentence, with the reason why it is not better."""
        ...

    async def run(self, program: Program, calls: Calls | None = None) -> Outcome:
        """Run it; whatever it does is told in the outcome, and also that nothing can be run here."""
        ...

    async def close(self) -> None:
        """Stop whatever still runs or waits."""
        ...
