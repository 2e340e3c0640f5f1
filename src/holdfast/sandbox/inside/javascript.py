"""Programs for Node: the sandbox's own process turns into it."""

import json
import os
from typing import Any, NoReturn

from .channel import Channel


def become(channel: Channel, program: dict[str, Any], setup: dict[str, Any]) -> NoReturn:
    """Go on as Node, which runs the program and tells on the same socket."""
    node = setup["node"]
    if node["fault"]:
        channel.send({"done": {"status": "error", "error": node["fault"]}})
        os._exit(0)
    given = os.path.join(setup["home"], ".program.json")  # noqa: PTH118 -- pathlib would be loaded for it
    with open(given, "w") as file:  # noqa: PTH123 -- pathlib would be loaded for it
        json.dump({**program, "most": setup["limits"]["result_kb"] * 1024}, file)
    os.set_inheritable(channel.number, True)
    heap = setup["limits"]["memory_mb"] * 3 // 4
    flags = [f"--max-old-space-size={heap}", "--no-warnings", *node["flags"]]
    script = os.path.join(setup["code"], "inside", "node.mjs")  # noqa: PTH118 -- the same
    os.execve(node["path"], ["node", *flags, script, str(channel.number), given], dict(os.environ))  # noqa: S606 -- no shell
