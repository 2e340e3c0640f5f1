"""The examples do what they say, on a server with nothing but the built-in demo model; README.md shows one of them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.fleet import Engine, Fleet
from tests.harness.process import plain_environment
from tests.harness.server import Server

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SECONDS = 60

PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^\$ \S+/python examples/(\S+) (.*)\n((?:(?!\$|```).+\n)*)", re.MULTILINE)
"""A line to type, and what it prints."""


@pytest.fixture
def demo(engine: Engine, fleet: Fleet) -> Server:
    """A server as somebody has it who has set nothing."""
    return fleet.make(engine, {}).start()


def printed(server: Server, example: str, *arguments: str) -> str:
    """What an example prints; where it says 8283, the port of the server is used."""
    here = server.home / example
    here.parent.mkdir(exist_ok=True)
    here.write_text((EXAMPLES / example).read_text().replace("8283", str(server.port)))
    program = sys.executable if example.endswith(".py") else "bash"
    done = subprocess.run(
        [program, str(here), *arguments],
        env=plain_environment(HOME=str(server.home)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_shows_the_quickstart() -> None:
    assert PYTHON.findall((ROOT / "README.md").read_text()) == [(EXAMPLES / "quickstart.py").read_text()]


def test_what_the_readme_types_prints_what_it_shows_with_a_restart_between(demo: Server) -> None:
    typed = TYPED.findall((ROOT / "README.md").read_text())
    assert len(typed) > 1
    for example, arguments, expected in typed:
        assert printed(demo, example, *shlex.split(arguments)) == expected
        demo.restart()


def test_streaming(demo: Server) -> None:
    shown = printed(demo, "streaming.py")
    assert "\n[call] memory_insert " in shown
    assert "\n[return] Plays the violin\n" in shown
    assert shown.endswith("Plays the violin.\n[end_turn]\n")


def test_conversations(demo: Server) -> None:
    assert printed(demo, "conversations.py").splitlines() == [
        "work knows: You live in Oslo.",
        "messages in the fork: 5",
        "the guest's block: Name: Ada; Lives in Oslo; Plays the violin",
        "the agent's block: Name: Ada; Lives in Oslo",
    ]


def test_raw_http(demo: Server) -> None:
    lines = printed(demo, "raw_http.sh").splitlines()
    assert lines[0] == "Got it. I will remember: Dog's name: Rex."
    assert lines[-2] == "Dog's name: Rex"
    assert lines[-1].endswith("holds no block labelled 'nonsense'.")
    assert "data: [DONE]" in lines


def test_openai_client(demo: Server) -> None:
    models, told, asked = printed(demo, "openai_client.py").splitlines()
    assert models == "models: ['companion']"
    assert told.startswith("[first chat] ") and "Oslo" in asked


def test_voice(demo: Server) -> None:
    lines = printed(demo, "voice/tonny.py", "My name is Ada. Please remember that.").splitlines()
    assert lines[0] == "you: My name is Ada. Please remember that."
    assert lines[1].startswith("Tonny: ") and lines[-1] == "interrupted: True, kept: ''"


def test_a_crew(demo: Server) -> None:
    lines = printed(demo, "crewai/crew.py").splitlines()
    assert lines[:2] == [
        "recalled: The depot in Bergen closes at four. (system)",
        "the writer knows: ['Headlines have six words.']",
    ]
    assert "Ada" in lines[2]
    assert lines[3:] == ["stored: 2 recalled: 2", "deleted: True True"]


def test_every_example_is_run_here() -> None:
    shown = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    assert shown == {"quickstart.py", "streaming.py", "conversations.py", "openai_client.py", "raw_http.sh"}
