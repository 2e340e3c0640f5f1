"""The `holdfast` command as a user runs it: a process with arguments, an environment and perhaps something to read."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.harness.process import plain_environment
from tests.harness.server import Server
from tests.harness.warm import HOLDFAST, Forked, Surroundings

SECONDS = 60

Done = subprocess.CompletedProcess[str]


def run(*arguments: str, env: Mapping[str, str], stdin: str = "") -> Done:
    """Run to the end; stdin is no terminal, as in a script."""
    if "PYTHONPATH" in env:
        return run_cold(*arguments, env=env, stdin=stdin)
    with tempfile.TemporaryDirectory() as home:
        given, out, err = (Path(home) / name for name in ("stdin", "stdout", "stderr"))
        given.write_text(stdin)
        command = Forked(arguments, Surroundings(plain_environment(**env), (given, out, err)))
        try:
            code = command.wait(SECONDS)
        finally:
            command.kill()
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def run_cold(*arguments: str, env: Mapping[str, str], stdin: str = "") -> Done:
    """The same with a Python that has imported nothing yet, and a pipe."""
    return subprocess.run(
        [*HOLDFAST, *arguments],
        env=plain_environment(**env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def beside(server: Server, *arguments: str, stdin: str = "", **env: str) -> Done:
    """With the environment of a server, on the same machine: same database, same data directory."""
    return run(*arguments, env={**server.env, "HOLDFAST_PORT": str(server.port), **env}, stdin=stdin)


def output(done: Done) -> str:
    """What a command printed that had to succeed."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def alone(home: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has nothing yet."""
    return {"HOME": str(home), **more}
