"""The demo model: what it understands (`demo_phrases.toml`), and whole conversations with a memory that obeys it."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from holdfast.llm.demo.provider import DemoProvider
from holdfast.llm.model import Call, Delta, Finish, TextDelta, ToolCallDelta, ToolSchema, Usage
from holdfast.messages.model import ImagePart, Message, Part, Role, TextPart, ToolCallPart, ToolReturnPart, UrlImage

PHRASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "demo_phrases.toml").read_text("utf-8"))[
    "phrase"
]


def tool(name: str, required: Sequence[str] = (), **properties: Any) -> ToolSchema:
    parameters = {"type": "object", "properties": {k: {"type": v} for k, v in properties.items()}, "required": required}
    return ToolSchema(name, name, parameters)


INSERT = tool("memory_insert", ["label", "new_string"], label="string", new_string="string", insert_line="integer")
REPLACE = tool(
    "memory_replace", ["label", "old_string", "new_string"], label="string", old_string="string", new_string="string"
)
SEARCH = tool("conversation_search", [], query="string", roles="array", limit="integer")
ARCHIVE = tool("archival_memory_insert", ["content"], content="string", tags="array")
WEATHER = tool("get_weather", ["city"], city="string", days="integer")
CALCULATOR = tool("calculator", ["expression"], expression="string")
NATIVE = (INSERT, REPLACE, SEARCH)


class Chat:
    """An agent in miniature: a human block, a transcript, and the loop around the model."""

    def __init__(self, human: str = "", tools: Sequence[ToolSchema] = NATIVE, frozen: bool = False) -> None:
        self.human = human
        self.tools = tools
        self.compiled = human if frozen else None
        self.outputs: dict[str, str] = {"conversation_search": '{"message": "none", "results": []}'}
        self.refusal: str | None = None
        self.choice = "auto"
        self.format: dict[str, Any] | None = None
        self.history: list[Message] = []
        self.made: list[tuple[str, dict[str, Any]]] = []

    def prompt(self) -> str:
        value = self.human if self.compiled is None else self.compiled
        return (
            "You are helpful.\n<memory_blocks>\nThe blocks:\n<human>\n<description>\nAbout the user.\n</description>\n"
            f"<metadata>\n- chars_current=1\n- chars_limit=9\n</metadata>\n<value>\n{value}\n</value>\n</human>\n"
            "<persona>\n<description>\nYou.\n</description>\n<metadata>\n- read_only=true\n</metadata>\n"
            "<value>\nMy name is Bot.\n</value>\n</persona>\n</memory_blocks>"
        )

    def add(self, role: Role, *parts: Part) -> None:
        number = len(self.history) + 1
        message = Message(
            id=f"message-{number}", organization_id="o", agent_id="a", thread_id="t", role=role, content=list(parts)
        )
        self.history.append(message)

    def call(self) -> Call:
        system = Message(
            id="s",
            organization_id="o",
            agent_id="a",
            thread_id="t",
            role="system",
            content=[TextPart(text=self.prompt())],
        )
        return Call("demo", [system, *self.history], self.tools, tool_choice=self.choice, response_format=self.format)

    async def say(self, text: str, steps: int = 8) -> str:
        """The answer to a message, after all tools that the model calls for it."""
        self.made = []
        self.add("user", TextPart(text=text))
        return await self.run(steps)

    async def run(self, steps: int = 8) -> str:
        for _ in range(steps):
            spoken, call = folded([delta async for delta in DemoProvider().stream(self.call())])
            if call is None:
                self.add("assistant", TextPart(text=spoken))
                return spoken
            self.add("assistant", call)
            arguments = json.loads(call.arguments)
            assert (call.name, arguments) not in self.made, "the same call twice in a turn"
            self.made.append((call.name, arguments))
            if call.name == "send_message":
                return arguments["message"]
            self.act(call, arguments)
        raise AssertionError(f"no end: {self.made}")

    def act(self, call: ToolCallPart, arguments: dict[str, Any]) -> None:
        if self.refusal is not None:
            self.add("tool", ToolReturnPart(call_id=call.id, name=call.name, output=self.refusal, status="error"))
            return
        output = self.outputs.get(call.name, "None")
        if call.name == "memory_insert":
            assert arguments["label"] == "human"
            self.human = f"{self.human}\n{arguments['new_string']}".strip("\n")
        elif call.name == "memory_replace":
            assert self.human.count(arguments["old_string"]) == 1, (arguments, self.human)
            self.human = self.human.replace(arguments["old_string"], arguments["new_string"])
        self.add("tool", ToolReturnPart(call_id=call.id, name=call.name, output=output))


def folded(deltas: Sequence[Delta]) -> tuple[str, ToolCallPart | None]:
    """The text and the call that a stream amounts to."""
    text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    pieces = [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
    usage, finish = deltas[-2:]
    assert isinstance(usage, Usage) and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0
    assert isinstance(finish, Finish) and finish.reason == ("tool_calls" if pieces else "stop")
    if not pieces:
        return text, None
    assert pieces[0].id and pieces[0].name
    return text, ToolCallPart(id=pieces[0].id, name=pieces[0].name, arguments="".join(p.arguments for p in pieces))


async def verdict(phrase: dict[str, Any]) -> str | None:
    """What is wrong with the model's reaction to a phrase, or None."""
    human = phrase.get("human", "")
    chat = Chat(human, (*NATIVE, WEATHER, CALCULATOR))
    chat.outputs |= {"get_weather": "sunny", "calculator": "42"}
    answer = await chat.say(phrase["say"])
    fragments: list[str] = phrase.get("has", [])
    gone: list[str] = phrase.get("gone", [])
    where = {
        "remember": chat.human,
        "update": chat.human,
        "ask": answer,
        "chat": answer,
        "forget": answer,
        "tool": json.dumps(chat.made, ensure_ascii=False),
    }[phrase["kind"]]
    wrong = [f"{part!r} is missing" for part in fragments if part.lower() not in where.lower()]
    held = answer if phrase["kind"] == "ask" else chat.human
    wrong += [f"{part!r} is there" for part in gone if part.lower() in held.lower()]
    if phrase["kind"] in {"ask", "chat", "tool"} and chat.human != human:
        wrong.append("memory was changed")
    return f"{'; '.join(wrong)}: said {answer!r}, called {chat.made}, memory {chat.human!r}" if wrong else None
