"""System programs that some tests use: present, or the test is skipped with the reason, but never in CI."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of a program. `make test` installs it when it may (`scripts/system-packages`)."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    reason = f"{name} is not installed and could not be: `scripts/system-packages` says why"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
