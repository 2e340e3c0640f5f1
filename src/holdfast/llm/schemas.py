"""JSON schemas made plain, for servers that read only a part of the standard."""

from typing import Any, cast

Json = dict[str, Any]

DEEPEST = 40
MOST_NODES = 20_000
_DEFINITIONS = ("$defs", "definitions", "$schema", "$id")


def inlined(schema: Any) -> Json:
    """The schema with each reference replaced by what it names; where that would not end, anything goes."""
    found: Any = _Inliner(schema).node(schema, ())
    return cast(Json, found) if isinstance(found, dict) else {}


class _Inliner:
    """One schema being written out, with a limit to how large it may become."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MOST_NODES

    def node(self, node: Any, within: tuple[str, ...], depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            return {}
        if isinstance(node, list):
            return [self.node(each, within, depth + 1) for each in cast(list[Any], node)]
        if not isinstance(node, dict):
            return node
        body = cast(Json, node)
        reference: Any = body.get("$ref")
        if isinstance(reference, str):
            return self._named(body, reference, within, depth)
        return {
            name: self._under(name, value, within, depth) for name, value in body.items() if name not in _DEFINITIONS
        }

    def _under(self, name: str, value: Any, within: tuple[str, ...], depth: int) -> Any:
        if name != "properties" or not isinstance(value, dict):
            return self.node(value, within, depth + 1)
        properties = cast(Json, value)
        return {each: self.node(inner, within, depth + 1) for each, inner in properties.items()}

    def _named(self, body: Json, reference: str, within: tuple[str, ...], depth: int) -> Any:
        if reference in within:
            return {}
        target = _at(self._root, reference)
        beside = {name: value for name, value in body.items() if name != "$ref"}
        return self.node({**target, **beside}, (*within, reference), depth + 1)


def _at(root: Any, reference: str) -> Json:
    """What a reference inside the same schema points at; of any other it is not known."""
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if name and isinstance(found, dict):
            found = cast(Json, found).get(name)
    return cast(Json, found) if isinstance(found, dict) and found is not root else {}
