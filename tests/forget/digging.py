"""Texts that nothing else holds, and looking for them in every file that a server writes."""

import json
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from holdfast.recall.analyser import terms
from tests.harness.postgres import Postgres
from tests.harness.server import Server
from tests.harness.tenants import Org
from tests.harness.waiting import until

Json = dict[str, Any]


def word() -> str:
    """A word that nothing else has; the search changes its ending."""
    return "qu" + "".join(random.choices(string.ascii_lowercase, k=14)) + "ations"


@dataclass(frozen=True)
class Canary:
    """A word of letters that need no escape, and one of letters that do."""

    plain: str
    accented: str

    @property
    def text(self) -> str:
        return f"the {self.plain} of {self.accented}"

    @property
    def forms(self) -> set[bytes]:
        """How a file may hold them: as text, escaped in JSON, and as the search writes them."""
        words = (self.plain, self.accented)
        escaped = (json.dumps(each)[1:-1] for each in words)
        stems = (term for each in words for term in terms(each) if len(term) > 8)
        return {each.encode() for each in (*words, *escaped, *stems)}


def canary() -> Canary:
    return Canary(word(), f"größe{word()}上海")


@dataclass(frozen=True)
class Ground:
    """Where a server writes: its data directory and log, and the files of its PostgreSQL database."""

    server: Server
    postgres: Postgres

    def holding(self, *canaries: Canary) -> list[str]:
        """The files in which anything of these is found."""
        wanted = {form for each in canaries for form in each.forms}
        return sorted(f"{path}: {form!r}" for path in self._files() for form in wanted if form in _read(path))

    def _files(self) -> Iterator[Path]:
        yield self.server.process.log
        yield from (path for path in self.server.home.rglob("*") if path.is_file())
        if (uri := self.server.env.get("LETTA_PG_URI")) is not None:
            yield from (path for path in self.postgres.files_of(uri) if path.is_file())

    def settle(self) -> None:
        """Have everything that is in the database's memory in its files, and what its planner wants to know."""
        if (uri := self.server.env.get("LETTA_PG_URI")) is not None:
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute("ANALYZE")
                connection.execute("CHECKPOINT")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def asked(org: Org, **what: Any) -> Json:
    """The job as it begins."""
    answer = org.http.post("/v1/forget/", json=what)
    assert answer.status_code == 202, answer.text
    return answer.json()


def erased(org: Org, **what: Any) -> Json:
    """The job as soon as all rows are gone."""
    begun = asked(org, **what)
    until(lambda: job(org, begun["id"])["status"] != "erasing", "the rows to be gone")
    return job(org, begun["id"])


def forget(org: Org, **what: Any) -> Json:
    """The job, once it is over."""
    return done(org, asked(org, **what)["id"])


def job(org: Org, id: str) -> Json:
    answer = org.http.get(f"/v1/forget/{id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def done(org: Org, id: str, seconds: float = 30) -> Json:
    until(lambda: job(org, id)["status"] == "done", f"the end of {id}", seconds)
    return job(org, id)
