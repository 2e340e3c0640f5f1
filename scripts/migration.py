"""Writes the next migration: what the tables of the code have that the newest migration does not make.

python scripts/migration.py "what changes"     the next file in store/migrations/versions; read it before use
python scripts/migration.py --baseline         write 0001 anew; only until the first release
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

import holdfast.app  # noqa: F401 # pyright: ignore[reportUnusedImport] -- it imports every table
from holdfast.store import schema, sqlite
from holdfast.store.cipher import EncryptedText
from holdfast.store.columns import Json, Moment
from holdfast.store.table import indexes_of, metadata

VERSIONS = schema.MIGRATIONS / "versions"
BASELINE = "0001"

HEAD = '''\
"""{message}"""

import sqlalchemy as sa
from alembic import op

{imports}

revision = "{revision}"
down_revision = {before}
destructive = {destructive}


def upgrade() -> None:
'''

SEQUENCE = """\
if op.get_bind().dialect.supports_sequences:
    op.execute(sa.schema.CreateSequence(sa.Sequence("{name}")))
"""

OURS: dict[type[Any], str] = {
    EncryptedText: "cipher.EncryptedText()",
    Json: "columns.Json()",
    Moment: "columns.Moment()",
}
"""Our column types, and how a migration writes them."""

LOSSY = (ops.DropTableOp, ops.DropColumnOp)


def main(arguments: list[str]) -> None:
    baseline = arguments == ["--baseline"]
    if len(arguments) != 1 or (baseline and len(schema.REVISIONS) > 1):
        raise SystemExit(__doc__)
    message = "All tables of the first release." if baseline else arguments[0].rstrip(".") + "."
    before = None if baseline else schema.HEAD
    revision = BASELINE if before is None else f"{int(before) + 1:04}"
    target = VERSIONS / f"{revision}_{'baseline' if baseline else _slug(message)}.py"
    target.write_text(render(message, revision, before))
    subprocess.run([Path(sys.executable).parent / "ruff", "format", "--quiet", target], check=True)
    print(target)


def render(message: str, revision: str, before: str | None) -> str:
    """The text of a migration from a revision to the tables of the code."""
    changes = list(_difference(before))
    bodies = {table: _code(list(of_table)) for table, of_table in groupby(changes, _table_of)}
    made = "\n".join(SEQUENCE.format(name=name) for name in _new_sequences(before))
    text = made + "\n".join(bodies.values())
    head = HEAD.format(
        message=message,
        imports=_imports(text),
        revision=revision,
        before=f'"{before}"' if before else None,
        destructive=any(isinstance(op, LOSSY) for change in changes for op in _flat(change)),
    )
    if len(bodies) < 2:
        return head + _indented(text or "pass")
    calls = "\n".join(f"_{table}()" for table in bodies)
    parts = "\n\n".join(f"def _{table}() -> None:\n{_indented(body)}" for table, body in bodies.items())
    return f"{head}{_indented(made + calls)}\n\n{parts}"


def _imports(text: str) -> str:
    used = sorted({code.split(".")[0] for code in OURS.values() if code in text})
    return f"from holdfast.store import {', '.join(used)}" if used else ""


def _difference(before: str | None) -> Iterator[Any]:
    """The operations between a database at that revision and the code, one table after the other."""
    with tempfile.TemporaryDirectory() as home:
        engine = sqlite.engine(Path(home) / "before.db")
        with engine.begin() as tx:
            if before is not None:
                schema.replay(tx)
            options: dict[str, Any] = {
                "compare_type": _differ,
                "include_name": _is_compared,
                "render_as_batch": True,
                "target_metadata": metadata,
            }
            context = MigrationContext.configure(tx, opts=options)
            found = produce_migrations(context, metadata).upgrade_ops
        engine.dispose()
    if found is None:
        raise SystemExit("Alembic compared nothing.")
    new = {change.table_name for change in found.ops if isinstance(change, ops.CreateTableOp)}
    for change in sorted(found.ops, key=_table_of):
        if isinstance(change, ops.CreateTableOp):
            yield change
            yield from _indexes(change.table_name)
        elif _table_of(change) not in new:
            yield change


def _indexes(table: str) -> list[ops.CreateIndexOp]:
    """From the code: the comparison does not see indexes on expressions."""
    return [ops.CreateIndexOp.from_index(i) for i in indexes_of(metadata.tables[table])]


def _is_compared(name: str | None, _kind: str, _parents: Any) -> bool:
    return name != schema.VERSION_TABLE


def _differ(_context: Any, _there: Any, _wanted: Any, inspected: Any, coded: Any) -> bool:
    """SQLite's own names of the two types: that is all it knows of ours."""
    dialect = sa.create_engine("sqlite://").dialect
    return str(inspected.compile(dialect)).split("(")[0] != str(coded.compile(dialect)).split("(")[0]


def _new_sequences(before: str | None) -> list[str]:
    """Alembic does not compare sequences."""
    made = "" if before is None else "".join(path.read_text() for path in VERSIONS.glob("[0-9]*_*.py"))
    return [name for name in sorted(metadata._sequences) if f'"{name}"' not in made]  # pyright: ignore[reportPrivateUsage] -- there is no public list of them


def _code(changes: list[Any]) -> str:
    code = render_python_code(ops.UpgradeOps(changes), render_as_batch=True, render_item=_render_item)
    return "\n".join(line for line in str(code).splitlines() if not line.lstrip().startswith("#")) + "\n"


def _render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    codes = (code for class_, code in OURS.items() if kind == "type" and isinstance(item, class_))
    for code in codes:
        return code
    return False


def _table_of(change: Any) -> str:
    return change.table_name


def _flat(change: Any) -> list[Any]:
    return list(change.ops) if isinstance(change, ops.OpContainer) else [change]


def _indented(text: str) -> str:
    lines = [line for line in text.splitlines() if line]
    first = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return "\n".join(f"    {line[first:]}" for line in lines) + "\n"


def _slug(message: str) -> str:
    return re.sub(r"\W+", "_", message.lower()).strip("_")[:40]


if __name__ == "__main__":
    main(sys.argv[1:])
