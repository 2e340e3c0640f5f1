"""A database at a host such as Supabase: TLS, a transaction pooler, few rights, and tables of others."""

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from tests.harness.fleet import Fleet
from tests.harness.hosted import PASSWORD, Right, hosted
from tests.harness.models import MODEL
from tests.harness.postgres import Postgres
from tests.harness.server import Server

FOREIGN = """
    CREATE TABLE public.agent_memories (id serial PRIMARY KEY, agent_id text NOT NULL, content text NOT NULL);
    INSERT INTO public.agent_memories (agent_id, content) VALUES ('a1', 'older than the server'), ('a2', 'so is this');
"""
EXTENSION = (
    "CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions; GRANT USAGE ON SCHEMA extensions TO PUBLIC"
)
HOLDERS = """
    SELECT n.nspname, count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') GROUP BY n.nspname
"""


@pytest.mark.parametrize(("right", "vector"), [("may make a schema", True), ("owns one schema", False)])
def test_few_rights_tls_and_a_pooler(
    fleet: Fleet, postgres: Postgres, model_env: Mapping[str, str], right: Right, vector: bool
) -> None:
    database = postgres.create()
    foreign = _prepared(postgres, database, vector)
    with hosted(postgres, database, right) as uri:
        server = fleet.make("postgres", model_env, database=f"{uri}?sslmode=require&pgbouncer=true").start()
        agent = _lives(server)
        server.restart()
        assert server.client.agents.retrieve(agent).name == "app_agent_1"
        found = server.client.passages.search(agent_id=agent, query="currency of invoices")
        assert found[0].passage.text == "Invoices are in kroner."
        assert PASSWORD not in server.log
        assert "Traceback" not in server.log
        server.stop()
    assert _read(postgres, database, "SELECT * FROM public.agent_memories ORDER BY id") == foreign
    tables = dict(_read(postgres, database, HOLDERS))
    assert tables.pop("public") == 1
    assert set(tables) == {"holdfast"}


def test_a_host_that_wants_tls_is_told_apart_from_one_that_is_down(
    fleet: Fleet, postgres: Postgres, model_env: Mapping[str, str]
) -> None:
    with hosted(postgres, postgres.create(), "may make a schema") as uri:
        code, said = fleet.make("postgres", model_env, database=f"{uri}?sslmode=disable").run_to_exit()
    assert code == 1
    assert "SSL required" in said or "TLS required" in said
    assert PASSWORD not in said
    assert "Traceback" not in said


def _prepared(postgres: Postgres, database: str, vector: bool) -> list[Any]:
    """The tables of others, and the extension where hosts keep it."""
    with psycopg.connect(postgres.uri(database), autocommit=True) as connection:
        connection.execute(FOREIGN)
        if vector:
            connection.execute(EXTENSION)
    return _read(postgres, database, "SELECT * FROM public.agent_memories ORDER BY id")


def _lives(server: Server) -> str:
    """An agent that answers and remembers."""
    agent = server.client.agents.create(name="app_agent_1", model=MODEL)
    turn = server.client.agents.messages.create(agent.id, input="REPLY here")
    assert [m.content for m in turn.messages if m.message_type == "assistant_message"] == ["here"]
    server.client.agents.passages.create(agent.id, text="Invoices are in kroner.")
    return agent.id


def _read(postgres: Postgres, database: str, query: str) -> list[Any]:
    with psycopg.connect(postgres.uri(database)) as connection:
        return connection.execute(query.encode()).fetchall()
