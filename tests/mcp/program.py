"""An MCP server that is a program: it echoes, tells its environment, starts a child, ends in a call, or stops reading.

What stops reading lives on, and its output stays open: within a call, before the answer, or after it.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any, NoReturn

NAMES = ("say", "environment", "child", "end", "deaf", "parting", "last")
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]


def live_on() -> NoReturn:
    while True:
        time.sleep(600)


def called(name: str, arguments: dict[str, str]) -> str:
    match name:
        case "environment":
            return json.dumps(dict(os.environ))
        case "child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            return json.dumps([os.getpid(), child.pid])
        case "end":
            os._exit(1)
        case "deaf":
            os.close(0)
            live_on()
        case "parting":
            os.close(0)
            time.sleep(0.05)
            return str(os.getpid())
        case "last":
            return str(os.getpid())
        case _:
            return arguments.get("text", "")


def answer(message: dict[str, Any]) -> dict[str, Any]:
    params: dict[str, Any] = message.get("params") or {}
    match message["method"]:
        case "initialize":
            return {"protocolVersion": params["protocolVersion"], "capabilities": {}}
        case "tools/list":
            return {"tools": TOOLS}
        case _:
            said = called(str(params["name"]), params.get("arguments") or {})
            return {"content": [{"type": "text", "text": said}]}


print("this line is no JSON", flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}), flush=True)
        match message.get("params"):
            case {"name": "last"}:
                os.close(0)
                live_on()
            case {"name": "parting"}:
                live_on()
            case _:
                pass
