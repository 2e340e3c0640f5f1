"""The table of messages: append in order, read a thread's window, page through history."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.kit.page import Page
from holdfast.messages import threads
from holdfast.messages.filter import MessageFilter
from holdfast.messages.model import Message, Role
from holdfast.messages.threads import Thread
from holdfast.messages.wire import roles_of
from holdfast.store import search
from holdfast.store.prepared import Prepared, Variants, among
from holdfast.store.search import MESSAGES, Corpus
from holdfast.store.table import Rows, Tx, Where, only_where, take_sequence, where_only

rows = Rows(
    "messages",
    Message,
    sa.Index("messages_by_thread", "organization_id", "thread_id", "sequence"),
    sa.Index("messages_by_agent", "organization_id", "agent_id", "sequence"),
    sa.Index("messages_by_run", "organization_id", "run_id", "sequence"),
    sa.Index("messages_by_sequence", "organization_id", "sequence"),
)
c = rows.c
sa.Index(
    "messages_not_indexed",
    c.organization_id,
    c.agent_id,
    c.sequence,
    **only_where("NOT is_indexed"),
)
_UNINDEXED = where_only("NOT is_indexed")

SEARCHED: Sequence[Role] = ("user", "assistant")
"""The roles of messages that say something to people."""

t = threads.rows.c

_WINDOWS = Prepared(
    sa.select(t.id.label("thread_id"), t.ancestors, t.prompt_id, t.summary_id, t.window_ids, c.id, c.role)
    .outerjoin(
        rows.table,
        sa.and_(
            c.organization_id == t.organization_id,
            c.thread_id == t.id,
            c.sequence >= t.window_start,
            c.role != "summary",
        ),
    )
    .where(t.organization_id == sa.bindparam("org"), among(t.id, "threads"))
    .order_by(c.sequence)
)
"""The messages from each window's start on, beside what else is in the window."""

_IN_VIEW = Prepared(
    sa.select(rows.table)
    .where(
        c.organization_id == sa.bindparam("org"),
        c.thread_id == sa.bindparam("thread"),
        c.sequence >= sa.bindparam("start"),
        c.role != "summary",
    )
    .order_by(c.sequence)
)
"""The same for one thread without ancestors, whole."""

_SEEN = Prepared(
    rows.table.update().where(c.organization_id == sa.bindparam("org"), among(c.id, "ids")).values(is_indexed=True)
)
_WAITING = Variants(
    sa.select(rows.table)
    .where(_UNINDEXED)
    .order_by(c.organization_id, c.agent_id, c.sequence)
    .limit(sa.bindparam("most", type_=sa.BigInteger)),
    org=c.organization_id == sa.bindparam("org"),
    agent=c.agent_id == sa.bindparam("agent"),
)


def append(tx: Tx, messages: Sequence[Message]) -> None:
    """Store messages in this order, after everything stored before."""
    if not messages:
        return
    last = take_sequence(tx, "messages", len(messages))
    for offset, message in enumerate(messages):
        message.sequence = last - len(messages) + 1 + offset
        message.is_indexed = message.role not in SEARCHED
    rows.insert_many(tx, messages)


def get(tx: Tx, who: Who, id: str) -> Message:
    return rows.get(tx, who, id)


def in_thread(thread: Thread) -> Where:
    """The rows that are this thread's: its own, and its ancestors' up to where it left them."""
    shared = [sa.and_(c.thread_id == a.thread_id, c.sequence <= a.until, c.id != a.prompt_id) for a in thread.ancestors]
    return sa.or_(c.thread_id == thread.id, *shared) if shared else c.thread_id == thread.id


def in_own_threads() -> Where:
    """The rows of agents' own threads, which have their agent's id."""
    return c.thread_id == c.agent_id


def of_agent(agent_id: str) -> Where:
    return c.agent_id == agent_id


def of_run(run_id: str) -> Where:
    return c.run_id == run_id


def of_step(run_id: str, step_id: str) -> tuple[Where, Where]:
    """The run is named because it has the index."""
    return c.run_id == run_id, c.step_id == step_id


