"""`make letta-…` with a program in Docker's place that writes down what it is asked."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.test_files import DEPLOY

SECONDS = 60
COMPOSE = "compose -f docker-compose.letta.yml"

DOCKER = """#!/usr/bin/env bash
echo "$*" >> "{home}/said"
case "$1" in
    inspect) if [ -f "{home}/started" ]; then cat "{home}/health"; else exit 1; fi ;;
    compose) if [[ " $* " == *" up "* ]]; then touch "{home}/started"; fi ;;
esac
"""


@dataclass(frozen=True)
class Project:
    """A project like theirs: its Makefile includes ours, and its own `dev` asks for the guided check."""

    home: Path

    def make(self, target: str, answer: str | None = None) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": f"{self.home / 'bin'}:/usr/bin:/bin", "HOME": str(self.home), "LETTA_WAIT_SECONDS": "0"}
        return subprocess.run(
            ["make", "--no-print-directory", target],
            cwd=self.home,
            env=environment if answer is None else {**environment, "LETTA_ASK": "yes"},
            input=answer or "",
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    @property
    def said(self) -> list[str]:
        """What Docker was asked, without the questions after the health."""
        lines = (self.home / "said").read_text().splitlines()
        return [line for line in lines if not line.startswith("inspect")]

    @property
    def env(self) -> Path:
        return self.home / "deploy" / ".env.letta"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns(".env.letta"))
    (tmp_path / "Makefile").write_text("dev: letta-dev\n\t@echo connected\n\ninclude deploy/Makefile.letta\n")
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(DOCKER.format(home=tmp_path))
    docker.chmod(0o755)
    (tmp_path / "said").touch()
    (tmp_path / "health").write_text("healthy\n")
    return Project(tmp_path)


def test_the_first_start_makes_the_env_file_and_waits_until_it_is_healthy(project: Project) -> None:
    done = project.make("letta-start")
    assert done.returncode == 0, done.stderr
    assert project.said == [f"{COMPOSE} up -d"]
    assert "http://localhost:8283" in done.stdout
    assert project.env.read_text() == (DEPLOY / ".env.letta.example").read_text()
    assert project.env.stat().st_mode & 0o077 == 0


def test_an_env_file_that_is_there_stays_as_it_is(project: Project) -> None:
    project.env.write_text("OPENAI_API_KEY=mine\n")
    assert project.make("letta-start").returncode == 0
    assert project.make("dev").returncode == 0
    assert project.env.read_text() == "OPENAI_API_KEY=mine\n"


def test_a_server_that_does_not_get_healthy_is_an_error_with_its_log(project: Project) -> None:
    (project.home / "health").write_text("starting\n")
    done = project.make("letta-start")
    assert done.returncode != 0
    assert "is not healthy after 0 s (starting)" in done.stderr
    assert project.said[-1] == f"{COMPOSE} logs --tail 30 letta-server"


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("letta-stop", "stop"),
        ("letta-restart", "up -d --force-recreate letta-server letta-nginx"),
        ("letta-status", "ps"),
        ("letta-logs", "logs -f --tail 100"),
    ],
)
def test_each_target_asks_compose(project: Project, target: str, asked: str) -> None:
    project.make("letta-start")
    done = project.make(target)
    assert done.returncode == 0, done.stderr
    assert project.said[1:] == [f"{COMPOSE} {asked}"]


def test_status_fails_when_nothing_runs(project: Project) -> None:
    done = project.make("letta-status")
    assert done.returncode != 0
    assert "letta-server: not there" in done.stdout


@pytest.mark.parametrize(("answer", "starts"), [("y\n", True), ("\n", True), ("n\n", False), ("", False)])
def test_the_guided_check_asks_before_it_starts(project: Project, answer: str, starts: bool) -> None:
    done = project.make("dev", answer)
    assert done.returncode == 0, done.stderr
    assert project.said == ([f"{COMPOSE} up -d"] if starts else [])
    assert project.env.exists()
    assert done.stdout.endswith("connected\n")


def test_the_guided_check_starts_without_asking_where_nobody_can_answer(project: Project) -> None:
    assert project.make("dev").returncode == 0
    assert project.said == [f"{COMPOSE} up -d"]
    again = project.make("dev")
    assert "Letta is running" in again.stdout
    assert project.said == [f"{COMPOSE} up -d"]
