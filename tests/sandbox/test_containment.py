"""Programs that try to get out, to take everything, or to bring down what runs them."""

import json
import os
import platform
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.sandbox.model import Outcome, Program
from holdfast.sandbox.seccomp import MACHINES
from holdfast.sandbox.syscalls import ABSENT, KERNEL, NUMBERS
from tests.harness.waiting import until
from tests.sandbox.conftest import Sandboxed

WORKS = "def f():\n    return 'still here'"

READ = """
import os
def f(paths):
    seen = {}
    for path in paths:
        try:
            os.symlink(path, "link")
            seen[path] = [open(path).read(), open("link").read()]
        except OSError as wrong:
            seen[path] = wrong.strerror
        if os.path.lexists("link"):
            os.unlink("link")
    return seen
"""
WRITE = """
import os
def f(paths):
    done = []
    for path in paths:
        for attempt in (lambda: open(path, "w").write("x"), lambda: os.chmod(path, 0o777), lambda: os.unlink(path),
                        lambda: os.rename(path, path + ".moved"), lambda: os.truncate(path, 0), lambda: os.utime(path),
                        lambda: os.link(path, "linked"), lambda: os.mkdir(path + ".made"),
                        lambda: os.chown(path, 1, 1)):
            try:
                attempt()
                done.append(path)
            except OSError:
                pass
    return done
"""
CONNECT = """
import socket
def f(address):
    wrong = []
    for kind, family, where in (
        ("stream", socket.AF_INET, tuple(address)),
        ("outside", socket.AF_INET, ("192.0.2.1", 80)),
        ("abstract", socket.AF_UNIX, "\\0holdfast-test"),
        ("vsock", getattr(socket, "AF_VSOCK", 40), (2, 1)),
        ("packet", getattr(socket, "AF_PACKET", 17), ("lo", 0)),
    ):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as made:
                made.settimeout(2)
                made.connect(where)
        except OSError as failed:
            wrong.append(kind)
    return wrong
"""
SYSCALLS = """
import ctypes
def f(numbers):
    libc = ctypes.CDLL(None, use_errno=True)
    answers = {}
    for name, number in numbers.items():
        ctypes.set_errno(0)
        answers[name] = [libc.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()]
    return answers
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("the server's secret")
    path.chmod(0o644)
    return path


def still_works(sandbox: Sandboxed) -> None:
    assert sandbox.call(WORKS).value == "still here"


def test_files_of_the_machine_cannot_be_read(sandbox: Sandboxed, secret: Path) -> None:
    tried = [str(secret), "/etc/passwd", "/etc/shadow", "/proc/1/environ", f"/proc/{os.getpid()}/environ"]
    tried += [f"/proc/self/root{secret}", f"/proc/self/cwd/../..{secret}", f"/proc/{os.getpid()}/root{secret}"]
    outcome = sandbox.call(READ, paths=tried)
    assert outcome.status == "success", outcome.error
    assert "secret" not in json.dumps(list(outcome.value.values()))
    read = [path for path, found in outcome.value.items() if not isinstance(found, str)]
    assert [path for path in read if outcome.value[path][0]] == []


def test_the_environment_of_the_server_is_not_there(sandbox: Sandboxed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "5ecret")
    source = "import os\ndef f():\n    return dict(os.environ)"
    program = Program(source, function="f", environment={"MINE": "1"})
    outcome = sandbox.run(program)
    assert set(outcome.value) == {"PATH", "HOME", "TMPDIR", "LANG", "MINE"}
    assert outcome.value["MINE"] == "1"


def test_nothing_outside_its_own_directory_can_be_written(sandbox: Sandboxed, secret: Path) -> None:
    before = secret.stat()
    places = [str(secret), "/usr/bin/env", "/x", "/etc/x", "/dev/x", "/proc/sys/kernel/hostname", os.__file__]
    outcome = sandbox.call(WRITE, paths=places)
    assert (outcome.status, outcome.value) == ("success", [])
    assert secret.stat() == before
    assert secret.read_text() == "the server's secret"
    source = "def f():\n    open('mine', 'w').write('x')\n    return open('mine').read()"
    assert sandbox.call(source).value == "x"


@pytest.fixture
def listening() -> Iterator[tuple[socket.socket, list[Any]]]:
    """A server on the loopback, and who came."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    came.append(server.accept())
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server, came
        server.shutdown(socket.SHUT_RDWR)


