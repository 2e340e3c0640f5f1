"""Ids: `<prefix>-<uuid4>` (CONTRACT §1.3)."""

import re
from typing import Annotated
from uuid import uuid4

from fastapi import Path

UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def new_id(prefix: str) -> str:
    return f"{prefix}-{uuid4()}"


def pattern(prefix: str) -> str:
    return f"^{prefix}-{UUID4}$"


def is_id(prefix: str, text: str) -> bool:
    return re.match(pattern(prefix), text) is not None


def in_path(prefix: str) -> object:
    """The path parameter that holds such an id: 422 with an example when it is malformed."""
    return Path(pattern=pattern(prefix), examples=[f"{prefix}-123e4567-e89b-42d3-8456-426614174000"])


AgentId = Annotated[str, in_path("agent")]
BlockId = Annotated[str, in_path("block")]
MessageId = Annotated[str, in_path("message")]
ToolId = Annotated[str, in_path("tool")]
IdentityId = Annotated[str, in_path("identity")]
StepId = Annotated[str, in_path("step")]
ProviderId = Annotated[str, in_path("provider")]
KeyId = Annotated[str, in_path("key")]
ArchiveId = Annotated[str, in_path("archive")]
PassageId = Annotated[str, in_path("passage")]
FolderId = Annotated[str, in_path("source")]
FileId = Annotated[str, in_path("file")]
JobId = Annotated[str, in_path("job")]
OrganizationId = Annotated[str, in_path("org")]
McpServerId = Annotated[str, Path(max_length=1000)]
"""Not checked for its form: one that nothing has is 404 (CONTRACT §1.3), and so is `BatchId`."""
BatchId = Annotated[str, Path(max_length=1000)]
