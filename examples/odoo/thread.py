"""What Odoo's llm_letta does for a thread, from its first call to its last.

thread.py http://localhost:8069/mcp <API key of an Odoo user>       the server is expected at port 8283
"""

import sys

from letta_client import Letta

odoo, key = sys.argv[1:]
client = Letta(base_url="http://127.0.0.1:8283", api_key="False")  # an empty field of Odoo; a password would go here

model = next(model.handle for model in client.models.list() if model.handle == "openai/gpt-4o-mini")
embedding = client.models.embeddings.list()[0].handle
agent = client.agents.create(
    name="thread_1",
    model=model,
    embedding=embedding,
    memory_blocks=[
        {"label": "persona", "value": "I help people with their work in Odoo."},
        {"label": "human", "value": "Works at a company that sells solar panels."},
    ],
    tool_exec_environment_variables={"ODOO_API_KEY": key},
)

if not any(server.server_name == "odoo" for server in client.mcp_servers.list()):
    client.mcp_servers.create(
        server_name="odoo",
        config={
            "mcp_server_type": "streamable_http",
            "server_url": odoo,
            "custom_headers": {"Authorization": "Bearer {{ ODOO_API_KEY | system-api-key }}"},
        },
    )
creator = next(tool for tool in client.tools.list() if tool.name == "odoo_record_creator")
client.agents.tools.attach(creator.id, agent_id=agent.id)
print(f"{agent.name} uses {creator.name}")

said = 'Create a new customer named "Acme Corp" with email acme@example.com'
stream = client.agents.messages.create(
    agent.id, messages=[{"role": "user", "content": said}], streaming=True, stream_tokens=True
)
answer = ""
for chunk in stream:
    if chunk.message_type == "tool_return_message":
        print(f"[{chunk.status}] {chunk.tool_return}")
    elif chunk.message_type == "assistant_message":
        answer += chunk.content
print(answer)

client.agents.update(agent.id, model="openai/gpt-4o")
print(f"with another model: {client.agents.blocks.retrieve('human', agent_id=agent.id).value}")
client.agents.delete(agent.id)
