"""The `holdfast` command as a user runs it: a process with arguments, an environment and perhaps a pipe."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.harness.process import plain_environment
from tests.harness.server import Server

SECONDS = 60


def run(*arguments: str, env: Mapping[str, str], stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run to the end; stdin is a pipe, as in a script."""
    return subprocess.run(
        [sys.executable, "-m", "holdfast", *arguments],
        env=plain_environment(**env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def beside(server: Server, *arguments: str, stdin: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    """With the environment of a server, on the same machine: same database, same data directory."""
    return run(*arguments, env={**server.env, "HOLDFAST_PORT": str(server.port), **env}, stdin=stdin)


def output(done: "subprocess.CompletedProcess[str]") -> str:
    """What a command printed that had to succeed."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def alone(home: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has nothing yet."""
    return {"HOME": str(home), **more}
