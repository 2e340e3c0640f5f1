"""Packages of custom tools: directories that are made once, from wheels, and only when the administrator allows it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from holdfast.tools.model import PipRequirement
from holdfast.tools.packages import Packages, Sources, Unpacked
from tests.harness.fleet import FreshServer, engines
from tests.harness.tenants import new_org
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


GREET = '''
import greeting

def greet() -> str:
    """Greet."""
    return greeting.WORD
'''


@pytest.mark.contract("tools.packages.renew")
@pytest.mark.parametrize("engine", engines()[:1])
def test_a_tool_finds_its_packages_and_a_release_when_they_are_renewed(fresh_server: FreshServer, shop: Path) -> None:
    server = fresh_server({"HOLDFAST_TOOL_PACKAGES": "true", "HOLDFAST_TOOL_PACKAGES_FROM": str(shop)})
    org = new_org(server)
    tool = {"source_code": GREET, "pip_requirements": [{"name": "greeting", "version": "<2"}]}

    def greeted() -> str:
        answer = org.http.post("/v1/tools/run", json={**tool, "args": {}}, timeout=120).json()
        assert answer["status"] == "success", answer
        return answer["tool_return"]

    assert greeted() == "hello"
    org.http.post("/v1/tools/", json=tool).raise_for_status()
    wheels.build(shop, "greeting", "1.1", "WORD = 'hi'\n")
    assert greeted() == "hello"
    (made,) = (server.data / "tool-packages").iterdir()
    made.with_name(f"{made.name[:-1]}0").mkdir()
    renewed = org.http.post("/v1/sandbox-config/local/recreate-venv", timeout=120)
    assert (renewed.status_code, renewed.json()["type"]) == (200, "local")
    assert sorted(each.name[-2:] for each in made.parent.iterdir()) == ["-1", "-2"]
    assert greeted() == "hi"
