"""Where in the database things are that are forgotten with something: one line for each table of each noun.

A noun that keeps something of agents, threads or archives adds its lines to `PARTS`, and its table to `REWRITTEN`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.agents import store as agents
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.auth.model import Who
from holdfast.batches import store as batches
from holdfast.blocks import store as blocks
from holdfast.feed.port import KEPT_S
from holdfast.files import attached, contents, folders
from holdfast.files import chunks as file_chunks
from holdfast.files import store as files
from holdfast.identities import store as identities
from holdfast.kit.clock import now
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import Message
from holdfast.messages.threads import Thread
from holdfast.repeats import store as repeats
from holdfast.runs import store as runs
from holdfast.runs.events import events
from holdfast.runs.model import Run
from holdfast.steps import store as steps
from holdfast.store import search
from holdfast.store.search import FILES, MESSAGES, PASSAGES, Corpus
from holdfast.store.table import Rows, Tx, Where

AT_ONCE = 500
"""How many ids a statement is given at most."""

EVENTS_KEPT = timedelta(seconds=KEPT_S) + timedelta(days=7)
"""How long after its beginning a run may have events: they are kept for a while after its end."""

PAGE = 200
"""How many rows of an export are read at once."""

BATCH = 2000
"""How many rows a transaction removes at most, so that others get their turn."""

m, r, s, t = messages.c, runs.c, steps.c, threads.rows.c
Ids = Sequence[str]


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table that belong to things of one kind."""

    things: str
    """A field of `Scope`."""
    table: sa.Table
    where: Callable[[Who, Ids], Where]


def _of_runs(column: sa.ColumnElement[str], owner: sa.ColumnElement[str]) -> Callable[[Who, Ids], Where]:
    """Rows of the runs whose agent or thread is among some."""
    return lambda who, ids: column.in_(
        sa.select(r.id).where(r.organization_id == who.organization_id, owner.in_(list(ids)))
    )


def _among(column: sa.ColumnElement[str]) -> Callable[[Who, Ids], Where]:
    return lambda _who, ids: column.in_(list(ids))


def _of_corpora(_who: Who, ids: Ids) -> Where:
    return sa.and_(search.e.corpus.in_(list(ids)), ~search.IS_MARK)


PARTS: tuple[Part, ...] = (
    Part("agents", events, _of_runs(events.c.run_id, r.agent_id)),
    Part("agents", steps.rows.table, _among(s.agent_id)),
    Part("agents", messages.rows.table, _among(m.agent_id)),
    Part("agents", runs.rows.table, _among(r.agent_id)),
    Part("agents", threads.rows.table, _among(t.agent_id)),
    Part("agents", batches.items.table, _among(batches.i.agent_id)),
    Part("agents", agents.secrets.table, _among(agents.secrets.c.agent_id)),
    Part("threads", events, _of_runs(events.c.run_id, r.thread_id)),
    Part("threads", steps.rows.table, _of_runs(s.run_id, r.thread_id)),
    Part("threads", messages.rows.table, _among(m.thread_id)),
    Part("threads", runs.rows.table, _among(r.thread_id)),
    Part("archives", passages.versions.table, _among(passages.versions.c.archive_id)),
    Part("archives", passages.rows.table, _among(passages.c.archive_id)),
    Part("archives", archives.archive_tags, _among(archives.archive_tags.c.archive_id)),
    Part("passages", passages.versions.table, _among(passages.versions.c.passage_id)),
    Part("passages", passages.rows.table, _among(passages.c.id)),
    Part("agents", search.entries, _of_corpora),
    Part("archives", search.entries, _of_corpora),
    Part("blocks", blocks.versions.table, _among(blocks.versions.c.block_id)),
)
"""In this order: what is found by way of a run goes before the run."""

CORPORA = (("agents", MESSAGES), ("archives", PASSAGES), ("folders", FILES))
"""What search keeps, by whose corpora it is."""

