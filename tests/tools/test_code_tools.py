"""The tools with which an agent runs programs that it writes (CONTRACT §6.3)."""

import shutil

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.tools.test_builtin_tools import Talk, talk

TOOLS = ("run_code", "run_code_with_tools", "conversation_search", "core_memory_append", "memory_insert")


@pytest.fixture
def programmer(org: Org, models: OpenAIServer) -> Talk:
    return talk(org, tools=TOOLS, tool_rules=[{"type": "requires_approval", "tool_name": "memory_insert"}])


@pytest.mark.contract("tools.run-code")
def test_a_program_is_run_for_what_it_prints(programmer: Talk) -> None:
    def run(code: str, language: str = "python") -> str:
        return programmer.call("run_code", code=code, language=language)

    def fail(code: str, language: str = "python") -> str:
        return programmer.refused("run_code", code=code, language=language)

    assert run("print(sum(range(10)))\nprint('æ')") == "45\næ"
    assert run("import sys; print('a'); print('b', file=sys.stderr)") == "a\n\nOn stderr:\nb"
    assert "printed nothing" in run("x = 1")
    failed = fail("print('so far')\nprint(1 / 0)")
    assert all(part in failed for part in ("ZeroDivisionError", "It printed before:\nso far"))
    assert "python, js, ts" in fail("puts 1", "java")
    assert "`language`" in fail("puts 1", "ruby")
    assert "empty" in fail(" ")
    if shutil.which("node"):
        assert run("console.log([1, 2].map(x => x * 2))", "js") == "[ 2, 4 ]"


@pytest.mark.contract("tools.run-code.with-tools")
def test_a_program_calls_the_agents_other_tools(programmer: Talk) -> None:
    programmer.send("The parrot is called Plato. REPLY noted")
    lines = (
        'found = conversation_search("parrot")',
        'print(any("Plato" in each["content"] for each in found["results"]))',
        'for number in ("four", "five"):',
        '    value = core_memory_append("notes", content=number)',
        "print(value)",
        "try:",
        '    core_memory_append(label="law", content="x")',
        "except Exception as failed:",
        "    print(failed)",
        'print(sorted({"memory_insert", "run_code", "core_memory_append"} & set(globals())))',
    )
    printed = programmer.call("run_code_with_tools", code="\n".join(lines))
    assert printed.startswith("True\none\ntwo\nthree\nfour\nfive\n")
    assert "read-only" in printed
    assert printed.endswith("['core_memory_append']")
    assert (programmer.value(), programmer.value("law")) == ("one\ntwo\nthree\nfour\nfive", "Do no harm.")
    failed = programmer.refused("run_code_with_tools", code="core_memory_append(label='nots', content='x')")
    assert "'notes'" in failed
