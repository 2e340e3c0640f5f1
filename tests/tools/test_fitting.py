"""Arguments that are made to fit a tool's schema, or refused in words."""

from typing import Any

import pytest

from holdfast.tools.fitting import Misfit, fitted

LINE = {"type": "object", "properties": {"article": {"type": "string"}, "count": {"type": "integer"}}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 2},
        "count": {"type": "integer", "minimum": 1},
        "price": {"type": "number"},
        "sure": {"type": "boolean"},
        "words": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "size": {"enum": ["Small", "LARGE"]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "maybe": {"type": ["integer", "null"]},
        "line": {"$ref": "#/$defs/Line"},
        "tree": {"$ref": "#/$defs/Tree"},
        "lost": {"$ref": "#/$defs/Nowhere"},
        "free": {"type": "object", "additionalProperties": {"type": "integer"}},
        "both": {"allOf": [{"type": "integer"}, {"maximum": 5}]},
    },
    "required": [],
    "$defs": {
        "Line": {**LINE, "required": ["article"]},
        "Tree": {"type": "object", "properties": {"inner": {"$ref": "#/$defs/Tree"}}},
    },
}


@pytest.mark.contract("tools.custom.lenient")
@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"text": 55}, {"text": "55"}),
        ({"count": "5"}, {"count": 5}),
        ({"count": 5.0}, {"count": 5}),
        ({"price": "1.5"}, {"price": 1.5}),
        ({"price": 2}, {"price": 2}),
        ({"sure": "True"}, {"sure": True}),
        ({"words": "one"}, {"words": ["one"]}),
        ({"words": '["a", "b"]'}, {"words": ["a", "b"]}),
        ({"size": "large"}, {"size": "LARGE"}),
        ({"either": "5"}, {"either": "5"}),
        ({"maybe": None}, {"maybe": None}),
        ({"count": None}, {}),
        ({"line": {"article": "x", "count": "2", "more": 1}}, {"line": {"article": "x", "count": 2, "more": 1}}),
        ({"line": '{"article": "x"}'}, {"line": {"article": "x"}}),
        ({"tree": {"inner": {"inner": {}}}}, {"tree": {"inner": {"inner": {}}}}),
        ({"free": {"a": "1"}}, {"free": {"a": 1}}),
        ({"both": "4"}, {"both": 4}),
        ({"request_heartbeat": True, "thinking": "hm"}, {}),
    ],
)
def test_what_small_models_write_is_understood(sent: dict[str, Any], taken: dict[str, Any]) -> None:
    assert fitted("f", SCHEMA, sent) == taken


@pytest.mark.contract("tools.custom.arguments")
@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"count": "many"}, 'the argument `count` is "many", but must be a whole number'),
        ({"count": True}, "must be a whole number"),
        ({"count": 0}, "must be at least 1"),
        ({"text": "x"}, "has 1 characters, but must have at least 2"),
        ({"text": ["x"]}, "must be text"),
        ({"words": ["a", "b", "c"]}, "must have at most 2"),
        ({"words": ["a", ["b"]]}, '`words.1` is ["b"], but must be text'),
        ({"size": "tiny"}, 'must be one of "Small", "LARGE"'),
        ({"line": {"count": 1}}, "`line.article` is missing"),
        ({"line": "x"}, "must be an object"),
        ({"lost": 1}, "'#/$defs/Nowhere', which is not there"),
        ({"both": 6}, "must be at most 5"),
        ({"maybe": "x"}, "`maybe`"),
        ({"price": "9" * 9999}, "must be a number"),
    ],
)
def test_what_does_not_fit_is_said(sent: dict[str, Any], says: str) -> None:
    with pytest.raises(Misfit, match=r"^f was not run: ") as refused:
        fitted("f", SCHEMA, sent)
    assert says in str(refused.value)
    assert "It takes `text` (string, optional)" in str(refused.value)


def test_arguments_are_missing_or_too_many() -> None:
    schema = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    with pytest.raises(Misfit, match="the argument `a` is missing; there is no argument `b`"):
        fitted("f", schema, {"b": 1})
    assert fitted("f", {}, {"anything": 1}) == {"anything": 1}
    assert fitted("f", {**schema, "additionalProperties": True}, {"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_depth_is_bounded() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"inner": deep}
    with pytest.raises(Misfit, match="goes too deep"):
        fitted("f", SCHEMA, {"tree": deep})
    endless = {"properties": {"a": {"$ref": "#/properties/a"}}}
    with pytest.raises(Misfit, match="refers to"):
        fitted("f", endless, {"a": 1})
