"""Bedrock's Converse API, for models other than Claude: what it calls the parts of requests and answers.

Requests are made, and answers read, in Anthropic's words; this file is the dictionary between the two.
"""

from typing import Any, cast

Json = dict[str, Any]

NO_OUTPUT = "(no output)"
"""What a call without output returned: the API wants at least one block."""
COUNTS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_input_tokens",
    "cacheWriteInputTokens": "cache_creation_input_tokens",
}


def request_of(body: Json, limit: int | None) -> Json:
    """The request in Converse's words. Without a limit of the caller's the model's own counts."""
    inference = {"maxTokens": limit, "temperature": body.get("temperature")}
    request: Json = {
        "messages": [
            {"role": turn["role"], "content": [block_of(block) for block in turn["content"]]}
            for turn in body["messages"]
        ],
        "inferenceConfig": {name: value for name, value in inference.items() if value is not None},
    }
    if system := body.get("system"):
        request["system"] = [{"text": block["text"]} for block in system]
    if tools := body.get("tools"):
        request["toolConfig"] = {"tools": [_tool(tool) for tool in tools], **_choice(body["tool_choice"])}
    return request


def block_of(block: Json) -> Json:
    match block["type"]:
        case "tool_use":
            return {"toolUse": {"toolUseId": block["id"], "name": block["name"], "input": block["input"]}}
        case "tool_result":
            content = [block_of(inner) for inner in block.get("content") or [{"type": "text", "text": NO_OUTPUT}]]
            status = "error" if block.get("is_error") else "success"
            return {"toolResult": {"toolUseId": block["tool_use_id"], "content": content, "status": status}}
        case "image":
            return _image(block["source"])
        case "thinking":
            return {"reasoningContent": {"reasoningText": {"text": block["thinking"], "signature": block["signature"]}}}
        case "redacted_thinking":
            return {"reasoningContent": {"redactedContent": block["data"]}}
        case _:
            return {"text": block["text"]}


def _image(source: Json) -> Json:
    if source["type"] == "url":
        return {"text": f"[An image at {source['url']}]"}
    return {"image": {"format": source["media_type"].removeprefix("image/"), "source": {"bytes": source["data"]}}}


def _tool(tool: Json) -> Json:
    spec: Json = {"name": tool["name"], "inputSchema": {"json": tool["input_schema"]}}
    return {"toolSpec": {**spec, "description": tool["description"]} if "description" in tool else spec}


def _choice(choice: Json) -> Json:
    """Which tools may be called; for "none" the API has no word."""
    match choice:
        case {"type": "any"}:
            return {"toolChoice": {"any": {}}}
        case {"type": "tool", "name": name}:
            return {"toolChoice": {"tool": {"name": name}}}
        case _:
            return {}


def event_of(name: str, told: Any) -> Json:
    """An event of the answer in Anthropic's words."""
    event: Json = cast(Json, told) if isinstance(told, dict) else {}
    index: Any = event.get("contentBlockIndex", 0)
    match name, event:
        case "contentBlockStart", {"start": {"toolUse": {"toolUseId": id, "name": tool}}}:
            return _start(index, {"type": "tool_use", "id": id, "name": tool, "input": {}})
        case "contentBlockDelta", {"delta": {"reasoningContent": {"redactedContent": data}}}:
            return _start(index, {"type": "redacted_thinking", "data": data})
        case "contentBlockDelta", {"delta": {**delta}}:
            return {"type": "content_block_delta", "index": index, "delta": _delta(delta)}
        case "contentBlockStop", _:
            return {"type": "content_block_stop", "index": index}
        case "messageStop", {"stopReason": reason}:
            return {"type": "message_delta", "delta": {"stop_reason": reason}}
        case "metadata", {"usage": {**usage}}:
            return {"type": "message_delta", "usage": {COUNTS.get(kind, kind): count for kind, count in usage.items()}}
        case _:
            return {"type": name}


def _start(index: Any, block: Json) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(delta: Json) -> Json:
    match delta:
        case {"text": said}:
            return {"type": "text_delta", "text": said}
        case {"toolUse": {"input": part}}:
            return {"type": "input_json_delta", "partial_json": part}
        case {"reasoningContent": {"text": thought}}:
            return {"type": "thinking_delta", "thinking": thought}
        case {"reasoningContent": {"signature": signature}}:
            return {"type": "signature_delta", "signature": signature}
        case _:
            return {"type": "unknown"}
