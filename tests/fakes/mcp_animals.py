"""The kinds of MCP servers in the zoo: one that does what it should, and others that differ from it in one thing."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from queue import Queue
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from tests.fakes.mcp_zoo import Zoo

from tests.fakes.mcp_odoo import Odoo
from tests.fakes.mcp_plain import (
    AS_JSON,
    ECHO,
    PATIENCE,
    Got,
    Json,
    Plain,
    Said,
    of_events,
    of_json,
    result,
    text,
    tool,
)


class Streaming(Plain):
    """Answers as a stream, with a question and some noise before the answer."""

    def said(self, message: Json, value: Json) -> Said:
        ping = {"jsonrpc": "2.0", "id": 99, "method": "ping"}
        progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
        return of_events(progress, ping, result(message, value))


class Forgetful(Plain):
    """Loses every session after the first call of it."""

    def answer(self, message: Json, got: Got) -> Said:
        if message["method"] == "tools/call":
            self.sessions.clear()
        return super().answer(message, got)


class Paged(Plain):
    """Five hundred tools, in pages."""

    def __init__(self, zoo: "Zoo") -> None:
        super().__init__(zoo)
        self.tools = [tool(zoo.name(f"paged_{number}")) for number in range(500)]

    def listed(self, message: Json) -> Json:
        first = int(message.get("params", {}).get("cursor", 0))
        more = {"nextCursor": str(first + 100)} if first + 100 < len(self.tools) else {}
        return {"tools": self.tools[first : first + 100], **more}


class Circling(Plain):
    """A list without an end."""

    def listed(self, message: Json) -> Json:
        return {"tools": self.tools, "nextCursor": "again"}


class Odd(Plain):
    """Schemas that nothing was written for, and entries that are no tools."""

    def __init__(self, zoo: "Zoo") -> None:
        super().__init__(zoo)
        node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
        union = [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "null"}]
        self.tools = [
            tool(zoo.name("no_properties"), {"type": "object"}),
            tool(zoo.name("union"), {"anyOf": union}),
            tool(
                zoo.name("recursive"),
                {"type": "object", "properties": {"n": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}},
            ),
            tool(
                zoo.name("types"),
                {"type": ["object", "null"], "properties": {"x": {"type": ["string", "integer"]}, "y": True}},
            ),
            tool(zoo.name("list"), ["not", "a", "schema"]),
            tool(zoo.name("required"), {"type": "object", "properties": {}, "required": ["ghost", 7]}),
            tool(zoo.name("with.dots and spaces/é")),
            tool(zoo.name("a_name_that_is_much_longer_than_what_a_tool_may_be_called_here")),
            {"name": zoo.name("bare")},
            {"name": ""},
            {"description": "nobody"},
            "no tool at all",
        ]


class Broken(Plain):
    """What it lists is no list."""

    def listed(self, message: Json) -> Json:
        return {"tools": {"echo": ECHO}}


class HangsOnConnect(Plain):
    def initialize(self, message: Json) -> Said:
        self.zoo.gate.wait(PATIENCE)
        return super().initialize(message)


class HangsOnList(Plain):
    def listed(self, message: Json) -> Json:
        self.zoo.gate.wait(PATIENCE)
        return super().listed(message)


class HangsOnCall(Plain):
    def called(self, params: Json, got: Got) -> Json:
        self.zoo.gate.wait(PATIENCE)
        return super().called(params, got)


class Dying(Plain):
    """Breaks off in the middle of a call's answer."""

    def said(self, message: Json, value: Json) -> Said:
        return Said(200, b'{"jsonrpc": "2.0", "id"', AS_JSON, is_cut=True)


class EndsEarly(Plain):
    """A stream that ends without an answer."""

    def said(self, message: Json, value: Json) -> Said:
        return of_events({"jsonrpc": "2.0", "method": "notifications/progress"})


class Html(Plain):
    def post(self, got: Got) -> Said:
        return Said(200, b"<html>welcome</html>", {"content-type": "text/html"})


class Unauthorized(Plain):
    def post(self, got: Got) -> Said:
        return Said(401, b"who are you?", {"www-authenticate": 'Bearer realm="x"'})


class Failing(Plain):
    def post(self, got: Got) -> Said:
        return Said(500, b"\xff\xfe oh no")


class Moved(Plain):
    """Moved within its own house."""

    def post(self, got: Got) -> Said:
        return Said(307, headers={"location": "/plain"})


