"""Node.js, which runs JavaScript and TypeScript: where it is, and why it cannot be used where it cannot."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST, WITH_TYPES = (20, 0), (22, 13)
"""The first version that runs programs at all, and the first that takes the types out of TypeScript."""
LIMITED = "--disable-wasm-trap-handler"
"""Lets WebAssembly work in little address space; not every version has it."""
WAY_OUT = "install Node.js 22.13 or newer, as the first `node` on the server's PATH, and start the server again"
VERSION = re.compile(r"v(\d{1,4})\.(\d{1,4})[\w.+-]{0,40}", re.ASCII)
LOOKING_S = 10
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@dataclass(frozen=True, slots=True)
class Node:
    """What the server found when it looked."""

    path: Path | None = None
    version: str = ""
    flags: Sequence[str] = ()
    lack: str = ""
    """Why it runs nothing."""

    @property
    def fault(self) -> str:
        """The same, and what to do."""
        return self.lack and f"{self.lack}: {WAY_OUT}."

    @property
    def takes_types(self) -> bool:
        """Whether TypeScript can say of what type things are."""
        return _number(self.version) >= WITH_TYPES


def found() -> Node:
    """The first `node` on the server's PATH."""
    there = shutil.which("node")
    if there is None:
        return Node(lack="JavaScript and TypeScript need Node.js, which this server does not have")
    path = Path(there).resolve()
    version, flags = _said(path, LIMITED), (LIMITED,)
    if not version:
        version, flags = _said(path), ()
    if _number(version) >= OLDEST:
        return Node(path, version, flags)
    what = f"has Node.js {version} ({there})" if version else f"has a {there} that does not say its version"
    return Node(lack=f"JavaScript and TypeScript need Node.js 20 or newer, but this server {what}")


def _said(path: Path, *flags: str) -> str:
    """The version that it says it is; nothing when it does not know a flag, or does not start."""
    command = ["node", *flags, "--version"]
    try:
        done = subprocess.run(
            command, executable=path, env=ENVIRONMENT, capture_output=True, timeout=LOOKING_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    said = done.stdout.decode(errors="replace").strip()
    return said if VERSION.fullmatch(said) else ""


def _number(version: str) -> tuple[int, int]:
    read = VERSION.fullmatch(version)
    return (int(read[1]), int(read[2])) if read else (0, 0)
