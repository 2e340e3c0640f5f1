"""The lock file belongs to this pyproject.toml and names no one's mirror; what it brings is bounded."""

import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.checks.source import ROOT

LOCK = ROOT / "uv.lock"
MOST_DISTRIBUTIONS, MOST_MB = 60, 260
"""What an installation without extras may bring: small machines have to hold it."""


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


def test_an_installation_is_small() -> None:
    brought = _brought("holdfast")
    assert "pydantic" in brought
    assert len(brought) <= MOST_DISTRIBUTIONS, sorted(brought)
    sizes = {name: _size(name) / 2**20 for name in brought}
    assert sizes["pydantic"] > 0
    assert sum(sizes.values()) <= MOST_MB, sorted(sizes.items(), key=lambda item: -item[1])[:5]


def _brought(name: str) -> set[str]:
    """The distributions that one needs, on any machine, with those that they need."""
    needs = {
        entry["name"]: [each["name"] for each in entry.get("dependencies", ())]
        for entry in tomllib.loads(LOCK.read_text())["package"]
    }
    found, left = set[str](), [name]
    while left:
        if (each := left.pop()) not in found:
            found.add(each)
            left += needs[each]
    return found


def _size(name: str) -> int:
    """The bytes of a distribution; of one that this machine does not need, none."""
    with suppress(PackageNotFoundError):
        places = [each.locate() for each in files(name) or ()]
        return sum(place.stat().st_size for place in map(Path, map(str, places)) if place.is_file())
    return 0


def _names(groups: Iterable[list[str]]) -> set[tuple[str, str]]:
    found = [Requirement(line) for group in groups for line in group]
    return {(each.name.lower(), str(each.specifier)) for each in found}


def _entries(*groups: list[dict[str, Any]]) -> set[tuple[str, str]]:
    found = [Requirement(f"{entry['name']}{entry.get('specifier', '')}") for group in groups for entry in group]
    return {(each.name, str(each.specifier)) for each in found}
