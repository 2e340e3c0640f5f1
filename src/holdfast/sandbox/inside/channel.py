"""How the inside and the server talk: JSON, each with its length before it, over a socket of their own."""

import json
import os
import struct
import threading
from typing import Any


class Channel:
    """The inside's end."""

    def __init__(self, number: int) -> None:
        self.number = number
        os.set_inheritable(number, False)
        self._lock = threading.Lock()

    def send(self, message: Any) -> None:
        """Say something."""
        text = json.dumps(message).encode()
        rest = memoryview(struct.pack(">I", len(text)) + text)
        while rest:
            rest = rest[os.write(self.number, rest) :]

    def receive(self) -> Any:
        """What the server says next; `EOFError` when it is gone."""
        (length,) = struct.unpack(">I", self._exactly(4))
        return json.loads(self._exactly(length))

    def ask(self, name: str, arguments: dict[str, Any]) -> Any:
        """Have the server do something, and wait for what it answers."""
        with self._lock:
            self.send({"call": name, "arguments": arguments})
            answer = self.receive()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def _exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            part = os.read(self.number, min(length - len(parts), 1 << 20))
            if not part:
                raise EOFError("the server is gone")
            parts += part
        return bytes(parts)
