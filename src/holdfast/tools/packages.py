"""Packages that tools import: directories of them, one per set of requirements, never the server's own environment."""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from holdfast.tools.model import PipRequirement

INSTALL_S = 300.0
"""How long installing one set of packages may take."""
LONGEST_REASON = 1_500
MOST_REQUIREMENTS = 50
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9._, -]+\])?")
VERSIONS = re.compile(
    r"(?:===?|~=|!=|<=?|>=?)\s*[A-Za-z0-9.*+!_-]+(?:\s*,\s*(?:===?|~=|!=|<=?|>=?)\s*[A-Za-z0-9.*+!_-]+)*"
)
VERSION = re.compile(r"[A-Za-z0-9.*+!_-]+")
LENT: Mapping[str, str] = {"pydantic": "pydantic", "letta_client": "letta-client"}
"""What tools may import of the packages that this server has itself: module and distribution."""
PASSED_ON = (
    *("PATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    *("no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "PIP_INDEX_URL", "PIP_CERT"),
)
"""What the installer sees of the server's environment."""


class Unpacked(Exception):
    """Packages that cannot be had; the sentence says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the administrator decided about packages."""

    allowed: bool
    place: str | None = field(default=None, repr=False)
    """A directory with wheels, or the URL of an index; pip's own default without it."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class Packages:
    """Makes such directories, each once, and keeps them below the data directory."""

    def __init__(self, root: Path, sources: Sources) -> None:
        self._root = root
        self._sources = sources
        self._making: dict[str, asyncio.Task[Path]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)

    async def directory(self, requirements: Sequence[PipRequirement], imported: Collection[str]) -> Path | None:
        """Where a tool with these requirements, and these imports, finds its packages; None when it needs none."""
        wanted, lent = _asked_for(requirements, imported)
        if not wanted and not lent:
            return None
        self._check(wanted)
        key = _key(wanted, lent)
        if made := self._made(key):
            return made[-1]
        return await self._once(key, self._root / f"{key}-1", wanted, lent)

    async def renew(self, requirements: Sequence[PipRequirement], imported: Collection[str]) -> None:
        """Install them anew, for whatever starts from now on."""
        wanted, lent = _asked_for(requirements, imported)
        if not wanted:
            return
        self._check(wanted)
        key = _key(wanted, lent)
        made = self._made(key)
        await self._once(key, self._root / f"{key}-{_number(made[-1]) + 1 if made else 1}", wanted, lent)
        for outdated in made[:-1]:  # the one before is still seen by programs at work
            await asyncio.to_thread(shutil.rmtree, outdated, ignore_errors=True)

    def _made(self, key: str) -> list[Path]:
        """The directories of one set of packages, the newest last."""
        return sorted(self._root.glob(f"{key}-*"), key=_number)

    async def _once(self, key: str, made: Path, wanted: Sequence[str], lent: Sequence[str]) -> Path:
        """Make a directory, or wait for whoever makes it."""
        if key not in self._making:
            self._making[key] = asyncio.create_task(self._make(made, wanted, lent))
            self._making[key].add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(self._making[key])

    def _check(self, wanted: Sequence[str]) -> None:
        if wanted and not self._sources.allowed:
            raise Unpacked(
                f"This tool needs {', '.join(wanted)}, and this server installs no packages for tools. Whoever runs it "
                "can allow that with HOLDFAST_TOOL_PACKAGES=true; else write the tool with Python's own library."
            )
        if len(wanted) > MOST_REQUIREMENTS:
            raise Unpacked(f"A tool may have {MOST_REQUIREMENTS} `pip_requirements`, not {len(wanted)}.")

    async def _make(self, made: Path, wanted: Sequence[str], lent: Sequence[str]) -> Path:
        async with self._one_at_a_time:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="making-", dir=self._root) as place:
                packages = Path(place) / "packages"
                packages.mkdir()
                if wanted:
                    await self._install(packages, Path(place), wanted)
                if lent:
                    await asyncio.to_thread(_lend, [LENT[module] for module in lent], packages)
                    await _finished([sys.executable, "-I", "-m", "compileall", "-q", str(packages)], {})
                _move(packages, made)
        return made

    async def _install(self, packages: Path, place: Path, wanted: Sequence[str]) -> None:
        environment = {name: self._sources.environment[name] for name in PASSED_ON if name in self._sources.environment}
        environment |= {"HOME": str(place), "TMPDIR": str(place)}
        command = [*_installer(), *self._from(), "--only-binary", ":all:", "--target", str(packages), *wanted]
        status, said = await _finished(command, environment)
        if status != 0:
            raise Unpacked(f"{', '.join(wanted)} could not be installed for this tool: {self._reason(status, said)}")

    def _from(self) -> list[str]:
        place = self._sources.place
        if place is None:
            return []
        return ["--index-url", place] if "://" in place else ["--no-index", "--find-links", place]

    def _reason(self, status: int | None, said: str) -> str:
        """What the installer complained of, without the index's address, which may hold a password."""
        if status is None:
            return f"it took longer than {INSTALL_S:.0f} seconds."
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("ERROR", "error", "×"))] or lines[-5:]
        text = " ".join(errors) or f"the installer ended with status {status} and said nothing."
        return text.replace(self._sources.place or "\0", "the package index")[:LONGEST_REASON]


