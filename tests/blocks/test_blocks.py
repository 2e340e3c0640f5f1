"""Blocks by themselves: what a create, a change and a delete answer with (CONTRACT §2.3, §6.2)."""

from typing import Any

import pytest
from letta_client import NotFoundError, UnprocessableEntityError

from tests.harness.tenants import Org

UNKNOWN = "block-00000000-0000-4000-8000-000000000000"

WIRE_FIELDS = {
    *("id", "value", "limit", "label", "description", "read_only", "metadata", "tags", "hidden", "project_id"),
    *("template_name", "is_template", "template_id", "base_template_id", "deployment_id", "entity_id"),
    *("preserve_on_migration", "created_by_id", "last_updated_by_id"),
}


def make(org: Org, **fields: Any) -> dict[str, Any]:
    made = org.http.post("/v1/blocks/", json={"label": "notes", "value": "", **fields})
    assert made.status_code == 200, made.text
    return made.json()


@pytest.mark.contract("blocks.create")
def test_a_new_block_has_the_defaults(org: Org) -> None:
    block = make(org, value="Likes tea.")
    assert set(block) == WIRE_FIELDS
    assert block["id"].startswith("block-")
    assert (block["value"], block["limit"], block["read_only"]) == ("Likes tea.", 100_000, False)
    assert (block["metadata"], block["tags"], block["description"]) == ({}, [], None)
    assert org.http.get(f"/v1/blocks/{block['id']}").json() == block


@pytest.mark.contract("blocks.create.null-value")
def test_a_null_value_is_an_empty_text(org: Org) -> None:
    assert make(org, value=None, tags=None)["value"] == ""


@pytest.mark.contract("blocks.create.default-descriptions")
@pytest.mark.parametrize("label", ["persona", "human"])
def test_the_two_usual_blocks_get_a_description(org: Org, label: str) -> None:
    assert len(make(org, label=label)["description"]) > 40
    assert make(org, label=label, description="Mine.")["description"] == "Mine."


def test_a_block_needs_a_label(org: Org) -> None:
    assert org.http.post("/v1/blocks/", json={"value": "x"}).status_code == 422
    empty = org.http.post("/v1/blocks/", json={"value": "x", "label": ""})
    assert empty.status_code == 422
    assert "body.label" in empty.json()["detail"]


@pytest.mark.parametrize("field,value", [("limit", -1), ("limit", 2**31), ("limit", "x"), ("value", 3), ("tags", "a")])
def test_what_a_field_cannot_be_is_named(org: Org, field: str, value: object) -> None:
    refused = org.http.post("/v1/blocks/", json={"label": "notes", "value": "", field: value})
    assert refused.status_code == 422
    assert isinstance(refused.json()["detail"], str)
    assert f"body.{field}" in refused.json()["detail"]


def test_unknown_fields_are_ignored(org: Org) -> None:
    assert "shape" not in make(org, shape="round", project_id="p")


@pytest.mark.contract("blocks.sdk")
def test_the_client_manages_blocks(org: Org) -> None:
    made = org.client.blocks.create(label="persona", value="I am Ada.", tags=["a"], metadata={"k": [1, None]})
    changed = org.client.blocks.update(made.id, value="I am Grace.", limit=500)
    assert (changed.id, changed.value, changed.limit, changed.label) == (made.id, "I am Grace.", 500, "persona")
    assert org.client.blocks.retrieve(made.id).metadata == {"k": [1, None]}
    assert [block.id for block in org.client.blocks.list()] == [made.id]
    org.client.blocks.delete(made.id)
    with pytest.raises(NotFoundError):
        org.client.blocks.retrieve(made.id)


@pytest.mark.contract("blocks.update")
def test_null_leaves_a_field_as_it_is(org: Org) -> None:
    block = make(org, value="v", description="d", tags=["t"], metadata={"a": 1}, limit=9, label="l", read_only=True)
    nothing = dict.fromkeys(block.keys() - {"id"})
    same = org.http.patch(f"/v1/blocks/{block['id']}", json=nothing)
    assert same.json() == block
    assert org.http.patch(f"/v1/blocks/{block['id']}", json={}).json() == block


@pytest.mark.contract("blocks.update")
def test_what_is_sent_replaces_what_was_there(org: Org) -> None:
    block = make(org, metadata={"a": 1}, tags=["t"], value="v", read_only=True)
    sent: dict[str, Any] = {
        "metadata": {"b": 2},
        "tags": [],
        "value": "",
        "read_only": False,
        "description": "",
        "label": "other",
    }
    changed = org.http.patch(f"/v1/blocks/{block['id']}", json=sent).json()
    assert {name: changed[name] for name in sent} == sent
    assert org.http.get(f"/v1/blocks/{block['id']}").json() == changed


