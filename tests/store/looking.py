"""What is in a database, seen without the server: its shape and its rows."""

from typing import Any

import sqlalchemy as sa

from tests.harness.server import Server

Shape = dict[str, Any]


def connect(server: Server) -> sa.Engine:
    """The database of a server, by plain SQLAlchemy."""
    uri = server.env.get("LETTA_PG_URI")
    if uri is None:
        return sa.create_engine(f"sqlite:///{server.data / 'holdfast.db'}", poolclass=sa.NullPool)
    return sa.create_engine(sa.make_url(uri).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)


def schema_of(server: Server) -> str | None:
    return server.env.get("HOLDFAST_PG_SCHEMA", "holdfast") if "LETTA_PG_URI" in server.env else None


def columns(server: Server, table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(connect(server)).get_columns(table, schema=schema_of(server))}


def shape(engine: sa.Engine, schema: str | None) -> Shape:
    """Tables with columns, keys and indexes, and the sequences; equal for equal databases."""
    inspector = sa.inspect(engine)
    tables = {
        name: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name, schema=schema)
            },
            "key": inspector.get_pk_constraint(name, schema=schema)["constrained_columns"],
            "foreign keys": inspector.get_foreign_keys(name, schema=schema),
        }
        for name in inspector.get_table_names(schema=schema)
    }
    sequences = inspector.get_sequence_names(schema) if engine.dialect.supports_sequences else []
    return {"tables": tables, "indexes": _indexes(engine, schema), "sequences": sequences}


def _indexes(engine: sa.Engine, schema: str | None) -> dict[str, str]:
    """As the database writes them, so that expressions and methods count."""
    query = "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE type = 'index'"
    if schema is not None:
        query = f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = '{schema}'"  # noqa: S608 -- our own name
    with engine.connect() as tx:
        return {str(row[0]): str(row[1]) for row in tx.execute(sa.text(query))}


def rows(server: Server, schema: str | None) -> dict[str, list[Any]]:
    """Every row of every table."""
    engine = connect(server)
    found: dict[str, list[Any]] = {}
    with engine.connect() as tx:
        for name in sa.inspect(tx).get_table_names(schema=schema):
            table = sa.table(name, schema=schema)
            found[name] = sorted(map(repr, tx.execute(sa.select(sa.text("*")).select_from(table))))
    return found
