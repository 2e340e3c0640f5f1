"""Writing down what leaves a thread's view: a model's summary, or a plain note when no model has one to give."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from holdfast.agents.choose import SUMMARY_PROMPTS
from holdfast.kit.ids import new_id
from holdfast.llm.model import Call, ModelCard, Provider, TextDelta
from holdfast.llm.settings import CompactionSettings
from holdfast.llm.tokens import CHARACTERS_PER_TOKEN, estimate
from holdfast.loop import context, size
from holdfast.loop.state import Turn, listening
from holdfast.messages.model import ImagePart, Message, Part, Role, TextPart, ToolCallPart, ToolReturnPart

INPUT_SHARE = 0.7
"""How much of the summariser's window its input may take; estimates are not exact, and the answer needs room."""
LEAST_INPUT = 200
PART_SHARE = 4
"""The summary of one part of a long input is at most this fraction of what fits, so that summing up ends."""
LONGEST_OUTPUT = 4000
"""Of a tool's output the beginning says what there is to remember."""

LEAST_QUESTION = 80
QUESTION = "The user's last message, which is still to be answered:"
CALLED = "Tools called for it so far:"

INSTRUCTION = "Answer with the summary alone, in the conversation's language, in at most {characters} characters."
ACKNOWLEDGED = ("You will get the conversation next.", "Understood. I will answer with the summary alone.")


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that summarises, and how much it can read at once."""

    card: ModelCard
    provider: Provider
    window: int


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be put into a summary, and how long that may be."""

    turn: Turn
    settings: CompactionSettings
    before: Message | None
    """The summary so far, which goes into the new one."""
    gone: Sequence[Message]
    tokens: int

    def cut(self, text: str) -> str:
        """The text, no longer than allowed."""
        return clip(text.strip(), self.tokens, self.settings.clip_chars)


