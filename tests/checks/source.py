"""Our own source as the checks see it: parsed modules, and findings that name a line."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "holdfast"


@dataclass(frozen=True)
class Finding:
    """Something that breaks a rule, and where."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, eq=False)
class Module:
    """One file of ours."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its dotted name: `holdfast.blocks.store`; a package is called as it is imported."""
        parts = self.path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def finding(self, line: int, message: str) -> Finding:
        return Finding(str(self.path.relative_to(ROOT)), line, message)


Function = ast.FunctionDef | ast.AsyncFunctionDef


def read(path: Path) -> Module:
    text = path.read_text()
    return Module(path, text, ast.parse(text, str(path)))


@cache
def package() -> tuple[Module, ...]:
    """The server's modules."""
    return tuple(read(path) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def everything() -> tuple[Module, ...]:
    """The server's modules, the tests, the scripts and the benchmark: size is a virtue of all of them."""
    folders = [ROOT / name for name in ("tests", "scripts", "bench")]
    return package() + tuple(read(path) for folder in folders for path in sorted(folder.rglob("*.py")))


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def inside(node: ast.AST) -> Iterator[ast.AST]:
    """What belongs to a function itself; functions and classes defined in it are counted for themselves."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from inside(child)


def report(findings: list[Finding]) -> str:
    return "\n" + "\n".join(str(finding) for finding in findings)
