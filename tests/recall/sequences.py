"""Any sequence of changes to what is remembered, with power cuts; after it, rows, index and search must agree."""

import json
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import numpy as np
import psycopg
import pytest

from holdfast.recall.entry import describe, pack_terms, pieces, speaker_of, unpack_vectors
from tests.archives.holding import Json, archive, holder, ok
from tests.fakes.openai_server import vector
from tests.harness.models import EMBEDDING, MODEL
from tests.harness.server import Server
from tests.harness.tenants import Org
from tests.harness.waiting import until
from tests.messages.talking import agent, of_agent, say

BUNDLED = "holdfast/minilm-l6-v2"
DIMENSIONS = {EMBEDDING: 1536, BUNDLED: 384}
WORDS = ("tea", "turin", "anna", "engine", "bee", "honey", "rain", "boiler", "mario", "Straße", "今天", "пример")
ARCHIVES = 3
QUESTIONS = ("honey and tea", "what did anna say in turin?", "今天", "boiler mario boiler", "nothing of the kind")
REFUSED = (400, 404, 409)
"""What undoing or superseding may come to: there may be nothing to undo, or somebody in the way."""


class PassageRow(NamedTuple):
    """A row of the database."""

    id: str
    archive: str
    text: str
    is_deleted: bool
    superseded_at: Any
    metadata: Any

    @property
    def speaker(self) -> str | None:
        metadata = json.loads(self.metadata) if isinstance(self.metadata, str | bytes) else self.metadata
        return metadata.get("speaker")

    @property
    def is_live(self) -> bool:
        return not self.is_deleted and self.superseded_at is None


class Entry(NamedTuple):
    """What search has stored of an item."""

    corpus: str
    terms: bytes
    vectors: bytes | None
    model: str
    wants: str


def read(server: Server, statement: str) -> list[tuple[Any, ...]]:
    """What the database holds, asked past the server."""
    if uri := server.env.get("LETTA_PG_URI"):
        with psycopg.connect(uri, options="-c search_path=holdfast") as database:
            return database.execute(statement.encode()).fetchall()
    with closing(sqlite3.connect(server.data / "holdfast.db")) as database:
        return database.execute(statement).fetchall()


