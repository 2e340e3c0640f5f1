"""Writes the OpenAPI document that the server ships: generating it at start would cost seconds."""

import json
from pathlib import Path

from holdfast import openapi

TARGET = Path(__file__).resolve().parent.parent / "src" / "holdfast" / "web" / "openapi.json"


def render() -> str:
    """Sorted and indented, so that a change of the API is a readable diff."""
    return json.dumps(openapi.document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(render())


if __name__ == "__main__":
    main()
