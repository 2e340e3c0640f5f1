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


@pytest.mark.parametrize("kind", ["remember", "update", "ask", "forget", "tool", "chat"])
async def test_paraphrases(kind: str) -> None:
    phrases = [phrase for phrase in PHRASES if phrase["kind"] == kind]
    wrong = {phrase["say"]: problem for phrase in phrases if (problem := await verdict(phrase))}
    assert phrases and not wrong


async def test_remember_restart_recall() -> None:
    first = Chat()
    assert "Alex" in await first.say("Hi, I'm Alex and my dog is called Rex.")
    restarted = Chat(first.human)
    assert await restarted.say("What's my dog's name?") == "Your dog's name is Rex."
    assert restarted.made == []
    assert "Alex" in await restarted.say("Wie heiße ich?")


async def test_a_fact_is_stored_once() -> None:
    chat = Chat()
    await chat.say("I live in Berlin")
    assert "already" in await chat.say("I live in Berlin.")
    assert chat.human == "Lives in Berlin" and chat.made == []


async def test_edits_of_earlier_turns_count_while_the_prompt_is_old() -> None:
    chat = Chat("Name: Alex", frozen=True)
    await chat.say("Actually it's Blake, not Alex")
    assert "Blake" in await chat.say("What is my name?")
    await chat.say("Call me Casey")
    assert chat.human == "Name: Casey"


async def test_an_edit_that_was_undone_elsewhere_stays_undone() -> None:
    chat = Chat()
    await chat.say("I live in Rome")
    await chat.say("I moved to Paris")
    chat.human = "Lives in Rome\nName: Kim"
    prompt = chat.prompt
    stamp = "<memory_metadata>\n- System prompt last recompiled: 2999-01-01 10:00:00 AM UTC+0000\n</memory_metadata>"
    chat.prompt = lambda: f"{prompt()}\n{stamp}"
    assert "Rome" in await chat.say("Where do I live?")


async def test_replacement_matches_exactly_once() -> None:
    chat = Chat("Likes tea and cake\nLikes tea\nLikes tea and cake with cream")
    await chat.say("I don't like tea any more")
    assert "Dislikes tea" in chat.human.splitlines() or "Likes tea" in chat.human.splitlines()
    chat = Chat("Name: Al\nDog's name: Al\nLives in Al")
    await chat.say("Forget my name")
    assert chat.human == "Dog's name: Al\nLives in Al"


async def test_two_wishes_in_one_message() -> None:
    chat = Chat("Likes tea")
    answer = await chat.say("My name is Ada. What do I like?")
    assert "Ada" in answer and "tea" in answer and chat.human.endswith("Name: Ada")


async def test_a_refused_edit_is_told() -> None:
    chat = Chat()
    chat.refusal = "the block is full"
    assert "the block is full" in await chat.say("My name is Alex")
    assert len(chat.made) == 1


async def test_without_memory_tools() -> None:
    assert "no memory tool" in await Chat(tools=()).say("My name is Alex")
    chat = Chat(tools=(ARCHIVE,))
    assert "Alex" in await chat.say("My name is Alex")
    assert chat.made == [("archival_memory_insert", {"content": "Name: Alex"})]


async def test_what_was_said_in_sight_is_known() -> None:
    chat = Chat(tools=())
    await chat.say("My name is Alex")
    assert "Alex" in await chat.say("What's my name?")


async def test_search_then_answer() -> None:
    chat = Chat()
    rows = [
        {"role": "user", "content": "What is my cat called?"},
        {"role": "user", "content": "My cat is called Mimi."},
    ]
    chat.outputs["conversation_search"] = json.dumps({"message": "2", "results": rows})
    assert "Mimi" in await chat.say("What is my cat called?")
    assert [name for name, _ in chat.made] == ["conversation_search"]


