"""Other servers, Redis, a full disk and whoever still looks: forgetting reaches them, or waits and says for whom."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
import redis as client
import sqlalchemy as sa

from tests.archives.holding import ok
from tests.bad_input.test_full_disk import MOUNTED, SmallDisk, alone
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.forget.digging import Canary, Ground, canary, done, forget, job
from tests.harness.fleet import Fleet, FreshServer
from tests.harness.models import environment
from tests.harness.postgres import Postgres
from tests.harness.redis import RedisServer
from tests.harness.tenants import Org, new_org
from tests.harness.waiting import until
from tests.messages.talking import agent, of_agent, say
from tests.store.looking import connect, schema_of
from tests.turns.backgrounds import over, started
from tests.turns.test_processes import on

AT_ONCE = {"HOLDFAST_FORGET_REWRITE_SECONDS": "0"}


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


def kept(redis: RedisServer, run_id: str) -> list[bytes]:
    """The keys that hold anything of a run."""
    with client.Redis.from_url(redis.url) as connection:  # pyright: ignore[reportUnknownMemberType] -- its options are not typed
        found: list[bytes] = connection.keys(f"*{run_id}*")  # pyright: ignore[reportAssignmentType,reportUnknownMemberType] -- the same type serves its asynchronous client
    return found


def settled(org: Org, run_id: str) -> bool:
    """Whether no server has anything left to do for a run."""
    runs = sa.table("runs", sa.column("id"), sa.column("owner"), schema=schema_of(org.server))
    with connect(org.server).connect() as tx:
        return tx.execute(sa.select(runs.c.owner).where(runs.c.id == run_id)).scalar_one() is None


def holding(org: Org, agent_id: str, secret: Canary) -> str:
    """The id of the message with the secret."""
    [found] = [each for each in of_agent(org, agent_id) if secret.plain in str(each.get("content"))]
    return found["id"]


@pytest.mark.parametrize("engine", ["postgres"])
def test_another_server_forgets_too(
    fresh_server: FreshServer, postgres: Postgres, redis: RedisServer, models: OpenAIServer
) -> None:
    database = fresh_server.fleet.new_database()
    env = {**AT_ONCE, "HOLDFAST_REDIS_URL": redis.url}
    first = fresh_server(env, database=database)
    key = (first.data / "encryption.key").read_text()
    second = fresh_server({**env, "HOLDFAST_ENCRYPTION_KEY": key}, database=database)
    here = new_org(first)
    there = on(second, here)
    secret = canary()
    made = agent(here, "I like tea.", "Noted.")
    models.queue(Reply(f"I will keep {secret.text}."))
    run = started(here, f"agents/{made}", "What will you keep?")
    over(here, run)
    say(there, f"agents/{made}", "Go on. REPLY Fine.")
    search = {"query": secret.plain, "search_mode": "fts"}
    assert len(ok(there.http.post("/v1/messages/search", json=search))) == 1
    assert kept(redis, run)
    forget(here, message_id=holding(here, made, secret))
    assert kept(redis, run) == []
    assert ok(there.http.post("/v1/messages/search", json=search)) == []
    models.reset()
    say(there, f"agents/{made}", "Go on. REPLY Fine.")
    assert secret.plain not in str(models.requests)
    ground = Ground(first, postgres)
    ground.settle()
    assert ground.holding(secret) == []


def test_without_its_redis_it_waits_and_says_so(
    fresh_server: FreshServer, redis: RedisServer, models: OpenAIServer
) -> None:
    org = new_org(fresh_server({**AT_ONCE, "HOLDFAST_REDIS_URL": redis.url}))
    made = agent(org)
    models.queue(Reply("Said."))
    run = started(org, f"agents/{made}", "Say it.")
    until(lambda: settled(org, run), "everybody to be told")
    redis.stop()
    begun = org.http.post("/v1/forget/", json={"agent_id": made}).json()["id"]
    until(lambda: "Redis" in (job(org, begun)["problem"] or ""), "the problem to be named")
    assert org.http.get(f"/v1/agents/{made}").status_code == 404
    redis.start()
    assert done(org, begun)["problem"] is None


@pytest.mark.parametrize("engine", ["postgres"])
def test_it_waits_for_whoever_still_sees_deleted_rows(fresh_server: FreshServer, postgres: Postgres) -> None:
    server = fresh_server(AT_ONCE)
    org, secret = new_org(server), canary()
    made = agent(org, secret.text)
    with psycopg.connect(server.env["LETTA_PG_URI"]) as onlooker:
        onlooker.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        onlooker.execute("SELECT 1 FROM holdfast.messages")
        begun = org.http.post("/v1/forget/", json={"agent_id": made}).json()["id"]
        until(lambda: "still sees deleted rows" in (job(org, begun)["problem"] or ""), "the problem to be named", 20)
        assert job(org, begun)["status"] == "rewriting"
    done(org, begun)
    ground = Ground(server, postgres)
    ground.settle()
    assert ground.holding(secret) == []


def test_on_a_full_disk_it_waits_for_room(fleet: Fleet, model_server: OpenAIServer) -> None:
    probe = subprocess.run([*alone(), "sh", "-c", MOUNTED, "/mnt", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"no user namespaces here: {probe.stderr.decode().strip()}")
    env = {**environment(model_server), "HOLDFAST_FORGET_REWRITE_SECONDS": "1"}
    disk = SmallDisk(fleet.make("sqlite", env))
    org, secret = new_org(disk.server.start()), canary()
    for number in range(80):
        ok(org.http.post("/v1/blocks/", json={"label": f"block-{number}", "value": f"{number}" * 20_000}))
    made = agent(org, secret.text)
    begun = org.http.post("/v1/forget/", json={"agent_id": made}).json()["id"]
    until(lambda: job(org, begun)["status"] == "rewriting", "the rows to be gone")
    disk.fill()
    until(lambda: "full" in (job(org, begun)["problem"] or ""), "the problem to be named", 20)
    disk.make_room()
    assert done(org, begun)["problem"] is None
    assert all(form not in (disk.data / "holdfast.db").read_bytes() for form in secret.forms)
