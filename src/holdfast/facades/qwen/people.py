"""The agent that each user of the service has: made when the user is first heard of."""

import re
from typing import Any

from holdfast.agents import create as making
from holdfast.agents import store as agents
from holdfast.agents import update as updating
from holdfast.agents.model import Agent, AutoRecall, CreateAgent, UpdateAgent
from holdfast.auth.model import Who
from holdfast.blocks.model import CreateBlock
from holdfast.errors import AppError, Invalid
from holdfast.facades.qwen.config import QwenConfig
from holdfast.kit.text import clean
from holdfast.llm.models import Models
from holdfast.store.table import Tx

TAG = "qwen-service"
DEFAULT_USER = "default"
LONGEST_USER = 200
CHARACTERS_PER_TOKEN = 4
SOURCES = ["passages", "all_messages"]
PERSONA = (
    "I am a helpful companion with a long memory. What I was told earlier is looked up for me and shown behind the "
    "user's message; I use it without making a fuss about it. I answer in the language of the user."
)


def user_of(sent: str | None) -> str:
    """The name of a user as it is kept; whoever gives none is the default one."""
    name = clean(sent or "").strip() or DEFAULT_USER
    if len(name) > LONGEST_USER:
        raise Invalid(f"user_id has {len(name)} characters; it may have {LONGEST_USER} at most.")
    return name


def find(tx: Tx, who: Who, user: str) -> Agent | None:
    """The agent of a user, if there is one yet."""
    ids = agents.tagged(tx, who, [TAG, _tag(user)], [], 1)
    return agents.get(tx, who, ids[0]) if ids else None


def is_current(agent: Agent, config: QwenConfig, models: Models) -> bool:
    """Was the agent made under the configuration that there is now?"""
    return (agent.metadata or {}).get("settings") == _settings(config, models)


def of(tx: Tx, who: Who, user: str, config: QwenConfig, models: Models) -> Agent:
    """The agent of a user, made when there is none; one that was made under another configuration follows it.

    SQLite has one writer at a time, so two first requests of a user do not make two.
    """
    found = find(tx, who, user)
    if found is not None and is_current(found, config, models):
        return found
    settings = _settings(config, models)
    told: dict[str, Any] = {**settings, "metadata": {"qwen_user": user, "settings": settings}}
    if found is None:
        new = {**told, "tags": [TAG, _tag(user)], "name": _name(config, user), "memory_blocks": _blocks(config)}
        agent = making.create(tx, who, CreateAgent.model_validate(new), models).agent
    else:
        agent = updating.update(tx, who, found.id, UpdateAgent.model_validate(told), models).agent
    if config.model.top_p is None:
        return agent
    kept = {**(agent.model_settings or {}), "top_p": config.model.top_p}
    return agents.rows.update(tx, who, agent.id, {"model_settings": kept})


def recall_of(config: QwenConfig, *, enabled: bool, top_k: int | None = None) -> AutoRecall:
    """What is looked up for a message, and how much of it is shown to the model."""
    chosen: dict[str, Any] = {
        "enabled": enabled,
        "top_k": top_k or config.retrieval.top_k,
        "threshold": config.retrieval.relevance_threshold,
        "sources": SOURCES,
    }
    return AutoRecall.model_validate(chosen)


def _settings(config: QwenConfig, models: Models) -> dict[str, Any]:
    """What an agent has of the configuration."""
    settings: dict[str, Any] = {
        "model": config.model.handle,
        "context_window_limit": config.model.context_window,
        "auto_recall": recall_of(config, enabled=config.searches).model_dump(),
    }
    if config.model.temperature is not None:
        settings["model_settings"] = {"temperature": config.model.temperature}
    if (embedding := usable_embedding(config, models)) is not None:
        settings["embedding"] = embedding
    return settings


def usable_embedding(config: QwenConfig, models: Models) -> str | None:
    """The embedding model of the configuration, if it is there; else the server's own does its work."""
    if (handle := config.model.embedding) is None:
        return None
    try:
        wanted = models.embedding_card(handle)
    except AppError:
        return None
    known = {card.handle.removesuffix(":latest") for card in models.embedding_cards()}
    return handle if wanted.handle.removesuffix(":latest") in known else None


def _blocks(config: QwenConfig) -> list[CreateBlock]:
    """The core memory: what the model always sees."""
    most = config.memory.core.max_tokens
    limit = {} if most is None else {"limit": max(most * CHARACTERS_PER_TOKEN // 2, len(PERSONA))}
    return [
        CreateBlock.model_validate({"label": "human", "value": "", **limit}),
        CreateBlock.model_validate({"label": "persona", "value": PERSONA, **limit}),
    ]


def _tag(user: str) -> str:
    return f"qwen-user:{user}"


def _name(config: QwenConfig, user: str) -> str:
    return re.sub(r"[^\w '\-]", "-", f"{config.agent.name} {user}")[:200]
