"""The settings, one field each: name, variables, form, default and meaning are written here once."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from holdfast.config.forms import (
    DIRECTORY,
    ENGINE,
    FILE,
    FLAG,
    HOURS,
    LEVEL,
    MCP_SERVERS,
    ORIGINS,
    PORT,
    POSTGRES,
    REDIS,
    SCHEMA,
    SECONDS,
    TEXT,
    WORDS,
    Form,
    one_of,
    whole,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table that `Settings` is: what `config explain` and the documentation show."""

    name: str
    variables: tuple[str, ...]
    form: Form[Any]
    default: Any
    about: str
    secret: bool
    idle: str
    """Why the setting has no effect, when it is accepted without one."""


def setting(default: Any, form: Form[Any], *variables: str, about: str, secret: bool = False, idle: str = "") -> Any:
    """A field of `Settings`; `HOLDFAST_<NAME>` always comes first among its variables, and secrets are not shown."""
    return field(default=default, repr=not secret, metadata={"setting": (form, variables, about, secret, idle)})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of the server."""

    host: str = setting(
        "127.0.0.1",
        TEXT,
        "LETTA_SERVER_HOST",
        about="The address to listen on; other than loopback needs a credential.",
    )
    port: int = setting(8283, PORT, "LETTA_SERVER_PORT", about="The port to listen on.")
    data: Path = setting(
        Path("~/.holdfast"),
        DIRECTORY,
        *("HOLDFAST_DATA_DIR", "LETTA_DATA_DIR", "LETTA_DIR"),
        about="Where the SQLite database, generated secrets and snapshots are kept.",
    )
    pg_uri: str | None = setting(
        None,
        POSTGRES,
        "LETTA_PG_URI",
        about="The PostgreSQL database; without it the server keeps an SQLite file.",
        secret=True,
    )
    pg_schema: str = setting(
        "holdfast", SCHEMA, "LETTA_PG_SCHEMA", about="The schema in PostgreSQL that holds the tables."
    )
    pg_pool_size: int = setting(
        8, whole(1, 200), "LETTA_PG_POOL_SIZE", about="Connections to PostgreSQL, at most; half of them only read."
    )
    redis_url: str | None = setting(
        None,
        REDIS,
        "LETTA_REDIS_URL",
        about="The Redis that keeps the events of background runs; without it the database does.",
        secret=True,
    )
    redis_host: str | None = setting(
        None, TEXT, "LETTA_REDIS_HOST", about="The host of a Redis without password, instead of its URL."
    )
    redis_port: int = setting(6379, PORT, "LETTA_REDIS_PORT", about="Its port.")
    recall_memory_mb: int = setting(
        512,
        whole(16, 1_000_000),
        about="How much memory search may use for what it has looked through last, in MB; more is read again.",
    )
    chat_users: str = setting(
        "shared",
        one_of("shared", "apart"),
        about="Users of chat programs: shared, all talk to the same agent; apart, each talks to a copy of it.",
    )
    forget_rewrite_seconds: int = setting(
        60,
        whole(0, 86_400),
        about="How long after something was forgotten the database's files are written anew, for all of that time.",
    )
    secure: bool | None = setting(
        None,
        FLAG,
        *("LETTA_SERVER_SECURE", "SECURE"),
        about="true: every caller needs a credential; false: none does, on purpose; unset: as the credentials say.",
    )
    password: str | None = setting(
        None,
        TEXT,
        *("LETTA_SERVER_PASSWORD", "LETTA_SERVER_PASS"),
        about="The password of the server; setting it turns authentication on.",
        secret=True,
    )
    encryption_key: str | None = setting(
        None,
        TEXT,
        "LETTA_ENCRYPTION_KEY",
        about="Encrypts stored secrets; generated into the data directory when not set.",
        secret=True,
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        ORIGINS,
        *("LETTA_SERVER_CORS_ORIGINS", "LETTA_ACCEPTABLE_ORIGINS", "ACCEPTABLE_ORIGINS"),
        about="Web pages of these origins may call the API.",
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        WORDS,
        "LETTA_ALLOWED_HOSTS",
        about="Host names under which an open server may be called, besides those of the loopback.",
    )
    allow_private_urls: bool = setting(
        False, FLAG, about="true: URLs that callers send, such as those of images, may name private addresses."
    )
    default_model: str | None = setting(
        None,
        TEXT,
        *("LETTA_DEFAULT_LLM_HANDLE", "LETTA_DEFAULT_MODEL"),
        about="The model (provider/name) of agents that name none; else the first working provider's.",
    )
    default_embedding: str | None = setting(
        None,
        TEXT,
        *("LETTA_DEFAULT_EMBEDDING_HANDLE", "LETTA_DEFAULT_EMBEDDING"),
        about="The embedding model (provider/name) of agents and archives that name none.",
    )
    max_context_window: int = setting(
        128_000,
        whole(1_000, 10_000_000),
        *("LETTA_GLOBAL_MAX_CONTEXT_WINDOW_LIMIT", "GLOBAL_MAX_CONTEXT_WINDOW_LIMIT"),
        about="The context window of agents that set none is at most this many tokens.",
    )
    keepalive_seconds: float = setting(
        20.0, SECONDS, "LETTA_KEEPALIVE_INTERVAL", about="A silent stream sends a ping this often."
    )
    small_model_mode: str = setting(
        "auto",
        one_of("auto", "on", "off"),
        about="Which models are helped as small ones need it: local ones up to 8B (auto), all (on), or none (off).",
    )
    approval_hours: float | None = setting(
        None, HOURS, about="How long a person can answer when a tool asks for approval; after that it counts as denied."
    )
    session_idle_hours: float | None = setting(
        None, HOURS, about="A session of `/api/agents` in which nothing was said for so long begins anew; unset: never."
    )
    llm_timeout_seconds: float | None = setting(
        None,
        SECONDS,
        *("LETTA_LLM_REQUEST_TIMEOUT_SECONDS", "LLM_REQUEST_TIMEOUT_SECONDS"),
        about="How long a model may be silent before the call fails; unset: 10 minutes, 30 for local models.",
    )
    tool_timeout_seconds: float = setting(
        180.0,
        SECONDS,
        *("LETTA_TOOL_SANDBOX_TIMEOUT", "TOOL_SANDBOX_TIMEOUT"),
        about="How long one call of a custom tool may take.",
    )
    tool_network: str = setting(
        "none",
        one_of("none", "tagged", "all"),
        about="Which custom tools reach the network: none, those with the tag `network`, or all.",
    )
    tool_packages: bool = setting(
        False,
        FLAG,
        about="true: the `pip_requirements` of custom tools are installed, each set into a directory of its own.",
    )
    tool_packages_from: str | None = setting(
        None,
        TEXT,
        about="Where from: a directory with wheels, or the URL of a package index; unset: pip's own default.",
        secret=True,
    )
    sandbox: str = setting(
        "auto",
        one_of("auto", "bubblewrap", "landlock", "off"),
        about="How code of others is kept apart; auto: as well as this machine can. off: it is not run.",
    )
    sandbox_memory_mb: int = setting(
        512,
        whole(64, 1_000_000),
        about="How much memory such code may have, in MB: each of its processes, and all of them together.",
    )
    sandbox_scratch_mb: int = setting(
        64, whole(1, 100_000), about="How much it may keep in files while it runs, in MB."
    )
    sandbox_processes: int = setting(32, whole(8, 10_000), about="How many processes and threads it may have at once.")
    sandbox_output_kb: int = setting(
        256,
        whole(1, 65_536),
        about="How much of what it prints is kept, in KB; whoever prints 16 times as much is stopped.",
    )
    sandbox_warm: int = setting(
        8,
        whole(0, 100),
        about="How many sandboxes wait for their program, from the first one on until five minutes after the last.",
    )
    mcp_timeout_seconds: float = setting(
        60.0,
        SECONDS,
        *("LETTA_MCP_EXECUTE_TOOL_TIMEOUT", "MCP_EXECUTE_TOOL_TIMEOUT"),
        about="How long one call of an MCP tool may take.",
    )
    mcp_stdio: bool = setting(
        False, FLAG, about="true: MCP servers may be programs that are started on this machine (stdio)."
    )
    mcp_servers: Mapping[str, object] | None = setting(
        None,
        MCP_SERVERS,
        "LETTA_MCP_SERVERS",
        about="MCP servers that are registered at every start, as JSON.",
        secret=True,
    )
    mcp_servers_file: Path = setting(
        Path("~/.letta/mcp-servers.json"), FILE, about="A file with such JSON; it need not be there."
    )
    web_search: str | None = setting(
        None, ENGINE, about="The search engine of agents, when the keys of several are set; else the first of them."
    )
    max_body_mb: int = setting(64, whole(1, 4096), "LETTA_MAX_BODY_MB", about="The largest request body, in megabytes.")
    no_default_actor: bool = setting(
        False,
        FLAG,
        *("LETTA_NO_DEFAULT_ACTOR", "NO_DEFAULT_ACTOR"),
        about="true: a request that names no user is refused instead of acting as the default user.",
    )
    drain_seconds: int = setting(30, whole(0, 3600), about="After SIGTERM, requests at work may take this long to end.")
    log_level: str = setting("info", LEVEL, *("LETTA_SERVER_LOG_LEVEL", "LETTA_LOG_LEVEL"), about="How much is logged.")
    log_file: Path | None = setting(
        None,
        FILE,
        "LETTA_LOG_FILE",
        about="Where the log is also written to, such as ~/.letta/logs/server.log; 10 MB, then the next file.",
    )
    debug: bool = setting(False, FLAG, "LETTA_DEBUG", about="Log every request and more detail of what happens.")
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The environment without blanks and comments: where providers and tools find their keys."""
    origins: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where each value came from: a flag, a variable, `default`, or a file."""
    warnings: tuple[str, ...] = ()
    database_name: str = "holdfast.db"
    """The name of the SQLite file; programs that promise their users another one say so."""

    @property
    def sqlite_path(self) -> Path:
        return self.data / self.database_name

    @property
    def key_path(self) -> Path:
        """Where the encryption key is kept when none is given."""
        return self.data / "encryption.key"

    @property
    def packages_path(self) -> Path:
        """Where the packages of custom tools are kept; all of it may be deleted at any time."""
        return self.data / "tool-packages"

    @property
    def password_path(self) -> Path:
        return self.data / "password"

    @property
    def is_loopback(self) -> bool:
        """Does only this machine reach the server?"""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")

    def auth_on(self, has_keys: bool) -> bool:
        """Must every caller show a credential?"""
        if self.secure is not None:
            return self.secure
        return self.password is not None or (has_keys and not self.is_loopback)

    def bind_problem(self, has_keys: bool) -> str | None:
        """Why the server must not listen where it is told to, with the lines that settle it."""
        if self.is_loopback or self.secure is not None or self.password is not None or has_keys:
            return None
        return (
            f"Not listening on {self.host}:{self.port} without a credential: whoever reaches it could read every agent "
            "and run tools. Add one of these lines to the environment:\n"
            "    LETTA_SERVER_PASSWORD=<a long secret>   (callers send it as `Authorization: Bearer …`)\n"
            f"    LETTA_SERVER_SECURE=true                (a password is generated into {self.password_path})\n"
            "    LETTA_SERVER_SECURE=false               (open on purpose, to everyone who reaches the port)\n"
            "or create an API key (`holdfast keys create`), or listen on this machine only (HOLDFAST_HOST=127.0.0.1)."
        )


def _row(made: Any) -> Setting:
    form, variables, about, secret, idle = made.metadata["setting"]
    return Setting(made.name, (f"HOLDFAST_{made.name.upper()}", *variables), form, made.default, about, secret, idle)


SETTINGS: tuple[Setting, ...] = tuple(_row(made) for made in fields(Settings) if "setting" in made.metadata)
