"""How the text of a variable becomes a value."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Form(Generic[T_co]):
    """How the text of a variable becomes a value, and what to tell whoever wrote something else."""

    parse: Callable[[str], T_co]
    expected: str


def _flag(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    return known[text.lower()]


def whole(lowest: int, highest: int) -> Form[int]:
    def parse(text: str) -> int:
        number = int(text)
        if not lowest <= number <= highest:
            raise ValueError
        return number

    return Form(parse, f"a whole number from {lowest} to {highest}")


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def _hours(text: str) -> float:
    number = float(text)
    if not 0 < number <= MOST_HOURS:
        raise ValueError
    return number


def _file(text: str) -> Path:
    if not text or text.endswith("/"):
        raise ValueError
    return Path(text).expanduser()


def words(text: str) -> tuple[str, ...]:
    """`a,b`, or a JSON list as the retired server wanted it."""
    items: list[object] = json.loads(text) if text.startswith("[") else list[object](text.split(","))
    return tuple(word for word in (str(item).strip().rstrip("/") for item in items) if word)


def _origins(text: str) -> tuple[str, ...]:
    origins = words(text)
    if not all(origin in ("*", "null") or "://" in origin for origin in origins):
        raise ValueError
    return origins


def _uri(text: str) -> str:
    """Any spelling of a PostgreSQL URI; `ssl=` is asyncpg's word for libpq's `sslmode=`."""
    if not re.match(r"postgres(ql)?(\+\w+)?://", text):
        raise ValueError
    return re.sub(r"([?&])ssl=", r"\1sslmode=", text)


def _redis(text: str) -> str:
    if not re.match(r"rediss?://[^/]|unix:///", text):
        raise ValueError
    return text


def _mcp_servers(text: str) -> dict[str, object]:
    """Names and what is known of each; `servers` or `mcpServers` around them may be left out."""
    found: object = json.loads(text)
    for around in ("servers", "mcpServers"):
        if isinstance(found, dict) and around in found:
            found = cast(dict[str, object], found)[around]
    if not isinstance(found, dict):
        raise ValueError
    servers = cast(dict[str, object], found)
    if not all(isinstance(each, dict) for each in servers.values()):
        raise ValueError
    return servers


def _schema(text: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", text):
        raise ValueError
    return text


def one_of(*choices: str) -> Form[str]:
    return Form(lambda text: choices[choices.index(text.lower())], f"{', '.join(choices[:-1])} or {choices[-1]}")


def _level(text: str) -> str:
    return {"critical": "error", "warn": "warning"}.get(text.lower()) or LEVELS[LEVELS.index(text.lower())]


def _engine(text: str) -> str:
    return ENGINES[ENGINES.index(text.lower())]


ENGINES = ("tavily", "exa", "brave", "searxng")
LEVELS = ("debug", "info", "warning", "error")
TEXT = Form(str, "text")
FLAG = Form(_flag, "true or false")
MOST_HOURS = 1_000_000
HOURS = Form(_hours, f"a number of hours above 0, at most {MOST_HOURS}")
SECONDS = Form(_seconds, "a number of seconds above 0")
PORT = whole(1, 65535)
WORDS = Form(words, "names separated by commas")
ORIGINS = Form(_origins, "origins such as https://app.example.com, separated by commas, or *")
DIRECTORY = Form(Path, "a directory")
FILE = Form(_file, "the path of a file")
POSTGRES = Form(_uri, "postgresql://user:password@host:port/database")
REDIS = Form(_redis, "redis://user:password@host:port/0, or rediss:// for TLS")
MCP_SERVERS = Form(_mcp_servers, 'a JSON object such as {"servers": {"notes": {"url": "http://127.0.0.1:8000/mcp"}}}')
SCHEMA = Form(_schema, "a lower-case name of letters, digits and _")
ENGINE = Form(_engine, "tavily, exa, brave or searxng")
LEVEL = Form(_level, "debug, info, warning or error")