class MovedAway(Plain):
    def post(self, got: Got) -> Said:
        return Said(307, headers={"location": f"http://localhost:{self.zoo.port}/plain"})


class MovedToMetadata(Plain):
    def post(self, got: Got) -> Said:
        return Said(302, headers={"location": "http://169.254.169.254/latest/meta-data/"})


class Huge(Plain):
    def called(self, params: Json, got: Got) -> Json:
        return text("x" * 5_000_000)


class TooHuge(Plain):
    def called(self, params: Json, got: Got) -> Json:
        return text("x" * 20_000_000)


class Rich(Plain):
    """Every kind of content."""

    def called(self, params: Json, got: Got) -> Json:
        kinds: dict[str, Json] = {
            "mixed": {
                "content": [
                    {"type": "text", "text": "seen"},
                    {"type": "image", "data": "QUJD", "mimeType": "image/png"},
                    {"type": "resource", "resource": {"uri": "file:///a", "text": "of a file"}},
                    {"type": "resource_link", "uri": "file:///b", "name": "b"},
                    {"type": "hologram", "depth": 3},
                    "no part",
                ]
            },
            "structured": {"content": [], "structuredContent": {"sum": 3}},
            "nothing": {},
            "odd": {"content": "just text"},
            "nul": text("a\x00b\ud800c"),
        }
        return kinds[params["arguments"]["kind"]]


class Changing(Plain):
    """Tells of its changes on a stream that the client listens to."""

    def __init__(self, zoo: "Zoo") -> None:
        super().__init__(zoo)
        self.first, self.second = zoo.name("first"), zoo.name("second")
        self.tools = [tool(self.first)]
        self.has_changed = threading.Event()
        self.is_heard = threading.Event()

    def initialize(self, message: Json) -> Said:
        about: Json = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}}}
        self.sessions.add("one")
        return of_json(result(message, about), session="one")

    def get(self, got: Got) -> Said:
        self.is_heard.set()
        self.has_changed.wait(PATIENCE)
        return of_events({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})


class Guarded(Plain):
    """Wants OAuth: it tells who authorizes for it, which is the zoo itself."""

    def __init__(self, zoo: "Zoo") -> None:
        super().__init__(zoo)
        self.tools = [tool("whoami")]

    def post(self, got: Got) -> Said:
        if got.headers.get("authorization", "").removeprefix("Bearer ") not in self.zoo.tokens:
            metadata = self.zoo.authority.place("resource_metadata", "guarded-metadata")
            where = f'Bearer resource_metadata="{metadata}", scope="tools"'
            return Said(401, b"{}", {"www-authenticate": where})
        return super().post(got)


class OldSse:
    """The transport of 2024: a stream, and an endpoint that it names."""

    def __init__(self, zoo: "Zoo") -> None:
        self.streams: dict[str, Queue[bytes | None]] = defaultdict(Queue)
        self.endpoint = "/old/messages"
        """Where it wants to be spoken to."""
        self.inner = Plain(zoo)
        self.inner.versions = ("2024-11-05",)
        self.inner.refused = lambda got: None  # it has no headers of a session

    def events(self) -> Iterator[bytes]:
        stream = uuid4().hex
        yield b"event: endpoint\ndata: %s?stream=%s\n\n" % (self.endpoint.encode(), stream.encode())
        queue = self.streams[stream]
        while (data := queue.get(timeout=PATIENCE)) is not None:
            yield b"event: message\ndata: %s\n\n" % data

    def post(self, got: Got) -> Said:
        said = self.inner.post(got)
        if said.body:
            self.streams[got.path.partition("stream=")[2]].put(said.body)
        return Said(202, b"Accepted")


KINDS: dict[str, Callable[["Zoo"], Plain]] = {
    "plain": Plain,
    "odoo": Odoo,
    "streaming": Streaming,
    "forgetful": Forgetful,
    "paged": Paged,
    "circling": Circling,
    "odd": Odd,
    "broken": Broken,
    "hangs-on-connect": HangsOnConnect,
    "hangs-on-list": HangsOnList,
    "hangs-on-call": HangsOnCall,
    "dying": Dying,
    "ends-early": EndsEarly,
    "html": Html,
    "unauthorized": Unauthorized,
    "failing": Failing,
    "moved": Moved,
    "moved-away": MovedAway,
    "moved-to-metadata": MovedToMetadata,
    "huge": Huge,
    "too-huge": TooHuge,
    "rich": Rich,
    "changing": Changing,
    "guarded": Guarded,
}