def test_the_network_cannot_be_reached(sandbox: Sandboxed, listening: tuple[socket.socket, list[Any]]) -> None:
    server, came = listening
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0holdfast-test")
        abstract.listen()
        outcome = sandbox.call(CONNECT, address=server.getsockname())
    assert outcome.value == ["stream", "outside", "abstract", "vsock", "packet"]
    assert came == []


def test_the_network_is_there_when_it_is_given(sandbox: Sandboxed, listening: tuple[socket.socket, list[Any]]) -> None:
    server, came = listening
    source = "import socket\ndef f(address):\n    socket.create_connection(tuple(address)).close()"
    program = Program(source, function="f", arguments={"address": server.getsockname()}, network=True)
    if sandbox.level == "landlock":
        program = Program(CONNECT, function="f", arguments={"address": server.getsockname()}, network=True)
    assert sandbox.run(program).error == ""
    assert until(lambda: came, "a connection")


def test_calls_that_no_tool_needs_are_refused(sandbox: Sandboxed) -> None:
    column = MACHINES[platform.machine()][1]
    numbers = {name: NUMBERS[name][column] for name in (*KERNEL, *ABSENT)}
    outcome = sandbox.call(SYSCALLS, numbers={name: number for name, number in numbers.items() if number is not None})
    assert {tuple(answer) for answer in outcome.value.values()} <= {(-1, 1), (-1, 38)}
    assert outcome.value["clone3"] == [-1, 38]


def test_no_further_namespace_can_be_made(isolated: Sandboxed) -> None:
    source = """
import ctypes
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    return [libc.unshare(0x10000000), libc.syscall({number}, 0x10000000 | 17, 0, 0, 0, 0), ctypes.get_errno()]
""".replace("{number}", str(NUMBERS["clone"][MACHINES[platform.machine()][1]]))
    assert isolated.call(source).value == [-1, -1, 1]


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    while True:\n        pass",
        "import time\ndef f():\n    time.sleep(100)",
        "import asyncio\nasync def f():\n    await asyncio.sleep(100)",
        "def f():\n    while True:\n     try:\n      raise KeyError\n     except BaseException:\n      pass",
    ],
)
def test_what_does_not_end_is_stopped(sandbox: Sandboxed, source: str) -> None:
    assert sandbox.call(source, seconds=0.5).error == "It did not end within 0.5 seconds and was stopped."


def test_nothing_that_it_started_is_left(isolated: Sandboxed, tmp_path: Path) -> None:
    mark = f"{7_000_000 + os.getpid()}"
    source = """
import os, subprocess
def f(mark):
    subprocess.Popen(["sleep", mark], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        subprocess.Popen(["sleep", mark])
        while True:
            pass
    return "done"
"""
    assert isolated.call(source, mark=mark).value == "done"
    until(lambda: not running(mark), "the end of all its processes", 30)


def running(mark: str) -> list[str]:
    """The processes that have this among their words."""
    found = list[str]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in words:
            found.append(process.name)
    return found


@pytest.mark.parametrize("where", ["stdout", "stderr"])
def test_endless_output_is_cut_and_stopped(sandbox: Sandboxed, where: str) -> None:
    outcome = sandbox.call(f"import sys\ndef f():\n    while True:\n        sys.{where}.write('x' * 10_000)")
    assert outcome.error == "It printed more than 1 MB and was stopped."
    assert 64 * 1024 <= len(getattr(outcome, where)) < 66 * 1024


def test_it_can_do_without_its_output(isolated: Sandboxed) -> None:
    assert isolated.call("import os\ndef f():\n    os.close(1)\n    os.close(2)\n    return 5").value == 5
    assert isolated.call("import sys\ndef f():\n    sys.stdout = None\n    sys.stderr.close()\n    return 5").value == 5


