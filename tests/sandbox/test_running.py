"""What programs are given, and what comes back of them."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import BadRequest
from holdfast.sandbox.model import SOCKET, Limits, Program
from holdfast.sandbox.programs import Programs
from tests.cli.command import alone, run
from tests.harness.server import Server
from tests.sandbox.conftest import Sandboxed, sandboxed


@pytest.fixture(scope="module")
def warm() -> Iterator[Sandboxed]:
    """Whatever this machine can do, with sandboxes that wait."""
    yield from sandboxed("auto", Limits(warm=2))


def test_a_function_gets_its_arguments_and_returns_json(sandbox: Sandboxed) -> None:
    outcome = sandbox.call("def f(a, b=[]):\n    print('hi')\n    return {'sum': a, 'b': b}", a=1)
    assert (outcome.status, outcome.value, outcome.stdout) == ("success", {"sum": 1, "b": []}, "hi\n")
    assert outcome.fingerprint.startswith(sandbox.level)


def test_an_async_function_is_awaited(sandbox: Sandboxed) -> None:
    source = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return await asyncio.to_thread(lambda: 7)"
    assert sandbox.call(source).value == 7


def test_a_program_is_run_for_what_it_prints(warm: Sandboxed) -> None:
    source = (
        "import sys\nif __name__ == '__main__':\n    print('out')\n    print('err', file=sys.stderr)\n    sys.exit(0)"
    )
    outcome = warm.run(Program(source))
    assert (outcome.status, outcome.value, outcome.stdout, outcome.stderr) == ("success", None, "out\n", "err\n")


def test_mistakes_have_the_line_numbers_of_the_source(warm: Sandboxed) -> None:
    source = """def g(x):
    return 1 / x


def f():
    try:
        g(0)
    except ZeroDivisionError:
        raise ValueError("no")
"""
    said = warm.call(source).error
    assert "line 2, in g\n    return 1 / x" in said
    assert "line 9, in f" in said
    assert said.endswith("ValueError: no")
    assert "holdfast" not in said


def test_a_mistake_of_grammar_is_told(warm: Sandboxed) -> None:
    said = warm.call("def f():\n    return )").error
    assert 'File "tool.py", line 2' in said
    assert said.endswith("SyntaxError: unmatched ')'")


def test_a_long_traceback_is_cut(warm: Sandboxed) -> None:
    said = warm.call("def f():\n    raise ValueError('x' * 100_000)").error
    assert len(said) < 5000
    assert said.startswith("Traceback")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def g():\n    pass", "There is no function `f` in the source."),
        ("f = 1", "There is no function `f` in the source."),
        ("def f(a):\n    pass", "f() cannot be called so: missing a required argument: 'a'."),
        ("import no_such_module\ndef f():\n    pass", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f():\n    return f()", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_what_cannot_be_called_is_told(warm: Sandboxed, source: str, said: str) -> None:
    outcome = warm.call(source)
    assert outcome.status == "error"
    assert said in outcome.error


def test_the_agent_is_given_to_who_asks_for_it(warm: Sandboxed) -> None:
    for source, value in (
        ("def f(agent_state):\n    return agent_state['name']", "Ada"),
        ("def f():\n    return 1", 1),
    ):
        assert warm.run(Program(source, function="f", agent_state={"name": "Ada"})).value == value


def test_functions_of_the_server_can_be_called(sandbox: Sandboxed) -> None:
    asked = list[tuple[str, Any]]()

    async def calls(name: str, arguments: Mapping[str, Any]) -> Any:
        asked.append((name, arguments))
        if name == "fail":
            raise BadRequest("There is no such thing.")
        return {"found": [arguments.get("query")]}

    source = """
from concurrent.futures import ThreadPoolExecutor
print(search("one")["found"], search(query="two", limit=3))
try:
    fail()
except RuntimeError as wrong:
    print(wrong)
try:
    search(wrong=1)
except TypeError as wrong:
    print(wrong)
with ThreadPoolExecutor(4) as threads:
    print([found["found"] for found in threads.map(search, "abcd")])
"""
    outcome = sandbox.run(Program(source, functions={"search": ["query", "limit"], "fail": []}), calls)
    assert outcome.error == ""
    assert outcome.stdout.splitlines() == [
        "['one'] {'found': ['two']}",
        "There is no such thing.",
        "got an unexpected keyword argument 'wrong'",
        "[['a'], ['b'], ['c'], ['d']]",
    ]
    assert asked[:3] == [("search", {"query": "one"}), ("search", {"query": "two", "limit": 3}), ("fail", {})]


def test_waiting_for_the_server_counts_as_time(warm: Sandboxed) -> None:
    async def never(_name: str, _arguments: Mapping[str, Any]) -> Any:
        await asyncio.Event().wait()

    outcome = warm.run(Program("wait()", functions={"wait": []}, time_limit_s=0.5), never)
    assert outcome.error == "It did not end within 0.5 seconds and was stopped."


def test_packages_are_there_to_be_imported_and_not_changed(sandbox: Sandboxed, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("VALUE = 42\n")
    source = """
import mine
def f():
    try:
        open(mine.__file__, "w")
    except OSError:
        return mine.VALUE
"""
    assert sandbox.run(Program(source, function="f", packages=tmp_path)).value == 42
    assert "No module named 'mine'" in sandbox.call(source).error


def test_a_socket_of_the_server_can_be_talked_to(isolated: Sandboxed) -> None:
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as server:
        path = Path(place) / "api"
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"hello")

        threading.Thread(target=answer, daemon=True).start()
        source = """
import os, socket
def f():
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(os.environ["HOLDFAST_SOCKET"])
        return [made.recv(5).decode(), os.environ["HOLDFAST_SOCKET"]]
