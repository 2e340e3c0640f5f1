"""Makes a server die at the n-th point at which its turns wait: Python imports this when the folder is on its path.

`KILL_AT=7` sends SIGKILL to the process at the seventh wait. Nothing of the server is replaced; its turns are stepped.
"""

import os
import signal
from collections.abc import Coroutine, Generator
from typing import Any

from holdfast.turns import runner

_left = [int(os.environ.get("KILL_AT", "0"))]


class Stepped:
    """A coroutine that is counted whenever it waits."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, None]:
        inner = self._work.__await__()
        given: Any = None
        thrown: BaseException | None = None
        while True:
            try:
                waited = inner.send(given) if thrown is None else inner.throw(thrown)
            except StopIteration:
                return
            _count()
            given, thrown = None, None
            try:
                given = yield waited
            except BaseException as raised:  # whatever it is, it is the turn's
                thrown = raised


def _count() -> None:
    _left[0] -= 1
    if _left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _install() -> None:
    name = "_turn"
    turn = getattr(runner.Runner, name)

    async def stepped(self: runner.Runner, live: Any) -> None:
        await Stepped(turn(self, live))

    setattr(runner.Runner, name, stepped)


if _left[0]:
    _install()
