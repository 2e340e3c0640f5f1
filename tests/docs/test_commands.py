"""The commands in our documentation work as printed.

Blocks marked ```sh test run in the order of their document, in one shell, beside a server of their own; where a
document says 8283, the port of that server is used.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.fleet import Fleet
from tests.harness.server import Server

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh test\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 120


def blocks(text: str) -> list[str]:
    return BLOCK.findall(text)


def documents() -> list[Path]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if blocks(path.read_text())]


@pytest.fixture
def beside(fleet: Fleet, model_env: Mapping[str, str]) -> Server:
    return fleet.make("sqlite", model_env).start()


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands(document: Path, beside: Server, tmp_path: Path) -> None:
    script = "set -euxo pipefail\n" + "\n".join(blocks(document.read_text())).replace("8283", str(beside.port))
    done = _bash(script, beside, tmp_path)
    assert done.returncode == 0, f"{document.name} ended with {done.returncode}:\n{done.stdout}"


def _bash(script: str, beside: Server, cwd: Path) -> "subprocess.CompletedProcess[str]":
    ours = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOLDFAST_PORT": str(beside.port)}
    return subprocess.run(
        ["bash", "-c", script],
        env={**beside.env, **ours},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_only_marked_blocks_run() -> None:
    assert blocks("```sh\nfalse\n```\n\n```sh test\ntrue\n```\n") == ["true\n"]
