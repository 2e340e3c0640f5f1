"""The tables of agents and their secrets; what a list can ask for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from holdfast.agents.model import Agent, AgentSecret
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.auth.model import Who
from holdfast.batches import store as batches
from holdfast.blocks import store as blocks
from holdfast.errors import BadRequest
from holdfast.files import attached
from holdfast.identities import store as identities
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.threads import Thread
from holdfast.runs import events
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.steps import store as steps
from holdfast.store.prepared import Prepared, among
from holdfast.store.table import Rows, Tx, Where, contains_all, contains_any, elements_of
from holdfast.tools import store as tools

rows = Rows(
    "agents",
    Agent,
    sa.Index("agents_by_time", "organization_id", "created_at", "id"),
    sa.Index("agents_by_name", "organization_id", "name"),
)
secrets = Rows(
    "agent_secrets",
    AgentSecret,
    sa.Index("agent_secrets_by_agent", "organization_id", "agent_id", "key", unique=True),
    noun="secret",
)
c = rows.c

_SECRETS = Prepared(
    sa.select(secrets.table)
    .where(
        secrets.c.organization_id == sa.bindparam("org"),
        among(secrets.c.agent_id, "agents"),
    )
    .order_by(secrets.c.created_at, secrets.c.key)
)


def _linked(kind: str, table: sa.Table, other: str, position: sa.ColumnElement[int]) -> sa.Select[str, Any, Any, int]:
    t = table.c
    mine = t.organization_id == sa.bindparam("org"), among(t.agent_id, "agents")
    return sa.select(sa.literal(kind), t.agent_id, t[other], position.label("position")).where(*mine)


_HANGING = sa.union_all(
    _linked("tool", tools.agents_tools, "tool_id", tools.agents_tools.c.position),
    _linked("identity", identities.agents_identities, "identity_id", sa.literal(0)),
    _linked("secret", secrets.table, "id", sa.literal(0)),
).subquery()
_KIND, _AGENT, _OTHER, _POSITION = _HANGING.c
_LINKS = Prepared(sa.select(_KIND, _AGENT, _OTHER).order_by(_AGENT, _POSITION, _OTHER))
_NOTE_RUN = Prepared(
    rows.table.update().where(c.organization_id == sa.bindparam("the_org"), c.id == sa.bindparam("the_id")),
    ("last_run_completion", "last_run_duration_ms", "last_stop_reason"),
)

_OWN_THREAD = sa.and_(threads.rows.c.organization_id == c.organization_id, threads.rows.c.id == c.id)
_WITH_THREAD = Prepared(
    sa.select(threads.rows.table, rows.table)
    .join(rows.table, _OWN_THREAD)
    .where(c.organization_id == sa.bindparam("org"), c.id == sa.bindparam("key"))
)

SORTS = {"created_at": c.created_at, "updated_at": c.updated_at, "last_run_completion": c.last_run_completion}


@dataclass(frozen=True, slots=True)
class Filter:
    """What `GET /v1/agents/` can ask for."""

    name: str | None = None
    query_text: str | None = None
    tags: Sequence[str] = ()
    match_all_tags: bool = False
    project_id: str | None = None
    template_id: str | None = None
    base_template_id: str | None = None
    identity_id: str | None = None
    identifier_keys: Sequence[str] = ()
    last_stop_reason: str | None = None
    created_by_id: str | None = None
    show_hidden: bool = False
    ids: sa.ScalarSelect[Any] | None = None


def get(tx: Tx, who: Who, id: str) -> Agent:
    return rows.get(tx, who, id)


def with_own_thread(tx: Tx, who: Who, id: str) -> tuple[Thread, Agent]:
    """An agent and its own thread, in one look."""
    row = _WITH_THREAD.row(tx, {"org": who.organization_id, "key": id})
    if row is None:
        raise rows.missing(id)
    width = len(threads.rows.table.columns)
    return threads.rows.load(row[:width]), rows.load(row, skip=width)


def page(tx: Tx, who: Who, page: Page, wanted: Filter) -> list[Agent]:
    sort = SORTS.get(page.order_by)
    if sort is None:
        raise BadRequest(f"Agents cannot be sorted by {page.order_by!r}; use one of {', '.join(SORTS)}.")
    return rows.page(tx, who, page, *_where(tx, who, wanted), sort=sort)


def tagged(tx: Tx, who: Who, every: Sequence[str], some: Sequence[str], limit: int) -> list[str]:
    """Agents that have all the tags of the first list, and one of the second if there are any; the oldest first."""
    where = [c.organization_id == who.organization_id, c.hidden.is_not(True), contains_all(tx, c.tags, every)]
    if some:
        where.append(contains_any(tx, c.tags, some))
    query = sa.select(c.id).where(*where).order_by(c.created_at, c.id).limit(limit)
    return list(tx.execute(query).scalars())


def count(tx: Tx, who: Who, wanted: Filter) -> int:
    return rows.count(tx, who, *_where(tx, who, wanted))


def delete(tx: Tx, who: Who, id: str) -> None:
    """Remove an agent with its threads, messages, runs, secrets and own archive; what others can hold stays."""
    rows.delete(tx, who, id)
    isolated = [block_id for thread in threads.of_agent(tx, who, id) for block_id in thread.isolated_block_ids]
    for block_id in blocks.rows.many(tx, who, isolated):
        blocks.delete(tx, who, block_id)
    for part in (messages, threads, events, runs, steps, batches):
        part.delete_of_agent(tx, who, id)
    for part in (blocks, tools, identities, attached):
        part.unlink_agent(tx, who, id)
    if (own := archives.unlink_agent(tx, who, id)) is not None:
        passages.delete_archive(tx, who, own)
    set_secrets(tx, who, id, {})


def note_run(tx: Tx, who: Who, run: Run) -> None:
    """Remember when and how an agent last finished something."""
    values = {
        "last_run_completion": run.completed_at,
        "last_run_duration_ms": (run.total_duration_ns or 0) // 1_000_000,
        "last_stop_reason": run.stop_reason,
    }
    _NOTE_RUN.soon(tx, values | {"the_org": who.organization_id, "the_id": run.agent_id})


@dataclass(slots=True)
class Links:
    """What hangs on some agents: the tools of each, and whether there is anything of the rarer kinds."""

    of_agent: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    tools: set[str] = field(default_factory=set[str])
    identities: bool = False
    secrets: bool = False


def ask_links(tx: Tx, who: Who, agent_ids: Iterable[str]) -> Callable[[], Links]:
    """The links of many agents in one statement, so that nobody looks for what is not there; taken when needed."""
    asked = _LINKS.soon(tx, {"org": who.organization_id, "agents": list(agent_ids)})

    def links() -> Links:
        found = Links()
        for kind, agent_id, other in asked.rows():
            if kind == "tool":
                found.of_agent.setdefault(agent_id, []).append(other)
                found.tools.add(other)
            found.identities = found.identities or kind == "identity"
            found.secrets = found.secrets or kind == "secret"
        return found

    return links


def set_secrets(tx: Tx, who: Who, agent_id: str, values: Mapping[str, str | None]) -> list[AgentSecret]:
    """Replace the whole set of an agent's secrets."""
    mine = sa.and_(secrets.c.organization_id == who.organization_id, secrets.c.agent_id == agent_id)
    tx.execute(secrets.table.delete().where(mine))
    made = [
        AgentSecret(
            id=new_id("agent-env"),
            organization_id=who.organization_id,
            created_by_id=who.user_id,
            last_updated_by_id=who.user_id,
            agent_id=agent_id,
            key=key,
            value=value or "",
        )
        for key, value in values.items()
    ]
    secrets.insert_many(tx, made)
    return made


