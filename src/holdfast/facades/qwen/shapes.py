"""The bodies that callers of the service send, in the words of each of them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from holdfast.kit.entity import Shape


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("there is nothing in it; send what is meant")
    return text


Words = Annotated[str, AfterValidator(_said)]
User = Annotated[str | None, Field(description="Whose memory it is; each user has one of their own.")]
Limit = Annotated[int, Field(ge=1, le=100)]
MemoryKind = Literal["recall", "archival", "fact", "preference", "reminder", "note", "conversation"]


class ChatRequest(Shape):
    """Something that a user says."""

    message: Words
    user_id: User = "default"
    include_memory_search: bool | None = Field(
        default=None, description="Whether memories are looked up for it; left out, the configuration decides."
    )
    include_memory: bool | None = Field(default=None, description="Another name for the same.")
    max_memory_results: Annotated[int | None, Field(ge=0, le=20)] = None
    model: str | None = Field(default=None, description="Another model for this one answer.")

    @property
    def wants_memory(self) -> bool | None:
        """What the request says about memory; None when it says nothing."""
        if self.max_memory_results == 0:
            return False
        said = [each for each in (self.include_memory_search, self.include_memory) if each is not None]
        return any(said) if said else None


class AddRequest(Shape):
    """Something to remember."""

    content: Words
    memory_type: MemoryKind = "archival"
    source_type: str | None = None
    user_id: User = "default"
    metadata: dict[str, Any] | None = None


class SearchRequest(Shape):
    """Something to look for."""

    query: Words
    limit: Limit = 5
    user_id: User = "default"


class ToolRequest(Shape):
    """A call of one of the tools that `/tools` lists."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
