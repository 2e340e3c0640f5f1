"""Scripts that were written for the retired service: the demonstrations, the class, the function for Open WebUI."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.integrations.qwen import LettaOllamaAgent, MemoryProblem
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_script import Reply
from tests.harness.process import plain_environment
from tests.harness.waiting import free_port, until
from tests.qwen.service import MODEL, MemoryServiceProcess

ROOT = Path(__file__).resolve().parents[2]
OPEN_WEBUI = ROOT / "integrations" / "openwebui"

LETTA_CHAT = '''
# In Open WebUI > Admin > Functions

import requests

def letta_chat(prompt: str) -> str:
    """Chat with Letta agent that remembers history"""
    response = requests.post(
        "http://127.0.0.1:8888/chat",
        json={
            "message": prompt,
            "user_id": "openwebui",
            "include_memory_search": True
        }
    )
    return response.json()["message"]
'''
"""As the retired service's document has it."""


def python(*words: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=plain_environment(**env),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demonstrations_run_to_their_end(service: MemoryServiceProcess) -> None:
    told = python("letta_example.py", cwd=OPEN_WEBUI / "services", LETTA_URL=service.url)
    assert told.splitlines()[-1] == "done"
    for demo in ("memory", "practical", "multiuser"):
        assert f"== {demo}" in told
    assert "demo-alice finds 2 memories of their own and 0 of others" in told
    assert "forgotten:" in told


def test_a_demonstration_without_a_service_brings_its_own(ollama: OllamaServer, tmp_path: Path) -> None:
    program = (
        "from services.letta_agent import LettaOllamaAgent\n"
        f"agent = LettaOllamaAgent(model={MODEL!r}, agent_name='MyAgent')\n"
        "print(agent.chat('REPLY I am here'), agent.letta_url)\n"
        "print(LettaOllamaAgent().letta_url == agent.letta_url)\n"
    )
    env = {"DATA_DIR": str(tmp_path / "data"), "OLLAMA_URL": ollama.url, "HOME": str(tmp_path)}
    answer, is_shared = python("-c", program, cwd=OPEN_WEBUI, PYTHONPATH=str(OPEN_WEBUI), **env).splitlines()
    assert answer.startswith("I am here http://127.0.0.1:") and is_shared == "True"
    assert (tmp_path / "data" / "archival.db").exists()


def test_every_method_of_the_class(
    service: MemoryServiceProcess, ollama: OllamaServer, user: str, tmp_path: Path
) -> None:
    agent = LettaOllamaAgent(model=MODEL, agent_name="MyAgent", letta_url=service.url)
    ollama.queue(Reply("Gladly."))
    assert agent.chat("Tell me about AI", user_id=user) == "Gladly."
    assert agent.add_memory("I like Python programming", memory_type="recall", user_id=user).startswith("passage-")
    assert agent.search_memory("Python", limit=5, user_id=user)[0]["text"] == "I like Python programming"
    assert agent.get_recent_context(user_id=user)[0]["response"] == "Gladly."
    summary = agent.get_memory_summary(user_id=user)
    assert (summary["agent_name"], summary["model"], summary["memories"]) == ("MyAgent", MODEL, 1)
    path = agent.save_conversation(str(tmp_path / "kept" / "my_conversation.json"), user_id=user)
    assert json.loads(Path(path).read_text())["metadata"]["agent_name"] == "MyAgent"
    ollama.queue(Reply("They asked about AI."))
    assert agent.consolidate_memory(user_id=user) == "They asked about AI."
    assert agent.clear_memory(user_id=user) == 2
    assert agent.search_memory("Python", user_id=user) == []
    with pytest.raises(MemoryProblem, match="memory_type"):
        agent.add_memory("x", memory_type="gossip", user_id=user)
    with pytest.raises(MemoryProblem, match="holdfast service qwen"):
        LettaOllamaAgent(letta_url="http://127.0.0.1:9").chat("hello")


def test_the_function_for_open_webui_as_it_is_written(
    service: MemoryServiceProcess, ollama: OllamaServer, tmp_path: Path
) -> None:
    """Only the port is another: 8888 may belong to somebody else where tests run."""
    ollama.queue(Reply("I remember."))
    text = LETTA_CHAT.replace(":8888/", f":{service.port}/") + '\nprint(letta_chat("Do you remember me?"))\n'
    assert python("-c", text, cwd=tmp_path) == "I remember.\n"


@pytest.fixture
def launcher(ollama: OllamaServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    env = plain_environment(HOME=str(tmp_path), DATA_DIR=str(tmp_path / "data"), OLLAMA_URL=ollama.url)
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    yield env
    _launch(env, "--stop", check=False)


def _launch(env: dict[str, str], *words: str, check: bool = True) -> str:
    script = str(OPEN_WEBUI / "config" / "letta-launch.sh")
    return subprocess.run(
        ["sh", script, *words], env=env, capture_output=True, text=True, timeout=60, check=check
    ).stdout


def test_the_launcher_in_the_background(launcher: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    assert "Started in the background" in _launch(launcher, "--port", str(port), "--background")
    agent = LettaOllamaAgent(letta_url=f"http://127.0.0.1:{port}")
    log = tmp_path / "data" / "service.log"
    until(lambda: "listens on" in log.read_text(), "the service", 60)
    assert agent.chat("REPLY hello") == "hello"
    assert int((tmp_path / "data" / "service.pid").read_text()) > 0
    _launch(launcher, "--stop")
    assert not (tmp_path / "data" / "service.pid").exists()
