"""The clients of chat programs, and what agents keep of what they said."""

from typing import Any

import ollama
import openai

from tests.harness.clients import SECONDS
from tests.harness.tenants import Org
from tests.messages.talking import Json, texts

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
TITLE = "### Task:\nGenerate a concise title.\n### Chat History:\n<chat_history>\nUSER: REPLY Boats\n</chat_history>"
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def openai_client(org: Org, path: str = "/openai/v1", **headers: str) -> openai.OpenAI:
    url = org.server.url + path
    return openai.OpenAI(base_url=url, api_key=org.key, default_headers=headers, max_retries=0, timeout=SECONDS)


def ollama_client(org: Org, **headers: str) -> Any:
    """Untyped: what its methods take is only partly known."""
    return ollama.Client(org.server.url, headers={"Authorization": f"Bearer {org.key}", **headers}, timeout=SECONDS)


def openwebui(user: str, chat: str = "", name: str = "") -> dict[str, str]:
    """The headers of Open WebUI that forwards who its users are."""
    sent = {"User-Id": user, "User-Name": name, "User-Email": f"{user}@example.org", "User-Role": "user"}
    return {f"X-OpenWebUI-{key}": value for key, value in {**sent, "Chat-Id": chat}.items() if value}


def complete(client: openai.OpenAI, model: str, text: Any, **fields: Any) -> str:
    create: Any = client.chat.completions.create
    answer = create(model=model, messages=[{"role": "user", "content": text}], **fields)
    return answer.choices[0].message.content or ""


def conversations(org: Org, agent_id: str) -> list[Json]:
    return org.http.get("/v1/conversations/", params={"agent_id": agent_id}).json()


def said_in(org: Org, conversation_id: str) -> list[str]:
    listed = org.http.get(f"/v1/conversations/{conversation_id}/messages", params={"order": "asc"}).json()
    return texts(listed)
