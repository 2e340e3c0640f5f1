"""How an agent's model is asked: temperature, the longest answer, the size of the context window."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .http import Connection


def read(server: Connection, agent: str) -> dict[str, Any]:
    config = _agent(server, agent)
    return {name: config[name] for name in ("name", "model", "temperature", "max_tokens", "context_window")}


def change(server: Connection, agent: str, loaded: Mapping[str, Any], edited: Mapping[str, Any]) -> None:
    """Sends what differs; an empty number of tokens is no wish."""
    changes: dict[str, Any] = {}
    if edited["temperature"] != loaded["temperature"]:
        changes["temperature"] = edited["temperature"]
    if edited["max_tokens"] and edited["max_tokens"] != loaded["max_tokens"]:
        changes["max_output_tokens"] = edited["max_tokens"]
    body: dict[str, Any] = {}
    if changes:
        body["model_settings"] = {**_agent(server, agent)["model_settings"], **changes}
    if edited["context_window"] and edited["context_window"] != loaded["context_window"]:
        body["context_window_limit"] = edited["context_window"]
    if body:
        server.patch(f"/v1/agents/{quote(agent, safe='')}", body)


def _agent(server: Connection, agent: str) -> dict[str, Any]:
    state = server.get(f"/v1/agents/{quote(agent, safe='')}")
    config = state.get("llm_config") or {}
    return {
        "name": state["name"],
        "model": state.get("model") or config.get("handle") or "",
        "temperature": config.get("temperature") or 0.0,
        "max_tokens": config.get("max_tokens") or 0,
        "context_window": config.get("context_window") or 0,
        "model_settings": state.get("model_settings") or {},
    }