@pytest.mark.parametrize(
    ("doing", "said"),
    [
        ("[os.close(n) for n in range(3, 256) if is_open(n)]", ""),
        ("[os.write(n, b'\\xff' * 64) for n in range(3, 256) if is_open(n)]", "the server's own connection"),
        ("[os.write(n, b'\\0\\0\\0\\2{]') for n in range(3, 256) if is_open(n)]", "the server's own connection"),
        ("[os.write(n, b'\\0\\0\\0\\2[]') for n in range(3, 256) if is_open(n)]", "the server's own connection"),
        ("[os.write(n, b'\\0\\0\\0\\4\"\\xff\\xfe\"') for n in range(3, 256) if is_open(n)]", "own connection"),
        (
            "[os.write(n, bytes.fromhex('00030d40') + b'[' * 200_000) for n in range(3, 256) if is_open(n)]",
            "own connection",
        ),
        ("os._exit(3)", "exit code 3"),
        ("os.abort()", "signal 6"),
        ("__import__('ctypes').string_at(0)", "signal 11"),
        ("sys.exit('enough')", "SystemExit('enough')"),
    ],
)
def test_breaking_off_is_told(isolated: Sandboxed, doing: str, said: str) -> None:
    source = f"""
import os, stat, sys
def is_open(n):
    try:
        return stat.S_ISSOCK(os.fstat(n).st_mode)
    except OSError:
        return False
def f():
    {doing}
"""
    outcome = isolated.call(source, seconds=20)
    assert outcome.status == "error"
    assert said in outcome.error


def test_whoever_started_it_cannot_be_ended(sandbox: Sandboxed) -> None:
    source = """
import os, resource, signal
def f(server):
    for pid in (server, os.getppid(), 1, -1):
        for attempt in (lambda: os.kill(pid, signal.SIGKILL) if pid not in (-1, os.getpid()) else None,
                        lambda: os.killpg(os.getpgid(pid), signal.SIGTERM) if pid > 1 and pid != os.getpid() else None,
                        lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)) if pid > 1 else None):
            try:
                attempt()
            except OSError:
                pass
    return "tried"
"""
    assert sandbox.call(source, server=os.getpid()).value == "tried"
    sandbox.call("import os\ndef f():\n    os.kill(-1, 9)")
    still_works(sandbox)


def test_arguments_stay_data(isolated: Sandboxed) -> None:
    attack = """'); import os; os._exit(3) #\n\"\"\"\n{__import__('os')} %s \\u0000 ${x} `id` </script>"""
    arguments: dict[str, Any] = {"a": attack, "b": {"__class__": "x", attack: [attack]}, "c": None}
    outcome = isolated.run(Program("def f(a, b, c):\n    return [a, b, c]", function="f", arguments=arguments))
    assert outcome.value == [attack, {"__class__": "x", attack: [attack]}, None]
    outcome = isolated.call("def f(a):\n    return a", **{"a=1); import os; (b": 1})
    assert outcome.error.startswith("f() cannot be called so: ")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("object()", "It returned a object, which is not JSON."),
        ("circle()", "It returned something that nests more than 100 levels deep, or contains itself."),
        ("deep(100_000)", "It returned something that nests more than 100 levels deep, or contains itself."),
        ("'x' * 50_000_000", "It returned 50.0 MB of JSON; at most 1.0 MB can be returned."),
    ],
)
def test_what_is_no_json_is_told(isolated: Sandboxed, returned: str, said: str) -> None:
    source = f"""
def circle():
    made = {{}}
    made["self"] = made
    return made
def deep(levels):
    made = []
    for _ in range(levels):
        made = [made]
    return made
def f():
    return {returned}
"""
    outcome = isolated.call(source)
    assert outcome.status == "error"
    assert outcome.error.startswith(said)


def test_output_that_is_no_text_is_made_one(isolated: Sandboxed) -> None:
    source = "import sys\ndef f():\n    sys.stdout.buffer.write(b'a\\xff\\xfe\\x00b')\n    return '\\ud800 \\x00c'"
    outcome = isolated.call(source)
    assert outcome.stdout == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"
    assert outcome.value == "\N{REPLACEMENT CHARACTER} c"


def test_two_programs_see_nothing_of_each_other(sandbox: Sandboxed) -> None:
    leave = "import os, sys\ndef f():\n    open('left', 'w').write('x')\n    sys.modules['left'] = os"
    look = "import os, sys\ndef f():\n    return [os.listdir('.'), 'left' in sys.modules, os.path.exists('/tmp/left')]"
    assert sandbox.call(leave).status == "success"
    assert sandbox.call(look).value == [[], False, False]


def test_no_words_of_a_program_reach_the_logs(isolated: Sandboxed, caplog: pytest.LogCaptureFixture) -> None:
    outcome: Outcome = isolated.run(Program("1/0", environment={"KEY": "5ecret"}))
    assert outcome.status == "error"
    assert "5ecret" not in caplog.text
    assert "5ecret" not in repr(Program("1", environment={"KEY": "5ecret"}))
