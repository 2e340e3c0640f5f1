"""An agent leaves as a file and comes back as another one that is the same (CONTRACT §16)."""

import json
from typing import Any

import pytest

from tests.agentfile.filing import Json, exported, imported, smallest
from tests.files.holding import folder, put, read
from tests.harness.models import EMBEDDING, MODEL
from tests.harness.tenants import Org
from tests.messages.talking import agent, of_agent, say, texts

SOURCE = '''def {name}(text: str) -> str:
    """Say it backwards.

    Args:
        text: anything
    """
    return text[::-1]
'''
SECRET = "s3cret-of-ada"


def furnished(org: Org, tool: str) -> str:
    """An agent that has one of everything that a file holds, and has talked."""
    papers = folder(org, org.name("papers"), description="d", instructions="read them")
    put(org, papers, "keeper.txt", "Seventeen gulls.\n\nThe tide table hangs in the kitchen.\n")
    made = org.http.post("/v1/tools/", json={"source_code": SOURCE.format(name=tool), "tags": ["words"]})
    id = agent(
        org,
        name="Ada",
        description="counts gulls",
        metadata={"about": ["gulls", {"deep": True}]},
        tags=["b", "a"],
        system="Be brief.",
        memory_blocks=[{"label": "human", "value": "Likes tea."}, {"label": "persona", "value": "", "read_only": True}],
        tool_ids=[made.json()["id"]],
        tools=["send_message", "conversation_search"],
        tool_rules=[{"type": "exit_loop", "tool_name": "send_message"}],
        folder_ids=[papers],
        secrets={"TOKEN": SECRET, "OTHER": ""},
        model=MODEL,
        embedding=EMBEDDING,
        context_window_limit=30_000,
        timezone="Europe/Vienna",
        auto_recall={"enabled": True, "top_k": 2},
    )
    say(org, f"agents/{id}", f'CALL {tool} {{"text": "llug"}} REPLY one gull')
    say(org, f"agents/{id}", "REPLY another gull")
    return id


def comparable(file: Json) -> Json:
    """A file without what differs between an agent and its copy: names of copies, moments, what a prompt says of it."""
    [agent] = file["agents"]
    prompt = agent["messages"][0]["id"]
    kept = [{**message, "content": None} if message["id"] == prompt else message for message in agent["messages"]]
    messages = [{**each, "created_at": None} if each["id"] == prompt else each for each in kept]
    views = [{**view, "last_accessed_at": None} for view in agent["files_agents"]]
    files = [{"content": each["content"], "name": each["file_name"], "of": each["source_id"]} for each in file["files"]]
    sources = [{**each, "name": None} for each in file["sources"]]
    whole = {**agent, "name": None, "messages": messages, "files_agents": views}
    return {**file, "agents": [whole], "files": files, "sources": sources, "created_at": None}


def prompt(org: Org, id: str) -> str:
    """The compiled prompt without what names the agent itself and the moment."""
    text = of_agent(org, id, order="asc")[0]["content"]
    kept = (line.replace(id, "agent") for line in text.splitlines() if "UTC" not in line and "compiled" not in line)
    return "\n".join(kept)


@pytest.mark.contract("agents.export")
@pytest.mark.contract("agents.import")
def test_what_comes_back_is_what_left(org: Org) -> None:
    tool = org.name("backwards").replace("-", "_")
    first = furnished(org, tool)
    text = org.client.agents.export_file(first)
    assert SECRET not in text
    file = json.loads(text)

    made = org.client.agents.import_file(
        file=("ada.af", text.encode()), secrets=json.dumps({"TOKEN": "new", "NOBODY": "asked"})
    )
    [second] = made.agent_ids

    [papers] = org.http.get(f"/v1/agents/{second}/folders").json()
    [keeper] = org.http.get(f"/v1/folders/{papers['id']}/files").json()
    read(org, keeper)
    copy, first_file = comparable(exported(org, second)), comparable(file)
    for part, rows in first_file.items():
        assert copy[part] == rows, part
    there = org.client.agents.retrieve(second, include=["agent.secrets", "agent.tools", "agent.blocks"])
    assert there.name == "Ada_copy"
    assert {each.key: each.value for each in there.secrets or []} == {"TOKEN": "new", "OTHER": ""}
    [mine] = [each for each in there.tools if each.name == tool]
    assert mine.source_code == SOURCE.format(name=tool)
    assert texts(of_agent(org, second, order="asc")) == texts(of_agent(org, first, order="asc"))
    assert not {block.id for block in there.blocks} & {block["id"] for block in _blocks(org, first)}
    answer = say(org, f"agents/{second}", f'CALL {tool} {{"text": "ediT"}} REPLY done')
    [returned] = [each["tool_return"] for each in answer["messages"] if each["message_type"] == "tool_return_message"]
    assert returned == "Tide"