REWRITTEN: tuple[sa.Table, ...] = (
    *(each.table for each in (messages.rows, threads.rows, runs.rows, steps.rows, batches.items)),
    *(each.table for each in (blocks.rows, blocks.versions, archives.rows, passages.rows, passages.versions)),
    *(each.table for each in (agents.rows, agents.secrets, identities.rows, repeats.rows)),
    *(each.table for each in (folders.rows, files.rows, file_chunks.rows, attached.rows)),
    *(events, archives.archive_tags, search.entries, contents.uploads),
)
"""The tables that can hold what was said or stored, and so are written anew."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A table that says who holds what."""

    table: sa.Table
    thing: str
    holder: str


AGENTS_OF_BLOCKS = Holding(blocks.agents_blocks, "block_id", "agent_id")
AGENTS_OF_ARCHIVES = Holding(archives.agents_archives, "archive_id", "agent_id")
ARCHIVES_OF_AGENTS = Holding(archives.agents_archives, "agent_id", "archive_id")
IDENTITIES_OF_AGENTS = Holding(identities.agents_identities, "agent_id", "identity_id")
IDENTITIES_OF_BLOCKS = Holding(identities.blocks_identities, "block_id", "identity_id")


def drain(tx: Tx, who: Who, part: Part, ids: Ids) -> int:
    """Remove some rows of a part; how many. Less than `BATCH` means that none are left."""
    keys = list(part.table.primary_key)
    mine = part.table.c.organization_id == who.organization_id
    some = sa.select(*keys).where(mine, part.where(who, ids)).limit(BATCH)
    return tx.execute(part.table.delete().where(mine, sa.tuple_(*keys).in_(some))).rowcount


def chunks(ids: Ids) -> Iterator[Ids]:
    return (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))


def drop_corpus(tx: Tx, who: Who, kind: str, corpus_id: str) -> int:
    """Drop what search knows of a corpus."""
    return search.forget(tx, Corpus(who.organization_id, kind, corpus_id))


def drop_threads(tx: Tx, who: Who, agent_id: str, ids: Ids) -> int:
    """Drop what search knows of some threads of an agent."""
    return search.forget_some(tx, Corpus(who.organization_id, MESSAGES, agent_id), search.e.thread.in_(list(ids)))


def drop_items(tx: Tx, who: Who, kind: str, corpus_id: str, ids: Ids) -> int:
    """Drop what search knows of some items of a corpus."""
    return search.forget_some(tx, Corpus(who.organization_id, kind, corpus_id), search.e.item_id.in_(list(ids)))


def delete(tx: Tx, who: Who, of: Rows[Any], ids: Ids) -> int:
    """Remove rows by their ids."""
    gone = 0
    for some in chunks(list(ids)):
        mine = of.c.organization_id == who.organization_id, of.c.id.in_(some)
        gone += tx.execute(of.table.delete().where(*mine)).rowcount
    return gone


def hold_threads(tx: Tx, who: Who, agent_ids: Ids) -> list[Thread]:
    """All threads of some agents, locked: no turn of theirs begins or goes on before this transaction ends."""
    mine = t.organization_id == who.organization_id, t.agent_id.in_(list(agent_ids))
    query = sa.select(threads.rows.table).where(*mine).order_by(t.id).with_for_update()
    return [threads.rows.load(row) for row in tx.execute(query)]


def unsettled_run(tx: Tx, who: Who, agent_ids: Ids) -> Run | None:
    """A run of some agents that a server still has something to do for."""
    at_work = sa.or_(runs.IS_ACTIVE, r.owner.is_not(None))
    return runs.rows.first(tx, who, r.agent_id.in_(list(agent_ids)), at_work, order=[r.created_at])


def background_runs(tx: Tx, who: Who, things: str, ids: Ids) -> list[str]:
    """The ids of runs whose events may be kept outside of the database."""
    owner = r.agent_id if things == "agents" else r.thread_id
    mine = r.organization_id == who.organization_id, owner.in_(list(ids)), r.background.is_(True)
    return list(tx.execute(sa.select(r.id).where(*mine, r.created_at > now() - EVENTS_KEPT)).scalars())


def holders(tx: Tx, who: Who, links: Holding, ids: Ids) -> dict[str, set[str]]:
    """Who holds each of some things."""
    found: dict[str, set[str]] = {}
    c = links.table.c
    for some in chunks(list(ids)):
        mine = c.organization_id == who.organization_id, c[links.thing].in_(some)
        for id, held_by in tx.execute(sa.select(c[links.thing], c[links.holder]).where(*mine)):
            found.setdefault(id, set()).add(held_by)
    return found


