"""Talk to an agent with OpenAI's client: the agent is the model, and it remembers from one chat to the next."""

import os

from letta_client import Letta
from openai import OpenAI

url = os.environ.get("LETTA_BASE_URL", "http://127.0.0.1:8283")
letta = Letta(base_url=url)
agent = letta.agents.create(name="companion", memory_blocks=[{"label": "human", "value": ""}])
client = OpenAI(base_url=f"{url}/openai/v1", api_key="no password is set")
print("models:", [model.id for model in client.models.list() if model.id == agent.name])


def say(chat: str, text: str) -> None:
    """One question in one of Ada's chats, and the answer as it comes."""
    chunks = client.chat.completions.create(
        model=agent.name,
        messages=[{"role": "user", "content": text}],
        stream=True,
        extra_headers={"X-OpenWebUI-User-Id": "ada", "X-OpenWebUI-Chat-Id": chat},
    )
    print(f"[{chat}] ", end="")
    for chunk in chunks:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


say("first chat", "My name is Ada. I live in Oslo.")
say("second chat", "Where do I live?")
letta.agents.delete(agent.id)
