"""What model servers keep of the prompts they have read, and how much of a request they find in it: true counts.

cache = OpenAICache()                   # any common beginning counts
models.counts = cache.usage             # an OpenAIServer that reports it
with CachingClaude() as claude: ...     # whose cache holds what was marked, and nothing else
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.anthropic_script import events, streamed, text
from tests.fakes.scripted_http import Answer, Request, ScriptedHttp

Json = dict[str, Any]

TOKEN = 4
"""Bytes; the tokens of these servers have all the same length."""

LOOKED_BACK = 20
"""How many blocks before a mark Anthropic looks for something it has kept."""


class OpenAICache:
    """Keeps the requests themselves: of a new one is cached what it begins with as an earlier one did."""

    def __init__(self) -> None:
        self._read: list[str] = []

    def usage(self, request: Json) -> Json:
        sent = json.dumps([request.get("tools"), request["messages"]])
        cached = max((_in_common(sent, earlier) for earlier in self._read), default=0)
        self._read.append(sent)
        prompt = len(sent) // TOKEN
        return {
            "prompt_tokens": prompt,
            "completion_tokens": 1,
            "total_tokens": prompt + 1,
            "prompt_tokens_details": {"cached_tokens": cached // TOKEN},
        }


def _in_common(one: str, other: str) -> int:
    differences = (at for at, (mine, yours) in enumerate(zip(one, other, strict=False)) if mine != yours)
    return next(differences, min(len(one), len(other)))


class CachingClaude(ScriptedHttp):
    """Claude's API. `replies` are the contents of its next answers; without one it says "ok."."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: list[list[Json]] = []
        self._kept: set[tuple[str, ...]] = set()

    def next(self, request: Request) -> Answer:
        if not request.path.endswith("/v1/messages"):
            return super().next(request)
        self.requests.append(request)
        content = self.replies.pop(0) if self.replies else [text("ok.")]
        return streamed(events(*content, usage={**self._usage(request.body), "output_tokens": 1}))

    def _usage(self, body: Json) -> Json:
        blocks = [_plain(block) for block in _blocks(body)]
        marks = [number + 1 for number, block in enumerate(_blocks(body)) if "cache_control" in block]
        assert len(marks) <= 4, "Anthropic takes no more"
        ends = {end for mark in marks for end in range(mark, max(mark - LOOKED_BACK, 0), -1)}
        cached = max((end for end in ends if tuple(blocks[:end]) in self._kept), default=0)
        written = max(marks, default=0)
        self._kept |= {tuple(blocks[:mark]) for mark in marks}
        return {
            "cache_read_input_tokens": _tokens(blocks[:cached]),
            "cache_creation_input_tokens": _tokens(blocks[cached:written]),
            "input_tokens": _tokens(blocks[max(cached, written) :]),
        }


def _blocks(body: Json) -> Iterator[Json]:
    """The request in the order in which it is read."""
    yield from body.get("tools") or []
    yield from body.get("system") or []
    for message in body["messages"]:
        for block in message["content"]:
            yield {"role": message["role"], **block}


def _plain(block: Json) -> str:
    return json.dumps({name: value for name, value in block.items() if name != "cache_control"})


def _tokens(blocks: list[str]) -> int:
    return sum(map(len, blocks)) // TOKEN
