"""One agent in several conversations: what is shared, what a fork keeps, and blocks of one conversation alone."""

import os

from letta_client import Letta

client = Letta(base_url=os.environ.get("LETTA_BASE_URL", "http://127.0.0.1:8283"))
agent = client.agents.create(name="conversations", memory_blocks=[{"label": "human", "value": "Name: Ada"}])


def send(conversation_id: str, text: str) -> str:
    events = client.conversations.messages.create(conversation_id, input=text)
    return "".join(str(event.content) for event in events if event.message_type == "assistant_message")


def block_of(block_id: str) -> str:
    return client.blocks.retrieve(block_id).value


# Two conversations have histories of their own and share the agent's memory.
home = client.conversations.create(agent_id=agent.id, summary="At home")
work = client.conversations.create(agent_id=agent.id, summary="At work")
send(home.id, "I live in Oslo. Please remember that.")
print("work knows:", send(work.id, "Where do I live?"))

# A fork starts with the messages of another conversation; afterwards each goes its own way.
fork = client.conversations.fork(home.id)
print("messages in the fork:", len(client.conversations.messages.list(fork.id).items))

# An isolated block is a copy for one conversation: what is learned there stays there.
guest = client.conversations.create(agent_id=agent.id, extra_body={"isolated_block_labels": ["human"]})
send(guest.id, "I play the violin. Please remember that.")
print("the guest's block:", block_of(guest.isolated_block_ids[0]).replace("\n", "; "))
print("the agent's block:", client.agents.blocks.retrieve("human", agent_id=agent.id).value.replace("\n", "; "))

client.agents.delete(agent.id)