def clip(text: str, tokens: int, characters: int | None) -> str:
    """The beginning of a text, within both limits."""
    longest = len(text) if characters is None else characters
    if (size_now := estimate(text)) > tokens:
        longest = min(longest, tokens * len(text) // size_now)
    return text if len(text) <= longest else text[: max(longest - 1, 0)].rstrip() + "…"


async def own_notes(task: Task, writer: Writer) -> str:
    """What the agent itself wants to remember, asked as in any other turn; empty when it cannot read it all at once."""
    turn = task.turn
    ask = _message(turn, "user", f"{task.settings.prompt}\n\n{_instruction(task)}")
    seen = [*filter(None, [task.before]), *task.gone]
    usual = context.build(turn)
    call = replace(
        usual,
        messages=[usual.messages[0], *context.shown(turn, seen), ask],
        tool_choice="none" if usual.tools else "auto",
        response_format=None,
    )
    if size.of_call(call) * turn.scale > writer.window:
        return ""
    return await _said(task, writer, call)


async def summarised(task: Task, writer: Writer) -> str:
    """The model's summary; what it cannot read at once is summarised in parts first. Empty when it said nothing."""
    room = max(int(writer.window * INPUT_SHARE) - estimate(task.settings.prompt or "") - LEAST_INPUT, LEAST_INPUT)
    chunks = list(_packed(_transcript(task), room))
    part = replace(task, tokens=max(room // PART_SHARE, 1))
    while len(chunks) > 1:
        parts = [await _said(part, writer, _call(part, writer, chunk)) for chunk in chunks]
        if not all(parts):
            return ""
        chunks = list(_packed(parts, room))
    return await _said(task, writer, _call(task, writer, chunks[0]))


def plain(task: Task) -> str:
    """A note that needs no model: what left the view, and how to find it."""
    first, last = (moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M") for moment in _span(task.gone))
    can_search = any(tool.name == "conversation_search" for tool in task.turn.tools)
    where = "conversation_search finds them." if can_search else "They stay in the history."
    note = f"{len(task.gone)} messages from {first} to {last} UTC are out of view without a summary. {where}"
    if task.before is None:
        return note
    rest = replace(task, tokens=max(task.tokens - estimate(note), 0))
    return f"{rest.cut(task.before.text)}\n\n{note}".strip()


def with_question(task: Task, text: str) -> str:
    """The summary, with what the turn is to answer if that is out of view now: no summary can be trusted to say it."""
    question, gone = task.turn.question, {message.id for message in task.gone}
    in_view = {message.id for message in [*task.turn.window, *task.turn.inputs]} - gone
    if question is None or question.id in in_view or not question.text.strip():
        return text
    asked = clip(question.text, max(task.tokens // 2, LEAST_QUESTION), None)
    called = Counter(call.name for call in task.turn.past)
    counted = ", ".join(f"{name} ({times})" for name, times in called.items()) or "nothing"
    return f"{text}\n\n{QUESTION}\n{asked}\n{CALLED} {counted}."


def prompt_for_all(settings: CompactionSettings) -> str | None:
    """The prompt when everything is summarised after all: what was written for another mode would mislead."""
    chosen = settings.prompt
    return SUMMARY_PROMPTS["all"] if chosen == SUMMARY_PROMPTS[settings.mode] else chosen


def _call(task: Task, writer: Writer, transcript: str) -> Call:
    chosen = task.settings.model_settings
    settings = chosen.model_dump(exclude_none=True) if chosen is not None else {}
    first = _message(task.turn, "system", f"{task.settings.prompt}\n\n{_instruction(task)}")
    agreed = list[Message]()
    if task.settings.prompt_acknowledgement:
        asked, answered = ACKNOWLEDGED
        agreed = [_message(task.turn, "user", asked), _message(task.turn, "assistant", answered)]
    return Call(
        model=writer.card.name,
        messages=[first, *agreed, _message(task.turn, "user", transcript)],
        temperature=settings.get("temperature"),
        max_tokens=settings.get("max_output_tokens"),
        settings=context.further(settings),
        context_window=writer.window,
    )


def _instruction(task: Task) -> str:
    longest = task.tokens * CHARACTERS_PER_TOKEN
    return INSTRUCTION.format(characters=min(longest, task.settings.clip_chars or longest))


def _message(turn: Turn, role: Role, text: str) -> Message:
    return Message(
        id=new_id("message"),
        organization_id=turn.who.organization_id,
        agent_id=turn.agent.id,
        thread_id=turn.thread.id,
        role=role,
        content=[TextPart(text=text)],
    )


async def _said(task: Task, writer: Writer, call: Call) -> str:
    """The model's text; it is not listened to any longer than the summary may be."""
    turn, said, longest = task.turn, list[str](), task.tokens * CHARACTERS_PER_TOKEN
    if turn.is_cancelled:
        return ""
    stream = writer.provider.stream(call)
    async with listening(turn, stream):
        async for delta in stream:
            if isinstance(delta, TextDelta):
                said.append(delta.text)
                longest -= len(delta.text)
            if longest < 0 or turn.is_cancelled:
                break
    return task.cut("".join(said))


def _transcript(task: Task) -> Iterator[str]:
    if task.before is not None:
        yield f"Summary so far:\n{task.before.text}"
    yield from (line for message in task.gone for line in _lines(message))


def _lines(message: Message) -> Iterator[str]:
    moment = message.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    for part in message.content:
        if text := _told(message.role, part):
            yield f"[{moment}] {text}"


def _told(role: Role, part: Part) -> str:
    match part:
        case TextPart():
            return f"{role}: {part.text}" if part.text.strip() else ""
        case ToolCallPart():
            return f"{role} calls {part.name}({_short(part.arguments)})"
        case ToolReturnPart():
            return f"{part.name} returned: {_short(part.output)}"
        case ImagePart():
            return f"{role}: [an image]"
        case _:
            return ""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_OUTPUT else f"{text[:LONGEST_OUTPUT]}…"


def _packed(texts: Iterable[str], room: int) -> Iterator[str]:
    """The texts, in order, in chunks of at most so many tokens; there is always one."""
    chunk, taken = list[str](), 0
    for piece in (piece for text in texts for piece in _split(text, room)):
        if chunk and taken + estimate(piece) + 1 > room:
            yield "\n".join(chunk)
            chunk, taken = [], 0
        chunk.append(piece)
        taken += estimate(piece) + 1
    yield "\n".join(chunk)


def _split(text: str, room: int) -> Iterator[str]:
    step = max(len(text) * room // max(estimate(text), 1), 1)
    return (text[start : start + step] for start in range(0, len(text), step))


def _span(messages: Sequence[Message]) -> tuple[datetime, datetime]:
    moments = [message.created_at for message in messages]
    return min(moments), max(moments)
