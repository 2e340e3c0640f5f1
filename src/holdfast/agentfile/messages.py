"""Messages as they stand in an agent file, made from stored ones and made into them."""

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.agentfile.model import FileAgent, FileMessage, FileReturn, Row
from holdfast.agents.model import Agent
from holdfast.auth.model import Who
from holdfast.kit.clock import now
from holdfast.kit.ids import new_id
from holdfast.messages import requests
from holdfast.messages.internal import internal
from holdfast.messages.model import ApprovalPart, Message, Part, Role, TextPart, ToolCallPart, ToolReturnPart

LEFT = frozenset(
    (
        "created_by_id",
        "last_updated_by_id",
        "updated_at",
        "step_id",
        "run_id",
        "group_id",
        "batch_item_id",
        "conversation_id",
    )
)
"""What is about the server that a message comes from."""


def written(message: Message, ids: Mapping[str, str]) -> Row:
    """The row of a stored message; `ids` are those of the file for what is in it."""
    shown = {name: value for name, value in internal(message).items() if name not in LEFT}
    return {
        **shown,
        "type": "message",
        "id": ids[message.id],
        "agent_id": ids[message.agent_id],
        "sender_id": ids.get(message.sender_id or ""),
        "approval_request_id": ids.get(str(shown["approval_request_id"])),
    }


def read(who: Who, agent: Agent, sent: FileAgent) -> dict[str, Message]:
    """The messages of an agent of a file, by their ids there."""
    names = {call.id: call.function.name for each in sent.messages for call in each.tool_calls or []}
    ids = {each.id: new_id("message") for each in sent.messages}
    return {each.id: _message(who, agent, each, names, ids) for each in sent.messages}


def _message(who: Who, agent: Agent, sent: FileMessage, names: Mapping[str, str], ids: Mapping[str, str]) -> Message:
    role: Role = "tool" if sent.role == "function" else sent.role
    return Message(
        id=ids[sent.id],
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        agent_id=agent.id,
        thread_id=agent.id,
        role=role,
        content=_parts(sent, role, names, ids),
        name=sent.name,
        otid=sent.otid,
        model=sent.model,
        is_err=sent.is_err,
        created_at=sent.created_at or now(),
    )


def _parts(sent: FileMessage, role: Role, names: Mapping[str, str], ids: Mapping[str, str]) -> list[Part]:
    if role == "tool":
        return _returns(sent, names)
    calls = [
        ToolCallPart(id=call.id, name=call.function.name, arguments=call.function.arguments)
        for call in sent.tool_calls or []
    ]
    if role == "approval" and not calls:
        return _decisions(sent, names, ids)
    return [*_content(sent), *calls] or [TextPart(text="")]


def _content(sent: FileMessage) -> list[Part]:
    if isinstance(sent.content, str):
        return [TextPart(text=sent.content)] if sent.content else []
    return [requests.part_of(each) for each in sent.content or []]


def _returns(sent: FileMessage, names: Mapping[str, str]) -> list[Part]:
    if sent.tool_returns:
        return [_returned(each, sent, names) for each in sent.tool_returns]
    said = "\n".join(part.text for part in _content(sent) if isinstance(part, TextPart))
    return [_returned(FileReturn(func_response=said), sent, names)]


def _returned(sent: FileReturn, message: FileMessage, names: Mapping[str, str]) -> ToolReturnPart:
    call_id = sent.tool_call_id or message.tool_call_id or ""
    answer: Any = sent.func_response or ""
    is_text = isinstance(answer, str)
    return ToolReturnPart(
        call_id=call_id,
        name=names.get(call_id) or message.name or "",
        output=answer if is_text else _described(answer),
        status=sent.status,
        stdout=sent.stdout,
        stderr=sent.stderr,
        parts=None if is_text else answer,
    )


def _described(parts: Sequence[Any]) -> str:
    """What stands for an answer that is more than text where only text can stand."""
    return "\n".join(part.text if isinstance(part, TextPart) else "[image]" for part in parts)


def _decisions(sent: FileMessage, names: Mapping[str, str], ids: Mapping[str, str]) -> list[Part]:
    request_id = ids.get(sent.approval_request_id or "")
    parts: list[Part] = [
        ApprovalPart(call_id=each.tool_call_id, approve=each.approve, reason=each.reason, request_id=request_id)
        for each in sent.approvals or []
        if each.approve is not None
    ]
    parts += [_returned(each, sent, names) for each in sent.tool_returns or []]
    if not parts and sent.approve is not None:
        call_id = sent.tool_call_id or ""
        parts.append(
            ApprovalPart(call_id=call_id, approve=sent.approve, reason=sent.denial_reason, request_id=request_id)
        )
    return parts
