"""`holdfast doctor`: looks at everything that the server needs, and prints the fix for each problem."""

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import typer

from holdfast.cli import installation, openfiles, ports, probes, screen
from holdfast.config import ConfigError, Settings
from holdfast.errors import AppError
from holdfast.sandbox import node
from holdfast.store import checkup, schema
from holdfast.store.opening import engine_of

app = typer.Typer()

Verdict = Literal["ok", "note", "problem"]
STYLES: dict[Verdict, str] = {"ok": "green", "note": "yellow", "problem": "bold red"}
LITTLE_SPACE_MB = 500
FEW_FILES = 2048
"""A thousand turns at once have as many connections."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; what is not `ok` says what to do."""

    about: str
    verdict: Verdict
    text: str
    fix: str = ""


@app.command()
def doctor() -> None:
    """Check settings, data, database, Redis, sandbox, Node, models, port and limits; print the fix for each problem."""
    settings = installation.settings()
    problems = 0
    for check in CHECKS:
        for finding in check(settings):
            problems += finding.verdict == "problem"
            _print(finding)
    screen.out.print("No problems." if not problems else f"{problems} problem(s).")
    if problems:
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    line = f"{finding.verdict:<8}{finding.about:<12}{finding.text}"
    screen.out.print(screen.safe(line), style=STYLES[finding.verdict], soft_wrap=True)
    if finding.fix:
        screen.out.print(screen.safe(f"{'':<20}fix: {finding.fix}"), soft_wrap=True)


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for warning in settings.warnings:
        yield Finding("settings", "note", warning)
    if not settings.warnings:
        yield Finding("settings", "ok", "every HOLDFAST_* and LETTA_* variable is known")


def _access(settings: Settings) -> Iterator[Finding]:
    if problem := settings.bind_problem(has_keys=False):
        first, *lines = problem.splitlines()
        yield Finding("access", "note", first, "unless an API key exists, " + " ".join(" ".join(lines).split()))
    elif settings.auth_on(has_keys=False):
        yield Finding("access", "ok", "every caller needs a credential")
    else:
        yield Finding("access", "ok", f"open to whoever reaches {settings.host}")


