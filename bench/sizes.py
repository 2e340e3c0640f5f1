"""What is remembered takes room: a conversation on disk, with its vectors; the passages of an archive in memory."""

import base64
import random
import time
from typing import Any

import psycopg

from bench.measure import Meter
from tests.archives.holding import archive, ok
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Engine, Fleet
from tests.harness.models import EMBEDDING, MODEL, environment
from tests.harness.server import Server
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import agent, say

WORDS = 55
"""In one message: about 75 tokens."""
TOKENS_PER_WORD = 1.35
VOCABULARY = 8000
WINDOW = 16_000
BATCH = 500
DIMENSION = 384
POOL = 256
PATIENCE_S = 600.0

Json = dict[str, Any]


def of_conversation(engine: Engine, fleet: Fleet, models: OpenAIServer, tokens: int) -> None:
    """Megabytes for some tokens of conversation, for half of them first: is it linear?"""
    rng, text = random.Random(1), _vocabulary()
    models.script = lambda body: Reply(" ".join(rng.choices(text, k=WORDS)))
    server = fleet.make(engine, environment(models)).start()
    org = new_org(server)
    owner = agent(org, model=MODEL, context_window_limit=WINDOW)
    empty, turns = _stored(server), int(tokens / TOKENS_PER_WORD / WORDS / 2)
    for part in (turns // 2, turns - turns // 2):
        for _ in range(part):
            say(org, f"agents/{owner}", " ".join(rng.choices(text, k=WORDS)))
        _settle(org, owner)
        said = _said(org, owner)
        used = (_stored(server) - empty) / 2**20
        print(
            f"{engine}: {said:,} tokens of conversation take {used:.1f} MB: {used * 1e6 / said:.0f} MB a million",
            flush=True,
        )
    models.reset()


def of_passages(engine: Engine, fleet: Fleet, models: OpenAIServer, most: int) -> None:
    """Resident megabytes of the server before and after a search, with scripted vectors of the bundled model's size."""
    models.embed = _Pooled().answer
    server = fleet.make(engine, environment(models)).start()
    org, rng, text = new_org(server), random.Random(2), _vocabulary()
    held, count = archive(org, embedding=EMBEDDING), 0
    for goal in (most // 10, most):
        begun = time.perf_counter()
        while count < goal:
            sent = [{"text": " ".join(rng.choices(text, k=30))} for _ in range(min(BATCH, goal - count))]
            ok(org.http.post(f"/v1/archives/{held}/passages/batch", json={"passages": sent}, timeout=PATIENCE_S))
            count += len(sent)
        until(lambda: _waiting(org, archive_id=held) == 0, "all vectors", PATIENCE_S)
        seconds, stored = time.perf_counter() - begun, _stored(server) / 2**20
        before, after = _search_anew(server, org, {"archive_id": held, "query": " ".join(text[:5])})
        print(
            f"{engine}: {count:,} passages, {stored:.0f} MB on disk, the last ones stored in {seconds:.0f} s: "
            f"{before:.0f} MB resident before the first search, {after:.0f} MB after it",
            flush=True,
        )
    models.reset()


def _search_anew(server: Server, org: Org, query: Json) -> tuple[float, float]:
    """Resident megabytes of a server that has just started, before and after its first search."""
    meter = Meter(server.restart().pid)
    before = meter.resident_mb()
    ok(org.http.post("/v1/passages/search", json=query, timeout=PATIENCE_S))
    return before, meter.resident_mb()


class _Pooled:
    """Vectors of any texts, made ahead: what they are does not matter for how much room they take."""

    def __init__(self) -> None:
        import numpy as np

        made = np.random.default_rng(3).normal(size=(POOL, DIMENSION)).astype("<f4")
        self._made = [base64.b64encode(row.tobytes()).decode() for row in made]

    def answer(self, request: Json) -> Json:
        texts = request["input"]
        return {"data": [{"index": at, "embedding": self._made[hash(text) % POOL]} for at, text in enumerate(texts)]}


def _vocabulary() -> list[str]:
    """Words of which few are frequent."""
    rng = random.Random(4)
    words = ["".join(rng.choices("etaoinshrdlucmfwypvbg", k=rng.randint(2, 9))) for _ in range(VOCABULARY)]
    return [*words, *words[:800] * 5, *words[:80] * 50]


def _waiting(org: Org, **query: str) -> int:
    return ok(org.http.get("/v1/search/progress", params=query))["waiting"]


def _settle(org: Org, owner: str) -> None:
    ok(org.http.post("/v1/messages/search", json={"agent_id": owner, "query": "anything"}, timeout=PATIENCE_S))
    until(lambda: _waiting(org, agent_id=owner) == 0, "all vectors", PATIENCE_S)


def _said(org: Org, owner: str) -> int:
    """Tokens of all that was said, by the words."""
    count = ok(org.http.get("/v1/search/progress", params={"agent_id": owner}))["items"]
    return int(count * WORDS * TOKENS_PER_WORD)


def _stored(server: Server) -> int:
    """Bytes on disk; what SQLite has written ahead is taken into its file first."""
    if uri := server.env.get("LETTA_PG_URI"):
        with psycopg.connect(uri) as database:
            row = database.execute("SELECT pg_database_size(current_database())").fetchone()
            return row[0] if row else 0
    server.restart()
    return (server.data / "holdfast.db").stat().st_size
