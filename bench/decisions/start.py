"""0007: what an empty database costs, made from the tables and by its migrations; and the import of Alembic."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

import holdfast.app  # noqa: F401 # pyright: ignore[reportUnusedImport] -- it knows all tables
from holdfast.store import schema, sqlite

IMPORT = """
import resource, time, holdfast.app
before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
import alembic.operations, alembic.runtime.migration, alembic.script
print((time.process_time() - begun) * 1000, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def main() -> None:
    spent = [float(word) for word in subprocess.check_output([sys.executable, "-c", IMPORT], text=True).split()]
    print(f"import Alembic    {spent[0]:7.0f} ms, {spent[1]:.0f} MB")
    with tempfile.TemporaryDirectory() as home:
        engine = sqlite.engine(Path(home) / "one.db")
        begun = time.process_time()
        schema.bring_up_to_date(engine, None, destructive_ok=False)
        print(f"make all tables   {(time.process_time() - begun) * 1000:7.0f} ms")
        print(f"migrate from none {_replayed(sqlite.engine(Path(home) / 'two.db')):7.0f} ms, the import included")


def _replayed(engine: sa.Engine) -> float:
    begun = time.process_time()
    with engine.begin() as tx:
        schema.replay(tx)
    return (time.process_time() - begun) * 1000


if __name__ == "__main__":
    main()
