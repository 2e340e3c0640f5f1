"""The distribution `letta`: what programs import under that name, against the real server, and its commands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import letta
from letta.exceptions import APIError
from tests.fakes.openai_server import OpenAIServer
from tests.harness.beside import ROOT, python_with
from tests.harness.models import EMBEDDING, MODEL, environment
from tests.harness.process import Process, plain_environment
from tests.harness.tenants import Org
from tests.harness.waiting import free_port, until

SHIM = ROOT / "shims" / "letta"
SECONDS = 60


@pytest.fixture
def client(org: Org) -> Iterator[letta.Letta]:
    with letta.Letta(base_url=org.server.url, token=org.key) as client:
        yield client


def test_an_agent_from_its_making_to_its_end(client: letta.Letta, org: Org) -> None:
    assert client.health.check().status == "ok"
    name = org.name("app_agent")
    made = client.agents.create(name, persona="I count.", human="Ada", model=MODEL, embedding_model=EMBEDDING)
    assert [agent.id for agent in client.agents.list(name=name).data] == [made.id]
    assert {(block.label, block.value) for block in made.memory.blocks} == {("persona", "I count."), ("human", "Ada")}
    assert (made.model, made.embedding) == (MODEL, EMBEDDING)
    assert client.agents.get(made.id).name == name
    client.agents.delete(made.id)
    assert client.agents.list(name=name).data == []
    with pytest.raises(APIError) as gone:
        client.agents.get(made.id)
    assert gone.value.status_code == 404


def test_messages_are_answered_and_listed_oldest_first(client: letta.Letta) -> None:
    agent = client.agents.create(model=MODEL)
    answer = client.messages.create(agent_id=agent.id, content="REPLY one", role="user", stream=False)
    assert answer.id.startswith("message-")
    assert answer.content == "one"
    client.agents.messages.create(agent_id=agent.id, content="REPLY two")
    said = client.messages.list(agent_id=agent.id, limit=50).data
    assert [(m.role, m.content) for m in said if m.role != "system"][-4:] == [
        *(("user", "REPLY one"), ("assistant", "one")),
        *(("user", "REPLY two"), ("assistant", "two")),
    ]
    assert [m.content for m in client.messages.list(agent.id, limit=1)] == ["two"]


def test_a_stream_brings_the_messages_as_they_are_made(client: letta.Letta) -> None:
    agent = client.agents.create(model=MODEL)
    said = [
        m.content for m in client.messages.create(agent.id, "REPLY bit by bit", stream=True) if m.role == "assistant"
    ]
    assert "".join(said) == "bit by bit"


def test_an_observation_of_the_system_and_a_tool_call(client: letta.Letta) -> None:
    agent = client.agents.create(model=MODEL, human="")
    assert client.messages.create(agent.id, "The door is open.", role="system").id
    turn = client.messages.create(agent.id, 'CALL memory_insert {"label": "human", "new_string": "Ann"} REPLY kept')
    assert [m.role for m in turn.data if m.message_type.startswith("tool")] == ["tool", "tool"]
    assert client.agents.get(agent.id).memory.blocks[0].value.strip() == "Ann"


def test_the_client_of_the_generation_before(org: Org) -> None:
    client = letta.create_client(org.server.url, org.key)
    made = client.create_agent("cival_agent__u1__a1", persona="p", human="h", model=MODEL)
    assert [agent.name for agent in client.list_agents()] == ["cival_agent__u1__a1"]
    assert client.send_message(agent_id=made.id, message="REPLY hello", role="user").content == "hello"
    assert client.get_messages(agent_id=made.id, limit=1)[0].content == "hello"
    assert client.get_agent(made.id).id == made.id
    client.delete_agent(made.id)
    assert client.list_agents() == []


@pytest.mark.parametrize("id", ["", "nobody", "../health", "agent-00000000-0000-4000-8000-000000000000", "?", "a/b"])
def test_ids_that_are_none(client: letta.Letta, id: str) -> None:
    with pytest.raises(APIError) as refused:
        client.agents.delete(id)
    assert refused.value.status_code in (404, 405, 422)


def test_what_cannot_be_sent_is_an_error_of_the_library(client: letta.Letta) -> None:
    agent = client.agents.create(model=MODEL)
    with pytest.raises(APIError) as broken:
        client.messages.create(agent.id, "half \ud800 a pair")
    assert broken.value.status_code == 422
    with pytest.raises(APIError, match="role") as wrong:
        client.messages.create(agent.id, "x", role="wizard")
    assert wrong.value.status_code == 422
    with pytest.raises(APIError) as failed:
        client.messages.create(agent.id, "FAIL 401")
    assert failed.value.status_code is not None


def test_a_server_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(APIError, match="Is the server running") as unreached:
        letta.Letta(base_url=url).health.check()
    assert unreached.value.status_code is None
    with pytest.raises(APIError):
        letta.Letta(base_url="not an address").health.check()


def test_a_wheel_of_it_starts_the_server(models: OpenAIServer, tmp_path: Path) -> None:
    command = _installed(tmp_path)
    env = plain_environment(
        HOME=str(tmp_path),
        PYTHONPATH=str(tmp_path / "site"),
        HOLDFAST_DATA=str(tmp_path / "data"),
        **environment(models),
    )
    version = subprocess.run(
        [*command, "version"], env=env, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert version.stdout.strip() == letta.__version__
    wrong = subprocess.run(
        [*command, "server", "--nonsense"], env=env, capture_output=True, timeout=SECONDS, check=False
    )
    assert (wrong.returncode, b"--nonsense" in wrong.stderr) == (2, True)
    port = str(free_port())
    options = ["--host", "127.0.0.1", "--port", port, "--ade", "--type", "rest"]
    server = Process([*command, "server", *options], log=tmp_path / "log", env=env, cwd=tmp_path)
    server.start()
    try:
        until(lambda: _answers(port, server), f"`letta server` on port {port}", seconds=60)
        assert letta.create_client(f"http://127.0.0.1:{port}").list_agents() == []
    finally:
        assert server.stop() == 0
    assert "without effect here: --type" in server.tail()


def _installed(home: Path) -> list[str]:
    """The command of a wheel that is built and installed as anybody would."""
    build = [str(python_with("hatchling")), "-m", "hatchling", "build", "-t", "wheel", "-d", str(home / "dist")]
    subprocess.run(build, cwd=SHIM, check=True, timeout=SECONDS, capture_output=True)
    (wheel,) = (home / "dist").glob("letta-*.whl")
    uv = Path(sys.executable).with_name("uv")
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--target", home / "site", wheel]
    subprocess.run(install, env={**os.environ, "VIRTUAL_ENV": str(ROOT / ".venv")}, check=True, timeout=SECONDS)
    return [sys.executable, str(home / "site" / "bin" / "letta")]


def _answers(port: str, server: Process) -> bool:
    if not server.running:
        raise RuntimeError(server.tail())
    try:
        return letta.Letta(f"http://127.0.0.1:{port}").health.check().status == "ok"
    except APIError:
        return False
