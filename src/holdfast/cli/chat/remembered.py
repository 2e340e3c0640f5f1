"""What the chat keeps in the user's state directory: which conversation was used last, and the lines typed."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

MOST_LINES = 1000


def directory(environment: Mapping[str, str]) -> Path | None:
    """Ours in XDG_STATE_HOME; None for a user without a home."""
    if (named := environment.get("XDG_STATE_HOME", "")).startswith("/"):
        return Path(named) / "holdfast"
    home = environment.get("HOME")
    return Path(home) / ".local" / "state" / "holdfast" if home else None


class Bookmark:
    """Where the chat with one agent of one server was left. A directory that cannot be written to keeps nothing."""

    def __init__(self, place: Path | None, server: str, agent_id: str) -> None:
        self._file = place / "chat.json" if place else None
        self._key = f"{server} {agent_id}"

    @property
    def conversation(self) -> str | None:
        return self._entry().get("conversation")

    @property
    def run(self) -> str | None:
        """The run whose answer has not been seen to its end."""
        return self._entry().get("run")

    def keep(self, **values: str | None) -> None:
        if self._file is None:
            return
        merged = {**self._entry(), **values}
        entry = {name: value for name, value in merged.items() if value is not None}
        with suppress(OSError):
            _replace(self._file, json.dumps({**_read(self._file), self._key: entry}, indent=1))

    def _entry(self) -> dict[str, str]:
        found = _read(self._file).get(self._key) if self._file else None
        entry = cast(dict[str, Any], found) if isinstance(found, dict) else {}
        return {name: value for name, value in entry.items() if isinstance(value, str)}


class History:
    """The lines typed, each a JSON string, so that a message of several lines stays one."""

    def __init__(self, place: Path | None) -> None:
        self._file = place / "chat-history" if place else None

    def load(self) -> list[str]:
        """The newest lines, oldest first; a file that has grown long is shortened."""
        if self._file is None:
            return []
        try:
            kept = self._file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        if len(kept) > 2 * MOST_LINES:
            kept = kept[-MOST_LINES:]
            with suppress(OSError):
                _replace(self._file, "".join(f"{line}\n" for line in kept))
        return [text for line in kept[-MOST_LINES:] if (text := _string(line))]

    def add(self, text: str) -> None:
        if self._file is None:
            return
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(opened, "w") as out:
                out.write(f"{json.dumps(text)}\n")


def _read(file: Path) -> dict[str, Any]:
    """The bookmarks; none when the file is missing or damaged."""
    try:
        found: Any = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def _replace(file: Path, text: str) -> None:
    """Write a file for its user's eyes only, whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    beside.replace(file)


def _string(line: str) -> str:
    try:
        found: Any = json.loads(line)
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""