def _asked_for(requirements: Sequence[PipRequirement], imported: Collection[str]) -> tuple[list[str], list[str]]:
    """What is installed for a tool, and what it is lent."""
    wanted = sorted({_line(each) for each in requirements})
    lent = sorted(module for module in imported if module in LENT and _is_installed(LENT[module]))
    return wanted, [module for module in lent if not any(_names(line, LENT[module]) for line in wanted)]


def _number(made: Path) -> int:
    """How often a set of packages had been installed when this directory was made."""
    return int(made.name.rpartition("-")[2])


def _line(requirement: PipRequirement) -> str:
    """A requirement as pip writes it; nothing that pip would take for an option, a path or a URL."""
    name, version = requirement.name.strip(), (requirement.version or "").strip()
    if not version and (parts := re.match(r"([^=<>!~]+)([=<>!~].+)", name)):
        name, version = parts[1].strip(), parts[2].strip()
    if not NAME.fullmatch(name):
        raise Unpacked(f"The requirement {name[:80]!r} is no name of a package, such as `requests` or `numpy`.")
    if not version:
        return name
    if VERSION.fullmatch(version):
        return f"{name}=={version}"
    if VERSIONS.fullmatch(version):
        return f"{name}{version}"
    raise Unpacked(f"The version {version[:80]!r} of {name} is none, such as `2.1` or `>=2,<3`.")


def _names(line: str, distribution: str) -> bool:
    """Whether a requirement asks for a distribution."""
    name = re.split(r"[\[=<>!~]", line, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower() == distribution


def _key(wanted: Sequence[str], lent: Sequence[str]) -> str:
    versions = [f"{module} {metadata.version(LENT[module])}" for module in lent]
    parts = [sys.implementation.cache_tag or "", sys.platform, os.uname().machine, *wanted, "", *versions]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _installer() -> list[str]:
    quiet = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-I", "-m", "pip", *quiet]
    if (uv := shutil.which("uv")) is not None:
        return [uv, "pip", "install", "--quiet", "--no-cache", "--python", sys.executable]
    raise Unpacked("This server has neither pip nor uv to install the packages of tools; install one of them.")


async def _finished(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int | None, str]:
    """The status of a program and what it said; None for one that took too long and was killed with its children."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), INSTALL_S)
    except TimeoutError:
        return None, ""
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode, said.decode("utf-8", "replace")


def _move(packages: Path, made: Path) -> None:
    """Put what is complete in its place, where another process may have been faster."""
    try:
        packages.rename(made)
    except OSError:
        if not made.is_dir():
            raise


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _lend(distributions: Sequence[str], packages: Path) -> None:
    """Copy what this server has of some distributions, and of all that they need, where it is not there already."""
    for name in _with_needs(distributions):
        for file in metadata.distribution(name).files or ():
            if ".." in file.parts or file.parts[0].endswith((".dist-info", ".pth")) or "__pycache__" in file.parts:
                continue
            target = packages / file
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)


def _with_needs(names: Sequence[str]) -> Iterator[str]:
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or not _is_installed(name):
            continue
        seen.add(name)
        yield name
        needs = [line for line in metadata.requires(name) or () if "extra ==" not in line]
        waiting += [match[0].lower() for line in needs if (match := re.match(r"[A-Za-z0-9._-]+", line))]
