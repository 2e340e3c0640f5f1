"""Python environments beside ours, with programs that use the server: there, or the test is skipped with the reason."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def python_with(name: str) -> Path:
    """The interpreter of an environment that `scripts/beside.py` makes for `make test`."""
    home = ROOT / ".venv" / "beside" / name
    if (home / "installed").exists():
        return home / "bin" / "python"
    pytest.skip(f"there is no environment with {name}: `.venv/bin/python scripts/beside.py` makes it, or says why not")
