"""Secrets in the database: sealed at rest, and never served with a key that cannot open them."""

import sqlite3
from contextlib import closing

import psycopg
from letta_client import Letta

from tests.harness.fleet import FreshServer
from tests.harness.server import Server

SECRET = "s3cret-of-the-weather-service"


def _with_a_secret(client: Letta) -> str:
    return client.agents.create(secrets={"WEATHER_KEY": SECRET}).id


def test_a_secret_is_sealed_in_the_database_and_open_on_the_wire(fresh_server: FreshServer) -> None:
    server = fresh_server()
    agent_id = _with_a_secret(server.client)
    agent = server.client.agents.retrieve(agent_id, include=["agent.secrets"])
    assert [secret.value for secret in agent.secrets or []] == [SECRET]
    assert SECRET not in _stored(server)


def test_a_server_with_another_key_does_not_start(fresh_server: FreshServer) -> None:
    server = fresh_server({"HOLDFAST_ENCRYPTION_KEY": "the first key"})
    _with_a_secret(server.client)
    server.stop()
    server.process.env = {**server.process.env, "HOLDFAST_ENCRYPTION_KEY": "another key"}
    code, said = server.run_to_exit()
    assert code != 0
    assert "HOLDFAST_ENCRYPTION_KEY" in said


def test_a_server_whose_key_is_gone_does_not_make_a_new_one(fresh_server: FreshServer) -> None:
    server = fresh_server()
    _with_a_secret(server.client)
    server.stop()
    (server.data / "encryption.key").unlink()
    code, said = server.run_to_exit()
    assert code != 0
    assert "HOLDFAST_ENCRYPTION_KEY" in said
    assert not (server.data / "encryption.key").exists()


def _stored(server: Server) -> str:
    """All values of the table of secrets, as the database has them."""
    uri = server.env.get("LETTA_PG_URI")
    if uri is None:
        with closing(sqlite3.connect(server.data / "holdfast.db")) as file:
            return repr(file.execute("SELECT * FROM agent_secrets").fetchall())
    with psycopg.connect(uri) as connection:
        return repr(connection.execute("SELECT * FROM holdfast.agent_secrets").fetchall())
