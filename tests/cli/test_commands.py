"""Commands that need no server: help, version, settings, doctor, migrate."""

import socket
import subprocess
from pathlib import Path

import pytest

from holdfast import __version__
from tests.cli.command import alone, output, run, run_cold
from tests.fakes.ollama_server import OllamaServer, described
from tests.fakes.scripted_http import ScriptedHttp
from tests.harness.process import plain_environment
from tests.harness.warm import HOLDFAST

COMMANDS = ["serve", "chat", "agents", "keys", "orgs", "backup", "restore", "config", "doctor", "migrate", "version"]


def test_help_lists_every_command(tmp_path: Path) -> None:
    text = output(run_cold("--help", env=alone(tmp_path)))
    assert [name for name in COMMANDS if f" {name} " not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, tmp_path: Path) -> None:
    assert "Usage: holdfast" in output(run_cold(name, "--help", env=alone(tmp_path)))


def test_a_mistyped_command_is_corrected(tmp_path: Path) -> None:
    done = run("sreve", env=alone(tmp_path))
    assert done.returncode != 0
    assert "serve" in done.stderr


def test_version(tmp_path: Path) -> None:
    assert output(run("version", env=alone(tmp_path))).startswith(f"holdfast {__version__} ")


def test_config_explain_shows_values_and_where_they_came_from(tmp_path: Path) -> None:
    env = alone(tmp_path, LETTA_SERVER_PORT="9000", LETTA_SERVER_PASSWORD="5ecret", LETTA_SERVR_HOST="x")
    done = run("config", "explain", env=env)
    lines = {line.split()[0]: line.split() for line in output(done).splitlines()}
    assert lines["port"][1:3] == ["9000", "LETTA_SERVER_PORT"]
    assert lines["host"][1:3] == ["127.0.0.1", "default"]
    assert "5ecret" not in done.stdout
    assert "LETTA_SERVER_PASSWORD" in lines["password"]
    assert "did you mean LETTA_SERVER_HOST?" in done.stderr


def test_a_bad_setting_is_one_sentence(tmp_path: Path) -> None:
    done = run("config", "explain", env=alone(tmp_path, HOLDFAST_PORT="eighty"))
    assert done.returncode == 1
    assert done.stderr == "error: HOLDFAST_PORT: 'eighty' is not a whole number from 1 to 65535.\n"


def test_doctor_is_content_with_an_empty_machine(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = output(run("doctor", env=alone(tmp_path, HOLDFAST_PORT=str(port))))
    for about in ("settings", "access", "data", "database", "sandbox", "model", "embedding", "port", "limits"):
        assert f" {about} " in text
    assert not (tmp_path / ".holdfast").exists()


def test_doctor_names_each_problem_with_its_fix(tmp_path: Path) -> None:
    with ScriptedHttp() as taken:
        env = alone(
            tmp_path,
            HOLDFAST_PORT=taken.url.rpartition(":")[2],
            LETTA_PG_URI="postgresql://nobody@127.0.0.1:1/nothing",
            OLLAMA_BASE_URL="http://127.0.0.1:1",
            HOLDFAST_REDIS_URL="redis://:secret@127.0.0.1:1",
        )
        done = run("doctor", env=env)
    assert done.returncode == 1
    problems = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("problem")]
    assert problems == ["database", "redis", "model", "port"]
    assert "see that it runs and that LETTA_PG_URI is right" in done.stdout
    assert "HOLDFAST_REDIS_URL" in done.stdout
    assert "secret" not in done.stdout
    assert "process" in done.stdout
    assert "choose another port" in done.stdout
    assert "4 problem(s)." in done.stdout


def test_doctor_says_how_many_files_may_be_open(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", 'ulimit -n 512 && exec "$@"', "sh", *HOLDFAST, "doctor"]
    env = plain_environment(**alone(tmp_path))
    told = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False).stdout
    assert "512 files and connections may be open at once, for some 256 turns" in told
    assert "fix: raise the hard limit" in told


def test_doctor_says_which_model_to_pull(tmp_path: Path) -> None:
    def told(**more: str) -> str:
        return run("doctor", env=alone(tmp_path, OLLAMA_BASE_URL=ollama.url, **more)).stdout

    with OllamaServer() as ollama:
        ollama.models = {}
        assert "fix: ollama pull qwen3:8b" in told()
        ollama.models = {"llama3.2:latest": described(8192, "tools")}
        assert "the default is ollama/llama3.2" in told()
        assert "fix: ollama pull qwen3:4b" in told(HOLDFAST_DEFAULT_MODEL="ollama/qwen3:4b")
        ollama.models = {"llama2:7b": described(4096, "insert")}
        assert "cannot edit its memory" in told()


def test_migrate_makes_the_database_and_says_so(tmp_path: Path) -> None:
    env = alone(tmp_path)
    assert "would be made" in output(run("migrate", "--dry-run", env=env))
    assert not (tmp_path / ".holdfast").exists()
    assert "from nothing to" in output(run("migrate", env=env))
    assert (tmp_path / ".holdfast" / "holdfast.db").exists()
    assert "up to date" in output(run("migrate", env=env))
    assert "Nothing to do" in output(run("migrate", "--dry-run", env=env))
