"""Fragments of V1's messages as server-sent events; the JSON around what is said is written once for each part."""

from collections.abc import Mapping

import orjson

from holdfast.kit.clock import now
from holdfast.kit.reply import encode
from holdfast.kit.sse import frame
from holdfast.turns.tokens import Fragment, ShownPart

SLOT = "\x00"
"""Stands for what is said while the JSON around it is written; no JSON holds it unescaped."""


class Frames:
    """The fragments of one run for one client."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._message_id = ""
        self._around: dict[str, list[bytes]] = {}

    def of(self, fragment: Fragment) -> bytes:
        part = fragment.part
        if fragment.whole is not None:
            return frame(self._json(part, fragment.whole))
        around = self._around.get(part.otid) or self._begin(part)
        if fragment.call is None:
            head, tail = around
            return head + orjson.dumps(fragment.text) + tail
        head, between, tail = around
        json = orjson.dumps(fragment.call)
        return head + json + between + json + tail

    def _begin(self, part: ShownPart) -> list[bytes]:
        if part.message_id != self._message_id:
            self._message_id = part.message_id
            self._around.clear()
        around = self._around[part.otid] = frame(self._json(part, _body(part))).split(orjson.dumps(SLOT))
        return around

    def _json(self, part: ShownPart, body: Mapping[str, str | None]) -> bytes:
        common = {
            "id": part.message_id,
            "date": now().isoformat(timespec="seconds"),
            "name": None,
            "sender_id": None,
            "step_id": part.step_id,
            "is_err": None,
            "seq_id": None,
            "run_id": self._run_id,
            "otid": part.otid,
            "message_type": part.kind,
        }
        return encode({**common, **body})


def _body(part: ShownPart) -> Mapping[str, str | None]:
    """The fields of a message, with the place of what is said left open."""
    match part.kind:
        case "reasoning_message":
            return {"source": part.source, "reasoning": SLOT, "signature": None}
        case "tool_call_message":
            return {"tool_call": SLOT, "tool_calls": SLOT}
        case _:
            return {"content": SLOT}
