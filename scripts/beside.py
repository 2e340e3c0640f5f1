"""Makes the environments that tests need beside ours: programs that use the server, whose dependencies contradict ours.

Each is a folder of .venv/beside with a stamp of what is in it. What cannot be installed is left out; its tests skip.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from setup import UV, VENV, environment

BESIDE = VENV / "beside"
STAMP = "installed"
SECONDS = 600

WANTED = {
    "crewai": ("crewai==1.15.30", "letta-client==1.12.1"),
    "hatchling": ("hatchling==1.28.0",),
    "letta-client-0.1.50": ("letta-client==0.1.50",),
    "letta-client-0.1.324": ("letta-client==0.1.324",),
}


def main() -> None:
    for name, packages in WANTED.items():
        if not make(BESIDE / name, packages):
            print(f"tests with {name} are skipped: it could not be installed", file=sys.stderr)


def make(home: Path, packages: tuple[str, ...]) -> bool:
    """Whether the environment is there."""
    stamp = home / STAMP
    if stamp.exists() and stamp.read_text().split() == list(packages):
        return True
    shutil.rmtree(home, ignore_errors=True)
    made = _run("venv", "--quiet", str(home)) and _run("pip", "install", "--quiet", f"--python={home}", *packages)
    if made:
        stamp.write_text("\n".join(packages))
    return made


def _run(*arguments: str) -> bool:
    env = {**environment(), "UV_HTTP_TIMEOUT": "30"}
    try:
        return subprocess.run([UV, *arguments], env=env, timeout=SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__":
    main()
