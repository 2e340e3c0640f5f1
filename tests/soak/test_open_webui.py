"""The real Open WebUI in front of agents; OPEN_WEBUI names its program where it is installed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness import clients
from tests.harness.fleet import FreshServer, engines
from tests.harness.process import Process, plain_environment
from tests.harness.server import Server
from tests.harness.waiting import free_port, until
from tests.messages.talking import texts

PROGRAM = os.environ.get("OPEN_WEBUI") or shutil.which("open-webui")
FUNCTIONS = Path(__file__).resolve().parents[2] / "integrations" / "openwebui" / "functions"
START_S, ANSWER_S = 300, 60
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not PROGRAM, reason="Open WebUI is not installed: pip install open-webui, or set OPEN_WEBUI"),
]


@pytest.fixture
def server(fresh_server: FreshServer, models: OpenAIServer) -> Server:
    return fresh_server()


@pytest.fixture
def webui(server: Server, tmp_path: Path) -> Iterator[httpx.Client]:
    """Signed in as its first user, Ann."""
    port, told = free_port(), {"OFFLINE_MODE": "True", "HF_HUB_OFFLINE": "1", "ENABLE_VERSION_UPDATE_CHECK": "false"}
    told |= {"OPENAI_API_BASE_URL": f"{server.url}/openai/v1", "OPENAI_API_KEY": "none", "OLLAMA_BASE_URL": server.url}
    told |= {"RAG_EMBEDDING_ENGINE": "openai", "ENABLE_FORWARD_USER_INFO_HEADERS": "true"}
    told |= {"HOME": str(tmp_path), "DATA_DIR": str(tmp_path / "webui"), "WEBUI_SECRET_KEY": uuid4().hex}
    command = [str(PROGRAM), "serve", "--host", "127.0.0.1", "--port", str(port)]
    program = Process(command, tmp_path / "webui.log", plain_environment(**told), cwd=tmp_path)
    program.start()
    http = clients.raw(f"http://127.0.0.1:{port}")
    try:
        until(lambda: _is_up(http), "Open WebUI", START_S, pause=0.5)
        ann = {"name": "Ann Ünïcode", "email": "ann@example.org", "password": "Pass-word-1!"}
        signed = http.post("/api/v1/auths/signup", json=ann).json()
        http.headers["Authorization"] = f"Bearer {signed['token']}"
        yield http
    finally:
        http.close()
        program.stop()


def _is_up(http: httpx.Client) -> bool:
    try:
        return http.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def talk(webui: httpx.Client, model: str, text: str) -> dict[str, Any]:
    """The answer in a new chat, whose title and tags are asked for as well."""
    said: dict[str, Any] = {
        "id": str(uuid4()),
        "parentId": None,
        "childrenIds": [],
        "role": "user",
        "content": text,
        "timestamp": 1,
    }
    history = {"messages": {said["id"]: said}, "currentId": said["id"]}
    new = {"title": "New Chat", "models": [model], "history": history, "messages": [said]}
    chat = webui.post("/api/v1/chats/new", json={"chat": new}).json()["id"]
    asked = {"chat_id": chat, "id": str(uuid4()), "session_id": "none", "model": model, "stream": True}
    chores = dict.fromkeys(("title_generation", "tags_generation", "follow_up_generation"), True)
    messages = [{"role": "user", "content": text}]
    begun = webui.post("/api/chat/completions", json={**asked, "messages": messages, "background_tasks": chores})
    assert begun.status_code == 200, begun.text

    def answered() -> dict[str, Any] | None:
        kept = webui.get(f"/api/v1/chats/{chat}").json()
        answers = [each for each in kept["chat"]["history"]["messages"].values() if each["role"] == "assistant"]
        assert not any(each.get("error") for each in answers), answers
        named = kept["title"] != "New Chat"
        return next((each for each in answers if named and each["content"]), None)

    return until(answered, f"the answer of {model}", ANSWER_S, pause=0.2) or {}


@pytest.mark.parametrize("engine", engines()[:1])
def test_agents_are_chosen_and_talked_to(webui: httpx.Client, server: Server) -> None:
    ada = server.http.post("/v1/agents/", json={"name": "Ada"}).json()["id"]
    listed = {each["id"]: each["owned_by"] for each in webui.get("/api/models").json()["data"]}
    assert listed == {"Ada": "openai", "Ada:latest": "ollama"}
    for model in listed:
        assert talk(webui, model, "REPLY hello there")["content"] == "hello there"
        used = talk(webui, model, "CALL get_current_timestamp {} REPLY it is late")
        assert used["content"] == "it is late"
        assert {"function_call", "function_call_output"} <= {each["type"] for each in used["output"]}
    kept = server.http.get("/v1/conversations/", params={"agent_id": ada}).json()
    assert [each["summary"] for each in kept] == ["Ann Ünïcode"] * 4
    own = server.http.get(f"/v1/conversations/{kept[-1]['id']}/messages", params={"order": "asc"}).json()
    assert texts(own) == ["REPLY hello there", "hello there"]
    for task in ("title", "tags", "follow_up", "queries", "image_prompt", "emoji", "moa"):
        told = {"model": "Ada", "prompt": "boats", "type": "web_search", "responses": ["a", "b"], "stream": False}
        history = [{"role": "user", "content": "I sail boats"}]
        done = webui.post(f"/api/v1/tasks/{task}/completions", json={**told, "messages": history})
        assert done.status_code == 200, (task, done.text)
    assert len(server.http.get("/v1/conversations/", params={"agent_id": ada}).json()) == 4
    assert "boats" not in server.http.get(f"/v1/agents/{ada}/messages", params={"limit": 100}).text
    _takes_the_functions(webui)


def _takes_the_functions(webui: httpx.Client) -> None:
    for name, kind in (("letta_chat", "pipe"), ("letta_memory", "filter")):
        text = (FUNCTIONS / f"{name}.py").read_text()
        new = {"id": name, "name": name, "content": text, "meta": {"description": name}}
        made = webui.post("/api/v1/functions/create", json=new)
        assert (made.status_code, made.json().get("type")) == (200, kind), made.text
