"""What a built-in tool knows about the call that it serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdfast.archives.model import Passage
from holdfast.archives.passages import Narrowing
from holdfast.auth.model import Who
from holdfast.files.grep import MatchedLines, Pattern
from holdfast.files.model import Chunk
from holdfast.files.opened import FILES_OPEN, VIEW_CHARACTERS
from holdfast.history.model import Cause
from holdfast.kit.found import Found
from holdfast.messages.model import Message
from holdfast.messages.store import Narrowed
from holdfast.sandbox.model import Sandbox
from holdfast.store.table import Tx
from holdfast.tools.web.page import Pages
from holdfast.tools.web.search import WebSearch


class Finder(Protocol):
    """Finds what was said and stored; without a query, the newest of it."""

    async def messages(self, who: Who, wanted: Narrowed, query: str, limit: int) -> Sequence[Found[Message]]: ...

    async def memories(
        self, who: Who, agent_id: str, wanted: Narrowing, query: str, limit: int
    ) -> Sequence[Found[Passage]]:
        """Passages of the archive that an agent holds."""
        ...

    async def same_memory(self, who: Who, agent_id: str, text: str) -> str | None:
        """The passage of the archive that an agent holds that says the same, if that is not to be stored twice."""
        ...

    async def files(self, who: Who, agent_id: str, query: str, limit: int) -> Sequence[tuple[str, Found[Chunk]]]:
        """Pieces of the files that an agent has, with the names of the files."""
        ...

    async def lines(self, who: Who, agent_id: str, wanted: Pattern) -> MatchedLines:
        """MatchedLines of the files that an agent has."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """How a run has come about by what agents sent each other."""

    waiting: tuple[str, ...] = ()
    """The agents that wait for what it comes to, the first one first."""
    length: int = 0
    """How many messages of agents led to it."""
    asker: str | None = None
    """The run that waits for what it comes to."""


@dataclass(frozen=True, slots=True)
class Sender:
    """An agent that sends another one a message."""

    who: Who
    agent_id: str
    agent_name: str
    run_id: str
    chain: Chain
    """How its own run has come about."""


class OtherAgents(Protocol):
    """Reaches the other agents of an organization."""

    async def ask(self, sender: Sender, agent_id: str, message: str) -> Sequence[str]:
        """What another agent says to a message."""
        ...

    async def tell(self, sender: Sender, agent_id: str, message: str) -> None:
        """Send a message to another agent without waiting for what comes of it."""
        ...

    async def tagged(self, who: Who, every: Sequence[str], some: Sequence[str], limit: int) -> Sequence[str]:
        """The ids of agents that have every tag of the first list, and one of the second if there are any."""
        ...


class OwnTools(Protocol):
    """The agent's other tools, as a program that it wrote calls them."""

    @property
    def functions(self) -> Mapping[str, Sequence[str]]:
        """Their names, each with those of its parameters."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """What a tool returns; what cannot be done is an error of the application."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What built-in tools reach besides the database."""

    others: OtherAgents
    search: WebSearch
    pages: Pages
    sandbox: Sandbox


@dataclass(frozen=True, slots=True)
class ToolContext:
    """On whose behalf a tool runs, and in which transaction: the one that commits the step."""

    tx: Tx
    who: Who
    agent_id: str
    thread_id: str
    agent_name: str = ""
    embedding: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The embedding that the agent has chosen, for the archive that it may begin."""
    cause: Cause = field(default_factory=Cause)
    timezone: str | None = None
    isolated_block_ids: Sequence[str] = ()
    """The thread's own blocks, which take the place of the agent's of the same label."""
    in_view: Sequence[Message] = ()
    """What the model saw, the newest last."""
    seen: Any = None
    """What the tool found out before the transaction, if it looks first."""
    most_files_open: int = FILES_OPEN
    file_view_characters: int = VIEW_CHARACTERS


@dataclass(frozen=True, slots=True)
class LookContext:
    """The same for a tool that changes nothing: it looks before the step is stored, and may take its time."""

    find: Finder
    outside: Outside
    who: Who
    agent_id: str
    thread_id: str
    agent_name: str
    run_id: str
    chain: Chain
    timezone: str | None = None
    own: OwnTools | None = None

    @property
    def sender(self) -> Sender:
        return Sender(self.who, self.agent_id, self.agent_name, self.run_id, self.chain)
