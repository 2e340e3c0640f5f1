"""Print what an agent does while it does it: its tool calls, what they returned, and its words."""

import os
import sys

from letta_client import Letta

client = Letta(base_url=os.environ.get("LETTA_BASE_URL", "http://127.0.0.1:8283"))
said = sys.argv[1] if len(sys.argv) > 1 else "I play the violin. Please remember that."
agent = client.agents.create(name="streaming", memory_blocks=[{"label": "human", "value": ""}])

call = ""
with client.agents.messages.create(agent.id, input=said, streaming=True, stream_tokens=True) as events:
    for event in events:
        if event.message_type == "tool_call_message":
            part = event.tool_call  # a call may come in parts, which share an id
            if part.tool_call_id != call:
                call = part.tool_call_id
                print(f"\n[call] {part.name} ", end="")
            print(part.arguments or "", end="")
        elif event.message_type == "tool_return_message":
            print(f"\n[return] {event.tool_return}")
        elif event.message_type == "assistant_message":
            print(event.content, end="", flush=True)
        elif event.message_type == "stop_reason":
            print(f"\n[{event.stop_reason}]")

client.agents.delete(agent.id)
