"""What a list of messages can be narrowed to; the names are those of the query."""

from holdfast.kit.entity import Shape
from holdfast.messages.shapes import MessageType
from holdfast.messages.wire import View


class MessageFilter(Shape):
    group_id: str | None = None
    include_err: bool | None = None
    """Also messages of steps that failed."""
    include_return_message_types: list[MessageType] | None = None
    use_assistant_message: bool = True
    assistant_message_tool_name: str = "send_message"
    assistant_message_tool_kwarg: str = "message"

    @property
    def view(self) -> View:
        types = self.include_return_message_types
        return View(
            types=None if types is None else frozenset(types),
            use_assistant_message=self.use_assistant_message,
            tool_name=self.assistant_message_tool_name,
            tool_kwarg=self.assistant_message_tool_kwarg,
        )
