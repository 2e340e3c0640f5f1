"""Packages of custom tools: directories that are made once, from wheels, and only when the administrator allows it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from holdfast.tools.model import PipRequirement
from holdfast.tools.packages import Packages, Sources, Unpacked
from tests.tools import wheels


def needs(*names: str) -> list[PipRequirement]:
    return [PipRequirement(name=name) for name in names]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory of wheels."""
    made = tmp_path / "shop"
    made.mkdir()
    wheels.build(made, "greeting", "1.0", "WORD = 'hello'\n")
    wheels.build(made, "greeting", "2.0", "WORD = 'good day'\n")
    return made


@pytest.fixture
def packages(tmp_path: Path, shop: Path) -> Packages:
    return Packages(tmp_path / "made", Sources(True, str(shop), {"PATH": os.environ["PATH"]}))


async def test_concurrent_calls_install_once_and_other_versions_go_elsewhere(packages: Packages) -> None:
    wanted = [PipRequirement(name="greeting", version="1.0")]
    first, *others = await asyncio.gather(*(packages.directory(wanted, ()) for _ in range(5)))
    assert first is not None
    assert set(others) == {first}
    assert (first / "greeting.py").read_text() == "WORD = 'hello'\n"
    newest = await packages.directory(needs("greeting>=1.5"), ())
    assert newest is not None
    assert (newest / "greeting.py").read_text() == "WORD = 'good day'\n"
    assert sorted(path.name for path in first.parent.iterdir()) == sorted((first.name, newest.name))
    assert await packages.directory(wanted, ()) == first


async def test_packages_are_installed_anew(packages: Packages, shop: Path) -> None:
    first = await packages.directory(needs("greeting<2"), ())
    assert first is not None
    wheels.build(shop, "greeting", "1.1", "WORD = 'hi'\n")
    assert await packages.directory(needs("greeting<2"), ()) == first
    for number in (2, 3):
        await packages.renew(needs("greeting<2"), ())
        newest = await packages.directory(needs("greeting<2"), ())
        assert newest is not None
        assert (newest / "greeting.py").read_text() == "WORD = 'hi'\n"
        assert first.exists() == (number == 2)
    await packages.renew([], ("pydantic",))


async def test_a_failure_is_told_and_leaves_nothing(packages: Packages, tmp_path: Path) -> None:
    with pytest.raises(Unpacked, match=r"nowhere could not be installed for this tool: .*nowhere") as refused:
        await packages.directory(needs("nowhere"), ())
    assert "shop" not in str(refused.value)
    assert list((tmp_path / "made").iterdir()) == []


async def test_nothing_is_installed_unless_it_is_allowed(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "made", Sources(False))
    with pytest.raises(Unpacked, match="HOLDFAST_TOOL_PACKAGES=true"):
        await packages.directory(needs("greeting"), ())
    assert await packages.directory([], ("json", "os")) is None
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("--index-url=http://evil", None),
        ("../here", None),
        ("git+https://example.com/x", None),
        ("greeting @ file:///etc", None),
        ("greeting", "1.0 --pre"),
        ("greeting", "1; python_version > '3'"),
        ("", None),
        ("a\x00b", None),
    ],
)
async def test_what_is_no_requirement_is_refused(packages: Packages, name: str, version: str | None) -> None:
    with pytest.raises(Unpacked, match=r"is no name of a package|is none, such as"):
        await packages.directory([PipRequirement(name=name, version=version)], ())


async def test_pydantic_is_lent_to_tools_that_import_it(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "made", Sources(False))
    lent = await packages.directory([], ("pydantic", "json"))
    assert lent is not None
    program = f"import sys; sys.path.insert(0, {str(lent)!r}); import pydantic; print(pydantic.BaseModel.__module__)"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", program), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complained = await process.communicate()
    assert (said.decode().strip(), complained.decode()) == ("pydantic.main", "")
