"""The real CrewAI, in an environment of its own, keeps its memory on the server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.beside import ROOT, python_with
from tests.harness.fleet import engines
from tests.harness.process import plain_environment
from tests.harness.tenants import Org

PROGRAM = Path(__file__).with_name("crew.py")
SECONDS = 120


@pytest.mark.parametrize("engine", engines()[-1:])
def test_crewai_keeps_its_memory_on_the_server(org: Org, models: OpenAIServer, tmp_path: Path) -> None:
    told = _run(org, models, tmp_path)
    assert told["plain"] == {
        "is_backend": True,
        "nearest": "Invoices are in Norwegian kroner.",
        "categories": ["billing"],
        "metadata": {"by": "Ann"},
        "inside": ["Invoices are in Norwegian kroner.", "The depot closes at five."],
        "scopes": ["/office", "/officer"],
        "below": ["/office/depot", "/office/money"],
        "counted": {"billing": 1, "hours": 2},
        "info": {
            "record_count": 2,
            "child_scopes": ["/office/depot", "/office/money"],
            "categories": ["billing", "hours"],
        },
        "updated": "Invoices are in Swedish kronor.",
        "newest": ["The depot in Bergen closes at four.", "The depot closes at five."],
        "forgotten": 1,
        "left": 2,
        "office": 1,
        "after_reset": ["The depot in Bergen closes at four."],
    }
    assert "embedder=storage.embedder" in told["foreign_vector"]
    assert told["crew"]["answer"] == "Six words are enough."
    assert "The reader likes short headlines." in _asked(models, "Current Task:")
    assert "Ann prefers six words." in _asked(models, 'memories\\": [{')
    assert told["crew"]["kept"][-1] == "The reader likes short headlines."
    assert "Six words are enough." in told["crew"]["kept"][0]


def _asked(models: OpenAIServer, mark: str) -> str:
    """The request to the model that holds a text."""
    return next((text for text in (json.dumps(c.body, ensure_ascii=False) for c in models.chats) if mark in text), "")


def _run(org: Org, models: OpenAIServer, home: Path) -> dict[str, Any]:
    env = plain_environment(
        HOME=str(home),
        PYTHONPATH=str(ROOT / "src"),
        LETTA_SERVER_URL=org.server.url,
        LETTA_API_KEY=org.key,
        MODEL_URL=models.url,
        CREWAI_DISABLE_TELEMETRY="true",
        OTEL_SDK_DISABLED="true",
        CREWAI_TRACING_ENABLED="false",
        CREWAI_STORAGE_DIR=str(home),
    )
    command = [str(python_with("crewai")), str(PROGRAM)]
    done = subprocess.run(
        command,
        env=env,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])