def _directory(settings: Settings) -> Iterator[Finding]:
    there = next(path for path in (settings.data, *settings.data.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        fix = "give it to the user of the server (`chown`), or set HOLDFAST_DATA to another directory"
        yield Finding("data", "problem", f"{there} is not writable", fix)
        return
    free = shutil.disk_usage(there).free // 2**20
    if free < LITTLE_SPACE_MB:
        yield Finding("data", "problem", f"{settings.data}: only {free} MB are free", "make room on that disk")
    else:
        yield Finding("data", "ok", f"{settings.data}, {free} MB free")


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.pg_uri and not settings.sqlite_path.exists():
        yield Finding("database", "ok", f"{settings.sqlite_path} will be made by the first start")
        return
    engine = engine_of(settings)
    try:
        facts = checkup.look(engine)
    except AppError as problem:
        variable = settings.origins.get("pg_uri", "HOLDFAST_DATA") if settings.pg_uri else "HOLDFAST_DATA"
        yield Finding("database", "problem", str(problem), f"see that it runs and that {variable} is right")
        return
    finally:
        engine.dispose()
    yield from _of_facts(settings, facts)


def _of_facts(settings: Settings, facts: checkup.Facts) -> Iterator[Finding]:
    yield Finding("database", "ok", f"{facts.engine}, schema {facts.revision or 'not made yet'}")
    if facts.is_old:
        yield Finding("database", "problem", f"{facts.engine} is too old", f"use PostgreSQL {checkup.OLDEST} or newer")
    if not facts.writable:
        yield Finding("database", "problem", "it cannot be written", "check its owner, its mount, or the role's rights")
    if facts.pending:
        yield Finding("database", "note", f"{len(facts.pending)} migration(s) to {schema.HEAD}", "holdfast migrate")
    if not settings.pg_uri:
        return
    match facts.vector:
        case None:
            text = "pgvector is not installed: vectors are searched in the server, which is slower from ~50,000 on"
            yield Finding("pgvector", "note", text, "install the package postgresql-<version>-pgvector on its machine")
        case "available":
            fix = "CREATE EXTENSION vector; (as an administrator of the database)"
            yield Finding("pgvector", "note", "pgvector is installed but not switched on in this database", fix)
        case version:
            yield Finding("pgvector", "ok", version)


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url is None:
        return
    place, problem = asyncio.run(probes.redis(settings.redis_url))
    if problem:
        variable = settings.origins["redis_url"]
        yield Finding("redis", "problem", problem, f"see that it runs and that {variable} is right, or unset it")
    else:
        yield Finding("redis", "ok", f"{place} answers; it keeps the events of background runs")


def _sandbox(settings: Settings) -> Iterator[Finding]:
    level, text = asyncio.run(probes.sandbox(settings))
    if level in ("bubblewrap", "e2b") or settings.sandbox == level:
        yield Finding("sandbox", "ok", text)
    elif sys.platform != "linux":
        yield Finding("sandbox", "note", text, "run the server on Linux, or in a container")
    elif "not installed" in text:
        yield Finding("sandbox", "note", text, "apt install bubblewrap (dnf, pacman, apk: the same name)")
    else:
        fix = "sysctl -w kernel.unprivileged_userns_clone=1, or allow user namespaces to the container"
        yield Finding("sandbox", "note", text, f"{fix} (docs/sandbox.md)")
    if level != "off":
        yield _node()


def _node() -> Finding:
    there = node.found()
    if there.lack:
        return Finding("node", "note", there.lack, node.WAY_OUT)
    if not there.takes_types:
        text = f"Node.js {there.version} runs JavaScript, and TypeScript only without types"
        return Finding("node", "note", text, node.WAY_OUT)
    return Finding("node", "ok", f"Node.js {there.version} runs JavaScript and TypeScript")


def _models(settings: Settings) -> Iterator[Finding]:
    for place, said in asyncio.run(probes.providers(settings)):
        if said.count is None:
            yield Finding("model", "problem", f"{place}: {said.text}", said.fix)
        else:
            yield Finding("model", "ok", f"{place}: {said.count} models")
    try:
        default = asyncio.run(probes.defaults(settings))
    except AppError as problem:
        yield Finding("model", "problem", str(problem), "correct HOLDFAST_DEFAULT_MODEL")
        return
    if default.problem:
        yield Finding("model", "problem", f"the default is {default.model}, but {default.problem}", default.fix)
    elif default.model.startswith("holdfast/"):
        fix = "set OLLAMA_BASE_URL, OPENAI_API_KEY or another of docs/models.md, and start again"
        yield Finding("model", "note", f"the default is {default.model}, which only shows that things work", fix)
    elif not default.has_tools:
        fix = "set HOLDFAST_DEFAULT_MODEL to one that supports tools (`ollama show` lists them under capabilities)"
        yield Finding("model", "note", f"the default is {default.model}, which cannot edit its memory", fix)
    else:
        yield Finding("model", "ok", f"the default is {default.model}")


def _embedding(settings: Settings) -> Iterator[Finding]:
    try:
        default = asyncio.run(probes.embedding(settings))
    except AppError as problem:
        yield Finding("embedding", "problem", str(problem), "correct HOLDFAST_DEFAULT_EMBEDDING")
        return
    if default.problem:
        text = f"the default is {default.model}, but {default.problem}. Until it answers, search goes by words alone"
        yield Finding("embedding", "problem", text, f"{default.fix}, or unset HOLDFAST_DEFAULT_EMBEDDING")
    else:
        figures = f"{default.dimension} dimensions, a sentence took {default.milliseconds} ms"
        yield Finding("embedding", "ok", f"the default is {default.model}: {figures}")


def _port(settings: Settings) -> Iterator[Finding]:
    if probes.answers(settings):
        yield Finding("port", "ok", f"a server answers on {settings.host}:{settings.port}")
        return
    try:
        ports.listening(settings.host, settings.port).close()
    except ConfigError as problem:
        first, _, rest = str(problem).partition(". ")
        yield Finding("port", "problem", f"{first}.", rest)
    else:
        yield Finding("port", "ok", f"{settings.host}:{settings.port} is free")


def _open_files(_settings: Settings) -> Iterator[Finding]:
    allowed = openfiles.allowed()
    text = f"{allowed} files and connections may be open at once, for some {allowed // 2} turns"
    if allowed < FEW_FILES:
        fix = "raise the hard limit: `ulimit -Hn`, LimitNOFILE= of systemd, --ulimit nofile= of Docker"
        yield Finding("limits", "note", text, fix)
    else:
        yield Finding("limits", "ok", text)


CHECKS: tuple[Callable[[Settings], Iterable[Finding]], ...] = (
    _settings,
    _access,
    _directory,
    _database,
    _redis,
    _sandbox,
    _models,
    _embedding,
    _port,
    _open_files,
)
