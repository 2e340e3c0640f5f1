"""What an agent's prompt is compiled from, and keeping the stored prompt of a thread in step with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.agents.directories import directories, state_of_files
from holdfast.agents.model import Agent
from holdfast.archives import store as archives
from holdfast.archives.model import Archive
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block
from holdfast.files import attached
from holdfast.files.model import Folder
from holdfast.kit.clock import now
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message, TextPart
from holdfast.messages.threads import Thread
from holdfast.prompt.compile import Counts, Inputs, Sections, compile_prompt
from holdfast.store.table import Tx

READS_NUMBERED_LINES = ("anthropic/", "bedrock/")
"""Models that edit text better when the lines of a block are numbered (CONTRACT §6.1)."""


TAGS = 100
"""How many tags of the archive a prompt names at most."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a thread's prompt is made from, as it is now."""

    inputs: Inputs
    archive: Archive | None
    folders: Sequence[Folder]


def inputs_of(
    agent: Agent,
    held: Sequence[Block],
    conversation: str = "default",
    archive: Archive | None = None,
    files: str = "",
) -> Inputs:
    return Inputs(
        agent_id=agent.id,
        agent_type=agent.agent_type,
        system=agent.system,
        blocks=held,
        rules=agent.tool_rules,
        conversation=conversation,
        timezone=agent.timezone,
        archive=f"{archive.id}:{archive.revision}" if archive and archive.revision else "",
        files=files,
        line_numbers=(agent.model or "").startswith(READS_NUMBERED_LINES),
    )


@dataclass(frozen=True, slots=True)
class PromptSources:
    """What an agent's prompts are made from, asked for and taken when it is needed."""

    blocks: Callable[[], list[Block]]
    archive: Callable[[], Archive | None]


def sources_of(tx: Tx, who: Who, agent: Agent) -> PromptSources:
    return PromptSources(blocks.ask_of_agent(tx, who, agent.id), archives.ask_of_agent(tx, who, agent.id))


def blocks_of(tx: Tx, who: Who, agent: Agent, thread: Thread) -> list[Block]:
    """The blocks in a thread's prompt: isolated ones take the place of the agent's of the same label."""
    return _with_isolated(tx, who, thread, blocks.of_agent(tx, who, agent.id))


def _with_isolated(tx: Tx, who: Who, thread: Thread, held: list[Block]) -> list[Block]:
    if not thread.isolated_block_ids:
        return held
    own = {block.label: block for block in blocks.rows.many(tx, who, thread.isolated_block_ids).values()}
    return [own.get(block.label, block) for block in held]


def _counts(tx: Tx, who: Who, agent: Agent, thread: Thread, gathered: Gathered) -> Counts:
    """How much is out of view: of the thread, and in the archive; and what of the files is in view."""
    archive = gathered.archive
    return Counts(
        now(),
        recall=_beyond(tx, who, thread),
        archival=archive.passage_count if archive else 0,
        archival_tags=archives.tags(tx, who, archive.id, TAGS) if archive and archive.passage_count else (),
        directories=directories(tx, who, agent, gathered.folders) if gathered.folders else None,
    )


def _beyond(tx: Tx, who: Who, thread: Thread) -> int:
    if thread.window_start == 0:
        return 0
    hidden = messages.c.sequence < thread.window_start
    return messages.count(tx, who, messages.in_thread(thread), hidden, messages.c.id != thread.prompt_id)


def _gathered(tx: Tx, who: Who, agent: Agent, thread: Thread, asked: PromptSources | None = None) -> Gathered:
    sources = asked or sources_of(tx, who, agent)
    archive, held = sources.archive(), _with_isolated(tx, who, thread, sources.blocks())
    folders = attached.folders_of(tx, who, agent.id) if agent.has_folders else []
    files = state_of_files(tx, who, agent, folders) if folders else ""
    conversation = "default" if thread.is_own else thread.id
    return Gathered(inputs_of(agent, held, conversation, archive, files), archive, folders)


def recompile(
    tx: Tx, who: Who, agent: Agent, thread: Thread, asked: PromptSources | None = None, *, always: bool = False
) -> Sections | None:
    """Compile a thread's prompt anew if what it is made from has changed (or always); None when it has not."""
    gathered = _gathered(tx, who, agent, thread, asked)
    digest = gathered.inputs.digest
    if digest == thread.prompt_digest and not always:
        return None
    sections = compile_prompt(gathered.inputs, _counts(tx, who, agent, thread, gathered))
    messages.rewrite_text(tx, who, thread.prompt_id, [TextPart(text=sections.text)])
    thread.prompt_digest, thread.updated_at = digest, threads.rows.set(tx, who, thread.id, {"prompt_digest": digest})
    return sections


def stale(tx: Tx, who: Who, agent: Agent, thread: Thread) -> str | None:
    """The text that a thread's stored prompt would be replaced by before the next turn; None when it would stay."""
    gathered = _gathered(tx, who, agent, thread)
    if gathered.inputs.digest == thread.prompt_digest:
        return None
    return compile_prompt(gathered.inputs, _counts(tx, who, agent, thread, gathered)).text


def preview(tx: Tx, who: Who, agent: Agent, thread: Thread) -> Sections:
    """The prompt as it would be compiled now; nothing is written."""
    gathered = _gathered(tx, who, agent, thread)
    return compile_prompt(gathered.inputs, _counts(tx, who, agent, thread, gathered))


def first_prompt(agent: Agent, held: Sequence[Block], thread_id: str, message_id: str) -> tuple[Message, str]:
    """The prompt of a new thread as a message, and its digest."""
    inputs = inputs_of(agent, held, "default" if thread_id == agent.id else thread_id)
    text = compile_prompt(inputs, Counts(now())).text
    message = Message(
        id=message_id,
        organization_id=agent.organization_id,
        agent_id=agent.id,
        thread_id=thread_id,
        role="system",
        content=[TextPart(text=text)],
    )
    return message, inputs.digest
