"""The lock file belongs to this pyproject.toml and names no one's mirror."""

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from packaging.requirements import Requirement

from tests.checks.source import ROOT

LOCK = ROOT / "uv.lock"


def test_only_the_public_index_is_named() -> None:
    hosts = {found[1] for found in re.finditer(r'"\w+://([^/"]*)', LOCK.read_text())}
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_it_is_the_lock_of_this_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = next(entry for entry in tomllib.loads(LOCK.read_text())["package"] if entry["name"] == "holdfast")
    extras = project["project"]["optional-dependencies"].values()
    wanted = [project["project"]["dependencies"], *extras]
    assert _names(wanted) == _entries(locked["metadata"]["requires-dist"]), "run `make lock`"
    groups = project["dependency-groups"].values()
    assert _names(groups) == _entries(*locked["metadata"]["requires-dev"].values()), "run `make lock`"


def _names(groups: Iterable[list[str]]) -> set[tuple[str, str]]:
    found = [Requirement(line) for group in groups for line in group]
    return {(each.name.lower(), str(each.specifier)) for each in found}


def _entries(*groups: list[dict[str, Any]]) -> set[tuple[str, str]]:
    found = [Requirement(f"{entry['name']}{entry.get('specifier', '')}") for group in groups for entry in group]
    return {(each.name, str(each.specifier)) for each in found}
