"""The contract manifest: V1's behaviours by id, and the tests that claim to pin them."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.checks.source import ROOT, Finding, Module, everything

CONTRACT = ROOT / "tests" / "contract"
OPERATIONS = CONTRACT / "operations.txt"


@dataclass(frozen=True)
class Behaviour:
    """One thing that clients of the V1 API rely on."""

    id: str
    section: str
    sentence: str
    operations: tuple[str, ...]
    path: Path

    def finding(self, message: str) -> Finding:
        lines = self.path.read_text().splitlines()
        line = next((number for number, text in enumerate(lines, 1) if text.startswith(f'["{self.id}"]')), 1)
        return Finding(_shown(self.path), line, f"{self.id}: {message}")


def behaviours() -> list[Behaviour]:
    return [behaviour for path in sorted((CONTRACT / "manifest").glob("*.toml")) for behaviour in _read(path)]


def _read(path: Path) -> Iterator[Behaviour]:
    for name, entry in tomllib.loads(path.read_text()).items():
        fields: dict[str, Any] = entry
        operations = tuple(fields.get("operations", ()))
        yield Behaviour(name, fields.get("section", ""), fields.get("sentence", ""), operations, path)


def malformed(behaviour: Behaviour) -> Iterator[Finding]:
    if not re.fullmatch(rf"{re.escape(behaviour.path.stem)}(\.[a-z0-9_-]+)+", behaviour.id):
        yield behaviour.finding(f"an id is lower-case words joined by dots, the first one is `{behaviour.path.stem}`")
    if not re.fullmatch(r"\d+(\.\d+)*", behaviour.section):
        yield behaviour.finding("`section` is a section's number, such as 2.3")
    if not behaviour.sentence.endswith("."):
        yield behaviour.finding("`sentence` is a sentence")
    for operation in behaviour.operations:
        if normal(operation) not in contract_operations():
            yield behaviour.finding(f"`{operation}` is not in {_shown(OPERATIONS)}")


def duplicates(listed: list[Behaviour]) -> Iterator[Finding]:
    places: defaultdict[str, list[Behaviour]] = defaultdict(list)
    for behaviour in listed:
        places[behaviour.id].append(behaviour)
    for found in places.values():
        if len(found) > 1:
            yield from (behaviour.finding("the id exists twice") for behaviour in found)


def marks(modules: tuple[Module, ...] | None = None) -> dict[str, list[Finding]]:
    """Where tests claim to pin which id."""
    found: dict[str, list[Finding]] = {}
    for module in everything() if modules is None else modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.contract":
                for name in map(_literal, node.args):
                    claim = module.finding(node.lineno, f"{name}: no such id in the manifest")
                    found.setdefault(name, []).append(claim)
    return found


def contract_operations() -> set[str]:
    lines = OPERATIONS.read_text().splitlines()
    return {normal(line) for line in lines if line and not line.startswith("#")}


def served_operations(document: Mapping[str, Any]) -> set[str]:
    """The operations of an OpenAPI document, spelled as the document spells them."""
    methods = {"get", "post", "put", "patch", "delete"}
    paths: Mapping[str, Mapping[str, Any]] = document["paths"]
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item if method in methods}


def normal(operation: str) -> str:
    """Parameters' names and a last slash do not matter."""
    return re.sub(r"\{[^}]*\}", "{}", operation).rstrip("/")


def undescribed(document: Mapping[str, Any], listed: list[Behaviour]) -> list[str]:
    described = {normal(operation) for behaviour in listed for operation in behaviour.operations}
    known = contract_operations()
    return sorted(o for o in served_operations(document) if normal(o) in known and normal(o) not in described)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _literal(argument: ast.expr) -> str:
    return str(argument.value) if isinstance(argument, ast.Constant) else ast.unparse(argument)
