"""How a program of the stack starts: whatever it needs is made once, and found again by its name ever after.

    LETTA_BASE_URL=http://localhost:8284 python examples/thoth/start.py [url of an MCP server]

Needs nothing but `pip install httpx`.
"""

import os
import sys

import httpx

NAME = "thoth_main_orchestrator"
SYSTEM = "You are the research orchestrator. Read, compare, and remember what matters."
BLOCKS = [
    {"label": "persona", "value": "I organize research.", "limit": 4000, "description": "Who the agent is"},
    {"label": "human", "value": "", "limit": 4000, "description": "Who the user is"},
    {"label": "loaded_skills", "value": "none", "limit": 2000, "description": "Skills in use"},
]

password = os.environ.get("LETTA_SERVER_PASSWORD")
api = httpx.Client(
    base_url=os.environ.get("LETTA_BASE_URL") or "http://localhost:8283",
    headers={"Authorization": f"Bearer {password}"} if password else {},
    timeout=300,
)


def ok(answer):
    if answer.is_error:
        sys.exit(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    return answer.json()


def register(name, url):
    """A server that is there already gets the address of today."""
    body = {"server_name": name, "config": {"mcp_server_type": "streamable_http", "server_url": url}}
    answer = api.post("/v1/mcp-servers/", json=body)
    if answer.status_code == 409:
        servers = ok(api.get("/v1/mcp-servers/"))
        id = next(server["id"] for server in servers if server["server_name"] == name)
        answer = api.patch(f"/v1/mcp-servers/{id}", json={"config": body["config"]})
    return ok(answer)


def main_agent():
    """The agent of this name; what is missing in it is added, what it remembers stays."""
    found = [agent for agent in ok(api.get("/v1/agents/")) if agent["name"] == NAME]
    if not found:
        return ok(api.post("/v1/agents/", json={"name": NAME, "system": SYSTEM, "memory_blocks": BLOCKS}))
    agent = ok(api.patch(f"/v1/agents/{found[0]['id']}", json={"system": SYSTEM}))
    held = {block["label"] for block in agent["blocks"]}
    for block in (each for each in BLOCKS if each["label"] not in held):
        made = ok(api.post("/v1/blocks/", json=block))
        ok(api.patch(f"/v1/agents/{agent['id']}/core-memory/blocks/attach/{made['id']}"))
    return agent


ok(api.get("/v1/health"))
ok(api.post("/v1/tools/add-base-tools"))
if len(sys.argv) > 1:
    server = register("thoth-research-tools", sys.argv[1])
    for tool in ok(api.get(f"/v1/mcp-servers/{server['id']}/tools")):
        ok(api.patch(f"/v1/agents/{main_agent()['id']}/tools/attach/{tool['id']}"))
agent = main_agent()
conversation = ok(api.post("/v1/conversations/", params={"agent_id": agent["id"]}, json={"summary": "Start"}))
print(f"agent {agent['id']}")

with api.stream(
    "POST",
    f"/v1/conversations/{conversation['id']}/messages",
    json={"input": "Hello", "streaming": True, "stream_tokens": True},
) as answer:
    kinds = [line for line in answer.iter_lines() if '"message_type":"stop_reason"' in line.replace(": ", ":")]
print("answered" if answer.status_code == 200 and kinds else f"no answer: {answer.status_code}")
