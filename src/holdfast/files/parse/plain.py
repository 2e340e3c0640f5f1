"""Text, Markdown, code, CSV, YAML and JSON: read as they are."""

import json

from holdfast.files.parse.decode import decoded

FEW_LINES = 3
"""A JSON document of so few lines was written for programs, and is laid out anew for readers."""
MOST_LAID_OUT = 4_000_000


def read(body: bytes) -> str:
    return decoded(body)


def read_json(body: bytes) -> str:
    """A document laid out so that a line is worth finding; one that is no JSON after all is text."""
    text = decoded(body)
    if len(text) > MOST_LAID_OUT or text.count("\n") > FEW_LINES:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1).encode(errors="replace").decode()
    except (ValueError, RecursionError):
        return text
