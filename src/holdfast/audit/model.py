"""What was done with data as a whole, by whom and when: never what the data said."""

from typing import Any, Literal

from pydantic import Field

from holdfast.kit.entity import Entity

Action = Literal["forget", "export"]


class AuditEntry(Entity):
    """One thing that was done. Ids are kept, because they prove what was done and say nothing else; names are not."""

    action: Action
    target: str
    key_id: str | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Numbers, ids and states."""