"""
        outcome = isolated.run(Program(source, function="f", socket=path))
    assert outcome.value == ["hello", SOCKET]


def test_many_at_once_and_each_in_its_own(warm: Sandboxed) -> None:
    source = "import os\ndef f(n):\n    open('n', 'x').write(str(n))\n    return int(open('n').read())"

    async def all_of_them() -> list[Any]:
        programs = [Program(source, function="f", arguments={"n": n}) for n in range(8)]
        return [outcome.value for outcome in await asyncio.gather(*map(warm.programs.run, programs))]

    assert warm.runner.run(all_of_them()) == list(range(8))


def test_a_cancelled_program_is_stopped(warm: Sandboxed) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(warm.programs.run(Program("print('x', flush=True)\nwhile True:\n    pass")))
        await asyncio.wait((task,), timeout=1)
        task.cancel()
        await asyncio.wait((task,), timeout=30)
        assert task.cancelled()

    warm.runner.run(cancel())
    assert warm.call("def f():\n    return 1").value == 1


async def test_without_a_sandbox_nothing_is_run(tmp_path: Path) -> None:
    programs = Programs("off")
    outcome = await programs.run(Program("open('x', 'w')"))
    assert (await programs.level(), outcome.status) == ("off", "error")
    assert outcome.error == "Code of others is not run on this server: HOLDFAST_SANDBOX=off."
    await programs.close()


async def test_the_next_best_is_taken_and_the_reason_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = Programs("auto", Limits(warm=0))
    assert "bubblewrap (bwrap) is not installed" in await programs.description()
    assert await programs.level() in ("landlock", "off")
    await programs.close()


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
ASYNC = "export async function f({ a, b }) { await null; return { a, b }; }"
PLAIN = "function f(b, a = 2) {\n  console.log('hi');\n  return [a, b, new Map([['x', 1n]]), new Set([1])];\n}"


def javascript(sandbox: Sandboxed, source: str, seconds: float = 30, **arguments: object) -> Any:
    program = Program(source, "javascript", "f", arguments, environment={"MINE": "1"}, time_limit_s=seconds)
    return sandbox.run(program)


@needs_node
def test_javascript_runs_in_node(sandbox: Sandboxed) -> None:
    outcome = javascript(sandbox, PLAIN, a=1, b="x")
    assert (outcome.value, outcome.stdout) == ([1, "x", {"x": "1"}, [1]], "hi\n")
    assert javascript(sandbox, ASYNC, a=1, b=2).value == {"a": 1, "b": 2}


@needs_node
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("function f() {\n  throw new TypeError('no');\n}", "TypeError: no\n    at f (tool:2:9)"),
        ("function f( {", "SyntaxError: "),
        ("export const g = 1;", "There is no exported function `f` in the source."),
        ("function f() { while (true); }", "It did not end within 2 seconds and was stopped."),
        ("function f() { return 'x'.repeat(2 ** 24); }", "MB of JSON; at most 4.2 MB can be returned."),
        ("function f() { return () => 1; }", ""),
        ("function f() { process.exit(3); }", "It ended itself with exit code 3"),
        (
            "import fs from 'node:fs';\nexport function f() { return fs.readFileSync('/etc/shadow', 'utf8'); }",
            "/etc/shadow",
        ),
    ],
)
def test_what_goes_wrong_in_node_is_told(warm: Sandboxed, source: str, said: str) -> None:
    outcome = javascript(warm, source, seconds=2 if "while" in source else 30)
    assert (outcome.status, said) == ("error", said) if said else outcome.value is None
    assert said in outcome.error


@needs_node
def test_typescript_runs_where_node_can_take_its_types_away(warm: Sandboxed) -> None:
    source = "export function f(a: number): number { return a + 1; }"
    outcome = warm.run(Program(source, "typescript", "f", {"a": 1}))
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(map(int, version.strip("v").split("."))) >= (22, 13, 0):
        assert outcome.value == 2
    else:
        assert f"Node.js {version} runs TypeScript only where it is also JavaScript" in outcome.error
        assert "install Node.js 22.13 or newer" in outcome.error
    assert warm.run(Program("function f(a) { return a + 1; }", "typescript", "f", {"a": 1})).value == 2


def test_without_node_the_message_says_so(monkeypatch: pytest.MonkeyPatch, warm: Sandboxed, tmp_path: Path) -> None:
    for program in ("bwrap", "setpriv"):
        if found := shutil.which(program):
            (tmp_path / program).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    for each in sandboxed(warm.level, Limits(warm=0)):
        assert "need Node.js" in javascript(each, "function f() {}").error


@needs_node
def test_a_flag_that_node_is_too_old_to_know_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    knows = 'case "$*" in *--disable-wasm-trap-handler*) exit 9;; esac'
    node.write_text(f'#!/bin/sh\n{knows}\nexec {shutil.which("node")} "$@"\n')
    node.chmod(0o755)
    monkeypatch.setenv("PATH", f"{node.parent}:{os.environ['PATH']}")
    for each in sandboxed("landlock", Limits(warm=0)):  # bubblewrap hides what is in /tmp
        assert javascript(each, PLAIN, a=1, b="x").stdout == "hi\n"


def test_health_tells_the_level_when_it_is_asked(server: Server) -> None:
    level = server.http.get("/v1/health/?detail=true").json()["sandbox"]
    assert level in ("bubblewrap", "landlock", "off")
    assert "sandbox" not in server.http.get("/v1/health/").json()


def test_doctor_tells_what_was_chosen(tmp_path: Path) -> None:
    said = run("doctor", env=alone(tmp_path, HOLDFAST_SANDBOX="off")).stdout
    assert "off: code of others is not run (HOLDFAST_SANDBOX=off)" in said
