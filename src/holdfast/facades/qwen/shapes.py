"""The bodies that callers of the service send, in the words of each of them."""

import json
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from holdfast.kit.entity import Shape


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("there is nothing in it; send what is meant")
    return text


def _spelled(sent: Any) -> Any:
    """A user's number is a name too."""
    return str(sent) if isinstance(sent, int) and not isinstance(sent, bool) else sent


def _lowered(sent: Any) -> Any:
    return sent.strip().lower() if isinstance(sent, str) else sent


def _at_most_shown(wanted: int | None) -> int | None:
    return None if wanted is None else min(wanted, MOST_SHOWN)


def _decoded(sent: Any) -> Any:
    """Arguments that a program passes on as the model wrote them."""
    try:
        return json.loads(sent) if isinstance(sent, str) else sent
    except (ValueError, RecursionError):
        return sent


Words = Annotated[str, AfterValidator(_said)]
User = Annotated[
    str | None, BeforeValidator(_spelled), Field(description="Whose memory it is; each user has one of their own.")
]
MOST, MOST_SHOWN = 100, 20
"""More than so many results, or memories shown to the model, nobody gets."""
Limit = Annotated[int, AfterValidator(lambda wanted: min(wanted, MOST)), Field(ge=1, description="100 at most.")]
MemoryKind = Annotated[
    Literal["recall", "archival", "fact", "preference", "reminder", "note", "conversation"], BeforeValidator(_lowered)
]


class NullsLeftOut(Shape):
    """A body in which null means what leaving the field out means."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        return {name: value for name, value in cast("dict[str, Any]", sent).items() if value is not None}


class ChatRequest(NullsLeftOut):
    """Something that a user says."""

    message: Words
    user_id: User = "default"
    include_memory_search: bool | None = Field(
        default=None, description="Whether memories are looked up for it; left out, the configuration decides."
    )
    include_memory: bool | None = Field(default=None, description="Another name for the same.")
    max_memory_results: Annotated[int | None, AfterValidator(_at_most_shown), Field(ge=0)] = None
    model: str | None = Field(default=None, description="Another model for this one answer.")

    @property
    def wants_memory(self) -> bool | None:
        """What the request says about memory; None when it says nothing."""
        if self.max_memory_results == 0:
            return False
        said = [each for each in (self.include_memory_search, self.include_memory) if each is not None]
        return any(said) if said else None


class AddRequest(NullsLeftOut):
    """Something to remember."""

    content: Words
    memory_type: MemoryKind = "archival"
    source_type: str | None = None
    user_id: User = "default"
    metadata: dict[str, Any] | None = None


class SearchRequest(NullsLeftOut):
    """Something to look for."""

    query: Words
    limit: Limit = 5
    user_id: User = "default"


class ToolRequest(NullsLeftOut):
    """A call of one of the tools that `/tools` lists."""

    name: str
    arguments: Annotated[dict[str, Any], BeforeValidator(_decoded)] = Field(default_factory=dict[str, Any])


class WhoseRequest(NullsLeftOut):
    """Whose memory it is, said in the body instead of the query."""

    user_id: User = None
