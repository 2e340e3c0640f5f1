"""Programs on machines at E2B, against a stand-in that speaks its protocol."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.sandbox.choose import chosen
from holdfast.sandbox.model import Limits, Outcome, Program, Sandbox
from tests.cli.command import alone, run
from tests.fakes.e2b import KEY, E2BServer

LIMIT_S = 30.0


@pytest.fixture
def e2b() -> Iterator[E2BServer]:
    with E2BServer() as server:
        yield server


def _environment(e2b: E2BServer, **more: str) -> dict[str, str]:
    return {"E2B_API_KEY": KEY, "E2B_API_URL": e2b.url, "E2B_SANDBOX_URL": e2b.url, **more}


@pytest.fixture
async def sandbox(e2b: E2BServer) -> AsyncIterator[Sandbox]:
    made = chosen("auto", _environment(e2b, E2B_SANDBOX_TEMPLATE_ID="mine"), Limits(output_kb=1))
    yield made
    await made.close()
    assert not e2b.machines, "every machine was ended"


async def call(sandbox: Sandbox, body: str, seconds: float = LIMIT_S, **arguments: Any) -> Outcome:
    lines = "\n    ".join(body.splitlines())
    source = f"def tool({', '.join(arguments)}):\n    {lines}"
    return await sandbox.run(Program(source, function="tool", arguments=arguments, time_limit_s=seconds))


async def test_a_function_runs_on_a_machine_of_its_own(sandbox: Sandbox, e2b: E2BServer) -> None:
    got = await call(sandbox, "print('hi')\nreturn {'sum': a + 1, 'b': b}", a=1, b="'); import os; ('")
    assert (got.status, got.value, got.stdout) == ("success", {"sum": 2, "b": "'); import os; ('"}, "hi\n")
    assert got.fingerprint == "e2b-mine"
    assert e2b.made == [{"templateID": "mine", "timeout": 60, "allow_internet_access": False}]


async def test_programs_state_environment_and_coroutines(sandbox: Sandbox) -> None:
    assert (await sandbox.run(Program("print(__name__)", time_limit_s=LIMIT_S))).stdout == "__main__\n"
    wait = "import asyncio, os\nasync def f(agent_state):\n    await asyncio.sleep(0)\n"
    source = f"{wait}    return [os.environ['X'], agent_state]"
    program = Program(source, function="f", agent_state={"n": 1}, environment={"X": "y"}, time_limit_s=LIMIT_S)
    assert (await sandbox.run(program)).value == ["y", {"n": 1}]


@pytest.mark.parametrize(
    "body,said",
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return object()", "object"),
        ("import os\nos._exit(3)", "Died: 3"),
        ("raise SystemExit(2)", "SystemExit"),
    ],
)
async def test_what_goes_wrong_there_is_told(sandbox: Sandbox, body: str, said: str) -> None:
    got = await call(sandbox, body)
    assert (got.status, got.value) == ("error", None)
    assert said in got.error


async def test_too_long_and_too_much(sandbox: Sandbox) -> None:
    got = await call(sandbox, "import time\ntime.sleep(3)", seconds=0.5)
    assert "0.5 seconds" in got.error
    flood = await call(sandbox, "print('x' * 5000)\nreturn 1")
    assert flood.value == 1
    assert "more characters" in flood.stdout


async def test_when_it_cannot_be_used(e2b: E2BServer) -> None:
    wrong = chosen("auto", _environment(e2b, E2B_API_KEY="e2b_wrong"))
    assert "E2B_API_KEY" in (await call(wrong, "return 1")).error
    right = chosen("auto", _environment(e2b))
    e2b.broken = 500
    assert "answered 500" in (await call(right, "return 1")).error
    e2b.broken, e2b.cut = 0, True
    assert "before it had an answer" in (await call(right, "return 1")).error
    away = chosen("auto", _environment(e2b, E2B_API_URL="http://127.0.0.1:9"))
    assert "cannot be reached" in (await call(away, "return 1")).error
    for made in (wrong, right, away):
        await made.close()


async def test_a_chosen_level_and_what_must_be_near_run_here(e2b: E2BServer, tmp_path: Path) -> None:
    off = chosen("off", _environment(e2b))
    assert "HOLDFAST_SANDBOX=off" in (await call(off, "return 1")).error
    (tmp_path / "thing.py").write_text("VALUE = 42")
    made = chosen("auto", _environment(e2b))
    source = "import thing\ndef f(): return thing.VALUE"
    near = await made.run(Program(source, function="f", packages=tmp_path, time_limit_s=LIMIT_S))
    assert near.value == 42 or "not run" in near.error
    assert not e2b.made
    await made.close()


def test_doctor_names_it(e2b: E2BServer, tmp_path: Path) -> None:
    assert f"e2b: a machine of its own at {e2b.url}" in run("doctor", env=alone(tmp_path, **_environment(e2b))).stdout
