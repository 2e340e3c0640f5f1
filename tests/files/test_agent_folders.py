"""Folders that agents have: their files, the tools for them, and what the prompt shows (CONTRACT §6.1, §6.3, §10)."""

from typing import Any

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.files.holding import Json, agent, called, folder, ok, put, upload
from tests.harness.models import MODEL
from tests.harness.tenants import Org

TOOLS = {"open_files", "grep_files", "semantic_search_files"}
KEEPER = "The lighthouse keeper counts seventeen gulls.\nThe tide table hangs in the kitchen.\n"
RECIPE = "# Lemon cake\nThree lemons, four eggs.\nBake it for forty minutes.\n"


def tool_names(org: Org, agent_id: str) -> set[str]:
    return {tool["name"] for tool in ok(org.http.get(f"/v1/agents/{agent_id}/tools"))}


def directories(org: Org, agent_id: str) -> str:
    return ok(org.http.get(f"/v1/agents/{agent_id}/context"))["directories"] or ""


def files_of(org: Org, agent_id: str, **query: Any) -> list[Json]:
    return ok(org.http.get(f"/v1/agents/{agent_id}/files", params=query))["files"]


@pytest.mark.contract("folders.attach")
def test_an_agent_gets_files_and_tools_with_its_first_folder_and_loses_them_with_its_last(org: Org) -> None:
    first, second = folder(org), folder(org, "more")
    put(org, first, "keeper.txt", KEEPER)
    owner = agent(org)
    assert not tool_names(org, owner) & TOOLS
    assert org.client.agents.folders.attach(first, agent_id=owner) is None
    org.client.agents.folders.attach(second, agent_id=owner)
    org.client.agents.folders.attach(second, agent_id=owner)
    assert tool_names(org, owner) >= TOOLS
    assert {each.id for each in org.client.agents.folders.list(owner)} == {first, second}
    assert list(org.client.folders.agents.list(first)) == [owner]
    org.client.agents.folders.detach(first, agent_id=owner)
    assert tool_names(org, owner) >= TOOLS
    assert files_of(org, owner) == []
    org.client.agents.folders.detach(second, agent_id=owner)
    assert not tool_names(org, owner) & TOOLS
    assert org.http.patch(f"/v1/agents/{owner}/folders/detach/{second}").status_code == 404


@pytest.mark.contract("files.prompt")
def test_the_prompt_shows_folders_and_the_text_of_open_files(org: Org, models: OpenAIServer) -> None:
    home = folder(org, description="what was found", instructions="quote it")
    put(org, home, "keeper.txt", KEEPER)
    owner = agent(org, home, model=MODEL)
    ok(org.http.post(f"/v1/agents/{owner}/messages", json={"messages": [{"role": "user", "content": "REPLY hi"}]}))
    prompt: str = models.requests[-1].body["messages"][0]["content"]
    for part in (
        '<directory name="papers">',
        "<description>what was found</description>",
        "<instructions>quote it</instructions>",
        '<file status="open" name="papers/keeper.txt">',
        "1: The lighthouse keeper counts seventeen gulls.",
        "- current_files_open=1",
    ):
        assert part in prompt
    [file] = files_of(org, owner)
    ok(org.http.patch(f"/v1/agents/{owner}/files/{file['file_id']}/close"))
    assert "seventeen gulls" not in directories(org, owner)
    org.client.folders.delete(home)
    assert directories(org, owner) == ""
    assert not tool_names(org, owner) & TOOLS


@pytest.mark.contract("files.open")
def test_files_that_were_not_used_for_longest_are_closed(org: Org) -> None:
    home = folder(org)
    names = ["a.txt", "b.txt", "c.txt"]
    ids = {name: put(org, home, name, f"this is {name}")["id"] for name in names}
    owner = agent(org, home, max_files_open=2)
    opened = {each["file_name"] for each in files_of(org, owner, is_open=True)}
    assert opened == {"papers/a.txt", "papers/b.txt"}
    assert org.client.agents.files.open(ids["c.txt"], agent_id=owner) == ["papers/a.txt"]
    assert org.client.agents.files.open(ids["b.txt"], agent_id=owner) == []
    assert org.client.agents.files.open(ids["a.txt"], agent_id=owner) == ["papers/c.txt"]
    shown = {each.file_name: each for each in org.client.agents.files.list(owner)}
    assert shown["papers/a.txt"].visible_content == "1: this is a.txt"
    assert (shown["papers/a.txt"].start_line, shown["papers/a.txt"].end_line) == (1, 1)
    assert (shown["papers/c.txt"].is_open, shown["papers/c.txt"].visible_content) == (False, None)
    assert "papers/a.txt" in ok(org.http.patch(f"/v1/agents/{owner}/files/{ids['a.txt']}/close"))["message"]
    assert org.client.agents.files.close_all(owner) == ["papers/b.txt"]
    assert org.http.patch(f"/v1/agents/{owner}/files/file-{home[7:]}/open").status_code == 404


