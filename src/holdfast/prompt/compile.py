"""The system message: the agent's own text with its memory compiled into it (CONTRACT §6.1).

Pure: the same inputs give the same text. Times and counts inside it are those of the compile; what changes by
itself goes to the tail of the context, so that a model's prefix cache keeps what it has read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from holdfast.blocks.model import LINE_NUMBERS_WARNING, Block
from holdfast.kit.clock import zone
from holdfast.prompt.directories import Directories, render_directories
from holdfast.prompt.rules import render_rules
from holdfast.tools.rules import ToolRule

SLOT = "{CORE_MEMORY}"
WITHOUT_MEMORY = frozenset(("react_agent", "workflow_agent"))
NUMBERED = frozenset(("sleeptime_agent", "memgpt_v2_agent", "letta_v1_agent"))


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that makes a prompt what it is; a change of any of it means a new compile."""

    agent_id: str
    agent_type: str
    system: str
    blocks: Sequence[Block]
    rules: Sequence[ToolRule] = ()
    conversation: str = "default"
    timezone: str | None = None
    archive: str = ""
    """The archive that the agent holds, and in which state; empty when nothing was ever in it."""
    files: str = ""
    """The folders that the agent has, in which state, and what is open; empty when it has none."""
    line_numbers: bool = False
    """Does the model edit text better when lines are numbered?"""

    @property
    def is_numbered(self) -> bool:
        return self.line_numbers and self.agent_type in NUMBERED

    @property
    def digest(self) -> str:
        told = [
            self.agent_id,
            self.agent_type,
            self.system,
            self.conversation,
            str(self.timezone),
            str(self.is_numbered),
        ]
        told += [f"{block.id}:{block.version}" for block in self.blocks]
        told += [rule.model_dump_json() for rule in self.rules]
        told += filter(None, [self.archive, self.files])
        return blake2b("\x1f".join(told).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Counts:
    """What is remembered outside the prompt, when it was compiled."""

    at: datetime
    recall: int = 0
    archival: int = 0
    archival_tags: Sequence[str] = ()
    directories: Directories | None = None
    """The folders that the agent has; no count, but read at the same time."""


@dataclass(frozen=True, slots=True)
class Sections:
    """The parts of a compiled prompt, for whoever wants to see where the window goes."""

    system: str
    memory: str
    rules: str
    directories: str
    metadata: str

    @property
    def text(self) -> str:
        value = "\n\n".join(filter(None, (self.memory, self.rules, self.directories, self.metadata)))
        if SLOT in self.system:
            return self.system.replace(SLOT, value)
        return f"{self.system}\n\n{value}" if value else self.system


def compile_prompt(inputs: Inputs, counts: Counts) -> Sections:
    directories = render_directories(counts.directories) if counts.directories else ""
    if inputs.agent_type in WITHOUT_MEMORY:
        return Sections(inputs.system, "", render_rules(inputs.rules), directories, "")
    return Sections(
        system=inputs.system,
        memory=render_blocks(inputs.blocks, numbered=inputs.is_numbered),
        rules=render_rules(inputs.rules),
        directories=directories,
        metadata=_metadata(inputs, counts),
    )


def render_blocks(blocks: Sequence[Block], *, numbered: bool = False) -> str:
    if not blocks:
        return ""
    parts = "\n\n".join(_block(block, numbered) for block in blocks)
    return f"<memory_blocks>\nThese blocks are your memory; they are always in view:\n\n{parts}\n</memory_blocks>"


def _block(block: Block, numbered: bool) -> str:
    facts = [f"- chars_current={len(block.value)}", f"- chars_limit={block.limit}"]
    if block.read_only:
        facts.insert(0, "- read_only=true")
    lines = [f"<{block.label}>", "<description>", block.description or "", "</description>"]
    lines += ["<metadata>", *facts, "</metadata>"]
    value = block.value
    if numbered:
        lines.append(f"<warning>{LINE_NUMBERS_WARNING}</warning>")
        value = "\n".join(f"{number}→ {line}" for number, line in enumerate(block.value.split("\n"), 1))
    return "\n".join([*lines, "<value>", value, "</value>", f"</{block.label}>"])


def _metadata(inputs: Inputs, counts: Counts) -> str:
    facts = [
        f"- AGENT_ID: {inputs.agent_id}",
        f"- CONVERSATION_ID: {inputs.conversation}",
        f"- System prompt last recompiled: {local_time(counts.at, inputs.timezone)}",
        f"- {counts.recall} earlier messages are in recall memory, out of view (conversation_search finds them)",
    ]
    if counts.archival:
        facts.append(f"- {counts.archival} passages are in archival memory (archival_memory_search finds them)")
    if counts.archival_tags:
        facts.append(f"- Archival tags: {', '.join(counts.archival_tags)}")
    return "\n".join(["<memory_metadata>", *facts, "</memory_metadata>"])


def local_time(moment: datetime, timezone: str | None) -> str:
    """`2026-11-21 07:35:00 AM UTC+0000`, in the agent's time zone."""
    return moment.astimezone(zone(timezone)).strftime("%Y-%m-%d %I:%M:%S %p %Z%z")
