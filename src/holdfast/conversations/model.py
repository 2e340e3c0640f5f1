"""A conversation: a further thread of an agent, as clients create, change and list it."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from holdfast.kit.entity import Shape
from holdfast.llm.settings import ModelSettings

Tokens = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Whose(Shape):
    """Whose own thread, when the conversation is `default`; the query may say it as well."""

    agent_id: str | None = None

    def of_agent(self, agent_id: str | None) -> Self:
        """The same with the agent of the query, if the body names none."""
        return self if self.agent_id or not agent_id else self.model_copy(update={"agent_id": agent_id})


class Changeable(Shape):
    """What both a create and an update may set."""

    summary: str | None = None
    description: str | None = None
    model: str | None = None
    model_settings: ModelSettings | None = None
    context_window_limit: Tokens | None = None


class NewConversation(Changeable):
    """The body of a create: any part of it, nothing at all included."""

    hidden: bool | None = None
    isolated_block_labels: list[str] | None = None


class ConversationChanges(Changeable):
    """The body of an update."""

    archived: bool | None = None
    last_message_at: datetime | None = None


class ConversationFilter(Shape):
    """What a list of conversations can be narrowed to; the names are those of the query."""

    agent_id: str | None = None
    summary_search: str | None = None
    archive_status: Literal["unarchived", "archived", "all"] = "unarchived"
