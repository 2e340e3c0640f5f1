"""An agent for each user of a chat program: a copy of the chosen one, with a memory of its own from then on."""

import re
from hashlib import sha256
from typing import Any

from holdfast.agents import create
from holdfast.agents import store as agents
from holdfast.agents.model import Agent, CreateAgent
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import CreateBlock, NewBlock
from holdfast.facades.chat.agents import COPY
from holdfast.facades.chat.person import Person
from holdfast.files import attached
from holdfast.llm.models import Models
from holdfast.messages import threads
from holdfast.runs import leases
from holdfast.store.table import Tx
from holdfast.tools import store as tools

LONGEST_NAME = 200
SAME = (
    *("description", "metadata", "timezone", "max_files_open", "per_file_view_window_char_limit", "auto_recall"),
    *("enable_sleeptime", "message_buffer_autoclear"),
)
CHOSEN = ("model", "llm", "model_settings", "embedding", "embedding_config", "compaction_settings", "response_format")
"""What was worked out of the choices that the original was made with."""


def of(tx: Tx, who: Who, original: Agent, person: Person, models: Models) -> Agent:
    """The user's copy, made when they first say something."""
    digest = sha256(person.user.encode()).hexdigest()[:32]
    tags = [COPY, f"copy-of:{original.id}", f"for:{digest}"]
    found = agents.tagged(tx, who, tags, (), 1)
    if not found:
        leases.lock(tx, threads.get(tx, who, original.id))
        found = agents.tagged(tx, who, tags, (), 1)
    return (
        agents.get(tx, who, found[0])
        if found
        else _made(tx, who, original, _name(original, person, digest), tags, models)
    )


def _made(tx: Tx, who: Who, original: Agent, name: str, tags: list[str], models: Models) -> Agent:
    """Blocks that agents can only read stay the same ones, the others are copied; messages and archives are not."""
    held = blocks.of_agent(tx, who, original.id)
    fields = set(NewBlock.model_fields)
    chosen: dict[str, Any] = {field: getattr(original, field) for field in SAME}
    new = CreateAgent(
        **chosen,
        name=name,
        agent_type=original.agent_type,
        system=original.system,
        tags=[*original.tags, *tags],
        memory_blocks=[CreateBlock(**block.model_dump(include=fields)) for block in held if not block.read_only],
        block_ids=[block.id for block in held if block.read_only],
        tool_ids=[tool.id for tool in tools.of_agent(tx, who, original.id)],
        tool_rules=original.tool_rules,
        folder_ids=[folder.id for folder in attached.folders_of(tx, who, original.id)],
        secrets={secret.key: secret.value for secret in agents.secrets_of(tx, who, [original.id]).get(original.id, [])},
        include_base_tools=False,
        include_base_tool_rules=False,
    )
    copy = create.create(tx, who, new, models).agent
    return agents.rows.update(tx, who, copy.id, {field: getattr(original, field) for field in CHOSEN})


def _name(original: Agent, person: Person, digest: str) -> str:
    spoken = re.sub(r"[^\w'\-]+", " ", person.name or person.user).strip() or digest
    return f"{original.name} - {spoken}"[:LONGEST_NAME]