def last_sequence(tx: Tx, who: Who, thread: Thread) -> int:
    """How far a thread has come."""
    query = sa.select(sa.func.max(c.sequence)).where(c.organization_id == who.organization_id, in_thread(thread))
    return tx.execute(query).scalar() or 0


def find_in(tx: Tx, who: Who, thread: Thread, id: str) -> Message | None:
    """A message, if it is one of the thread's."""
    return rows.first(tx, who, in_thread(thread), c.id == id)


def matching(wanted: MessageFilter) -> list[Where]:
    """The rows that a filter lets through; of types only the roles, the rest is the projection's."""
    where: list[Where] = []
    if wanted.group_id is not None:
        where.append(c.group_id == wanted.group_id)
    if not wanted.include_err:
        where.append(c.is_err.is_not(True))
    if wanted.include_return_message_types is not None:
        where.append(c.role.in_(roles_of(wanted.include_return_message_types)))
    return where


def window(tx: Tx, who: Who, thread: Thread) -> list[Message]:
    """What the model sees: the prompt, the summary, the chosen messages, then everything from the start on."""
    heads = _heads(thread.prompt_id, thread.summary_id, thread.window_ids)
    chosen = rows.many(tx, who, heads)
    front = [chosen[id] for id in dict.fromkeys(heads) if id in chosen]
    return [*front, *(message for message in _in_view(tx, who, thread) if message.id not in chosen)]


def _in_view(tx: Tx, who: Who, thread: Thread) -> list[Message]:
    if thread.ancestors:
        return rows.all(tx, who, _since(thread), order=[c.sequence])
    among_them = {"org": who.organization_id, "thread": thread.id, "start": thread.window_start}
    return [rows.load(row) for row in _IN_VIEW.rows(tx, among_them)]


def newest_of(tx: Tx, who: Who, thread: Thread) -> Message | None:
    """The newest message that a thread has in view, summaries left out."""
    return rows.first(tx, who, _since(thread), order=[c.sequence.desc()])


def _since(thread: Thread) -> Where:
    """The thread from its window's start on. Summaries are in view by their id alone: there are older ones."""
    return sa.and_(in_thread(thread), c.sequence >= thread.window_start, c.role != "summary")


@dataclass(slots=True)
class Window:
    """The ids of what the model sees of a thread, and what its newest message is."""

    ids: list[str]
    newest: Role | None = None


def window_ids(tx: Tx, who: Who, thread_ids: Iterable[str]) -> dict[str, Window]:
    """The ids of `window`, for many threads in one statement; forked threads are looked at one by one."""
    return ask_window_ids(tx, who, thread_ids)()


def ask_window_ids(tx: Tx, who: Who, thread_ids: Iterable[str]) -> Callable[[], dict[str, Window]]:
    """The same, taken when it is needed."""
    asked = _WINDOWS.soon(tx, {"org": who.organization_id, "threads": list(thread_ids)})
    return lambda: _windows(tx, who, asked.rows())


def _windows(tx: Tx, who: Who, among_them: Sequence[Sequence[Any]]) -> dict[str, Window]:
    found: dict[str, Window] = {}
    for row in among_them:
        thread_id, ancestors, prompt_id, summary_id, chosen, message_id, role = row
        window = found.get(thread_id)
        if window is None:
            window = found[thread_id] = Window(_heads(prompt_id, summary_id, chosen))
            if ancestors:
                window.ids = _forked_ids(tx, who, thread_id)
        if not ancestors:
            window.ids.append(message_id)
            window.newest = role
    for window in found.values():
        window.ids = list(dict.fromkeys(filter(None, window.ids)))
    return found


def _forked_ids(tx: Tx, who: Who, thread_id: str) -> list[str]:
    thread = threads.rows.get(tx, who, thread_id)
    query = sa.select(c.id).where(c.organization_id == who.organization_id, _since(thread)).order_by(c.sequence)
    return [*_heads(thread.prompt_id, thread.summary_id, thread.window_ids), *tx.execute(query).scalars()]


