"""An upload that was looked at, before it is stored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Received:
    """What was sent, under which name, and what reads it."""

    name: str
    original_name: str
    media_type: str
    kind: str
    body: bytes
