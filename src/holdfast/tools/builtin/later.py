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
    Later(
        "web_search",
        "letta_builtin",
        "Search the web and return the pages that fit best.",
        {"query": text("What to look for.")},
        {
            "num_results": whole("How many results, 10 when left out."),
            "category": text("The kind of page to look for, such as news, company or research paper."),
            "include_text": yes_or_no("Whether the text of the pages comes along; false when left out."),
            "include_domains": texts("Only pages of these domains."),
            "exclude_domains": texts("No pages of these domains."),
            "start_published_date": text("Only pages published from then on: an ISO date."),
            "end_published_date": text("Only pages published until then: an ISO date."),
            "user_location": text("The country from which to search, in two letters."),
        },
    ),
    Later(
        "fetch_webpage",
        "letta_builtin",
        "Read a web page as Markdown text.",
        {"url": text("The address of the page.")},
    ),
)

EVERY = OUTSIDE
