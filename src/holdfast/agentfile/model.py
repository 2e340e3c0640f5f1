"""The agent file, V1's `.af`: agents with everything that hangs on them, in ids of its own (CONTRACT §16)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from holdfast.agents.model import CreateAgent
from holdfast.blocks.model import CreateBlock
from holdfast.kit.entity import Shape
from holdfast.llm.settings import EmbeddingConfig
from holdfast.mcp.model import Name as ServerName
from holdfast.mcp.model import ServerType
from holdfast.messages.model import ImagePart, TextPart
from holdfast.messages.requests import Content
from holdfast.tools.model import NewTool

Row = dict[str, Any]


def _numbered(prefix: str) -> Any:
    return Field(pattern=rf"^{prefix}-[0-9]{{1,12}}$")


AgentNumber = Annotated[str, _numbered("agent")]
BlockNumber = Annotated[str, _numbered("block")]
FileNumber = Annotated[str, _numbered("file")]
MessageNumber = Annotated[str, _numbered("message")]
ServerNumber = Annotated[str, _numbered("mcp_server")]
SourceNumber = Annotated[str, _numbered("source")]
ToolNumber = Annotated[str, _numbered("tool")]
Line = Annotated[int | None, Field(ge=0, le=2**31 - 1)]


class FileFunction(Shape):
    name: str
    arguments: str


class FileCall(Shape):
    """A call of a tool, in the words of OpenAI."""

    id: str
    function: FileFunction


class FileReturn(Shape):
    """What a call came to."""

    tool_call_id: str | None = None
    status: Literal["success", "error"] = "success"
    func_response: str | list[Annotated[TextPart | ImagePart, Field(discriminator="type")]] | None = None
    stdout: list[str] | None = None
    stderr: list[str] | None = None


class FileApproval(Shape):
    """A decision about a call, or the result of one that a client ran itself."""

    tool_call_id: str
    approve: bool | None = None
    reason: str | None = None


class FileMessage(Shape):
    """A message of the agent's own thread."""

    id: MessageNumber
    role: Literal["system", "user", "assistant", "tool", "function", "approval", "summary"]
    content: str | list[Content] | None = None
    name: str | None = None
    otid: str | None = None
    sender_id: str | None = None
    model: str | None = None
    tool_calls: list[FileCall] | None = None
    tool_call_id: str | None = None
    tool_returns: list[FileReturn] | None = None
    approvals: list[FileApproval] | None = None
    approve: bool | None = None
    approval_request_id: str | None = None
    denial_reason: str | None = None
    is_err: bool | None = None
    created_at: datetime | None = None


class SeenFile(Shape):
    """Which lines of a file an agent has open."""

    file_id: FileNumber
    is_open: bool = False
    last_accessed_at: datetime | None = None
    start_line: Line = None
    end_line: Line = None


class FileAgent(CreateAgent):
    """An agent: what a create would say of it, and what it has been through."""

    id: AgentNumber
    in_context_message_ids: list[str] = []
    messages: list[FileMessage] = []
    files_agents: list[SeenFile] = []

    @property
    def folders(self) -> list[str]:
        """The ids of its folders, by either name."""
        return list(dict.fromkeys([*(self.folder_ids or []), *(self.source_ids or [])]))


class BlockOfFile(CreateBlock):
    id: BlockNumber


class FileTool(NewTool):
    id: ToolNumber
    name: str
    tool_type: str = "custom"
    metadata_: dict[str, Any] | None = None


class FileSource(Shape):
    """A folder."""

    id: SourceNumber
    name: Annotated[str, Field(min_length=1, max_length=480)]
    description: str | None = None
    instructions: str | None = None
    metadata: dict[str, Any] | None = None
    embedding_config: EmbeddingConfig | None = None


class FileText(Shape):
    """A file of a folder, as the text that was read from it."""

    id: FileNumber
    source_id: SourceNumber
    file_name: str | None = None
    original_file_name: str | None = None
    file_type: str | None = None
    content: str | None = None


class FileStdio(Shape):
    command: str | None = None
    args: list[str] | None = None


class FileMcpServer(Shape):
    id: ServerNumber
    server_type: ServerType = "streamable_http"
    server_name: ServerName
    server_url: Annotated[str, Field(max_length=4000)] | None = None
    stdio_config: FileStdio | None = None


class Skill(Shape):
    """A skill that a client packs into the file: its files as text, or where they are."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    files: dict[str, str] | None = None
    source_url: str | None = None

    @field_validator("files")
    @classmethod
    def _told(cls, files: dict[str, str] | None) -> dict[str, str] | None:
        if files and "SKILL.md" not in files:
            raise ValueError("a skill's files must hold SKILL.md")
        return files


class AgentFile(Shape):
    """The whole file. Groups and skills of other servers are left where they are."""

    agents: list[FileAgent]
    blocks: list[BlockOfFile] = []
    tools: list[FileTool] = []
    sources: list[FileSource] = []
    files: list[FileText] = []
    mcp_servers: list[FileMcpServer] = []

    @property
    def ids(self) -> Iterator[str]:
        """Every id that the file gives, repeats included."""
        named: Sequence[Sequence[Any]] = (
            self.agents,
            self.blocks,
            self.tools,
            self.sources,
            self.files,
            self.mcp_servers,
            *(agent.messages for agent in self.agents),
        )
        return (each.id for rows in named for each in rows)
