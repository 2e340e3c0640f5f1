"""Providers on the command line, and what doctor says of those in the environment."""

import re
from pathlib import Path

import pytest

from tests.cli.command import alone, beside, output, run
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import EMBEDDING

KEY = "sk-command-line"


def test_a_provider_is_added_listed_checked_and_removed(fresh_server: FreshServer) -> None:
    server = fresh_server()
    with OpenAIServer() as own:
        own.keys = frozenset((KEY,))
        own.models = [{"id": "one"}, {"id": "two"}]
        made = beside(server, "providers", "add", "mine", "--base-url", own.url, stdin=f"{KEY}\n")
        provider = output(made).strip()
        listed = output(beside(server, "providers", "list"))
        assert KEY not in made.stderr + listed
        assert listed.splitlines()[1].split()[:5] == ["mine", provider, "openai", own.url, "2"]
        assert "accepts the key" in output(beside(server, "providers", "check", "mine"))
    unsure = beside(server, "providers", "remove", "mine", stdin="n\n")
    assert unsure.returncode != 0
    assert provider in output(beside(server, "providers", "remove", provider, "--yes"))
    assert "mine" not in output(beside(server, "providers", "list"))
    gone = beside(server, "providers", "check", "mine")
    assert (gone.returncode, "providers list" in gone.stderr) == (1, True)


def test_a_wrong_key_is_said_at_once(fresh_server: FreshServer) -> None:
    server = fresh_server()
    with OpenAIServer() as own:
        own.keys = frozenset((KEY,))
        made = beside(server, "providers", "add", "mine", "--base-url", own.url, HOLDFAST_PROVIDER_KEY="sk-wrong")
        assert made.returncode == 0
        assert "providers check mine" in made.stderr
        checked = beside(server, "providers", "check", "mine")
    assert checked.returncode == 1
    assert "the key was not accepted" in checked.stderr
    assert "sk-wrong" not in checked.stderr


@pytest.mark.parametrize(
    ("env", "fix"),
    [
        ({"OLLAMA_BASE_URL": "http://127.0.0.1:9"}, "ollama serve"),
        ({"LMSTUDIO_BASE_URL": "http://127.0.0.1:9"}, "lms server start"),
        ({"VLLM_API_BASE": "http://127.0.0.1:9"}, "vllm serve"),
        ({"OPENAI_API_BASE": "http://127.0.0.1:9"}, "OPENAI_API_BASE"),
    ],
)
def test_doctor_prints_the_fix_of_each_provider(
    tmp_path_factory: pytest.TempPathFactory, env: dict[str, str], fix: str
) -> None:
    done = run("doctor", env=alone(tmp_path_factory.mktemp("home"), **env))
    lines = done.stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if line.startswith("problem model")]
    assert fix in lines[at + 1]


def test_doctor_names_the_variable_of_a_key_that_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    with OpenAIServer() as own:
        own.keys = frozenset((KEY,))
        env = {"OPENAI_API_BASE": own.url, "OPENAI_API_KEY": "sk-wrong"}
        done = run("doctor", env=alone(tmp_path_factory.mktemp("home"), **env))
    assert "fix: set OPENAI_API_KEY to a valid key" in done.stdout
    assert "sk-wrong" not in done.stdout


def test_doctor_tries_the_embedding_model(tmp_path: Path) -> None:
    def told(**more: str) -> str:
        [line] = [
            line for line in run("doctor", env=alone(tmp_path, **more)).stdout.splitlines() if "embedding " in line
        ]
        return line

    assert re.search(r"^ok +embedding +the default is holdfast/minilm-l6-v2: 384 dimensions, .* \d+ ms$", told())
    with OpenAIServer() as own:
        other = {"OPENAI_API_BASE": own.url, "OPENAI_API_KEY": KEY, "HOLDFAST_DEFAULT_EMBEDDING": EMBEDDING}
        assert re.search(rf"^ok .*{EMBEDDING}: 1536 dimensions", told(**other))


def test_doctor_says_that_an_embedding_model_is_gone(tmp_path: Path) -> None:
    env = {"OLLAMA_BASE_URL": "http://127.0.0.1:9", "HOLDFAST_DEFAULT_EMBEDDING": "ollama/nomic-embed-text"}
    done = run("doctor", env=alone(tmp_path, **env))
    lines = done.stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if line.startswith("problem embedding")]
    assert "ollama/nomic-embed-text" in lines[at] and "search goes by words alone" in lines[at]
    assert "ollama serve" in lines[at + 1] and "HOLDFAST_DEFAULT_EMBEDDING" in lines[at + 1]
    assert done.returncode == 1


def test_doctor_names_the_setting_of_an_embedding_that_nobody_has(tmp_path: Path) -> None:
    done = run("doctor", env=alone(tmp_path, HOLDFAST_DEFAULT_EMBEDDING="nobody/knows"))
    assert "problem embedding" in done.stdout
    assert "fix: correct HOLDFAST_DEFAULT_EMBEDDING" in done.stdout
    assert done.returncode == 1
