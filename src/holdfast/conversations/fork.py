"""Forking a thread: the new one points at the messages of the old one, nothing is copied (DESIGN §3)."""

from holdfast.agents import store as agents
from holdfast.agents.threads import open_thread
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.conversations import store
from holdfast.conversations.wire import Conversation
from holdfast.errors import BadRequest
from holdfast.messages import store as messages
from holdfast.messages.threads import Ancestor, Thread
from holdfast.store.table import Tx

SHARED = ("summary", "description", "model", "model_settings", "context_window_limit", "last_message_at")


def fork(
    tx: Tx, who: Who, conversation_id: str, agent_id: str | None, message_id: str | None, hidden: bool
) -> Conversation:
    """A new conversation that goes on from a message of this one, the last one unless named."""
    parent = store.resolve(tx, who, conversation_id, agent_id)
    until = _fork_point(tx, who, parent, message_id)
    isolated = blocks.rows.many(tx, who, parent.isolated_block_ids)
    thread = open_thread(
        tx,
        who,
        agents.get(tx, who, parent.agent_id),
        **{name: getattr(parent, name) for name in SHARED},
        **_window(tx, who, parent, until),
        hidden=hidden,
        ancestors=_lineage(parent, until),
        isolated_block_ids=store.copies(tx, who, list(isolated.values())),
    )
    return store.shown(tx, who, [thread])[0]


def _fork_point(tx: Tx, who: Who, parent: Thread, message_id: str | None) -> int:
    if message_id is None:
        return max(messages.last_sequence(tx, who, parent), parent.window_start)
    found = messages.find_in(tx, who, parent, message_id)
    if found is None:
        raise BadRequest(f"Message {message_id} is not in conversation {parent.id}, so it cannot be forked there.")
    return found.sequence


def _lineage(parent: Thread, until: int) -> list[Ancestor]:
    """The threads whose messages the fork shares, each up to where it was left."""
    inherited = [a.model_copy(update={"until": min(a.until, until)}) for a in parent.ancestors]
    return [*inherited, Ancestor(thread_id=parent.id, until=until, prompt_id=parent.prompt_id)]


def _window(tx: Tx, who: Who, parent: Thread, until: int) -> dict[str, object]:
    """What the model sees of the shared part; from before the start of the parent's window, that is all of it."""
    chosen = messages.many(tx, who, parent.window_ids or ())
    kept = [each for each in parent.window_ids or () if each in chosen and chosen[each].sequence <= until]
    if until < parent.window_start and not kept:
        return {}
    return {
        "window_start": parent.window_start,
        "summary_id": parent.summary_id if until >= parent.window_start else None,
        "window_ids": None if parent.window_ids is None else kept,
    }
