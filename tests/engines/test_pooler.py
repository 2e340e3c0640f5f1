"""The server works through a transaction pooler, where the next statement may find another session."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.harness.fleet import Fleet
from tests.harness.models import MODEL
from tests.harness.pooler import Pooler
from tests.harness.postgres import Postgres
from tests.harness.server import Server


def test_clients_at_once_through_a_pooler(
    fleet: Fleet, postgres: Postgres, pooler: Pooler, model_env: Mapping[str, str]
) -> None:
    server = fleet.make("postgres", model_env, database=pooler.uri(postgres.create())).start()
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(partial(_whole_life, server), range(24)))
    assert answers == [f"number {number}" for number in range(24)]


def test_a_restart_through_a_pooler(
    fleet: Fleet, postgres: Postgres, pooler: Pooler, model_env: Mapping[str, str]
) -> None:
    server = fleet.make("postgres", model_env, database=pooler.uri(postgres.create())).start()
    agent = server.client.agents.create(name="kept", model=MODEL)
    server.restart()
    assert server.client.agents.retrieve(agent.id).name == "kept"


def _whole_life(server: Server, number: int) -> str | None:
    """An agent is made, answers, and is deleted."""
    agent = server.client.agents.create(name=f"agent-{number}", model=MODEL)
    turn = server.client.agents.messages.create(agent.id, input=f"REPLY number {number}")
    server.client.agents.delete(agent.id)
    return next((str(m.content) for m in turn.messages if m.message_type == "assistant_message"), None)
