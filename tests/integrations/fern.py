"""Run by test_former_clients.py with a `letta-client` of the generation before 1.0: an agent's life; prints JSON."""

import json
import os
import sys
from importlib import import_module
from typing import Any

package: Any = import_module("letta_client")


def main() -> None:
    client = package.Letta(base_url=os.environ["LETTA_SERVER_URL"], token=os.environ["LETTA_API_KEY"])
    blocks = [package.CreateBlock(label="persona", value="I remember."), package.CreateBlock(label="human", value="")]
    made = client.agents.create(name="app_agent_9", memory_blocks=blocks)
    found = [agent.id for agent in client.agents.list(name="app_agent_9")]
    read = getattr(client.agents, "retrieve", None) or client.agents.get
    observed = package.MessageCreate(role="system", content="The lamp is on. REPLY seen")
    client.agents.messages.create(made.id, messages=[observed])
    answer = client.agents.messages.create(made.id, messages=[package.MessageCreate(role="user", content="REPLY kept")])
    passages = getattr(client.agents, "passages", None) or client.agents.archival_memory
    passages.create(made.id, text="The lamp is green.")
    told = {
        "found": found == [made.id],
        "name": read(made.id).name,
        "answer": [m.content for m in answer.messages if m.message_type == "assistant_message"],
        "passages": [passage.text for passage in passages.list(made.id)],
        "listed": next(m.message_type for m in client.agents.messages.list(made.id)),
        "blocks": sorted(block.label for block in client.agents.blocks.list(made.id)),
    }
    client.agents.delete(made.id)
    told["left"] = len(client.agents.list(name="app_agent_9"))
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
