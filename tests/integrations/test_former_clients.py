"""Programs with a `letta-client` of the generation before 1.0 work: an early and the last release of it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.harness.beside import python_with
from tests.harness.fleet import engines
from tests.harness.process import plain_environment
from tests.harness.tenants import Org

PROGRAM = Path(__file__).with_name("fern.py")
SECONDS = 60


@pytest.mark.parametrize("engine", engines()[-1:])
@pytest.mark.parametrize("release", ["0.1.50", "0.1.324"])
def test_an_agents_life(org: Org, release: str, tmp_path: Path) -> None:
    env = plain_environment(HOME=str(tmp_path), LETTA_SERVER_URL=org.server.url, LETTA_API_KEY=org.key)
    command = [str(python_with(f"letta-client-{release}")), str(PROGRAM)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout) == {
        "found": True,
        "name": "app_agent_9",
        "answer": ["kept"],
        "passages": ["The lamp is green."],
        "listed": "assistant_message",
        "blocks": ["human", "persona"],
        "left": 0,
    }
