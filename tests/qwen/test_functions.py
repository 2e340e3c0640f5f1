"""The functions for Open WebUI, called as Open WebUI calls them."""

import importlib.util
from pathlib import Path
from typing import Any

from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_script import Reply
from tests.qwen.service import MemoryServiceProcess

FUNCTIONS = Path(__file__).resolve().parents[2] / "integrations" / "openwebui" / "functions"
NOBODY = "http://127.0.0.1:9"


def function(name: str, kind: str, url: str) -> Any:
    """Open WebUI runs the text of the file, makes an object of its class and sets its valves."""
    spec = importlib.util.spec_from_file_location(name, FUNCTIONS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = getattr(module, kind)()
    made.valves = made.Valves(url=url)
    return made


def asking(*said: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"model": "m", "messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]}


def recent(service: MemoryServiceProcess, user: str) -> list[tuple[str, str]]:
    with service.http as http:
        told = http.get("/memory/recent", params={"user_id": user}).json()["conversations"]
    return [(each["message"], each["response"]) for each in told]


async def test_a_model_that_remembers(service: MemoryServiceProcess, ollama: OllamaServer, user: str) -> None:
    pipe = function("letta_chat", "Pipe", service.url)
    ollama.queue(Reply("Hello Ann."))
    parts = [{"type": "text", "text": "I am Ann."}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert await pipe.pipe(asking("earlier", "yes", parts), __user__={"id": user}) == "Hello Ann."
    assert recent(service, user) == [("I am Ann.", "Hello Ann.")]
    asked = len(ollama.chats)
    assert await pipe.pipe(asking("### Task: a title"), __user__={"id": user}, __task__="title_generation") == ""
    assert len(ollama.chats) == asked
    assert "characters" in await pipe.pipe(asking("hi"), __user__={"id": "u" * 300})
    assert "did not answer" in await function("letta_chat", "Pipe", NOBODY).pipe(asking("hi"))


async def test_a_memory_for_every_model(service: MemoryServiceProcess, user: str) -> None:
    memory, ann = function("letta_memory", "Filter", service.url), {"id": user}
    assert await memory.inlet(asking("Where are my keys?"), __user__=ann) == asking("Where are my keys?")
    kept = asking("My keys hang behind the door.", "Noted.")
    assert await memory.outlet(kept, __user__=ann) == kept
    shown = await memory.inlet(asking("Where do my keys hang?"), __user__=ann)
    assert [each["role"] for each in shown["messages"]] == ["system", "user"]
    assert "My keys hang behind the door." in shown["messages"][0]["content"]
    assert len((await memory.inlet(asking("Where do my keys hang?"), __user__={"id": f"{user}-bob"}))["messages"]) == 1
    assert len((await memory.inlet(asking("my keys hang"), __user__=ann, __task__="tags"))["messages"]) == 1
    assert recent(service, user) == [("My keys hang behind the door.", "Noted.")]


async def test_a_chat_goes_on_without_the_memory() -> None:
    memory = function("letta_memory", "Filter", NOBODY)
    assert await memory.inlet(asking("hi")) == asking("hi")
    assert await memory.outlet(asking("hi", "hello")) == asking("hi", "hello")