def with_tools(tx: Tx, who: Who, agent_ids: Ids, after: int) -> list[Message]:
    """Messages of some agents in which tools are called or answer, in order, from one on."""
    calls = sa.cast(m.content, sa.Text).contains('"tool_call"')
    either = sa.or_(m.role.in_(("tool", "approval")), sa.and_(m.role == "assistant", calls))
    mine = m.agent_id.in_(list(agent_ids)), m.sequence > after
    return messages.rows.all(tx, who, *mine, either, order=[m.sequence], limit=AT_ONCE)


def sent_by(tx: Tx, who: Who, identity_id: str) -> list[str]:
    """The ids of the messages that an identity sent to agents of anybody."""
    mine = m.organization_id == who.organization_id, m.sender_id == identity_id
    return list(tx.execute(sa.select(m.id).where(*mine).order_by(m.sequence)).scalars())


def later_summaries(tx: Tx, who: Who, thread_id: str, sequence: int) -> list[str]:
    """The summaries of a thread that were written after a message of it."""
    mine = m.organization_id == who.organization_id, m.thread_id == thread_id
    return list(tx.execute(sa.select(m.id).where(*mine, m.role == "summary", m.sequence > sequence)).scalars())


def drop_traces(tx: Tx, who: Who, thread_id: str) -> int:
    """Drop what the steps of a thread's runs sent and got."""
    of_runs = sa.select(r.id).where(r.organization_id == who.organization_id, r.thread_id == thread_id)
    traced = sa.or_(s.request.is_not(None), s.response.is_not(None), s.error_data.is_not(None))
    mine = sa.and_(s.organization_id == who.organization_id, s.run_id.in_(of_runs), traced)
    none = {"request": sa.null(), "response": sa.null(), "error_data": sa.null()}
    return tx.execute(steps.rows.table.update().where(mine).values(none)).rowcount


def drop_recalled(tx: Tx, who: Who, agent_ids: Ids) -> None:
    """Drop what the steps of some agents sent, where memories had been added to it: any of these could go."""
    recalled = sa.cast(r.memory_used, sa.Text) != "[]"
    mine = r.organization_id == who.organization_id, r.agent_id.in_(list(agent_ids))
    of_runs = sa.select(r.id).where(*mine, recalled)
    traced = sa.and_(s.organization_id == who.organization_id, s.run_id.in_(of_runs), s.request.is_not(None))
    tx.execute(steps.rows.table.update().where(traced).values(request=sa.null()))


def empty_thread(tx: Tx, who: Who, thread_id: str, prompt_id: str) -> Iterator[tuple[str, int]]:
    """Remove all messages of a thread but its prompt, and its runs with their steps; how many of each."""
    for part in PARTS:
        if part.things == "threads":
            mine = [part.table.c.organization_id == who.organization_id, part.where(who, [thread_id])]
            if part.table is messages.rows.table:
                mine.append(m.id != prompt_id)
            yield part.table.name, tx.execute(part.table.delete().where(*mine)).rowcount


def texts_of_thread(tx: Tx, who: Who, thread_id: str, after: int) -> list[Message]:
    """What people and the agent said in a thread, in order, from one on."""
    mine = m.thread_id == thread_id, m.role.in_(messages.SEARCHED), m.sequence > after
    return messages.rows.all(tx, who, *mine, order=[m.sequence], limit=AT_ONCE)


def answers_after(tx: Tx, who: Who, after: str) -> list[Any]:
    """Kept answers of the organization, in order, from one on."""
    return repeats.rows.all(tx, who, repeats.c.id > after, order=[repeats.c.id], limit=50)


def page(tx: Tx, who: Who, of: Rows[Any], column: str, ids: Ids, after: str) -> list[Any]:
    """Rows that belong to some things, by id, from one on."""
    mine = of.c[column].in_(list(ids)), of.c.id > after
    return of.all(tx, who, *mine, order=[of.c.id], limit=PAGE)
