"""Google-style docstrings: what a function does, and what its arguments are."""

import re
from dataclasses import dataclass, field

SECTIONS = frozenset(
    (
        "args",
        "arguments",
        "parameters",
        "params",
        "returns",
        "return",
        "yields",
        "raises",
        "example",
        "examples",
        "note",
        "notes",
        "warning",
        "warnings",
        "attributes",
        "todo",
        "see also",
        "references",
    )
)
PARAMETERS = frozenset(("args", "arguments", "parameters", "params"))
ENTRY = re.compile(r"^(?P<name>\*{0,2}\w+)\s*(?:\((?P<type>[^)]*)\))?\s*:\s*(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Docstring:
    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def parsed(text: str | None) -> Docstring:
    """The parts of a docstring whose indentation is already cleaned (`inspect.getdoc`, `ast.get_docstring`)."""
    section, said, listed = "", list[str](), list[str]()
    for line in (text or "").splitlines():
        heading = line.rstrip().removesuffix(":").lower()
        if line.rstrip().endswith(":") and heading in SECTIONS:
            section = heading
        elif not section or (line and not line[0].isspace()):
            section = ""
            said.append(line)
        elif section in PARAMETERS:
            listed.append(line)
    return Docstring("\n".join(said).strip(), _entries(listed))


def _entries(lines: list[str]) -> dict[str, str]:
    """`name (type): text`, each possibly going on in deeper lines."""
    found: dict[str, str] = {}
    depth, current = None, ""
    for line in lines:
        indent = len(line) - len(line.lstrip())
        depth = indent if depth is None and line.strip() else depth
        entry = ENTRY.match(line.strip())
        if entry and indent == depth:
            current = entry["name"].lstrip("*")
            found[current] = entry["text"].strip()
        elif current and line.strip():
            found[current] = f"{found[current]} {line.strip()}".strip()
    return found
