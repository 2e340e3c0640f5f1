"""Makes .venv what uv.lock says, with nothing but Python, pip and venv; `--dev` adds what tests and checks need.

The lock is exported with hashes and installed from whatever index pip is configured for, so that mirrors work.
"""

from __future__ import annotations  # so that an older Python gets as far as the sentence about its version

import argparse
import ast
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / "holdfast-setup"
UV_VERSION = "0.13.8"

PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "proxy": ("ALL_PROXY", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
"""pip's settings, the variable with the same meaning for uv, and what separates several values there."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    dev: bool = parser.parse_args().dev
    if sys.version_info < (3, 11):  # noqa: UP036 -- whoever runs `make` may have an older one
        sys.exit(
            f"Holdfast needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 …"
        )
    done = _stamps()
    current = _digest()
    if done.get("dev" if dev else "plain") == current:
        return
    print("Setting up .venv …", flush=True)
    _make_venv()
    _install(dev)
    done |= {"plain": current, "dev": current} if dev else {"plain": current}
    STAMP.write_text("".join(f"{kind} {digest}\n" for kind, digest in done.items()))


def _stamps() -> dict[str, str]:
    """What has been set up so far, by kind; nothing once the environment's Python is gone."""
    if not STAMP.exists() or not PYTHON.exists():
        return {}
    return dict(line.split() for line in STAMP.read_text().splitlines())


def _digest() -> str:
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "uv.lock", "scripts/setup.py")]
    return hashlib.sha256(b"\0".join([*parts, os.fsencode(ROOT)])).hexdigest()


def _make_venv() -> None:
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True, symlinks=True, clear=True)
    if not UV.exists() or UV_VERSION not in _output(UV, "--version"):
        _run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={UV_VERSION}")


def _install(dev: bool) -> None:
    pins = VENV / "requirements.txt"
    group = "--group=dev" if dev else "--no-dev"
    extras = ("--extra=postgres", "--extra=redis")
    _run(UV, "export", "--quiet", "--frozen", "--no-emit-project", *extras, group, f"--output-file={pins}")
    _run(UV, "pip", "install", "--quiet", "--require-hashes", "--requirements", pins)
    _run(UV, "pip", "install", "--quiet", "--no-deps", "--editable", ".")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=False)
    if done.returncode != 0:
        sys.exit(f"set-up failed at: {' '.join(map(str, command))}")


def _output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def environment() -> dict[str, str]:
    """pip's configuration in uv's words; what is already set for uv wins."""
    translated = {"VIRTUAL_ENV": str(VENV), "UV_INDEX_STRATEGY": "unsafe-best-match"}  # pip's strategy; hashes guard it
    for line in _output(PYTHON, "-m", "pip", "config", "list").splitlines():
        key, _, value = line.partition("=")
        name, separator = PIP_TO_UV.get(key.rpartition(".")[2], ("", " "))
        if name:
            translated[name] = separator.join(str(ast.literal_eval(value)).split())
    return {**translated, **os.environ, "VIRTUAL_ENV": str(VENV)}


if __name__ == "__main__":
    main()
