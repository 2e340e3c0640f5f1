"""Arrows point down (STYLE P3)."""

import ast
from pathlib import Path

from tests.checks import layers
from tests.checks.source import PACKAGE, Module, package, report


def _module(name: str, source: str) -> Module:
    return Module(PACKAGE / name, source, ast.parse(source))


def test_the_table_itself_has_no_cycle() -> None:
    assert layers.first_cycle(layers.by_layer()) is None


def test_every_folder_is_in_the_table() -> None:
    present = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert present - {"__init__"} <= set(layers.ALLOWED)


def test_imports_follow_the_table() -> None:
    findings = layers.forbidden(package())
    assert not findings, report(findings)


def test_no_import_cycle() -> None:
    assert layers.cycle(package()) is None


def test_sql_stays_in_store_files() -> None:
    findings = [
        module.finding(node.lineno, f"SQL belongs into a store.py or into store/, not into {module.path.name}")
        for module in package()
        if not _holds_sql(module.path)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "sqlalchemy" in ast.unparse(node)
    ]
    assert not findings, report(findings)


def _holds_sql(path: Path) -> bool:
    at = path.relative_to(PACKAGE)
    return at.name == "store.py" or at.parts[0] == "store" or str(at) in layers.FURTHER_TABLES


def test_a_forbidden_import_is_found_wherever_it_hides() -> None:
    hidden = "def late() -> None:\n    from holdfast.loop import turn\n"
    shown = (_module("blocks/store.py", hidden), _module("loop/turn.py", ""))
    assert [finding.line for finding in layers.forbidden(shown)] == [2]


def test_one_file_of_a_folder_can_be_allowed() -> None:
    shown = (
        _module("llm/openai.py", "from holdfast.messages.model import Message\nfrom holdfast.messages import store\n"),
        _module("messages/model.py", ""),
        _module("messages/store.py", ""),
    )
    assert [finding.line for finding in layers.forbidden(shown)] == [2]


def test_a_cycle_through_a_package_is_found() -> None:
    shown = (
        _module("blocks/__init__.py", "from holdfast.blocks.store import rows\n"),
        _module("blocks/store.py", "from .. import agents\n"),
        _module("agents/__init__.py", "from holdfast.blocks.model import Block\n"),
        _module("blocks/model.py", ""),
    )
    assert "holdfast.agents" in (layers.cycle(shown) or "")
