"""Budgets of size and the other house rules (AGENTS.md), with proof that each rule can fail."""

import ast
import warnings
from collections.abc import Callable, Iterator

import pytest

from tests.checks import budgets
from tests.checks.source import PACKAGE, Finding, Module, everything, package, report

Rule = Callable[[Module], Iterator[Finding]]

EVERYWHERE: tuple[Rule, ...] = (
    budgets.file_length,
    budgets.function_length,
    budgets.unowned_todos,
    budgets.unexplained_exceptions,
    budgets.missing_purpose,
)
SERVER: tuple[Rule, ...] = (
    budgets.nesting,
    budgets.branches,
    budgets.parameters,
    budgets.hidden_imports,
    budgets.swallowed_errors,
    budgets.empty_names,
    budgets.environment_reads,
    budgets.dangerous,
)


@pytest.mark.parametrize("rule", EVERYWHERE, ids=lambda rule: rule.__name__)
def test_everywhere(rule: Rule) -> None:
    findings = [finding for module in everything() for finding in rule(module)]
    assert not findings, report(findings)


@pytest.mark.parametrize("rule", SERVER, ids=lambda rule: rule.__name__)
def test_in_the_server(rule: Rule) -> None:
    findings = [finding for module in package() for finding in rule(module)]
    assert not findings, report(findings)


def test_a_class_is_defined_once() -> None:
    findings = list(budgets.classes_defined_twice(package()))
    assert not findings, report(findings)


def test_few_functions_are_long() -> None:
    found, count = budgets.long_functions(package())
    assert len(found) <= budgets.SOFT_SHARE * count, f"{len(found)} of {count} functions are long" + report(found)


def test_files_near_the_limit_are_named() -> None:
    for module in everything():
        is_generated = "versions" in module.path.parts
        if (lines := len(module.text.splitlines())) > budgets.FILE_SOFT and not is_generated:
            warnings.warn(f"{module.path.name} has {lines} lines; better {budgets.FILE_SOFT}", stacklevel=1)


DEEP = "def f():\n for a in b:\n  if a:\n   with c:\n    if d: pass\n"
BREAKS: dict[Rule, str] = {
    budgets.file_length: "'''x'''\n" * 501,
    budgets.function_length: "def f():\n" + " pass\n" * 60,
    budgets.unowned_todos: "# TO" + "DO: later\n",
    budgets.unexplained_exceptions: "x = 1  # no" + "qa: E501\n",
    budgets.missing_purpose: "x = 1\n",
    budgets.nesting: DEEP,
    budgets.branches: "def f():\n" + " if a: pass\n" * 11,
    budgets.parameters: "def f(self, a, b, c, d, e, f, *, g): pass\n",
    budgets.hidden_imports: "def f():\n from holdfast.kit import ids\n",
    budgets.swallowed_errors: "try: pass\nexcept (ValueError, Exception): pass\n",
    budgets.empty_names: "class AgentManager: pass\n",
    budgets.environment_reads: "import os\nx = os.environ['A']\n",
    budgets.dangerous: "import subprocess\nsubprocess.run('ls', shell=True)\n",
}
KEEPS: dict[Rule, str] = {
    budgets.nesting: "def f():\n if a: pass\n elif b: pass\n elif c: pass\n elif d: pass\n else: pass\n",
    budgets.branches: "def f():\n def g():\n" + "  if a: pass\n" * 6 + " def h():\n" + "  if a: pass\n" * 6,
    budgets.parameters: "@router.get('/')\nasync def f(a, b, c, d, e, f, g): pass\n",
    budgets.swallowed_errors: "try: pass\nexcept Exception:\n raise ValueError\n",
    budgets.unexplained_exceptions: "x = 1  # no" + "qa: E501 -- the wire's own words\n",
    budgets.unowned_todos: "# TO" + "DO #12: later\n",
}


def _module(source: str) -> Module:
    return Module(PACKAGE / "blocks" / "sample.py", source, ast.parse(source))


@pytest.mark.parametrize("rule", BREAKS, ids=lambda rule: rule.__name__)
def test_the_rule_can_fail(rule: Rule) -> None:
    assert list(rule(_module(BREAKS[rule])))


@pytest.mark.parametrize("rule", KEEPS, ids=lambda rule: rule.__name__)
def test_the_rule_lets_good_code_pass(rule: Rule) -> None:
    assert not list(rule(_module(KEEPS[rule])))


def test_a_second_class_of_the_same_name_is_found() -> None:
    assert len(list(budgets.classes_defined_twice((_module("class A: pass"), _module("class A: pass"))))) == 2
