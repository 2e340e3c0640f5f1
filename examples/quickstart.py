import sys

from letta_client import Letta

client = Letta(base_url="http://127.0.0.1:8283")
found = client.agents.list(name="ada").items
agent = found[0] if found else client.agents.create(name="ada", memory_blocks=[{"label": "human", "value": ""}])
for message in client.agents.messages.create(agent.id, input=sys.argv[1]).messages:
    if message.message_type == "assistant_message":
        print(message.content)