def _heads(prompt_id: str, summary_id: str | None, chosen: Sequence[str] | None) -> list[str]:
    return [prompt_id, *filter(None, [summary_id]), *(chosen or [])]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which of the found messages a search is after."""

    agent_id: str | None = None
    thread: Thread | None = None
    roles: Sequence[Role] = SEARCHED
    start: datetime | None = None
    end: datetime | None = None
    without: Collection[str] = ()
    """Messages that whoever searches knows already; only searches by a query leave them out."""

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the agent matters."""
        return set(self.roles) < set(SEARCHED) or any((self.thread, self.start, self.end))


def narrowed(wanted: Narrowed) -> list[Where]:
    where: list[Where] = [c.role.in_(list(wanted.roles))]
    if wanted.agent_id is not None:
        where.append(c.agent_id == wanted.agent_id)
    if wanted.thread is not None:
        where.append(in_thread(wanted.thread))
    if wanted.start is not None:
        where.append(c.created_at >= wanted.start)
    if wanted.end is not None:
        where.append(c.created_at <= wanted.end)
    return where


def ids_of(tx: Tx, who: Who, wanted: Narrowed) -> set[str]:
    query = sa.select(c.id).where(c.organization_id == who.organization_id, *narrowed(wanted))
    return set(tx.execute(query).scalars())


def newest(tx: Tx, who: Who, wanted: Narrowed, limit: int) -> list[Message]:
    return rows.all(tx, who, *narrowed(wanted), order=[c.sequence.desc()], limit=limit)


def unindexed(tx: Tx, limit: int, organization_id: str | None = None, agent_id: str | None = None) -> list[Message]:
    """Messages that search does not know yet, of everybody or of one agent."""
    found = _WAITING.rows(tx, {"most": limit, "org": organization_id, "agent": agent_id})
    return [rows.load(row) for row in found]


def count_unknown(tx: Tx, who: Who, agent_id: str | None) -> int:
    """How many messages of an organization, or of one of its agents, search does not know at all."""
    mine = [
        _UNINDEXED,
        search.is_unknown(rows.table),
        c.organization_id == who.organization_id,
        *([c.agent_id == agent_id] if agent_id else []),
    ]
    return tx.execute(sa.select(sa.func.count()).select_from(rows.table).where(*mine)).scalar_one()


def mark_indexed(tx: Tx, organization_id: str, ids: Sequence[str]) -> None:
    _SEEN.soon(tx, {"org": organization_id, "ids": ids})


def page(tx: Tx, who: Who, page: Page, *where: Where, lenient: bool = False) -> list[Message]:
    """One page by absolute position: `after` means newer and `before` older, whatever the order (CONTRACT §1.4)."""
    for cursor, newer in ((page.after, True), (page.before, False)):
        if cursor is None:
            continue
        at = rows.find(tx, who, cursor)
        if at is None and not lenient:
            raise rows.missing(cursor)
        if at is not None:
            where = (*where, c.sequence > at.sequence if newer else c.sequence < at.sequence)
    order = c.sequence.desc() if page.newest_first else c.sequence.asc()
    return rows.all(tx, who, *where, order=[order], limit=page.limit)


def count(tx: Tx, who: Who, *where: Where) -> int:
    return rows.count(tx, who, *where)


def delete_of_agent(tx: Tx, who: Who, agent_id: str) -> None:
    search.forget(tx, Corpus(who.organization_id, MESSAGES, agent_id))
    tx.execute(rows.table.delete().where(c.organization_id == who.organization_id, c.agent_id == agent_id))


def rewrite_text(tx: Tx, who: Who, id: str, content: list[Any]) -> None:
    """Replace the content of one message: only the compiled prompt is ever rewritten."""
    rows.set(tx, who, id, {"content": content})


def cut_short(tx: Tx, who: Who, id: str, content: list[Any]) -> None:
    """Leave of a message what of it was heard, also for search."""
    rows.update(tx, who, id, {"content": content, "is_indexed": False})


def many(tx: Tx, who: Who, ids: Iterable[str]) -> dict[str, Message]:
    return rows.many(tx, who, ids)
