#!/usr/bin/env bash
# The API without a client library: curl, and Python to pick a field out of JSON.
set -euo pipefail
api=${LETTA_BASE_URL:-http://127.0.0.1:8283}/v1
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

# No content type is needed: bodies are read as JSON.
agent=$(curl -sf "$api/agents/" -d '{"name": "raw", "memory_blocks": [{"label": "human", "value": ""}]}' | field '["id"]')

# A turn, answered as one JSON object. `messages` holds the tool calls, their returns and the words.
curl -sf "$api/agents/$agent/messages" -d '{"input": "My dog is called Rex. Please remember that."}' |
    field '["messages"][-1]["content"]'

# The same as server-sent events, as they come.
curl -sfN "$api/agents/$agent/messages/stream" -d '{"input": "What is my dog called?", "stream_tokens": true}'

# What the agent now has in memory.
curl -sf "$api/agents/$agent/core-memory/blocks/human" | field '["value"]'

# An error is one sentence: the thing, the value, the way out.
curl -s "$api/agents/$agent/core-memory/blocks/nonsense" | field '["detail"]'

curl -sf -X DELETE "$api/agents/$agent" >/dev/null