@dataclass
class Changes:
    """Archives, somebody to talk to, and what has happened to them; everything random comes from the seed."""

    org: Org
    seed: int
    rng: random.Random = field(init=False)
    held: dict[str, str] = field(default_factory=dict[str, str])
    """The archives, and an agent that holds each."""
    talker: str = ""
    stored: dict[str, str] = field(default_factory=dict[str, str])
    """What was acknowledged, and in which archive."""
    true_at: dict[str, str] = field(default_factory=dict[str, str])
    """A moment at which something was true that has been superseded."""
    done: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        for _ in range(ARCHIVES):
            self._new_archive()
        self.talker = agent(self.org, model=MODEL)

    def happen(self, count: int, cuts: int) -> None:
        """So many changes; the power is cut in the middle of some of them."""
        cut = {*self.rng.sample(range(count), cuts)}
        kinds: Mapping[Callable[[], None], int] = {
            self._insert: 6,
            self._insert_many: 2,
            self._edit: 4,
            self._supersede: 4,
            self._undo: 4,
            self._restore: 3,
            self._delete: 3,
            self._say: 4,
            self._choose_model: 2,
            self._look: 3,
            self._delete_archive: 1,
        }
        for number in range(count):
            [change] = self.rng.choices([*kinds], [*kinds.values()])
            self.done[change.__name__.lstrip("_")] += 1
            self._cut_in(change) if number in cut else change()

    def _cut_in(self, change: Callable[[], None]) -> None:
        self.done["power cut"] += 1

        def work() -> None:
            with suppress(httpx.TransportError):
                change()

        working = threading.Thread(target=work)
        moment = self.rng.random() * 0.1
        working.start()
        working.join(moment)
        self.org.server.kill9()
        working.join()
        self.org.server.start()
        there = {id for (id,) in read(self.org.server, "SELECT id FROM archives")}
        self.held = {id: owner for id, owner in self.held.items() if id in there}
        while len(self.held) < ARCHIVES:
            self._new_archive()

    def _new_archive(self) -> None:
        made = archive(self.org, embedding=self.rng.choice([None, EMBEDDING, BUNDLED]))
        self.held[made] = holder(self.org, made)

    def _text(self) -> str:
        name = self.rng.choice(("", "", "Anna: ", "Mario: "))
        return name + " ".join(self.rng.choices(WORDS, k=self.rng.choice((1, 2, 3, 5, 8, 12, 20, 200))))

    def _any(self, *, live: bool = False) -> PassageRow | None:
        rows = [row for row in self.passages() if row.is_live or not live]
        return self.rng.choice(rows) if rows else None

    def _insert(self) -> None:
        held = self.rng.choice([*self.held])
        body = {"text": self._text(), "metadata": self.rng.choice(({}, {"speaker": "Mario"}, {"speaker": "user"}))}
        self.stored[ok(self.org.http.post(f"/v1/archives/{held}/passages", json=body))["id"]] = held

    def _insert_many(self) -> None:
        held = self.rng.choice([*self.held])
        body = {"passages": [{"text": self._text()} for _ in range(self.rng.randint(1, 12))]}
        made = ok(self.org.http.post(f"/v1/archives/{held}/passages/batch", json=body))
        self.stored |= {each["id"]: held for each in made}

    def _edit(self) -> None:
        if row := self._any(live=True):
            path = f"/v1/agents/{self.held[row.archive]}/archival-memory/{row.id}"
            ok(self.org.http.patch(path, json={"text": self._text()}))

    def _supersede(self) -> None:
        if row := self._any():
            moment = datetime.now(UTC).isoformat()
            if made := self._post(row, "supersede", text=self._text()):
                self.stored[made["id"]] = row.archive
                self.true_at[row.id] = moment

    def _undo(self) -> None:
        if row := self._any():
            self._post(row, "undo")

    def _restore(self) -> None:
        if row := self._any():
            self._post(row, "restore", version=self.rng.randint(1, 4))

    def _post(self, row: PassageRow, verb: str, **body: Any) -> Json | None:
        answer = self.org.http.post(f"/v1/passages/{row.id}/{verb}", json=body)
        return None if answer.status_code in REFUSED else ok(answer)

    def _delete(self) -> None:
        if row := self._any(live=True):
            self.org.http.delete(f"/v1/archives/{row.archive}/passages/{row.id}").raise_for_status()

    def _say(self) -> None:
        say(self.org, f"agents/{self.talker}", f"{self._text()} REPLY {self._text()}")

    def _choose_model(self) -> None:
        body = {"embedding": self.rng.choice([EMBEDDING, BUNDLED, "default"])}
        ok(self.org.http.patch(f"/v1/archives/{self.rng.choice([*self.held])}", json=body))

    def _look(self) -> None:
        self._search(self.rng.choice([*self.held]), self.rng.choice(QUESTIONS))

    def _delete_archive(self) -> None:
        gone = self.rng.choice([*self.held])
        self.org.http.delete(f"/v1/archives/{gone}").raise_for_status()
        del self.held[gone]
        self._new_archive()

    def _search(self, held: str, query: str, **more: Any) -> list[tuple[str, float]]:
        body = {"archive_id": held, "query": query, "limit": 100, **more}
        found = ok(self.org.http.post("/v1/passages/search", json=body))
        return [(each["passage"]["id"], each["score"]) for each in found]

    def _search_messages(self, query: str) -> list[tuple[str, float]]:
        body = {"agent_id": self.talker, "query": query, "limit": 100}
        return [
            (each["message_id"], each["score"]) for each in ok(self.org.http.post("/v1/messages/search", json=body))
        ]

    def passages(self) -> list[PassageRow]:
        found = read(self.org.server, "SELECT id, archive_id, text, is_deleted, superseded_at, metadata FROM passages")
        return [PassageRow(*row) for row in sorted(found, key=lambda row: row[0])]

    def check(self) -> None:
        self._settle()
        self._check_rows()
        self._check_passages()
        self._check_messages()
        self._check_past()
        self._check_search()

    def _settle(self) -> None:
        def is_known(**query: str) -> bool:
            return ok(self.org.http.get("/v1/search/progress", params=query))["waiting"] == 0

        for held in self.held:
            self._search(held, QUESTIONS[0])
            until(lambda held=held: is_known(archive_id=held), "the vectors of an archive", 60)
        self._search_messages(QUESTIONS[0])
        until(lambda: is_known(agent_id=self.talker), "the vectors of messages", 60)

    def _check_rows(self) -> None:
        rows = {row.id: row.archive for row in self.passages()}
        expected = {id: held for id, held in self.stored.items() if held in self.held}
        assert expected.items() <= rows.items(), "what was acknowledged is there"
        assert {*rows.values()} <= {*self.held}, "a deleted archive leaves nothing"

    def _entries(self, kind: str) -> dict[str, Entry]:
        """The entries of what can be found; those of what is gone hold nothing."""
        stored = read(
            self.org.server, "SELECT kind, item_id, is_gone, corpus, terms, vectors, model, wants FROM search_entries"
        )
        found = [row[1:] for row in stored if row[0] == kind]
        assert [row for row in found if row[1] and (row[3] or row[4])] == []
        assert Counter(row[0] for row in found).most_common(1)[0][1] == 1
        return {row[0]: Entry(*row[2:]) for row in found if not row[1]}

    def _check_passages(self) -> None:
        entries = self._entries("passage")
        there = [row for row in self.passages() if not row.is_deleted]
        assert {*entries} == {row.id for row in there}
        models = {held: self._model(held) for held in self.held}
        for row in there:
            assert entries[row.id].corpus == row.archive
            check_entry(entries[row.id], row.text, row.speaker, models[row.archive])

    def _model(self, held: str) -> str:
        return ok(self.org.http.get(f"/v1/archives/{held}"))["embedding"] or BUNDLED

    def _check_messages(self) -> None:
        entries = self._entries("message")
        ids = {id for (id,) in read(self.org.server, "SELECT id FROM messages")}
        assert {*entries} <= ids
        for message in of_agent(self.org, self.talker, limit=1000):
            if message["message_type"] in ("user_message", "assistant_message"):
                check_entry(entries[message["id"]], message["content"], None, BUNDLED)

    def _check_past(self) -> None:
        for row in self.passages():
            if row.id in self.true_at and row.superseded_at and not row.is_deleted:
                found = self._search(row.archive, row.text, as_of=self.true_at[row.id])
                assert row.id in dict(found), "what was superseded is found as of then"

    def _check_search(self) -> None:
        live: dict[str, Collection[str]] = {
            held: {row.id for row in self.passages() if row.archive == held and row.is_live} for held in self.held
        }
        before = self._rankings()
        for (held, _), found in before.items():
            if held in live:
                assert {*dict(found)} <= {*live[held]}
                assert len(found) == min(len(live[held]), 100)
        self.org.server.kill9()
        self.org.server.start()
        after = self._rankings()
        for place, found in before.items():
            assert [id for id, _ in found] == [id for id, _ in after[place]], place
            assert [score for _, score in found] == pytest.approx([score for _, score in after[place]], abs=1e-4)

    def _rankings(self) -> dict[tuple[str, str], list[tuple[str, float]]]:
        asked = {(held, query): self._search(held, query) for held in self.held for query in QUESTIONS}
        return asked | {("messages", query): self._search_messages(query) for query in QUESTIONS}


def check_entry(entry: Entry, text: str, speaker: str | None, model: str) -> None:
    """An entry says what the text says, and has the vectors of the model that is wanted."""
    speaker = speaker_of(text, speaker)
    assert bytes(entry.terms) == pack_terms(describe(text, speaker))
    assert (entry.model, entry.wants) == (model, model)
    assert entry.vectors is not None
    vectors, parts = unpack_vectors(bytes(entry.vectors)), pieces(text, speaker)
    assert vectors.shape == (len(parts), DIMENSIONS[model])
    if model == EMBEDDING:
        made = np.array([vector(part, DIMENSIONS[model]) for part in parts])
        assert np.abs(vectors - made).max() < 0.01
