"""The next version of the server: this one's code with one more migration, to upgrade to and to come back from."""

import shutil
from pathlib import Path

import holdfast
from tests.harness.server import Server

PACKAGE = Path(holdfast.__file__).parent
NEXT = "9001"


def next_version(home: Path, migration: str) -> Path:
    """Where that version's package is; `migration` is the body of its file."""
    package = home / "holdfast"
    package.mkdir(parents=True)
    for entry in PACKAGE.iterdir():
        if entry.name not in ("store", "__pycache__"):
            (package / entry.name).symlink_to(entry)
    shutil.copytree(PACKAGE / "store", package / "store", ignore=shutil.ignore_patterns("__pycache__"))
    versions = package / "store" / "migrations" / "versions"
    newest = max(path.name.partition("_")[0] for path in versions.glob("[0-9]*_*.py"))
    head = f'"""A change."""\n\nrevision = "{NEXT}"\ndown_revision = "{newest}"\n\n'
    (versions / f"{NEXT}_next.py").write_text(head + migration)
    return home


def upgrade(server: Server, code: Path) -> Server:
    """From its next start on the server runs that code."""
    server.env["PYTHONPATH"] = str(code)
    server.process.env = server.env
    return server


def downgrade(server: Server) -> Server:
    """From its next start on the server runs this version again."""
    del server.env["PYTHONPATH"]
    server.process.env = server.env
    return server
