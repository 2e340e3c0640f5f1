"""The files of deploy/ hold together: names and ports that others rely on, sources that exist, variables that count."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
STACK = DEPLOY / "docker-compose.letta.yml"
ALONE = DEPLOY / "odoo" / "docker-compose.yml"
DOCKERFILE = DEPLOY / "Dockerfile"
SECONDS = 60

KEYS_OF_A_SERVICE = {
    *("build", "command", "container_name", "depends_on", "env_file", "environment", "extra_hosts", "healthcheck"),
    *("image", "networks", "ports", "restart", "shm_size", "stop_grace_period", "volumes"),
}


def composed(path: Path) -> dict[str, Any]:
    return import_module("yaml").safe_load(path.read_text())


def env_file(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def test_compose_files_keep_to_the_specification(tmp_path: Path) -> None:
    check = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
    run([*check, str(STACK), str(ALONE)], tmp_path)
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(STACK.read_text().replace("start_period: 120s", "start_perlod: 120s"))
    refused = done([*check, str(wrong)], tmp_path)
    assert (refused.returncode, "start_perlod" in refused.stdout) == (1, True)


@pytest.mark.parametrize("path", [STACK, ALONE], ids=["stack", "alone"])
def test_a_compose_file_names_nothing_that_is_not_there(path: Path) -> None:
    file = composed(path)
    assert {*file} <= {"name", "services", "networks", "volumes"}
    for name, service in file["services"].items():
        assert {*service} <= KEYS_OF_A_SERVICE, name
        assert {*service.get("depends_on", {})} <= {*file["services"]}
        assert {*service.get("networks", [])} <= {*file.get("networks", {})}
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (path.parent / source).exists() if source.startswith(".") else source in file["volumes"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), "published on this machine only"
        for needed in service.get("depends_on", {}).values():
            assert needed == {"condition": "service_healthy"}
        assert service["restart"] == "unless-stopped"
        if "build" in service:
            context = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", service["build"]["context"])
            assert (path.parent / context / service["build"]["dockerfile"]).exists()


def test_the_stack_has_the_names_and_ports_that_others_rely_on() -> None:
    file = composed(STACK)
    assert {*file["services"]} == {"letta-postgres", "letta-server", "letta-redis", "letta-nginx"}
    for name, service in file["services"].items():
        assert service["container_name"] == name
        assert service["networks"] == ["letta-network"]
        assert service["healthcheck"]["test"][0] == "CMD"
    ports = {name: service.get("ports", []) for name, service in file["services"].items()}
    assert ports == {
        "letta-postgres": ["127.0.0.1:5432:5432"],
        "letta-server": ["127.0.0.1:8283:8283"],
        "letta-redis": [],
        "letta-nginx": ["127.0.0.1:8284:8284"],
    }
    assert file["networks"]["letta-network"]["name"] == "letta-network"
    assert {name: volume["name"] for name, volume in file["volumes"].items()} == {
        name: name for name in ("letta-postgres", "letta-data", "letta-home")
    }


def test_what_is_edited_in_the_environment_of_postgresql_reaches_it(tmp_path: Path) -> None:
    service = composed(STACK)["services"]["letta-postgres"]
    environment = dict(line.split("=", 1) for line in service["environment"])
    said = standing_in(tmp_path, "docker-entrypoint.sh")
    for edited, expected in (
        ({}, ["max_connections=100", "shared_buffers=128MB"]),
        (
            {"POSTGRES_MAX_CONNECTIONS": "200", "POSTGRES_SHARED_BUFFERS": "256MB"},
            ["max_connections=200", "shared_buffers=256MB"],
        ),
        (
            {"POSTGRES_MAX_CONNECTIONS": "", "POSTGRES_SHARED_BUFFERS": ""},
            ["max_connections=100", "shared_buffers=128MB"],
        ),
    ):
        said.unlink(missing_ok=True)
        command = [word.replace("$$", "$") for word in service["command"]]
        run(command, tmp_path, {**environment, **edited})
        assert said.read_text().split() == ["postgres", "-c", expected[0], "-c", expected[1]]


@pytest.mark.parametrize("folder", [DEPLOY, DEPLOY / "odoo"], ids=["stack", "alone"])
def test_each_variable_of_the_env_file_is_read_and_its_start_is_not_refused(folder: Path) -> None:
    environment = env_file(folder / ".env.letta.example")
    settings = load({"LETTA_SERVER_HOST": "0.0.0.0", **environment}, {})
    assert settings.warnings == ()
    assert settings.bind_problem(has_keys=False) is None
    assert not settings.auth_on(has_keys=False)
    filled = {name: value or {"LETTA_MCP_SERVERS": "{}"}.get(name, "http://x:1") for name, value in environment.items()}
    assert load(filled, {}).warnings == ()
    closed = load({**environment, "LETTA_SERVER_SECURE": "true", "LETTA_SERVER_PASSWORD": "secret"}, {})
    assert closed.auth_on(has_keys=False)


def test_the_stack_s_env_file_lets_the_named_origins_in() -> None:
    origins = load(env_file(DEPLOY / ".env.letta.example"), {}).cors_origins
    assert {"app://obsidian.md", "capacitor://localhost", "https://app.letta.com"} <= {*origins}


def test_the_dockerfile_copies_what_is_there_and_what_the_context_lets_through() -> None:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    sources = list[str]()
    for line in text.splitlines():
        words = [word for word in shlex.split(line, comments=True) if not word.startswith("--chmod")]
        if words[:1] == ["COPY"] and not words[1].startswith("--from"):
            sources += words[1:-1]
    assert sources
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in allowed), f"{source}: .dockerignore"


def test_the_image_does_not_run_as_root_and_says_how_it_is() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER letta"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert 'VOLUME ["/letta/.persist", "/letta"]' in lines
    uv = re.search(r"uv==(\S+)", DOCKERFILE.read_text())
    assert uv is not None
    assert f'UV_VERSION = "{uv[1]}"' in (ROOT / "scripts" / "setup.py").read_text()


def test_the_entrypoint_listens_to_the_outside_when_nothing_else_is_said(tmp_path: Path) -> None:
    def started(**environment: str) -> list[str]:
        show = ["bash", "-c", 'echo "$LETTA_SERVER_HOST $LETTA_DATA_DIR"']
        entrypoint = str(DEPLOY / "image" / "entrypoint.sh")
        return run([entrypoint, *show], tmp_path, {"LETTA_DATA_DIR": str(tmp_path / "data"), **environment}).split()

    assert started() == ["0.0.0.0", str(tmp_path / "data")]
    assert started(LETTA_SERVER_HOST="") == ["0.0.0.0", str(tmp_path / "data")]
    assert started(LETTA_SERVER_HOST="127.0.0.1")[0] == "127.0.0.1"


def test_the_entrypoint_says_what_to_do_with_a_volume_that_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {"LETTA_DATA_DIR": str(tmp_path / "file" / "data")}
    refused = done([str(DEPLOY / "image" / "entrypoint.sh"), "true"], tmp_path, environment)
    assert refused.returncode == 1
    assert "is not writable by uid" in refused.stderr
    assert "chown -R" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["upgrade", "head"], "migrate"),
        (["current"], "migrate --dry-run"),
        (["stamp", "head"], ""),
        (["downgrade"], ""),
    ],
)
def test_alembic_s_commands_are_ours(tmp_path: Path, arguments: list[str], asked: str) -> None:
    said = standing_in(tmp_path, "holdfast")
    ran = done([str(DEPLOY / "image" / "alembic.sh"), *arguments], tmp_path)
    assert ran.returncode == (2 if arguments == ["downgrade"] else 0)
    assert (" ".join(said.read_text().split()) if said.exists() else "") == asked


def test_the_health_check_follows_the_port(tmp_path: Path) -> None:
    said = standing_in(tmp_path, "curl")
    run([str(DEPLOY / "image" / "healthy.sh")], tmp_path, {"LETTA_SERVER_PORT": "9000"})
    assert said.read_text().split()[-1] == "http://127.0.0.1:9000/v1/health"


def standing_in(folder: Path, name: str) -> Path:
    """A program of this name that writes down what it is asked; where."""
    said = folder / f"{name}.said"
    program = folder / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/usr/bin/env bash\nprintf "%s\\n" "$@" >> {shlex.quote(str(said))}\n')
    program.chmod(0o755)
    return said


def done(
    command: list[str], folder: Path, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        command,
        env={"PATH": path, "HOME": str(folder), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    ran = done(command, folder, environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
