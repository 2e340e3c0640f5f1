"""What `llm_letta` 18.0.1.0.0 calls, with the client of that time: letta-client 1.0.0a5 is on its path.

fern_program.py <server> <url of Odoo's MCP server> <its name>      prints what it saw as JSON
"""

import importlib
import json
import sys
from typing import Any

ACME = 'Create a new customer named "Acme Corp" with email acme@example.com'
HEADERS = {"Authorization": "Bearer {{ ODOO_API_KEY | system-api-key }}"}
TOOL = "odoo_record_creator"


def thread(client: Any, model: str, embedding: str) -> str:
    made = client.agents.create(
        name="thread_1",
        model=model,
        embedding=embedding,
        memory_blocks=[{"label": "persona", "value": "I work in Odoo."}, {"label": "human", "value": "The user."}],
        tools=[],
        tool_exec_environment_variables={"ODOO_API_KEY": "key-of-mitchell"},
    )
    return made.id


def attach(client: Any, agent: str, server: str, url: str) -> None:
    """Registers the server unless its name is there, adds the tool, finds it in the list and attaches it."""
    if server not in client.tools.list_mcp_servers():
        request = importlib.import_module("letta_client").StreamableHttpServerConfig(
            server_name=server, type="streamable_http", server_url=url, custom_headers=HEADERS
        )
        client.tools.add_mcp_server(request=request)
    if TOOL in {each.name for each in client.tools.list_mcp_tools_by_server(mcp_server_name=server)}:
        client.tools.add_mcp_tool(mcp_server_name=server, mcp_tool_name=TOOL)
    [found] = [each for each in client.tools.list() if each.name == TOOL]
    client.agents.tools.attach(agent_id=agent, tool_id=found.id)


def streamed(client: Any, agent: str, text: str, *, tokens: bool) -> str:
    client.agents.retrieve(agent_id=agent)
    said = ""
    messages = [{"role": "user", "content": text}]
    for chunk in client.agents.messages.create_stream(agent_id=agent, messages=messages, stream_tokens=tokens):
        if chunk.message_type == "assistant_message":
            said += chunk.content
    return said


def main(base_url: str, url: str, server: str) -> dict[str, Any]:
    sdk = importlib.import_module("letta_client")
    client = sdk.Letta(base_url=base_url, token="False")
    seen: dict[str, Any] = {"models": [each.handle for each in client.models.list()]}
    agent = thread(client, "openai/gpt-4o-mini", "openai/text-embedding-3-small")
    attach(client, agent, server, url)
    attach(client, agent, server, url)
    seen["said"] = [streamed(client, agent, ACME, tokens=True), streamed(client, agent, "Done?", tokens=False)]
    tools = client.agents.tools.list(agent_id=agent)
    seen["attached"] = [each.name for each in tools if each.tool_type == "external_mcp"]
    client.agents.tools.detach(agent_id=agent, tool_id=next(each.id for each in tools if each.name == TOOL))
    client.agents.modify(agent_id=agent, model="openai/gpt-4o", system="You are the sales assistant.")
    changed = client.agents.retrieve(agent_id=agent)
    seen["model"] = [
        changed.llm_config.handle,
        changed.system,
        sorted(each.value for each in client.agents.blocks.list(agent_id=agent)),
    ]
    client.agents.delete(agent_id=agent)
    try:
        client.agents.retrieve(agent_id=agent)
    except sdk.core.api_error.ApiError as gone:
        seen["gone"] = [gone.status_code, gone.body]
    return seen


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
