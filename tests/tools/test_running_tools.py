"""Running tools on request: from their source, and those that an agent has (CONTRACT §8)."""

from typing import Any

import pytest

from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.tools.test_variables import add

UNKNOWN = "agent-00000000-0000-4000-8000-000000000000"


def run(org: Org, source: str, args: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    answer = org.http.post("/v1/tools/run", json={"source_code": source, "args": args or {}, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def agent_with(org: Org, *sources: str, **fields: Any) -> str:
    ids = [org.http.post("/v1/tools/", json={"source_code": source}).json()["id"] for source in sources]
    made = org.http.post("/v1/agents/", json={"model": MODEL, "tool_ids": ids, **fields})
    assert made.status_code == 200, made.text
    return made.json()["id"]


def run_of(org: Org, agent: str, tool: str, **args: Any) -> dict[str, Any]:
    answer = org.http.post(f"/v1/agents/{agent}/tools/{tool}/run", json={"args": args})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.contract("tools.run")
def test_a_source_is_run_once(org: Org) -> None:
    source = '''
import os
import sys

PRICES = {"tea": 2, "cake": 5}


def price_of(article):
    return PRICES[article]


async def order(articles: list[str], tip: int = 1) -> dict:
    """Order something."""
    print("ordering")
    print("carefully", file=sys.stderr)
    return {"total": sum(map(price_of, articles)) + tip, "for": os.environ["CUSTOMER"], "seen": len(os.environ)}
'''
    ran = run(org, source, {"articles": ["tea", "cake"]}, env_vars={"CUSTOMER": "Ada"})
    assert (ran["id"], ran["tool_call_id"], ran["message_type"]) == ("null", "null", "tool_return_message")
    assert (ran["status"], ran["stdout"], ran["stderr"]) == ("success", ["ordering\n"], ["carefully\n"])
    assert ran["tool_return"].startswith('{"total":8,"for":"Ada"')
    [part] = ran["tool_returns"]
    assert (part["tool_return"], part["tool_call_id"]) == (ran["tool_return"], "null")


@pytest.mark.contract("tools.run.error")
@pytest.mark.parametrize(
    ("source", "fields", "says"),
    [
        ("def f(): return 1 / 0", {}, "ZeroDivisionError"),
        ("def f(:", {}, "not valid Python"),
        ("x = 1", {}, "defines no function"),
        ("def f(a): ...", {}, "has no type"),
        ("def f(): ...", {"name": "g"}, "'g' differs from 'f'"),
        ("def f(): ...", {"pip_requirements": [{"name": "requests"}]}, "HOLDFAST_TOOL_PACKAGES=true"),
        ("def f(): ...", {"npm_requirements": [{"name": "zod"}]}, "npm packages (zod)"),
        ("def f(): ...", {"env_vars": {"A=B": "c"}}, "no name of an environment variable"),
        ("def f(): ...", {"source_type": "cobol", "json_schema": {"name": "f"}}, "written in 'cobol'"),
    ],
)
def test_what_goes_wrong_is_an_answer(org: Org, source: str, fields: dict[str, Any], says: str) -> None:
    ran = run(org, source, **fields)
    assert (ran["status"], says in ran["tool_return"]) == ("error", True), ran


@pytest.mark.contract("tools.custom.arguments")
def test_arguments_are_checked_before_anything_is_run(org: Org) -> None:
    source = "def f(count: int, words: list[str]) -> str: return f'{count!r} {words!r}'"
    assert run(org, source, {"count": "5", "words": "one"})["tool_return"] == "5 ['one']"
    refused = run(org, source, {"count": "many", "more": 1})
    assert (refused["status"], refused["stdout"]) == ("error", [])
    for part in ('`count` is "many"', "`words` is missing", "no argument `more`", "It takes `count` (integer)"):
        assert part in refused["tool_return"]


def test_an_argument_that_may_be_none_need_not_be_given(org: Org) -> None:
    source = "from typing import Optional\ndef f(a: Optional[int], b: 'int | None' = 7): return [a, b]"
    assert run(org, source)["tool_return"] == "[null,7]"
    assert run(org, source, {"a": None, "b": None})["tool_return"] == "[null,7]"


def test_a_tool_with_only_a_schema_is_not_run(org: Org) -> None:
    schema: dict[str, Any] = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    ran = run(org, "", json_schema=schema)
    assert "only a schema" in ran["tool_return"]


@pytest.mark.contract("tools.agent.run")
def test_a_tool_of_an_agent_is_run_with_its_secrets_and_ids(org: Org) -> None:
    source = '''
import os

def whoami(names: list[str]) -> dict:
    """Tell."""
    print("hello")
    return {name: os.environ.get(name) for name in names}
'''
    agent = agent_with(org, source, secrets={"KEY": "k", "OTHER": "o"})
    ran = run_of(org, agent, "whoami", names=["KEY", "LETTA_AGENT_ID", "LETTA_TOOL_ID", "HOLDFAST_DATA"])
    assert (ran["status"], ran["stdout"], ran["stderr"]) == ("success", ["hello\n"], [])
    returned = ran["func_return"]
    assert (returned["KEY"], returned["LETTA_AGENT_ID"], returned["HOLDFAST_DATA"]) == ("k", agent, None)
    assert returned["LETTA_TOOL_ID"].startswith("tool-")
    assert ran["sandbox_config_fingerprint"]


@pytest.mark.contract("tools.agent.run.error")
def test_a_failure_returns_nothing_and_says_why(org: Org) -> None:
    agent = agent_with(org, "def f(a: int): raise ValueError('no such shelf')")
    ran = run_of(org, agent, "f", a=1)
    assert (ran["status"], ran["func_return"]) == ("error", None)
    assert "no such shelf" in ran["stderr"][-1]
    assert "`a` is missing" in run_of(org, agent, "f")["stderr"][-1]


@pytest.mark.contract("tools.agent.run.not-attached")
def test_a_tool_that_the_agent_does_not_have_is_404(org: Org) -> None:
    agent = agent_with(org, "def f(): ...")
    missing = org.http.post(f"/v1/agents/{agent}/tools/roll_dice/run", json={"args": {}})
    assert (missing.status_code, "'roll_dice'" in missing.json()["detail"]) == (404, True)
    assert org.http.post(f"/v1/agents/{UNKNOWN}/tools/f/run", json={}).status_code == 404


@pytest.mark.contract("tools.agent.run.builtin")
def test_built_in_tools_are_run_too(org: Org) -> None:
    agent = agent_with(org, memory_blocks=[{"label": "human", "value": "likes tea"}])
    ran = run_of(org, agent, "memory_replace", label="human", old_string="tea", new_string="cake")
    assert ran["status"] == "success"
    block = org.http.get(f"/v1/agents/{agent}/core-memory/blocks/human").json()
    assert block["value"] == "likes cake"
    looked = run_of(org, agent, "conversation_search", query="anything")
    assert looked["status"] == "success"
    wrong = run_of(org, agent, "memory_replace", label="human")
    assert (wrong["status"], "old_string" in wrong["stderr"][-1]) == ("error", True)


def test_the_sdk_runs_a_tool(org: Org) -> None:
    agent = agent_with(org, "def double(number: int) -> int: return 2 * number")
    ran = org.client.agents.tools.run("double", agent_id=agent, args={"number": 21})
    assert (ran.status, ran.func_return) == ("success", 42)


@pytest.mark.contract("tools.agent-state")
def test_a_tool_may_look_at_its_agent(org: Org) -> None:
    source = '''
def look(agent_state: "AgentState", label: str) -> list:
    """Look."""
    value = agent_state.memory.get_block(label).value
    known = label in agent_state.memory
    return [agent_state.name, agent_state["id"], value, agent_state.tools, agent_state.secrets, known]
'''
    agent = agent_with(org, source, name=org.name(), memory_blocks=[{"label": "human", "value": "Ada"}])
    name = org.http.get(f"/v1/agents/{agent}").json()["name"]
    ran = run_of(org, agent, "look", label="human")
    assert ran["func_return"] == [name, agent, "Ada", [], [], True], ran


@pytest.mark.contract("tools.agent-state.read-only")
def test_writing_memory_through_the_copy_is_rejected(org: Org) -> None:
    source = '''
def write(agent_state) -> str:
    """Write."""
    agent_state.memory.update_block_value(label="human", value="Eve")
    return "done"

'''
    schema: dict[str, Any] = {"name": "write", "parameters": {"type": "object", "properties": {}}}
    made = org.http.post("/v1/tools/", json={"source_code": source, "json_schema": schema}).json()
    agent = agent_with(org, tool_ids=[made["id"]], memory_blocks=[{"label": "human", "value": "Ada"}])
    ran = run_of(org, agent, "write")
    assert (ran["status"], "copy" in ran["stderr"][-1]) == ("error", True)
    assert org.http.get(f"/v1/agents/{agent}/core-memory/blocks/human").json()["value"] == "Ada"


@pytest.mark.contract("tools.custom.types")
def test_arguments_arrive_in_the_types_that_the_function_names(org: Org) -> None:
    source = '''
from dataclasses import dataclass
from datetime import date
from enum import Enum

from pydantic import BaseModel

class Size(Enum):
    SMALL = "s"

class Article(BaseModel):
    name: str
    size: Size = Size.SMALL

@dataclass
class Line:
    article: Article
    count: int = 1

def order(lines: list[Line], due: date, size: Size | None = None) -> list:
    """Order."""
    return [lines[0].article.name, lines[0].article.size.name, lines[0].count, due.isoformat(), size is Size.SMALL]
'''
    ran = run(org, source, {"lines": [{"article": {"name": "tea"}}], "due": "2026-02-03", "size": "S"})
    assert ran["tool_return"] == '["tea","SMALL",1,"2026-02-03",true]', ran


CLIENT = '''
def names(wanted: str) -> list:
    """Names of agents."""
    found = [agent.name for agent in client.agents.list(name=wanted)]
    try:
        client.get("/v1/admin/orgs/", cast_to=object)
    except Exception as refused:
        found.append(type(refused).__name__)
    return found
'''


@pytest.mark.contract("tools.client")
def test_a_tool_with_a_key_talks_to_the_server_on_behalf_of_its_organization(org: Org) -> None:
    agent = agent_with(org, CLIENT, secrets={"LETTA_API_KEY": "whatever"}, name=org.name())
    name = org.http.get(f"/v1/agents/{agent}").json()["name"]
    ran = run_of(org, agent, "names", wanted=name)
    assert ran["func_return"] == [name, "PermissionDeniedError"], ran
    other = agent_with(new_org(org.server), CLIENT, name=name)
    assert "needs the variable LETTA_API_KEY" in run(org, CLIENT, {"wanted": other})["tool_return"]


@pytest.mark.contract("tools.custom.cut-out")
def test_a_function_that_was_cut_out_of_its_module_runs(org: Org) -> None:
    """What older SDKs send of a function or a method: its own text, and the schema of its arguments."""
    source = '''
def stock(self, entry: InventoryEntry, lines: List[Line], agent_state: AgentState) -> Result:
    """Stock."""
    return [self, entry.item.name, entry["count"], lines[0].model_dump(), agent_state]
'''
    item = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    entry = {"type": "object", "properties": {"item": {"$ref": "#/$defs/Item"}, "count": {"type": "integer"}}}
    schema = {
        "properties": {"entry": {"$ref": "#/$defs/Entry"}, "lines": {"type": "array", "items": {"type": "object"}}},
        "required": ["entry", "lines"],
        "$defs": {"Item": item, "Entry": entry},
    }
    given = {"entry": {"item": {"name": "tea"}, "count": "3"}, "lines": [{"a": 1}]}
    ran = run(org, source, given, args_json_schema=schema)
    assert ran["tool_return"] == '[null,"tea",3,{"a":1},{"tools":[],"secrets":[]}]', ran
    assert (
        "`entry.item.name` is missing"
        in run(org, source, {**given, "entry": {"item": {}}}, args_json_schema=schema)["tool_return"]
    )


def test_a_tool_may_have_its_own_client_and_the_words_of_what_is_put_behind_it(org: Org) -> None:
    source = "client = 'mine'\nkind = options = value = 1\n\ndef f(name: str) -> str: return client + name  # the end"
    assert run(org, source, {"name": "!"})["tool_return"] == "mine!"


SHOW = '''
import os

def show(names: list[str]) -> list:
    """Show variables."""
    return [os.environ.get(name) for name in names]
'''


@pytest.mark.contract("tools.variables.environment")
def test_variables_are_under_what_the_agent_and_the_call_say(org: Org) -> None:
    config = org.http.post("/v1/sandbox-config/local/default").json()
    assert (config["type"], config["organization_id"]) == ("local", org.id)
    add(org, config["id"], key="PLACE", value="shop", description="Where.")
    add(org, config["id"], key="KEY", value="shared")
    agent = agent_with(org, SHOW, secrets={"KEY": "own"})
    assert run_of(org, agent, "show", names=["PLACE", "KEY"])["func_return"] == ["shop", "own"]
    ran = run(org, SHOW, {"names": ["PLACE", "KEY"]}, env_vars={"PLACE": "home"})
    assert ran["tool_return"] == '["home","shared"]'
    assert run(new_org(org.server), SHOW, {"names": ["PLACE"]})["tool_return"] == "[null]"
