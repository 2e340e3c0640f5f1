"""A PostgreSQL as hosts of databases give it: TLS or nothing, a transaction pooler, a role with few rights."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Literal, LiteralString

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from tests.harness.pooler import Pooler
from tests.harness.postgres import Postgres

ROLE, PASSWORD = "app_role", "s3cret-of-the-role"
CONFIG = """\
[databases]
* = host=127.0.0.1 port={postgres_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {home}/users.txt
client_tls_sslmode = require
client_tls_key_file = {home}/key.pem
client_tls_cert_file = {home}/certificate.pem
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
"""

Right = Literal["may make a schema", "owns one schema"]


@contextmanager
def hosted(postgres: Postgres, database: str, right: Right) -> Generator[str]:
    """The URI that the host of a database gives for it, without `sslmode`."""
    _restricted(postgres, database, right)
    certificate, key = _self_signed()
    users = f'"{ROLE}" "{PASSWORD}"\n'.encode()
    files = {"certificate.pem": certificate, "key.pem": key, "users.txt": users}
    pooler = Pooler(postgres, CONFIG, files).start()
    try:
        yield f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{pooler.port}/{database}"
    finally:
        pooler.stop()


def _restricted(postgres: Postgres, database: str, right: Right) -> None:
    """A role that may do one thing in the database, and nothing in `public`."""
    rights: dict[Right, LiteralString] = {
        "may make a schema": "GRANT CONNECT, CREATE ON DATABASE {database} TO {role}",
        "owns one schema": "CREATE SCHEMA holdfast AUTHORIZATION {role}; "
        "GRANT CONNECT ON DATABASE {database} TO {role}",
    }
    attributes: LiteralString = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
    with psycopg.connect(postgres.uri(database), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone()
        names = {"database": sql.Identifier(database), "role": sql.Identifier(ROLE)}
        if known is None:
            connection.execute(sql.SQL("CREATE ROLE {role} " + attributes).format(**names))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names))
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        connection.execute(sql.SQL(rights[right]).format(**names))


def _self_signed() -> tuple[bytes, bytes]:
    """A certificate that nobody vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database.host")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    return certificate.public_bytes(pem), key.private_bytes(pem, pkcs8, plain)
