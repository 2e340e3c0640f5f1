"""An agent file from elsewhere, looked at before anything is made of it."""

import json
from collections.abc import Iterable
from typing import Any, cast

from pydantic import ValidationError

from holdfast.agentfile.model import AgentFile, FileAgent
from holdfast.errors import BadRequest
from holdfast.kit.text import TOO_DEEP, clean_tree

EXPORTED = "Send what GET /v1/agents/{agent_id}/export answered."


def parse(sent: bytes) -> AgentFile:
    """The file, whose ids are unique and all of which leads somewhere."""
    found = _decoded(sent)
    if isinstance(found, str):
        found = _decoded(found)
    document = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    if not isinstance(document.get("agents"), list):
        older = " It looks like the older format with one agent, which no server writes any more." * (
            "agent_type" in document
        )
        raise BadRequest(f"The agent file holds no list `agents`.{older} {EXPORTED}")
    try:
        file = AgentFile.model_validate(document)
    except ValidationError as wrong:
        raise _fault(wrong) from wrong
    _check_ids(file)
    return file


def variables(sent: str | None, field: str) -> dict[str, str]:
    """Secrets as a form field has them: a JSON object of texts."""
    if not sent:
        return {}
    try:
        found: Any = clean_tree(json.loads(sent))
    except (ValueError, RecursionError) as wrong:
        raise BadRequest(f"`{field}` is no JSON; send an object of names and values.") from wrong
    if not isinstance(found, dict):
        raise BadRequest(f"`{field}` must be a JSON object of names and values.")
    values = cast(dict[str, Any], found)
    for name, value in values.items():
        if not isinstance(value, str):
            raise BadRequest(f"The value of {name!r} in `{field}` must be a text.")
    return values


def _decoded(sent: str | bytes) -> Any:
    try:
        text = sent.decode("utf-8-sig") if isinstance(sent, bytes) else sent
        return clean_tree(json.loads(text))
    except RecursionError as deep:
        raise BadRequest(f"The agent file cannot be read: {TOO_DEEP}.") from deep
    except ValueError as wrong:
        raise BadRequest(f"The agent file is no JSON: {wrong}. {EXPORTED}") from wrong


def _fault(wrong: ValidationError) -> BadRequest:
    """The first thing that is wrong, and where."""
    first = wrong.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    more = f" ({wrong.error_count() - 1} more)" if wrong.error_count() > 1 else ""
    value = repr(first["input"])[:80]
    return BadRequest(f"The agent file is wrong at {where}: {first['msg']}, and it says {value}{more}.")


def _check_ids(file: AgentFile) -> None:
    there = set[str]()
    for id in file.ids:
        if id in there:
            raise BadRequest(f"The agent file gives the id {id!r} twice; every id may stand for one thing only.")
        there.add(id)
    for agent in file.agents:
        for field, ids in _leads(agent):
            _check_leads(f"{agent.id}'s {field}", ids, there)
        messages = {message.id for message in agent.messages}
        _check_leads(f"{agent.id}'s in_context_message_ids", agent.in_context_message_ids, messages)
    for text in file.files:
        _check_leads(f"{text.id}'s source_id", [text.source_id], there)


def _leads(agent: FileAgent) -> Iterable[tuple[str, list[str]]]:
    yield "tool_ids", agent.tool_ids or []
    yield "block_ids", agent.block_ids or []
    yield "source_ids", agent.folders
    yield "files_agents", [view.file_id for view in agent.files_agents]


def _check_leads(whose: str, ids: Iterable[str], there: set[str]) -> None:
    for id in ids:
        if id not in there:
            raise BadRequest(f"In the agent file {whose} name {id!r}, which is not in the file.")
