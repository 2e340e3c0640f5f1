"""What a sandbox elsewhere runs: the whole of this file is sent as code, and everything else as data beside it.

It stands alone: the modules that it needs come as text in the job, which is in the environment.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import os
import sys
from typing import Any


def holdfast_main() -> None:
    """Run the one program, and say what it came to in a line of its own."""
    job = json.loads(os.environ.pop("HOLDFAST_JOB"))
    values, source = (holdfast_module(name, job["modules"][name]) for name in ("values", "source"))
    os.environ.update(job["environment"])
    try:
        done = {"status": "success", "value": values.as_json(holdfast_value(source, values, job))}
    except values.NotJson as wrong:
        done = {"status": "error", "error": str(wrong)}
    except BaseException as wrong:
        done = {"status": "error", "error": source.told(wrong)}
    sys.stdout.flush()
    print(f"\n{job['mark']}{json.dumps(done)}")


class HoldfastText(importlib.abc.ExecutionLoader):
    """Loads a module of ours from the text in the job."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_filename(self, fullname: str) -> str:
        return f"{fullname}.py"

    def get_source(self, fullname: str) -> str:
        return self._text


def holdfast_module(name: str, text: str) -> Any:
    spec = importlib.machinery.ModuleSpec(f"holdfast_{name}", loader := HoldfastText(text))
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def holdfast_value(source: Any, values: Any, job: dict[str, Any]) -> Any:
    name = job["function"]
    module = source.load(job["source"], "holdfast_tool", {"__name__": "__main__" if name is None else "tool"})
    if name is None:
        return None
    function = getattr(module, name, None)
    if not callable(function):
        raise values.NotJson(f"There is no function `{name}` in the source.")
    arguments = dict(job["arguments"])
    if job["agent_state"] is not None and "agent_state" in inspect.signature(function).parameters:
        arguments["agent_state"] = job["agent_state"]
    value: Any = function(**arguments)
    return holdfast_awaited(value) if inspect.isawaitable(value) else value


def holdfast_awaited(value: Any) -> Any:
    """Its result; there may be an event loop here already, so it gets a thread with one of its own."""
    import asyncio
    import threading

    kept: dict[str, Any] = {}

    async def wait() -> Any:
        return await value

    def work() -> None:
        try:
            kept["value"] = asyncio.run(wait())
        except BaseException as wrong:
            kept["wrong"] = wrong

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if "wrong" in kept:
        raise kept["wrong"]
    return kept["value"]


if os.environ.get("HOLDFAST_JOB"):
    holdfast_main()