def secrets_of(tx: Tx, who: Who, agent_ids: Iterable[str]) -> dict[str, list[AgentSecret]]:
    found: dict[str, list[AgentSecret]] = {}
    for row in _SECRETS.rows(tx, {"org": who.organization_id, "agents": list(agent_ids)}):
        secret = secrets.load(row)
        found.setdefault(secret.agent_id, []).append(secret)
    return found


def tags(tx: Tx, who: Who, text: str | None, page: Page) -> list[str]:
    """All tags of agents, by name; a cursor is a tag, which need not be there any more."""
    each = elements_of(tx, c.tags)
    tagged = rows.table.join(each, sa.true())
    query = sa.select(each.c.value).select_from(tagged).where(c.organization_id == who.organization_id)
    if text:
        query = query.where(sa.func.lower(each.c.value).contains(text.lower(), autoescape=True))
    if page.after:
        query = query.where(each.c.value < page.after if page.newest_first else each.c.value > page.after)
    if page.before:
        query = query.where(each.c.value > page.before if page.newest_first else each.c.value < page.before)
    backwards = page.before is not None and page.after is None
    order = each.c.value.desc() if page.newest_first != backwards else each.c.value.asc()
    found = list(tx.execute(query.distinct().order_by(order).limit(page.limit)).scalars())
    return found[::-1] if backwards else found


def _where(tx: Tx, who: Who, wanted: Filter) -> list[Where]:
    same = (
        (c.name, wanted.name),
        (c.project_id, wanted.project_id),
        (c.template_id, wanted.template_id),
        (c.base_template_id, wanted.base_template_id),
        (c.last_stop_reason, wanted.last_stop_reason),
        (c.created_by_id, wanted.created_by_id),
    )
    where: list[Where] = [column == value for column, value in same if value is not None]
    if wanted.query_text:
        where.append(sa.func.lower(c.name).contains(wanted.query_text.lower(), autoescape=True))
    if wanted.tags:
        match = contains_all if wanted.match_all_tags else contains_any
        where.append(match(tx, c.tags, wanted.tags))
    if wanted.identity_id or wanted.identifier_keys:
        where.append(c.id.in_(identities.linked_agents(who, wanted.identity_id, wanted.identifier_keys)))
    if not wanted.show_hidden:
        where.append(c.hidden.is_not(True))
    if wanted.ids is not None:
        where.append(c.id.in_(wanted.ids))
    return where
