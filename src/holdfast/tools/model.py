"""A tool: a function that a model may call, described to it by a JSON schema."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from holdfast.kit.entity import Encrypted, Entity, Hidden, Shape, Sparse

ToolType = Literal[
    "custom",
    "letta_core",
    "letta_memory_core",
    "letta_multi_agent_core",
    "letta_sleeptime_core",
    "letta_voice_sleeptime_core",
    "letta_builtin",
    "letta_files_core",
    "external_langchain",
    "external_composio",
    "external_mcp",
]
TYPES: tuple[ToolType, ...] = get_args(ToolType)
OWN_TYPES = tuple(kind for kind in TYPES if kind.startswith("letta_"))
"""The types of the tools that the server brings itself."""

LONGEST_NAME = 48
RETURN_CHAR_LIMIT = 50_000
LARGEST_RETURN = 1_000_000


class PipRequirement(Shape):
    name: str
    version: str | None = None


class NpmRequirement(Shape):
    name: str
    version: str | None = None


class NewTool(Sparse):
    """What a client may set."""

    description: str | None = None
    source_type: str | None = "python"
    tags: Annotated[list[str], BeforeValidator(lambda tags: tags or [])] = Field(default_factory=list[str])
    source_code: str | None = None
    json_schema: dict[str, Any] | None = None
    args_json_schema: dict[str, Any] | None = None
    return_char_limit: Annotated[int, Field(ge=1, le=LARGEST_RETURN)] = RETURN_CHAR_LIMIT
    pip_requirements: list[PipRequirement] | None = None
    npm_requirements: list[NpmRequirement] | None = None
    default_requires_approval: bool | None = None
    enable_parallel_execution: bool | None = False

    @property
    def is_python(self) -> bool:
        return self.source_type in (None, "python")


class CreateTool(NewTool):
    """The body of a create or upsert; the name is that of the schema or the function, `name` may only repeat it."""

    source_code: str  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] -- narrower on purpose
    name: str | None = None


class UpdateTool(NewTool):
    """The fields that a PATCH may set."""

    metadata_: dict[str, Any] | None = None
    name: str | None = None


def _split(values: list[str]) -> list[str]:
    """Clients send repeats or one list with commas."""
    return [part for value in values for word in value.split(",") if (part := word.strip())]


Words = Annotated[list[str], AfterValidator(_split)]


class ToolFilter(Shape):
    """What a list of tools can be narrowed to; the names are those of the query."""

    name: str | None = None
    names: list[str] = []
    tool_ids: Words = []
    search: str | None = None
    tool_types: Words = []
    exclude_tool_types: Words = []
    return_only_letta_tools: bool | None = False


class ToolCountFilter(ToolFilter):
    exclude_letta_tools: bool | None = False


class Tool(NewTool, Entity):
    """The domain object, the JSON on the wire and the row."""

    tool_type: ToolType = "custom"
    name: str
    metadata_: dict[str, Any] | None = None
    return_char_limit: int = RETURN_CHAR_LIMIT
    """What is stored is read, whatever may be set today."""
    project_id: str | None = None
    created_at: Annotated[datetime, Hidden]  # pyright: ignore[reportGeneralTypeIssues] -- V1 does not show it
    updated_at: Annotated[datetime, Hidden]  # pyright: ignore[reportGeneralTypeIssues] -- V1 does not show it
    revision: Annotated[str | None, Hidden] = None
    """Of a built-in: which wording of its schema this row has, so that a newer server renews it."""
    mcp_server_id: Annotated[str | None, Hidden] = None
    """Of a tool of an MCP server: which one has it."""
    mcp_name: Annotated[str | None, Hidden] = None
    """What that server calls it."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The schema of its arguments; a schema that somebody sent may hold anything."""
        parameters: Any = (self.json_schema or {}).get("parameters")
        return cast(dict[str, Any], parameters) if isinstance(parameters, dict) else {}

    @property
    def arguments(self) -> dict[str, Any]:
        """The schemas of its arguments by their names."""
        properties: Any = self.parameters.get("properties")
        return cast(dict[str, Any], properties) if isinstance(properties, dict) else {}

    @property
    def is_builtin(self) -> bool:
        return self.tool_type in OWN_TYPES


VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
LONGEST_VALUE = 100_000


Place = Literal["local", "e2b"]


class NewSandboxConfig(Shape):
    """What clients of V1 may say of a sandbox; kept as it is. How tools run here is the administrator's to say."""

    config: dict[str, Any] = Field(default_factory=dict[str, Any])


class SandboxConfig(NewSandboxConfig, Entity):
    """Holds variables of an organization, which has one for each place where its tools may run."""

    type: Place = "local"
    organization_id: str


class NewVariable(Shape):
    key: Annotated[str, Field(pattern=VARIABLE, max_length=200)]
    value: Annotated[str, Encrypted(), Field(repr=False, max_length=LONGEST_VALUE)]
    description: str | None = None


class SandboxVariable(NewVariable, Entity):
    """A variable in the environment of every custom tool of the organization."""

    sandbox_config_id: str
    organization_id: str
