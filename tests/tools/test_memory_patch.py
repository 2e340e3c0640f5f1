"""The tool that patches memory blocks (CONTRACT §6.3)."""

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.tools.test_builtin_tools import Talk, talk

TOOLS = ("memory_apply_patch",)
LINES = "one\ntwo\nthree\ntwo\nfive"


@pytest.fixture(autouse=True)
def scripted(models: OpenAIServer) -> OpenAIServer:
    return models


def labels(owner: Talk) -> set[str]:
    blocks = owner.org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks").json()
    return {block["label"] for block in blocks}


@pytest.mark.contract("tools.memory-patch")
def test_places_of_a_block_are_changed(org: Org) -> None:
    owner = talk(org, value=LINES, tools=TOOLS)
    both = " one\n-two\n+2\n@@\n-five\n+5\n+six\n"
    assert owner.call("memory_apply_patch", label="notes", patch=both) == "one\n2\nthree\ntwo\n5\nsix" == owner.value()
    diff = "--- a/notes\n+++ b/notes\n@@ -1,2 +1,2 @@\n-one\n+1\n 2\n\\ No newline at end of file"
    assert owner.call("memory_apply_patch", label="notes", patch=diff).startswith("1\n2\n")
    assert owner.call("memory_apply_patch", label="notes", patch="+end").endswith("six\nend")
    block = org.http.get(f"/v1/agents/{owner.id}/core-memory/blocks/notes").json()["id"]
    assert len(org.http.get(f"/v1/blocks/{block}/versions").json()) >= 3


def test_a_line_number_chooses_among_equal_places(org: Org) -> None:
    owner = talk(org, value=LINES, tools=TOOLS)
    owner.call("memory_apply_patch", label="notes", patch="@@ -4 +4 @@\n-two\n+2")
    assert owner.value() == "one\ntwo\nthree\n2\nfive"


@pytest.mark.contract("tools.memory-patch.blocks")
def test_several_blocks_are_changed_at_once(org: Org) -> None:
    owner = talk(org, tools=TOOLS)
    patch = (
        "*** Begin Patch\n*** Add Block: plans\n+Sleep.\n+Eat.\n\n"
        "*** Update Block: notes\n*** Move to: facts\n one\n-two\n*** End Patch\n"
    )
    said = owner.call("memory_apply_patch", label="notes", patch=patch)
    assert "'plans'" in said
    assert "'facts'" in said
    assert (owner.value("plans"), owner.value("facts"), labels(owner)) == (
        *("Sleep.\nEat.", "one\nthree"),
        {"plans", "facts", "law"},
    )
    owner.call("memory_apply_patch", label="plans", patch="*** Delete Block: plans")
    assert labels(owner) == {"facts", "law"}


@pytest.mark.contract("tools.memory-patch.refused")
def test_what_cannot_be_patched_changes_nothing(org: Org) -> None:
    owner = talk(org, value=LINES, tools=TOOLS)
    for patch, said in (
        ("-four\n+4", "'four' does not occur"),
        (" three\n-one\n+1", "do not stand together"),
        ("-two\n+2", "lines 2, 4"),
        ("two\n+2", "begins with none of"),
        ("", "empty"),
        ("-one\n+1→ one", "line number"),
        ("-one\n+" + "x" * 120, "100"),
        ("*** Replace Block: notes\n-one", "Update Block"),
        ("*** Add Block: notes\n+x", "already"),
        ("*** Add Block: plans\nx", "begin with '+'"),
        ("*** Update Block: nots\n-one\n+1", "'notes'"),
        ("*** Update Block: law\n-Do no harm.\n+Harm.", "read-only"),
        ("*** Delete Block: law", "read-only"),
        ("*** Update Block: notes\n*** Move to: law\n-one\n+1", "'law'"),
        ("*** Add Block: plans\n+x\n*** Update Block: notes\n-four", "'four'"),
        ("*** Delete Block:", "no block"),
    ):
        assert said in owner.refused("memory_apply_patch", label="notes", patch=patch), patch
    assert owner.call("memory_apply_patch", label="notes", patch=" one") == LINES
    assert (owner.value(), owner.value("law"), labels(owner)) == (LINES, "Do no harm.", {"notes", "law"})
