"""Tools of V1 that can be attached and are shown to the model, and that this server does not run (CONTRACT §6.3)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from holdfast.kit.reply import encode
from holdfast.tools.model import ToolType

Schema = dict[str, Any]


def text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def whole(description: str) -> Schema:
    return {"type": "integer", "description": description}


def yes_or_no(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def texts(description: str) -> Schema:
    return {"type": "array", "items": {"type": "string"}, "description": description}


@dataclass(frozen=True)
class Later:
    """A tool as it is known by name and schema."""

    name: str
    tool_type: ToolType
    description: str
    required: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    optional: Mapping[str, Schema] = field(default_factory=dict[str, Schema])

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        parameters = {"type": "object", "properties": {**self.required, **self.optional}, "required": [*self.required]}
        return {"name": self.name, "description": self.description, "parameters": parameters}

    @cached_property
    def revision(self) -> str:
        """Changes whenever the wording of the schema does."""
        return hashlib.sha256(encode(self.json_schema)).hexdigest()[:16]


OUTSIDE = (
    Later(
        "run_code",
        "letta_builtin",
        "Run a program in a sandbox and return what it prints.",
        {
            "code": text("The program."),
            "language": text("Its language.", enum=["python", "js", "ts", "r", "java"]),
        },
    ),
    Later(
        "run_code_with_tools",
        "letta_builtin",
        "Run a Python program in which your other tools can be called as functions.",
        {"code": text("The program.")},
    ),
)

EVERY = OUTSIDE
