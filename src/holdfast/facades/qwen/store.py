"""What the service reads straight from the tables, and the views that people look at with `sqlite3`."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.agents.model import Agent
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.archives.model import Passage
from holdfast.archives.passages import Narrowing
from holdfast.auth.model import Who
from holdfast.messages import store as messages
from holdfast.messages.model import Message
from holdfast.messages.said import said
from holdfast.messages.store import Narrowed
from holdfast.runs import store as runs
from holdfast.store.table import Tx

VIEWS = {
    "conversations": """
        SELECT m.id, json_extract(a.metadata, '$.qwen_user') AS user_id, m.role, m.created_at AS timestamp,
            (SELECT group_concat(json_extract(part.value, '$.text'), char(10)) FROM json_each(m.content) AS part
             WHERE json_extract(part.value, '$.type') = 'text') AS content
        FROM messages AS m JOIN agents AS a ON a.organization_id = m.organization_id AND a.id = m.agent_id
        WHERE m.role IN ('user', 'assistant') AND json_extract(a.metadata, '$.qwen_user') IS NOT NULL
    """,
    "memories": """
        SELECT p.id, json_extract(a.metadata, '$.qwen_user') AS user_id,
            coalesce(json_extract(p.metadata, '$.memory_type'), 'archival') AS memory_type,
            p.text AS content, p.created_at AS timestamp
        FROM passages AS p
        JOIN agents_archives AS l ON l.organization_id = p.organization_id AND l.archive_id = p.archive_id
        JOIN agents AS a ON a.organization_id = l.organization_id AND a.id = l.agent_id
        WHERE NOT p.is_deleted AND p.superseded_at IS NULL AND json_extract(a.metadata, '$.qwen_user') IS NOT NULL
        UNION ALL
        SELECT id, user_id, 'recall', content, timestamp FROM conversations WHERE content IS NOT NULL
    """,
}
"""Everything that users have said and stored, without a look at our tables."""


def drop_views(path: Path) -> None:
    """Before the database is brought up to date: SQLite changes no table that a view looks at."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        for name in reversed(VIEWS):
            connection.execute(f"DROP VIEW IF EXISTS {name}")


def make_views(tx: Tx) -> None:
    for name, query in VIEWS.items():
        tx.execute(sa.text(f"CREATE VIEW IF NOT EXISTS {name} AS {query}"))


@dataclass(frozen=True, slots=True)
class PastExchange:
    """Something that a user said, and what was answered."""

    id: str
    message: str
    response: str
    at: datetime

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "message": self.message, "response": self.response, "timestamp": self.at.isoformat()}


def exchanges(tx: Tx, who: Who, agent_id: str, run_ids: Iterable[str]) -> dict[str, PastExchange]:
    """What was said in some runs of an agent, by run."""
    c = messages.c
    where = c.agent_id == agent_id, c.run_id.in_(list(run_ids)), c.role.in_(list(messages.SEARCHED))
    of_run = dict[str, list[Message]]()
    for message in messages.rows.all(tx, who, *where, order=[c.sequence]):
        of_run.setdefault(message.run_id or "", []).append(message)
    return {run_id: _exchange(run_id, parts) for run_id, parts in of_run.items()}


def _exchange(run_id: str, parts: list[Message]) -> PastExchange:
    asked = "\n".join(said(part) for part in parts if part.role == "user")
    answered = "\n".join(text for part in parts if part.role == "assistant" and (text := said(part)))
    return PastExchange(run_id, asked, answered, parts[0].created_at)


def recent(tx: Tx, who: Who, agent: Agent, limit: int) -> list[PastExchange]:
    """The newest exchanges of a user, the newest first; those that were only logged are among them."""
    asked = messages.newest(tx, who, Narrowed(agent_id=agent.id, roles=("user",)), limit)
    talked = exchanges(tx, who, agent.id, [message.run_id for message in asked if message.run_id])
    logged = [_logged(each) for each in stored(tx, who, agent, limit, tag="conversation")]
    return sorted([*talked.values(), *logged], key=lambda each: each.at, reverse=True)[:limit]


def _logged(passage: Passage) -> PastExchange:
    told = passage.metadata
    message = str(told.get("message") or passage.text)
    return PastExchange(passage.id, message, str(told.get("response") or ""), passage.created_at)


def stored(tx: Tx, who: Who, agent: Agent, limit: int, tag: str | None = None) -> list[Passage]:
    """What is in the archive of a user, the newest first."""
    archive = archives.of_agent(tx, who, agent.id)
    wanted = Narrowing() if tag is None else Narrowing((tag,))
    return [] if archive is None else passages.newest(tx, who, archive.id, wanted, limit)


def counts(tx: Tx, who: Who, agent: Agent | None) -> dict[str, int]:
    """How much a user has said and stored."""
    if agent is None:
        return {"conversations": 0, "memories": 0}
    archive = archives.of_agent(tx, who, agent.id)
    talked = messages.count(tx, who, messages.of_agent(agent.id), messages.c.role == "user")
    return {"conversations": talked, "memories": archive.passage_count if archive else 0}


def used(tx: Tx, who: Who, run_id: str) -> list[dict[str, Any]]:
    """What of its memory the model was shown in a run, the nearest first."""
    marks: list[Mapping[str, Any]] = list(runs.get(tx, who, run_id).memory_used or ())
    ids = [str(mark["id"]) for mark in marks]
    texts = {id: each.text for id, each in passages.by_ids(tx, who, ids).items()}
    texts |= {id: said(each) for id, each in messages.many(tx, who, ids).items()}
    return [
        {
            "id": mark["id"],
            "text": texts[mark["id"]],
            "content": texts[mark["id"]],
            "source": "archival" if mark["type"] == "passage" else "recall",
            "score": mark["relevance"],
            "similarity": mark["relevance"],
        }
        for mark in marks
        if mark["id"] in texts
    ]