async def test_archive_after_conversation() -> None:
    chat = Chat(tools=(*NATIVE, tool("archival_memory_search", ["query"], query="string")))
    chat.outputs["archival_memory_search"] = json.dumps([{"id": "p", "content": "Locker code: 4471", "tags": []}])
    assert "4471" in await chat.say("What is my locker code?")
    assert [name for name, _ in chat.made] == ["conversation_search", "archival_memory_search"]


async def test_the_heartbeat_dialect_answers_through_send_message() -> None:
    extra = {"request_heartbeat": "boolean", "thinking": "string"}
    send = tool("send_message", ["thinking", "message", "request_heartbeat"], message="string", **extra)
    append = tool("core_memory_append", ["label", "content", *extra], label="string", content="string", **extra)
    chat = Chat(tools=(send, append))
    chat.choice = "required"
    assert "Alex" in await chat.say("My name is Alex")
    (first, stored), (last, sent) = chat.made
    assert (first, stored["label"], stored["content"], stored["request_heartbeat"]) == (
        "core_memory_append",
        "human",
        "Name: Alex",
        True,
    )
    assert last == "send_message" and sent["request_heartbeat"] is False and sent["thinking"]


async def test_a_forced_tool_is_called_with_arguments_that_fit() -> None:
    schema = {
        "type": "object",
        "required": ["city", "unit", "days", "dry", "tags", "at"],
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["celsius", "kelvin"]},
            "days": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "dry": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "at": {"type": "object", "required": ["lat"], "properties": {"lat": {"type": "number"}}},
        },
    }
    chat = Chat(tools=(ToolSchema("forecast", "", schema),))
    chat.choice = "forecast"
    await chat.say('The next 3 days in "Rome" in kelvin, yes')
    ((name, made),) = chat.made
    assert name == "forecast" and made["unit"] == "kelvin" and made["days"] == 3 and made["dry"] is True
    assert made["city"] == "Rome" and isinstance(made["tags"], list) and made["at"] == {"lat": 1}


async def test_a_tools_answer_and_failure_are_reported() -> None:
    chat = Chat(tools=(WEATHER,))
    chat.outputs["get_weather"] = "rain, 9 degrees"
    assert "rain, 9 degrees" in await chat.say("run get_weather for Paris")
    assert chat.made == [("get_weather", {"city": "Paris"})]
    chat.refusal = "no such city"
    assert "no such city" in await chat.say("run get_weather for Atlantis")
    assert "get_wether" in await chat.say("run the get_wether tool")


async def test_a_wanted_json_form_is_kept() -> None:
    chat = Chat("Name: Alex")
    chat.format = {"type": "json_schema", "json_schema": {"schema": {"properties": {"reply": {"type": "string"}}}}}
    assert "Alex" in json.loads(await chat.say("What is my name?"))["reply"]


@pytest.mark.parametrize(
    "text", ["", " ", "?", "\x00\ud800", "😀", "{" * 5000, "my " * 3000, "不" * 2000, '{"type": "login"}']
)
async def test_nothing_makes_it_fail(text: str) -> None:
    assert await Chat().say(text)


async def test_pictures_are_passed_over() -> None:
    chat = Chat("Name: Alex")
    chat.add("user", ImagePart(source=UrlImage(url="http://x/y.png")), TextPart(text="What is my name?"))
    assert "Alex" in await chat.run()
    chat.add("user", ImagePart(source=UrlImage(url="http://x/y.png")))
    assert "only read text" in await chat.run()


async def test_it_is_deterministic_and_streams_words() -> None:
    chat = Chat("Name: Alex")
    chat.add("user", TextPart(text="What is my name?"))
    one = [delta async for delta in DemoProvider().stream(chat.call())]
    two = [delta async for delta in DemoProvider().stream(chat.call())]
    assert one == two and [delta.text for delta in one if isinstance(delta, TextDelta)] == [
        "Your ",
        "name ",
        "is ",
        "Alex.",
    ]
    (listed,) = await DemoProvider().models()
    assert listed.name == "demo" and DemoProvider().preview(chat.call())["model"] == "demo"
