"""Organizations, users, API keys, and `Who`: the one on whose behalf a request runs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from holdfast.kit.entity import Entity, Hidden, Shape

Scope = Literal["admin", "write", "read"]
"""admin: organizations, users and keys of the whole installation; write: everything of the organization; read: GET."""

DEFAULT_ORG = "org-00000000-0000-4000-8000-000000000000"
DEFAULT_USER = "user-00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Who:
    """The organization, the user and the rights of a request; every store function takes one."""

    organization_id: str
    user_id: str | None
    scopes: frozenset[Scope] = frozenset(("write", "read"))
    key_id: str | None = None

    @property
    def is_admin(self) -> bool:
        return "admin" in self.scopes


EVERYONE = Who(DEFAULT_ORG, DEFAULT_USER, frozenset(("admin", "write", "read")))
"""Whoever asks while authentication is off."""


class NewOrganization(Shape):
    name: str = Field(default="default_org", min_length=1, max_length=200)
    privileged_tools: bool = False


class Organization(NewOrganization, Entity):
    """A tenant: everything else belongs to one, and nothing crosses from one to another."""


class NewUser(Shape):
    name: str = Field(default="default_user", min_length=1, max_length=200)


class CreateUser(NewUser):
    """The body of a create; without an organization it is the caller's."""

    organization_id: str | None = None


class ChangeUser(Shape):
    """The body of a change, which names the user too."""

    id: str
    name: str | None = Field(default=None, min_length=1, max_length=200)
    organization_id: str | None = None


class User(NewUser, Entity):
    """Someone of an organization."""

    organization_id: str


def _in_utc(moment: datetime | None) -> datetime | None:
    """A time without an offset is meant in UTC."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


class NewApiKey(Shape):
    name: str = Field(default="", max_length=200)
    scopes: Annotated[list[Scope], Field(min_length=1)] = ["write", "read"]
    user_id: str | None = None
    expires_at: Annotated[datetime | None, AfterValidator(_in_utc)] = None


class CreateKey(NewApiKey):
    """The body of a create; only an administrator may name another organization."""

    organization_id: str | None = None


class ApiKey(NewApiKey, Entity):
    """A credential: only its hash is kept. The organization is readable from the key's own text."""

    organization_id: str
    digest: Annotated[str, Hidden]
    hint: str
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class IssuedKey(ApiKey):
    """What a create answers with: the only time that the key's text is shown."""

    key: str
