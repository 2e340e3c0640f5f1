"""What goes with the thing that is to be forgotten, and what stays because others use it too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from holdfast.agents import store as agents
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.errors import BadRequest
from holdfast.files import attached, folders
from holdfast.files import store as files
from holdfast.forget import rows
from holdfast.forget.model import KeptThing, Kind, Scope
from holdfast.identities import store as identities
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.store.table import Tx


@dataclass(slots=True)
class Going:
    """The ids of what goes, why others stay, and the agents that must not be at work meanwhile."""

    kind: Kind
    target: str
    shared: bool
    scope: Scope = field(default_factory=Scope)
    kept: list[KeptThing] = field(default_factory=list[KeptThing])
    survivors: list[str] = field(default_factory=list[str])
    """Agents that live on without a part of their memory."""
    shows_tags: bool = False
    """Whether prompts may name the tags of what goes."""
    senders: list[str] = field(default_factory=list[str])
    """Messages that an identity sent to agents that live on."""

    @property
    def concerned(self) -> list[str]:
        """All agents that what goes could be at work in."""
        return list(dict.fromkeys([*self.scope.agents, *self.survivors]))


def plan(tx: Tx, who: Who, kind: Kind, target: str, shared: bool) -> Going:
    """What would go now; an unknown target is an error."""
    made = Going(kind, target, shared)
    _PLANS[kind](tx, who, made)
    _find_survivors(tx, who, made)
    return made


def _agent(tx: Tx, who: Who, plan: Going) -> None:
    plan.scope.agents = [agents.get(tx, who, plan.target).id]
    _what_agents_hold(tx, who, plan)


def _identity(tx: Tx, who: Who, plan: Going) -> None:
    """The identity, its agents and blocks, and what it said to agents of others."""
    identity = identities.get(tx, who, plan.target)
    plan.scope.identities = [identity.id]
    linked = list(agents.rows.many(tx, who, identity.agent_ids))
    of_others = _others(rows.holders(tx, who, rows.IDENTITIES_OF_AGENTS, linked), {identity.id})
    plan.scope.agents = _unshared(plan, linked, of_others)
    plan.scope.blocks = list(blocks.rows.many(tx, who, identity.block_ids))
    _what_agents_hold(tx, who, plan)
    sent = messages.many(tx, who, rows.sent_by(tx, who, identity.id))
    plan.senders = [id for id, message in sent.items() if message.agent_id not in plan.scope.agents]
    plan.survivors += sorted({sent[id].agent_id for id in plan.senders})


def _what_agents_hold(tx: Tx, who: Who, plan: Going) -> None:
    """The blocks and archives of agents that go, as far as nobody else has them."""
    going, own = plan.scope.agents, set(plan.scope.identities)
    of_threads = [
        id for agent in going for thread in threads.of_agent(tx, who, agent) for id in thread.isolated_block_ids
    ]
    held = [block.id for found in blocks.of_agents(tx, who, going).values() for block in found]
    candidates = list(dict.fromkeys([*plan.scope.blocks, *held, *blocks.rows.many(tx, who, of_threads)]))
    by_agents = _others(rows.holders(tx, who, rows.AGENTS_OF_BLOCKS, candidates), set(going))
    by_people = _others(rows.holders(tx, who, rows.IDENTITIES_OF_BLOCKS, candidates), own)
    plan.scope.blocks = _unshared(plan, candidates, {**by_people, **by_agents})
    lent = sorted({id for each in rows.holders(tx, who, rows.ARCHIVES_OF_AGENTS, going).values() for id in each})
    of_others = _others(rows.holders(tx, who, rows.AGENTS_OF_ARCHIVES, lent), set(going))
    plan.scope.archives = _unshared(plan, lent, of_others)


def _others(holders: Mapping[str, set[str]], going: set[str]) -> dict[str, str]:
    """Why things stay: who else holds each of them."""
    left = {id: sorted(held_by - going) for id, held_by in holders.items()}
    return {
        id: f"{', '.join(others)} {'has' if len(others) == 1 else 'have'} it too"
        for id, others in left.items()
        if others
    }


def _unshared(plan: Going, ids: Iterable[str], of_others: dict[str, str]) -> list[str]:
    """Those that go; the others are kept, and named."""
    if plan.shared:
        return list(ids)
    plan.kept += [KeptThing(id=id, why=of_others[id]) for id in ids if id in of_others]
    return [id for id in ids if id not in of_others]


def _conversation(tx: Tx, who: Who, plan: Going) -> None:
    thread = threads.rows.get(tx, who, plan.target)  # one that was deleted, too: its messages are still there
    plan.scope.blocks = list(blocks.rows.many(tx, who, thread.isolated_block_ids))
    plan.survivors = [thread.agent_id]
    if thread.is_own:
        plan.scope.touched = [thread.id]
    else:
        plan.scope.threads = [thread.id]


def _message(tx: Tx, who: Who, plan: Going) -> None:
    message = messages.get(tx, who, plan.target)
    if message.role == "system" and _is_prompt(tx, who, message.thread_id, message.id):
        raise BadRequest(
            f"Message {message.id} is the compiled prompt of its thread, and is made again for every change; forget "
            f"the block that it shows, or the agent {message.agent_id}."
        )
    plan.scope.messages = [message.id]
    plan.survivors = [message.agent_id]


def _is_prompt(tx: Tx, who: Who, thread_id: str, message_id: str) -> bool:
    thread = threads.rows.find(tx, who, thread_id)
    return thread is not None and thread.prompt_id == message_id


def _passage(tx: Tx, who: Who, plan: Going) -> None:
    plan.scope.passages = [passages.rows.get(tx, who, plan.target).id]


def _block(tx: Tx, who: Who, plan: Going) -> None:
    plan.scope.blocks = [blocks.get(tx, who, plan.target).id]


def _archive(tx: Tx, who: Who, plan: Going) -> None:
    plan.scope.archives = [archives.get(tx, who, plan.target).id]


def _folder(tx: Tx, who: Who, plan: Going) -> None:
    plan.scope.folders = [folders.get(tx, who, plan.target).id]
    plan.survivors = attached.agents_of(tx, who, plan.target)


def _file(tx: Tx, who: Who, plan: Going) -> None:
    file = files.rows.get(tx, who, plan.target)
    plan.scope.files = [file.id]
    plan.scope.touched = [file.folder_id]
    plan.survivors = attached.agents_of(tx, who, file.folder_id)


_PLANS = {
    "agent": _agent,
    "conversation": _conversation,
    "message": _message,
    "passage": _passage,
    "block": _block,
    "archive": _archive,
    "folder": _folder,
    "file": _file,
    "identity": _identity,
}


def _find_survivors(tx: Tx, who: Who, plan: Going) -> None:
    """Agents that hold a block or an archive that goes, or the archive of a passage that goes."""
    of_blocks = rows.holders(tx, who, rows.AGENTS_OF_BLOCKS, plan.scope.blocks)
    concerned = [passages.rows.get(tx, who, id).archive_id for id in plan.scope.passages]
    lent = [*plan.scope.archives, *concerned]
    of_archives = rows.holders(tx, who, rows.AGENTS_OF_ARCHIVES, lent)
    holding = {id for each in (*of_blocks.values(), *of_archives.values()) for id in each}
    plan.survivors = sorted({*plan.survivors, *holding} - set(plan.scope.agents))
    plan.scope.touched = sorted({*plan.scope.touched, *plan.survivors, *concerned})
