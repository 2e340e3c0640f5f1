"""Who is talking, as chat programs say it: which of their users, and in which of that user's chats."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import unquote

from holdfast.kit.text import clean

LONGEST = 200
"""So many characters of a user's or a chat's id are kept as they are."""


@dataclass(frozen=True, slots=True)
class Person:
    user: str = ""
    name: str = ""
    chat: str = ""

    @property
    def key(self) -> str:
        """What the conversation of this user in this chat is known by; empty when neither is known."""
        return "/".join(("chat", self.user, self.chat)) if self.user or self.chat else ""

    def called(self, user: str | None) -> "Person":
        """The same when the program has named its user in headers, else whom the request's body names."""
        return self if self.user or not user else replace(self, user=_short(user))


def person_of(headers: Mapping[str, str]) -> Person:
    """Whom the headers name that Open WebUI sends with ENABLE_FORWARD_USER_INFO_HEADERS."""
    sent = {
        name: clean(headers.get(f"x-openwebui-{name}", "").strip()) for name in ("user-id", "user-email", "chat-id")
    }
    name = clean(unquote(headers.get("x-openwebui-user-name", "")))
    return Person(_short(sent["user-id"] or sent["user-email"]), name, _short(sent["chat-id"]))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else sha256(text.encode()).hexdigest()
