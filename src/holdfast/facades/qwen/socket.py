"""Chatting over a WebSocket: a message in, a response out, one after the other."""

import json
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from holdfast.errors import AppError
from holdfast.facades.qwen.answers import sentence
from holdfast.facades.qwen.chat import chat
from holdfast.facades.qwen.desk import desk_of
from holdfast.facades.qwen.shapes import ChatRequest
from holdfast.kit.clock import now
from holdfast.kit.text import clean_tree

router = APIRouter()


@router.websocket("/ws/chat")
async def chat_over_socket(socket: WebSocket) -> None:
    """Each message is `{"message": …, "user_id": …}`; what is wrong with one is said, and the next is heard."""
    await socket.accept()
    try:
        while True:
            answer = await _answer(socket, await socket.receive_text())
            await socket.send_json({**answer, "timestamp": now().isoformat()})
    except WebSocketDisconnect:
        return


async def _answer(socket: WebSocket, text: str) -> dict[str, Any]:
    try:
        asked = ChatRequest.model_validate(clean_tree(json.loads(text)))
        answer = await chat(await desk_of(socket), asked)
    except (ValueError, RecursionError) as wrong:
        fault = "; ".join(each["msg"] for each in wrong.errors()) if isinstance(wrong, ValidationError) else str(wrong)
        return {"type": "error", "message": f'Send a JSON object like {{"message": "Hello"}}: {fault}'}
    except AppError as failed:
        return {"type": "error", "message": sentence(failed, socket.app.state)}
    return {**answer, "type": "response"}
