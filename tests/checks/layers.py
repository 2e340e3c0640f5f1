"""Which part of the server may import which (DESIGN §2), and what the code really imports."""

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.checks.source import Finding, Module

FOUNDATION = {"errors", "kit", "config"}
NOUN = {*FOUNDATION, "store", "auth"}
PORTS = {"llm", "embed", "sandbox", "feed"}

NOUNS: dict[str, set[str]] = {
    "health": {*NOUN},
    "audit": {*NOUN},
    "identities": {*NOUN},
    "repeats": {*NOUN},
    "history": {*NOUN},
    "blocks": {*NOUN, "identities", "history"},
    "messages": {*NOUN, "identities"},
    "runs": {*NOUN, "feed", "messages"},
    "steps": {*NOUN, "messages", "runs"},
    "batches": {*NOUN, "runs"},
    "archives": {*NOUN, "llm", "embed", "history"},
    "files": {*NOUN, "llm", "embed", "archives"},
    "tools": {*NOUN, "sandbox", "history", "messages", "blocks", "archives", "files"},
    "mcp": {*NOUN, "tools"},
    "agents": {
        *NOUN,
        "llm",
        "prompt",
        "identities",
        "history",
        "blocks",
        "messages",
        "runs",
        "steps",
        "batches",
        "archives",
        "files",
        "tools",
        "mcp",
    },
    "providers": {*NOUN, "llm", "embed", "agents"},
    "groups": {*NOUN, "identities", "blocks", "messages", "agents"},
    "conversations": {*NOUN, "llm", "identities", "blocks", "messages", "runs", "steps", "agents"},
}
"""A noun may import the nouns below it; folder by folder, so that a new edge is a decision."""

MODELS = {f"{noun}.model" for noun in NOUNS}
BELOW_LOOP = {*NOUN, *PORTS, *NOUNS}
SERVER = {*BELOW_LOOP, "prompt", "recall", "forget", "agentfile", "loop", "turns", "jobs", "facades", "web"}

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "kit": {"errors"},
    "config": {"errors"},
    "store": {*FOUNDATION},
    "auth": {*FOUNDATION, "store"},
    "llm": {"errors", "kit", "messages.model"},
    "embed": {"errors", "kit", "llm"},
    "sandbox": {"errors", "kit"},
    "feed": {"errors", "kit"},
    **NOUNS,
    "prompt": {"errors", "kit", "tools.rules", *MODELS},
    "recall": {*NOUN, "llm", "messages", "archives", "files", "tools", "embed", "agents", "conversations"},
    "forget": {*BELOW_LOOP, "prompt", "recall"},
    "agentfile": {*BELOW_LOOP},
    "loop": {*BELOW_LOOP, "prompt", "recall"},
    "turns": {*BELOW_LOOP, "prompt", "recall", "loop"},
    "jobs": {*BELOW_LOOP, "turns"},
    "facades": {*BELOW_LOOP, "recall", "forget", "loop.events", "turns", "failures", "web"},
    "web": {"errors", "kit"},
    "integrations": set(),
    "failures": {*FOUNDATION},
    "rehearsal": {*SERVER},
    "routers": {*SERVER},
    "openapi": {*SERVER, "failures", "routers"},
    "app": {*SERVER, "failures", "rehearsal", "routers", "openapi"},
    "cli": {*SERVER, "openapi", "app"},
    "__main__": {"cli"},
}
"""`messages.model` allows that one file, `messages` the whole folder. A folder may always import from itself."""

FURTHER_TABLES = {
    "archives/passages.py",
    "batches/work.py",
    "forget/rows.py",
    "files/attached.py",
    "files/chunks.py",
    "files/contents.py",
    "files/folders.py",
    "files/jobs.py",
    "files/opened.py",
    "files/work.py",
    "mcp/grants.py",
    "messages/threads.py",
    "runs/events.py",
    "runs/leases.py",
    "runs/processes.py",
    "tools/variables.py",
}
"""Files besides store.py that hold SQL: the second table of their noun, or what is forgotten of all nouns."""


@dataclass(frozen=True)
class Import:
    """One import of our own code; `target` is a module's dotted name."""

    module: Module
    line: int
    target: str

    @property
    def source_layer(self) -> str:
        return _layer(self.module.name)

    def finding(self, message: str) -> Finding:
        return self.module.finding(self.line, message)


def forbidden(modules: tuple[Module, ...]) -> list[Finding]:
    """Imports that no line of the table allows."""
    findings: list[Finding] = []
    for edge in imports(modules):
        source, target = edge.source_layer, _layer(edge.target)
        if source not in ALLOWED:
            findings.append(edge.finding(f"`{source}` is in no line of tests/checks/layers.py"))
        elif target not in ("", source) and not _allowed(source, edge.target):
            findings.append(edge.finding(f"`{source}` may not import `{edge.target}` (tests/checks/layers.py)"))
    return findings


def cycle(modules: tuple[Module, ...]) -> str | None:
    """One import cycle, if there is one; imports inside functions and by `__init__` count."""
    graph: dict[str, set[str]] = {}
    for edge in imports(modules):
        ancestors = {edge.module.name.rsplit(".", n)[0] for n in range(edge.module.name.count(".") + 1)}
        on_the_way = {edge.target.rsplit(".", n)[0] for n in range(edge.target.count("."))}
        graph.setdefault(edge.module.name, set()).update(on_the_way - ancestors)
    return first_cycle(graph)


def first_cycle(graph: dict[str, set[str]]) -> str | None:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as found:
        return " → ".join(reversed(found.args[1]))
    return None


def by_layer() -> dict[str, set[str]]:
    """The table as a graph of folders. The pure models are leaves of their own: `llm` reads one of them."""
    return {layer: set(allowed) for layer, allowed in ALLOWED.items()}


def imports(modules: tuple[Module, ...]) -> Iterator[Import]:
    names = {module.name for module in modules}
    for module in modules:
        for node in ast.walk(module.tree):
            for target in _targets(module, node, names):
                yield Import(module, getattr(node, "lineno", 1), target)


def _targets(module: Module, node: ast.AST, names: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if _layer(alias.name) or alias.name == "holdfast")
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(module, node)
        if base.split(".")[0] == "holdfast":
            yield from {f"{base}.{alias.name}" if f"{base}.{alias.name}" in names else base for alias in node.names}


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _layer(name: str) -> str:
    """`blocks` of `holdfast.blocks.store`; empty for the root package itself and for what is not ours."""
    parts = name.split(".")
    return parts[1] if parts[0] == "holdfast" and len(parts) > 1 else ""


def _allowed(source: str, target: str) -> bool:
    allowed = ALLOWED[source]
    return _layer(target) in allowed or any(target == f"holdfast.{entry}" for entry in allowed)