@pytest.mark.contract("agents.import.window")
def test_the_prompt_and_what_is_in_view_are_the_same(org: Org) -> None:
    first = agent(org, "one", "two", "three", "four", memory_blocks=[{"label": "human", "value": "Likes tea."}])
    ids = org.http.get(f"/v1/agents/{first}").json()["message_ids"]
    seen = [ids[0], ids[2], ids[4]]
    assert org.http.patch(f"/v1/agents/{first}", json={"message_ids": seen}).status_code == 200
    org.http.post(f"/v1/agents/{first}/recompile", params={"update_timestamp": True})
    file = exported(org, first)
    assert file["agents"][0]["in_context_message_ids"] == ["message-0", "message-2", "message-4"]

    second = imported(org, file)

    assert prompt(org, second) == prompt(org, first)
    assert texts(of_agent(org, second, order="asc")) == ["one", "two", "three", "four"]
    context = org.http.get(f"/v1/agents/{second}/context").json()
    assert [each["content"][0]["text"] for each in context["messages"][1:]] == ["two", "four"]
    say(org, f"agents/{second}", "REPLY five")
    assert exported(org, second)["agents"][0]["in_context_message_ids"][1:3] == ["message-2", "message-4"]


@pytest.mark.contract("agents.export.messages")
def test_messages_stay_out_or_come_from_a_conversation(org: Org) -> None:
    id = agent(org, "a secret thing")
    conversation = org.http.post("/v1/conversations/", params={"agent_id": id}, json={}).json()["id"]
    say(org, f"conversations/{conversation}", "REPLY elsewhere")

    scrubbed = exported(org, id, scrub_messages=True)["agents"][0]
    assert (scrubbed["messages"], scrubbed["in_context_message_ids"]) == ([], [])
    assert "a secret thing" not in json.dumps(scrubbed)
    other = imported(org, exported(org, id, conversation_id=conversation))
    assert texts(of_agent(org, other, order="asc"))[-1] == "elsewhere"
    assert "a secret thing" not in texts(of_agent(org, other))
    stripped = imported(org, exported(org, id), strip_messages="true")
    assert texts(of_agent(org, stripped)) == []
    assert org.http.get(f"/v1/agents/{id}/export", params={"use_legacy_format": True}).status_code == 400
    assert org.http.get(f"/v1/agents/{other}/export", params={"conversation_id": conversation}).status_code == 404


@pytest.mark.contract("agents.export.skills")
def test_skills_are_packed_in(org: Org) -> None:
    id = agent(org, "hello")
    skill: dict[str, Any] = {"name": "count", "files": {"SKILL.md": "# Count"}, "source_url": None}
    answer = org.http.post(f"/v1/agents/{id}/export", json={"skills": [skill], "scrub_messages": True})
    assert answer.status_code == 200, answer.text
    assert answer.json()["skills"] == [skill]
    bad = {**skill, "files": {"README.md": "x"}}
    assert org.http.post(f"/v1/agents/{id}/export", json={"skills": [bad]}).status_code == 422
    assert org.http.post(f"/v1/agents/{id}/export").status_code == 200


@pytest.mark.contract("agents.import.options")
def test_the_form_overrides_the_file(org: Org) -> None:
    tool = org.name("once").replace("-", "_")
    source = SOURCE.format(name=tool)
    old = org.http.post("/v1/tools/", json={"source_code": source}).json()
    newer = source.replace("[::-1]", ".upper()")
    row = {**old, "id": "tool-7", "source_code": newer, "json_schema": old["json_schema"]}
    builtin = {"id": "tool-8", "name": "send_message", "source_code": "def send_message(): pass"}
    file = smallest(
        tool_ids=["tool-7", "tool-8"],
        model="nobody/nothing",
        embedding="nobody/nothing",
        llm_config={"model": "nothing", "context_window": 9_000, "provider_name": "nobody"},
        tool_exec_environment_variables={"A": "", "B": ""},
    )
    file["tools"] = [row, builtin]
    models = {"model": MODEL, "embedding": EMBEDDING}

    kept = imported(org, file, override_existing_tools="false", append_copy_suffix="false", **models)
    assert org.http.get(f"/v1/tools/{old['id']}").json()["source_code"] == source
    state = org.http.get(f"/v1/agents/{kept}").json()
    assert (state["name"], state["model"], state["embedding"]) == ("Ada", MODEL, EMBEDDING)
    assert state["llm_config"]["context_window"] == 9_000
    older = {"override_model_handle": MODEL, "override_embedding_handle": EMBEDDING, "override_name": "Old Name"}
    renewed = imported(org, file, env_vars_json='{"A": "1"}', project_id="p", **older)
    state = org.http.get(f"/v1/agents/{renewed}").json()
    assert (state["name"], state["model"], state["project_id"]) == ("Old Name", MODEL, "p")
    assert {each["key"]: each["value"] for each in state["secrets"]} == {"A": "1", "B": ""}
    assert {each["id"] for each in state["tools"]} >= {old["id"]}
    assert org.http.get(f"/v1/tools/{old['id']}").json()["source_code"] == newer
    [message] = [each for each in state["tools"] if each["name"] == "send_message"]
    assert message["tool_type"] == "letta_core"
    files = {"file": ("a.af", json.dumps(file).encode())}
    header = {"x-override-embedding-model": EMBEDDING}
    by_header = org.http.post("/v1/agents/import", files=files, data={"model": MODEL, "name": "H"}, headers=header)
    assert by_header.status_code == 200, by_header.text


def _blocks(org: Org, id: str) -> list[Json]:
    return org.http.get(f"/v1/agents/{id}").json()["blocks"]