@pytest.mark.contract("files.tools")
def test_an_agent_opens_looks_through_and_searches_its_files(org: Org) -> None:
    home, other = folder(org), folder(org, "recipes")
    put(org, home, "keeper.txt", KEEPER)
    put(org, other, "cake.md", RECIPE)
    owner = agent(org, home, other, model=MODEL, max_files_open=1)
    status, text = called(org, owner, "open_files", file_requests=[{"file_name": "recipes/cake.md", "offset": 1}])
    assert status == "success"
    assert "2: Three lemons, four eggs.\n3: Bake it" in text
    assert "Closed to make room: papers/keeper.txt." in text
    status, text = called(org, owner, "grep_files", pattern=r"tide|lemons\b", context_lines=0)
    assert text == (
        "papers/keeper.txt:\n> 2: The tide table hangs in the kitchen.\n\n"
        "recipes/cake.md:\n> 2: Three lemons, four eggs."
    )
    assert "papers" not in called(org, owner, "grep_files", pattern="the", include="*.md")[1]
    status, text = called(org, owner, "semantic_search_files", query="sea birds", limit=1)
    assert text.startswith("papers/keeper.txt, from line 1:\nThe lighthouse keeper")
    status, text = called(org, owner, "open_files", file_requests=[{"file_name": "nothing.txt"}])
    assert status == "error"
    assert "papers/keeper.txt" in text


def test_a_pattern_that_takes_for_ever_is_given_up(org: Org) -> None:
    home = folder(org)
    put(org, home, "a.txt", "a" * 60 + "!")
    owner = agent(org, home, model=MODEL)
    status, text = called(org, owner, "grep_files", pattern="(a+)+$")
    assert status == "error"
    assert "simpler" in text


@pytest.mark.contract("sources.attach")
def test_sources_answer_with_the_agent(org: Org) -> None:
    home, owner = folder(org), agent(org)
    path = f"/v1/agents/{owner}/sources"
    state = ok(org.http.patch(f"{path}/attach/{home}"))
    assert [each["id"] for each in state["sources"]] == [home]
    assert [each["id"] for each in ok(org.http.get(path))] == [home]
    assert ok(org.http.patch(f"{path}/detach/{home}"))["sources"] == []


@pytest.mark.contract("folders.choices")
def test_folders_are_chosen_with_the_agent(org: Org) -> None:
    first, second, third = folder(org), folder(org, "second"), folder(org, "third")
    made = ok(org.http.post("/v1/agents/", json={"folder_ids": [first], "source_ids": [second]}))
    assert {each["id"] for each in made["sources"]} == {first, second}
    assert {tool["name"] for tool in made["tools"]} >= TOOLS
    changed = org.client.agents.update(made["id"], folder_ids=[third])
    assert [each.id for each in changed.sources] == [third]
    gone = org.client.agents.update(made["id"], folder_ids=[])
    assert gone.sources == []
    assert not {tool.name for tool in gone.tools} & TOOLS
    unknown = org.http.post("/v1/agents/", json={"folder_ids": [f"source-{home_of(first)}"]})
    assert unknown.status_code == 404
    org.client.agents.delete(made["id"])


def home_of(folder_id: str) -> str:
    """A well-formed id that nothing has."""
    return folder_id.removeprefix("source-")[:-4] + "0000"


@pytest.mark.contract("folders.state")
def test_an_agent_shows_its_folders_and_open_files_when_they_are_asked_for(org: Org) -> None:
    home = folder(org)
    file = put(org, home, "keeper.txt", KEEPER)
    owner = agent(org, home)
    bare = org.client.agents.retrieve(owner)
    assert (bare.sources, bare.memory.file_blocks) == ([], [])
    whole = org.client.agents.retrieve(owner, include=["agent.sources"])
    assert [each.id for each in whole.sources] == [home]
    [block] = whole.memory.file_blocks or []
    assert (block.label, block.file_id, block.source_id, block.is_open) == ("papers/keeper.txt", file["id"], home, True)
    assert block.value.startswith("1: The lighthouse keeper")


@pytest.mark.contract("files.pages")
def test_an_agents_files_come_in_pages(org: Org) -> None:
    home = folder(org)
    for number in range(5):
        upload(org, home, f"{number}.txt", "text")
    owner = agent(org, home)
    everything = [each["id"] for each in files_of(org, owner)]
    page = ok(org.http.get(f"/v1/agents/{owner}/files", params={"limit": 2}))
    assert ([each["id"] for each in page["files"]], page["has_more"]) == (everything[:2], True)
    rest = ok(org.http.get(f"/v1/agents/{owner}/files", params={"limit": 3, "cursor": page["next_cursor"]}))
    assert ([each["id"] for each in rest["files"]], rest["has_more"], rest["next_cursor"]) == (
        everything[2:],
        False,
        None,
    )
    assert len(list(org.client.agents.files.list(owner, limit=2))) == 5


def test_another_folder_list_searches_other_files(org: Org) -> None:
    home, other = folder(org), folder(org, "recipes")
    put(org, home, "keeper.txt", KEEPER)
    file = put(org, other, "cake.md", RECIPE)
    owner = agent(org, home, other, model=MODEL)
    assert "recipes/cake.md" in called(org, owner, "semantic_search_files", query="citrus", limit=1)[1]
    assert org.http.delete(f"/v1/folders/{other}/{file['id']}").status_code == 204
    assert "recipes" not in called(org, owner, "semantic_search_files", query="citrus lemons", limit=5)[1]
    put(org, other, "pie.md", "Two limes and a pie crust.")
    assert "recipes/pie.md" in called(org, owner, "semantic_search_files", query="limes", limit=1)[1]
    org.client.agents.folders.detach(other, agent_id=owner)
    assert "recipes" not in called(org, owner, "semantic_search_files", query="limes", limit=5)[1]
