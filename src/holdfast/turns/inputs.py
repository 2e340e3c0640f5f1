"""What a request sends to an agent, as the messages that are kept of it."""

from typing import Any
from uuid import uuid4

from holdfast.errors import BadRequest
from holdfast.kit.ids import new_id
from holdfast.messages import requests
from holdfast.messages.model import ApprovalPart, ImagePart, Message, Part, TextPart, ToolReturnPart
from holdfast.messages.requests import ApprovalCreate, ApprovalReturn, MessageCreate, ToolReturn, ToolReturnCreate
from holdfast.runs.model import Run
from holdfast.turns.requests import SendMessage

MOST_DECISIONS = 1000


def stored(body: SendMessage, run: Run) -> list[Message]:
    """The messages of a request, in order; an answer about calls can only be the first of them."""
    where: dict[str, Any] = {
        "organization_id": run.organization_id,
        "created_by_id": run.created_by_id,
        "agent_id": run.agent_id,
        "thread_id": run.thread_id,
        "run_id": run.id,
    }
    made: list[Message] = []
    for item in body.items:
        if isinstance(item, MessageCreate):
            made.append(requests.stored(item, **where))
            continue
        if made:
            raise BadRequest("The answer about tool calls is one item and comes first; put messages after it.")
        made.append(
            Message(
                **where,
                id=new_id("message"),
                role="approval",
                content=_decisions(item),
                otid=item.otid or str(uuid4()),
                group_id=item.group_id,
            )
        )
    return made


def _decisions(item: ApprovalCreate | ToolReturnCreate) -> list[Part]:
    sent = item.tool_returns if isinstance(item, ToolReturnCreate) else item.approvals
    if sent and len(sent) <= MOST_DECISIONS:
        return [_decision(each) for each in sent]
    if sent:
        raise BadRequest(f"An answer has at most {MOST_DECISIONS} entries; this one has {len(sent)}.")
    if isinstance(item, ToolReturnCreate) or item.approve is None:
        name = "tool_returns" if isinstance(item, ToolReturnCreate) else "approvals"
        raise BadRequest(f"`{name}` is empty; send one entry about each call that waits.")
    return [ApprovalPart(call_id="", approve=item.approve, reason=item.reason, request_id=item.approval_request_id)]


def _decision(sent: ApprovalReturn | ToolReturn) -> Part:
    if not sent.tool_call_id:
        raise BadRequest("A `tool_call_id` is empty; name the call that the entry is about.")
    if isinstance(sent, ApprovalReturn):
        return ApprovalPart(call_id=sent.tool_call_id, approve=sent.approve, reason=sent.reason)
    said = sent.tool_return
    parts = None if isinstance(said, str) else said
    return ToolReturnPart(
        call_id=sent.tool_call_id,
        name="",
        output=said if isinstance(said, str) else "\n".join(map(_described, said)),
        status=sent.status,
        stdout=sent.stdout,
        stderr=sent.stderr,
        parts=parts if any(isinstance(part, ImagePart) for part in parts or ()) else None,
    )


def _described(part: TextPart | ImagePart) -> str:
    return part.text if isinstance(part, TextPart) else "[Image]"
