"""The sandbox itself, in this process, on each level that the machine can do."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from holdfast.sandbox.model import Calls, Limits, Outcome, Program
from holdfast.sandbox.programs import Programs

FEW = Limits(warm=0, memory_mb=256, scratch_mb=16, processes=24, output_kb=64, result_kb=1024)


@dataclass(frozen=True, slots=True)
class Sandboxed:
    """Runs programs and waits for them."""

    level: str
    programs: Programs
    runner: asyncio.Runner

    def run(self, program: Program, calls: Calls | None = None) -> Outcome:
        return self.runner.run(self.programs.run(program, calls))

    def call(self, source: str, seconds: float = 30, **arguments: object) -> Outcome:
        """Call the function `f` of a source."""
        return self.run(Program(source, function="f", arguments=arguments, time_limit_s=seconds))


def sandboxed(level: str, limits: Limits) -> Iterator[Sandboxed]:
    with asyncio.Runner() as runner:
        programs = Programs(level, limits)
        if runner.run(programs.level()) == "off":
            pytest.skip(runner.run(programs.description()))
        yield Sandboxed(level, programs, runner)
        runner.run(programs.close())


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandboxed]:
    yield from sandboxed(request.param, FEW)


@pytest.fixture(scope="module")
def isolated() -> Iterator[Sandboxed]:
    """With namespaces of its own."""
    yield from sandboxed("bubblewrap", FEW)
