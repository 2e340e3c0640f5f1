"""The house rules that a parser can check: each is a function from a module to its findings."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.checks.layers import imports
from tests.checks.source import Finding, Function, Module, functions, inside

FILE_SOFT, FILE_HARD = 400, 500
FUNCTION_SOFT, FUNCTION_HARD = 40, 60
SOFT_SHARE = 0.05
"""How many functions may be longer than the soft limit, as a share of all."""
NESTING, BRANCHES, PARAMETERS = 3, 10, 6

BOUNDARIES: dict[str, str] = {
    "holdfast.embed.line": "whoever waits for a result gets the failure",
    "holdfast.files.loader": "what failed now is read later, or no file would be read any more",
    "holdfast.forget.worker": "what failed now is tried again, or nothing more would be forgotten",
    "holdfast.jobs.batcher": "what failed now is tried again, or no batch would be worked on any more",
    "holdfast.loop.outside": "a tool's failure is the model's to read",
    "holdfast.recall.indexer": "what failed now is indexed later, or nothing new would be found",
    "holdfast.sandbox.inside.main": "whatever a program raises is told to whoever wrote it",
    "holdfast.sandbox.inside.remote": "whatever a program raises is told to whoever wrote it",
    "holdfast.tools.guest": "it runs beside a tool's source, whose types may do anything when they are looked at",
    "holdfast.turns.runner": "a background run ends as failed, not as silence",
    "holdfast.turns.sse": "a stream ends with an error event",
}
"""Where a broad `except` may swallow, and why."""

LAZY: dict[str, str] = {
    "holdfast.cli": "the command line loads only the command that it runs",
    "holdfast.store.postgres": "what speaks to PostgreSQL needs an extra, which SQLite does without",
}
"""Where modules of ours may be imported by name, and why."""

GENERATED = "holdfast.store.migrations.versions."
"""Written by scripts/migration.py; as long as the tables are."""

READS_ENVIRONMENT = (
    *("holdfast.config", "holdfast.cli", "holdfast.__main__"),
    *("holdfast.sandbox.inside", "holdfast.tools.guest", "holdfast.integrations"),
)
"""The last three are not the server: the environment there is the program's own."""

BLOCKS = ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar | ast.With | ast.AsyncWith | ast.Match
FORKS = ast.If | ast.IfExp | ast.For | ast.AsyncFor | ast.While | ast.ExceptHandler | ast.match_case
WIRE = re.compile(r"\b(Query|Path|Header|Cookie|Body|Form|File|Depends|Option|Argument)\(")
WIRE_DECORATORS = {"get", "post", "put", "patch", "delete", "route", "command", "callback"}
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "service", "services"}
EMPTY_SUFFIXES = ("Manager", "Service", "Helper", "Factory", "Util", "Utils")
NAMED_ELSEWHERE = {"MemoryService"}
"""Names that programs of others import."""
TODO = re.compile(r"#.*\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b")
SILENCED = re.compile(r"#\s*(pyright: [i]gnore|type: [i]gnore|[n]oqa)(?!.* -- )")
"""The brackets keep these lines from finding themselves."""
DANGEROUS_CALLS = {"eval", "exec", "__import__", "os.system", "os.popen"}
DANGEROUS_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def file_length(module: Module) -> Iterator[Finding]:
    lines = len(module.text.splitlines())
    if lines > FILE_HARD and not module.name.startswith(GENERATED):
        yield module.finding(FILE_HARD, f"the file has {lines} lines; at most {FILE_HARD}, better {FILE_SOFT}")


def function_length(module: Module) -> Iterator[Finding]:
    for function in functions(module.tree):
        if _lines(function) > FUNCTION_HARD:
            yield module.finding(
                function.lineno, f"`{function.name}` has {_lines(function)} lines; {FUNCTION_HARD} max"
            )


def nesting(module: Module) -> Iterator[Finding]:
    for function in functions(module.tree):
        if (depth := _depth(function.body)) > NESTING:
            yield module.finding(function.lineno, f"`{function.name}` nests {depth} deep; {NESTING} at most")


def branches(module: Module) -> Iterator[Finding]:
    for function in functions(module.tree):
        if (count := sum(isinstance(node, FORKS) for node in inside(function))) > BRANCHES:
            yield module.finding(function.lineno, f"`{function.name}` has {count} branches; {BRANCHES} at most")


def parameters(module: Module) -> Iterator[Finding]:
    """What a route, a dependency or a command takes is the wire's and not counted."""
    dependencies = set(re.findall(r"\bDepends\((\w+)", module.text))
    for function in functions(module.tree):
        if function.name not in dependencies and (count := _parameters(function)) > PARAMETERS:
            yield module.finding(function.lineno, f"`{function.name}` has {count} parameters; {PARAMETERS} at most")


