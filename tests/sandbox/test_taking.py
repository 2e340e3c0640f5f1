"""Programs that try to take more than there is: processes, memory, files."""

import pytest

from tests.sandbox.conftest import Sandboxed
from tests.sandbox.test_containment import still_works

FORKS = """
import os
def f(endless):
    made = 0
    while True:
        try:
            if os.fork() == 0:
                while True:
                    os.fork() if endless else __import__("time").sleep(60)
            made += 1
        except OSError as wrong:
            if not endless:
                return made
"""


def test_a_fork_bomb_is_bounded_and_stopped(sandbox: Sandboxed) -> None:
    made = sandbox.call(FORKS, endless=False)
    assert made.value < 24 if sandbox.level == "bubblewrap" else made.value == 0
    bomb = sandbox.call(FORKS, seconds=1, endless=True)
    assert bomb.error == "It did not end within 1 seconds and was stopped."
    still_works(sandbox)


@pytest.mark.parametrize(
    "taking",
    [
        "bytearray(10 * 2**30)",
        "[bytearray(2**20) for _ in range(10 * 2**10)]",
        "__import__('mmap').mmap(-1, 10 * 2**30)",
        "'x' * (10 * 2**30)",
        "[open(f'{n}', 'wb').write(bytes(2**20)) for n in range(10 * 2**10)]",
        "[__import__('threading').Thread(target=__import__('time').sleep, args=(60,)).start() for _ in range(1000)]",
    ],
)
def test_more_than_there_is_cannot_be_taken(sandbox: Sandboxed, taking: str) -> None:
    outcome = sandbox.call(f"def f():\n    return len({taking})", seconds=20)
    assert outcome.status == "error"
    assert any(
        said in outcome.error
        for said in ("emory", "No space left", "Cannot allocate", "can't start new thread", "kept more than")
    ), outcome.error
    still_works(sandbox)


SPREAD = """
import os, time
def f(before, each):
    shared, own = bytearray(b"x") * before, None
    for _ in range(4):
        if os.fork() == 0:
            own = bytearray(b"x") * each
            time.sleep(60)
    time.sleep(15 if each > before else 1)
    return "done"
"""


def test_many_processes_share_what_one_may_take(isolated: Sandboxed) -> None:
    outcome = isolated.call(SPREAD, before=1, each=100 * 2**20)
    assert outcome.error == "Its processes used more than 256 MB of memory together and were stopped."
    assert isolated.call(SPREAD, before=100 * 2**20, each=1).value == "done"
    still_works(isolated)
