"""Everything that is known about an identity, or by an agent, as one JSON document that is never whole in memory."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.agents import store as agents
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.audit import store as audit
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.errors import BadRequest
from holdfast.forget import rows
from holdfast.forget.plan import plan
from holdfast.identities import store as identities
from holdfast.kit.clock import now
from holdfast.kit.entity import Entity
from holdfast.kit.reply import encode
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.runs import store as runs
from holdfast.steps import store as steps
from holdfast.store.database import Database
from holdfast.store.table import Rows, Tx

HIDDEN = {
    "is_indexed",
    "indexed",
    "position",
    "prompt_digest",
    "lease_owner",
    "lease_run_id",
    "fence",
    "epoch",
    "owner",
}
"""What the server keeps for itself, and says nothing about anybody."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An export that is written down, and the ids that it is made from."""

    target: str
    audit_id: str
    identities: Sequence[str]
    agents: Sequence[str]
    blocks: Sequence[str]
    archives: Sequence[str]
    senders: Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """One list of the document: the rows of a table whose column names one of the things."""

    name: str
    rows: Rows[Any]
    column: str
    things: str
    without: frozenset[str] = frozenset()


SECTIONS: tuple[Section, ...] = (
    Section("identities", identities.rows, "id", "identities"),
    Section("agents", agents.rows, "id", "agents"),
    Section("secrets", agents.secrets, "agent_id", "agents", frozenset(("value",))),
    Section("blocks", blocks.rows, "id", "blocks"),
    Section("block_versions", blocks.versions, "block_id", "blocks"),
    Section("threads", threads.rows, "agent_id", "agents"),
    Section("messages", messages.rows, "agent_id", "agents"),
    Section("sent_messages", messages.rows, "id", "senders"),
    Section("archives", archives.rows, "id", "archives"),
    Section("passages", passages.rows, "archive_id", "archives"),
    Section("passage_versions", passages.versions, "archive_id", "archives"),
    Section("runs", runs.rows, "agent_id", "agents"),
    Section("steps", steps.rows, "agent_id", "agents", frozenset(("request", "response"))),
)
"""The order of the document. Traces are left out: they repeat messages."""


def begin(tx: Tx, who: Who, identity_id: str | None, agent_id: str | None) -> Taken:
    """Find what belongs to it, shared things included, and write down that it is exported."""
    if (identity_id is None) == (agent_id is None):
        raise BadRequest("Name what to export: identity_id=identity-… or agent_id=agent-…, one of them.")
    target = identity_id or agent_id or ""
    made = plan(tx, who, "identity" if identity_id else "agent", target, shared=True)
    scope = made.scope
    entry = audit.note(tx, who, "export", target, {"agents": len(scope.agents)})
    return Taken(target, entry.id, scope.identities, scope.agents, scope.blocks, scope.archives, made.senders)


async def document(db: Database, who: Who, taken: Taken) -> AsyncGenerator[bytes]:
    """The document, piece by piece; one that broke off has no `complete` at its end, and is no JSON."""
    yield b'{"holdfast_export":1,"of":%s,"made_at":%s' % (encode(taken.target), encode(now()))
    counts: dict[str, int] = {}
    for section in SECTIONS:
        yield b",\n%s:[" % encode(section.name)
        counts[section.name] = 0
        async for line in _lines(db, who, section, getattr(taken, section.things)):
            yield b",\n" * bool(counts[section.name]) + line
            counts[section.name] += 1
        yield b"]"
    await db.write(audit.add, who, taken.audit_id, {"exported": counts})
    yield b',\n"complete":true}\n'


async def _lines(db: Database, who: Who, section: Section, things: Sequence[str]) -> AsyncGenerator[bytes]:
    for ids in rows.chunks(things):
        after = ""
        while some := await db.read(rows.page, who, section.rows, section.column, ids, after):
            for entity in some:
                yield _json(section, entity)
            after = some[-1].id


def _json(section: Section, entity: Entity) -> bytes:
    """A row with all its columns, those that the API does not show included."""
    left_out = HIDDEN | section.without
    return encode({name: getattr(entity, name) for name in type(entity).model_fields if name not in left_out})