@pytest.mark.contract("blocks.limit")
def test_a_value_may_be_longer_than_the_limit(org: Org) -> None:
    block = make(org, value="x" * 50, limit=10)
    assert len(org.http.patch(f"/v1/blocks/{block['id']}", json={"value": "y" * 200_000}).json()["value"]) == 200_000


@pytest.mark.contract("blocks.read-only")
def test_read_only_does_not_bind_the_api(org: Org) -> None:
    block = make(org, read_only=True, value="old")
    assert org.http.patch(f"/v1/blocks/{block['id']}", json={"value": "new"}).json()["value"] == "new"


def test_a_label_cannot_become_empty(org: Org) -> None:
    refused = org.http.patch(f"/v1/blocks/{make(org)['id']}", json={"label": ""})
    assert refused.status_code == 400
    assert "label" in refused.json()["detail"]


@pytest.mark.contract("blocks.delete")
def test_a_delete_answers_null(org: Org) -> None:
    block = make(org)
    gone = org.http.delete(f"/v1/blocks/{block['id']}")
    assert (gone.status_code, gone.json()) == (200, None)
    assert org.http.delete(f"/v1/blocks/{block['id']}").status_code == 404


@pytest.mark.contract("blocks.unknown")
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_block_is_404_and_a_malformed_id_422(org: Org, method: str) -> None:
    missing = org.http.request(method, f"/v1/blocks/{UNKNOWN}", json={"value": "x"})
    assert missing.status_code == 404
    assert UNKNOWN in missing.json()["detail"]
    malformed = org.http.request(method, "/v1/blocks/block-1", json={"value": "x"})
    assert malformed.status_code == 422
    assert malformed.json()["examples"][0].startswith("block-")


@pytest.mark.contract("blocks.unknown")
def test_the_client_sees_the_kinds_of_errors(org: Org) -> None:
    with pytest.raises(NotFoundError):
        org.client.blocks.retrieve(UNKNOWN)
    with pytest.raises(UnprocessableEntityError):
        org.client.blocks.retrieve("nothing")


@pytest.mark.contract("blocks.text")
@pytest.mark.parametrize(
    "text",
    [
        "é ñ ß",
        "日本語テキスト",
        "👩‍👩‍👧 🏳️‍🌈",
        "\u202eright to left",
        "\ufeffbom",
        "a\r\nb\tc",
        "</persona>",
        "{CORE_MEMORY}",
        "'; --",
    ],
)
def test_text_comes_back_as_it_was_sent(org: Org, text: str) -> None:
    block = make(org, value=text, description=text, tags=[text], metadata={text: text}, label=f"l {text}")
    again = org.http.get(f"/v1/blocks/{block['id']}").json()
    assert again["value"] == again["description"] == again["tags"][0] == again["metadata"][text] == text


@pytest.mark.contract("blocks.text")
@pytest.mark.parametrize("escaped,stored", [(r"a\u0000b", "ab"), (r"a\ud800b", "a�b"), (r"\ud83d\ude00", "😀")])
def test_what_no_database_holds_is_left_out(org: Org, escaped: str, stored: str) -> None:
    body = f'{{"label": "l", "value": "{escaped}", "metadata": {{"{escaped}": ["{escaped}"]}}}}'
    made = org.http.post("/v1/blocks/", content=body, headers={"Content-Type": "application/json"})
    assert made.status_code == 200, made.text
    assert made.json()["value"] == stored
    assert made.json()["metadata"] == {stored: [stored]}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "[" * 5000, b"\xff\xfe", '{"label": NaN}'])
def test_a_body_that_is_no_block_is_refused(org: Org, body: str | bytes) -> None:
    refused = org.http.post("/v1/blocks/", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert refused.json()["detail"]


def test_a_document_may_be_deep_but_not_bottomless(org: Org) -> None:
    for depth, status in ((150, 200), (250, 422), (50_000, 422)):
        body = f'{{"label": "l", "value": "", "metadata": {{"a": {"[" * depth}{"]" * depth}}}}}'
        assert org.http.post("/v1/blocks/", content=body).status_code == status, depth
    assert org.http.get("/v1/blocks/count").json() == 1


def test_numbers_of_any_size_can_be_kept(org: Org) -> None:
    made = org.http.post("/v1/blocks/", content='{"label": "l", "value": "", "metadata": {"a": 123456789012345678901}}')
    assert made.status_code == 200, made.text
    assert org.http.get(f"/v1/blocks/{made.json()['id']}").json() == made.json()
