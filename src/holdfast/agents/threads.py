"""Opening a thread of an agent: its prompt is compiled at once."""

from collections.abc import Sequence
from typing import Any

from holdfast.agents.compile import first_prompt
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.blocks.model import Block
from holdfast.kit.ids import new_id
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message
from holdfast.messages.threads import Thread
from holdfast.store.table import Tx


def open_own_thread(tx: Tx, who: Who, agent: Agent, held: Sequence[Block], first: Sequence[Message] = ()) -> Thread:
    """The agent's own thread, which has the agent's id, with its first messages."""
    prompt, digest = first_prompt(agent, held, agent.id, new_id("message"))
    thread = Thread(
        id=agent.id, organization_id=who.organization_id, agent_id=agent.id, prompt_id=prompt.id, prompt_digest=digest
    )
    threads.rows.insert(tx, thread)
    messages.append(tx, [prompt, *first])
    return thread


def open_thread(tx: Tx, who: Who, agent: Agent, **fields: Any) -> Thread:
    """A further thread of an agent, a conversation; `fields` are those of `Thread`."""
    id = new_id("conv")
    held = blocks.of_agent(tx, who, agent.id)
    isolated = blocks.rows.many(tx, who, fields.get("isolated_block_ids", []))
    own = {block.label: block for block in isolated.values()}
    prompt, digest = first_prompt(agent, [own.get(b.label, b) for b in held], id, new_id("message"))
    thread = Thread(
        **fields,
        id=id,
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        agent_id=agent.id,
        prompt_id=prompt.id,
        prompt_digest=digest,
    )
    threads.rows.insert(tx, thread)
    messages.append(tx, [prompt])
    return thread
