"""The answer to a request that named an `Idempotency-Key`, kept so that a repeat gets the same one."""

from datetime import datetime
from typing import Annotated

from holdfast.kit.entity import Encrypted, Entity


class KeptAnswer(Entity):
    """One key of an organization at one path. Without a status the first request is still being answered."""

    key: str
    path: str
    digest: str
    """Of the request: another body under the same key is a mistake."""
    expires_at: datetime
    status: int | None = None
    media_type: str = ""
    body: Annotated[str, Encrypted] = ""
