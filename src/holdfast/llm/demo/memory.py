"""The memory blocks as the prompt shows them, brought up to date with the edits made since."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.llm.demo import facts
from holdfast.llm.demo.facts import Fact
from holdfast.llm.demo.terms import lexicon
from holdfast.llm.demo.transcript import PastCall, Transcript
from holdfast.llm.demo.writing import Edit, edit_of

_BLOCKS = re.compile(r"<memory_blocks>(.*?)</memory_blocks>", re.DOTALL)
_BLOCK = re.compile(
    r"<(?P<label>[^\s<>/]+)>\s*(?P<head>(?:<description>.*?</description>\s*)?(?:<metadata>.*?</metadata>\s*)?"
    r"(?:<warning>.*?</warning>\s*)?)<value>\n?(?P<value>.*?)\n?</value>\s*</(?P=label)>",
    re.DOTALL,
)
_NUMBER = re.compile(r"^\s*\d+→ ?", re.MULTILINE)
_COMPILED = re.compile(r"recompiled: *(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [AP]M) \w*([+-]\d{4})")
_SENTENCE = re.compile(r"(?<=[^\W\d]{3}\.)(?<!\bMrs\.) (?=[A-ZÄÖÜ])|(?<=。)|\n")


@dataclass(frozen=True)
class ShownBlock:
    label: str
    value: str
    read_only: bool

    def lines(self) -> list[str]:
        """The statements that the block holds, each as it stands there."""
        return [piece.strip() for piece in _SENTENCE.split(self.value) if piece and piece.strip()]


@dataclass(frozen=True)
class Note:
    """A fact with the block that states it."""

    fact: Fact
    block: ShownBlock


class Knowledge:
    """The agent's blocks at this moment."""

    def __init__(self, blocks: Sequence[ShownBlock]) -> None:
        self.blocks = list(blocks)

    @property
    def home(self) -> ShownBlock | None:
        """Where facts about the user go."""
        writable = [block for block in self.blocks if not block.read_only]
        order: list[Callable[[ShownBlock], bool]] = [
            lambda block: block.label == "human",
            lambda block: "persona" not in block.label,
            lambda block: True,
        ]
        return next((block for test in order for block in writable if test(block)), None)

    @property
    def notes(self) -> list[Note]:
        ordered = sorted(self.blocks, key=lambda block: block.label != "human")
        return [
            Note(facts.read(line), block) for block in ordered if block.label != "persona" for line in block.lines()
        ]

    def holds(self, fact: Fact) -> bool:
        line = _folded(fact.line)
        return any(_folded(note.fact.line) == line for note in self.notes)

    def rival(self, fact: Fact) -> Note | None:
        """The writable note that the fact takes the place of."""
        for note in self.notes:
            if not note.block.read_only and _replaces(fact, note.fact):
                return note
        return None


def _folded(line: str) -> str:
    return line.strip(" -*•.。").casefold()


def _replaces(new: Fact, old: Fact) -> bool:
    if not new.key or _folded(new.line) == _folded(old.line):
        return False
    if new.gone:
        shared = not old.key and new.key <= old.terms
        return (old.key == new.key or shared) and (not new.many or bool(Fact(new.value).terms & old.terms))
    if old.key == facts.opposite(new) and old.key:
        return bool(Fact(new.value).terms & Fact(old.value).terms)
    if new.many:
        return False
    if old.key:
        return old.key == new.key
    attributes = old.terms & (frozenset(facts.slot_names()) | lexicon().relations)
    return bool(new.slot) and attributes == new.key and len(old.line) <= 120


def load(transcript: Transcript) -> Knowledge:
    """The blocks of the prompt plus the edits that it does not show yet."""
    section = _BLOCKS.search(transcript.prompt)
    blocks = {
        match["label"]: ShownBlock(
            match["label"],
            _NUMBER.sub("", match["value"]) if _numbered(match["value"]) else match["value"],
            "read_only=true" in match["head"],
        )
        for match in _BLOCK.finditer(section[1] if section else "")
    }
    compiled = _compiled(transcript.prompt)
    done = [
        call for call in transcript.before if compiled is None or call.message.created_at > compiled
    ] + transcript.turn
    for edit in _unseen([edit for call in done if (edit := _edit(call))], blocks):
        block = blocks[edit.label]
        blocks[edit.label] = replace(block, value=edit.apply(block.value))
    return Knowledge(list(blocks.values()))


def _numbered(value: str) -> bool:
    return all(_NUMBER.match(line) for line in value.splitlines() if line)


def _edit(call: PastCall) -> Edit | None:
    return None if call.failed or call.output is None else edit_of(call.name, call.arguments)


def _unseen(edits: list[Edit], blocks: dict[str, ShownBlock]) -> list[Edit]:
    """The edits after the last one whose effect the prompt already shows, block by block."""
    unseen: list[Edit] = []
    shown: set[str] = set()
    for edit in reversed(edits):
        if edit.label not in blocks or edit.label in shown:
            continue
        if edit.shown_in(blocks[edit.label].value):
            shown.add(edit.label)
        else:
            unseen.append(edit)
    return unseen[::-1]


def _compiled(prompt: str) -> datetime | None:
    match = _COMPILED.search(prompt)
    return datetime.strptime(f"{match[1]} {match[2]}", "%Y-%m-%d %I:%M:%S %p %z") if match else None
