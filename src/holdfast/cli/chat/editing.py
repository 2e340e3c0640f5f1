"""Writing a memory block in the user's own editor."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from holdfast.errors import BadRequest


def edited(text: str, name: str) -> str:
    """The text as the editor leaves it."""
    command = shlex.split(os.environ.get("VISUAL", "").strip() or os.environ.get("EDITOR", "").strip())
    if not command:
        raise BadRequest(f"No editor is named in VISUAL or EDITOR; give the text itself: /blocks {name} edit TEXT")
    with tempfile.TemporaryDirectory(prefix="holdfast-") as place:
        file = Path(place) / "block.md"
        file.write_text(text, encoding="utf-8")
        _edit([*command, str(file)])
        try:
            return file.read_text(encoding="utf-8").removesuffix("\n")
        except UnicodeDecodeError:
            raise BadRequest(f"The editor left no UTF-8 text, so block {name} stays as it is.") from None


def _edit(command: list[str]) -> None:
    try:
        done = subprocess.run(command, check=False)
    except OSError as failed:
        raise BadRequest(f"The editor {command[0]!r} cannot be started ({failed.strerror}); see EDITOR.") from failed
    if done.returncode != 0:
        raise BadRequest(f"The editor {command[0]!r} ended with code {done.returncode}, so nothing was changed.")