def hidden_imports(module: Module) -> Iterator[Finding]:
    shown = {node.lineno for node in module.tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    for edge in imports((module,)):
        if edge.line not in shown:
            yield edge.finding(f"import of {edge.target} is hidden; it belongs to the top of the file")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and module.name not in LAZY and _imports_ours_by_name(node):
            yield module.finding(node.lineno, "import of a module of ours by name; it belongs to the top of the file")


def swallowed_errors(module: Module) -> Iterator[Finding]:
    if module.name in BOUNDARIES:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _raises(node):
            yield module.finding(
                node.lineno, "a broad `except` swallows; name the error, or add a boundary with reason"
            )


def unowned_todos(module: Module) -> Iterator[Finding]:
    for number, line in enumerate(module.text.splitlines(), 1):
        if TODO.search(line) and not re.search(r"#\d+", line):
            yield module.finding(number, "a to-do without the number of its issue")


def empty_names(module: Module) -> Iterator[Finding]:
    last = module.name.rpartition(".")[2]
    if last in EMPTY_NAMES:
        yield module.finding(1, f"`{last}` says nothing; name the thing (STYLE P14)")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_SUFFIXES) and node.name not in NAMED_ELSEWHERE:
            yield module.finding(
                node.lineno, f"`{node.name}`: name the thing, without Manager, Service, Helper, Factory"
            )


def environment_reads(module: Module) -> Iterator[Finding]:
    if module.name.startswith(READS_ENVIRONMENT):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in ("os.environ", "os.getenv", "environ"):
            yield module.finding(node.lineno, "the environment is read in config/ only; take a setting (STYLE P11)")


def dangerous(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in DANGEROUS_CALLS:
            yield module.finding(node.lineno, f"`{name}` runs text as code")
        if isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False":
            yield module.finding(node.value.lineno, "`shell=`: pass a list of arguments")
        if isinstance(node, ast.Import | ast.ImportFrom) and DANGEROUS_MODULES & _imported(node):
            yield module.finding(node.lineno, "pickled data runs code when it is read; use JSON")


def unexplained_exceptions(module: Module) -> Iterator[Finding]:
    for number, line in enumerate(module.text.splitlines(), 1):
        if SILENCED.search(line):
            yield module.finding(number, "a silenced check without ` -- reason`")


def missing_purpose(module: Module) -> Iterator[Finding]:
    if module.tree.body and not ast.get_docstring(module.tree):
        yield module.finding(1, "the file does not say what it is for (one sentence)")


def classes_defined_twice(modules: tuple[Module, ...]) -> Iterator[Finding]:
    """Private classes may share a name; what is public is one thing."""
    places: defaultdict[str, list[Finding]] = defaultdict(list)
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module.finding(node.lineno, f"class `{node.name}` is defined more than once"))
    for found in places.values():
        if len(found) > 1:
            yield from found


def long_functions(modules: tuple[Module, ...]) -> tuple[list[Finding], int]:
    """Functions over the soft limit, and how many functions there are."""
    found: list[Finding] = []
    count = 0
    for module in modules:
        for function in functions(module.tree):
            count += 1
            if _lines(function) > FUNCTION_SOFT:
                found.append(module.finding(function.lineno, f"`{function.name}` has {_lines(function)} lines"))
    return found, count


def _lines(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _depth(body: list[ast.stmt]) -> int:
    return max((_depth_of(statement) for statement in body), default=0)


def _depth_of(statement: ast.stmt) -> int:
    if not isinstance(statement, BLOCKS):
        return 0
    if isinstance(statement, ast.Match):
        return 1 + max(_depth(case.body) for case in statement.cases)
    deepest = _depth(statement.body)
    if isinstance(statement, ast.Try | ast.TryStar):
        deepest = max([deepest, _depth(statement.finalbody), *(_depth(caught.body) for caught in statement.handlers)])
    orelse: list[ast.stmt] = getattr(statement, "orelse", [])
    is_elif = isinstance(statement, ast.If) and len(orelse) == 1 and isinstance(orelse[0], ast.If)
    return max(1 + deepest, _depth(orelse) if is_elif else 1 + _depth(orelse))


def _parameters(function: Function) -> int:
    if any(_decorated_by(decorator) in WIRE_DECORATORS for decorator in function.decorator_list):
        return 0
    arguments = function.args
    counted = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return sum(
        argument.arg not in ("self", "cls")
        and not (argument.annotation and WIRE.search(ast.unparse(argument.annotation)))
        for argument in counted
    )


def _decorated_by(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else ""


def _imports_ours_by_name(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("import_module") and any("holdfast" in ast.unparse(a) for a in call.args)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(
        {"Exception", "BaseException"} & set(re.findall(r"\w+", ast.unparse(handler.type)))
    )


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in inside(handler))


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return {name.split(".")[0] for name in names}
