"""The order of things inside: confine, wait for the one program, run it, say what it came to."""

import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from . import confine, javascript, source, values
from .channel import Channel

SOON = ("typing", "re", "datetime", "random", "math", "enum", "dataclasses")
"""What many programs import: loaded while there is time."""


def main(number: int) -> None:
    """Serve the one program that comes through the socket of this number."""
    channel = Channel(number)
    setup = channel.receive()
    for name in SOON:
        importlib.import_module(name)
    confine.bound(setup["limits"])
    if setup["lock"] is not None:
        confine.enclose(setup["lock"])
    channel.send({"ready": True})
    try:
        program = channel.receive()
    except EOFError:
        return
    _settle_in(program, setup)
    if program["language"] != "python":
        javascript.become(channel, program, setup)
    _finish(channel, _run(channel, program), setup["limits"]["result_kb"] * 1024)


def _settle_in(program: dict[str, Any], setup: dict[str, Any]) -> None:
    home = setup["home"]
    own = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
    os.environ.clear()
    os.environ.update({**own, **program["environment"]})
    os.chdir(home)
    sys.path[:] = [path for path in sys.path if path != setup["code"]]
    if setup["packages"] is not None:
        sys.path.append(setup["packages"])
    sys.argv = [source.FILE]
    confine.bound_program(program["language"], setup["limits"], program["time_limit_s"])


def _run(channel: Channel, program: dict[str, Any]) -> dict[str, Any]:
    """What the program came to; whatever it raises is told, not raised."""
    try:
        return {"status": "success", "value": values.as_json(_value(channel, program))}
    except values.NotJson as wrong:
        return _failed(str(wrong))
    except SystemExit as ended:
        if program["function"] is None and ended.code in (None, 0):
            return {"status": "success", "value": None}
        return _failed(f"It ended itself: SystemExit({ended.code!r}).")
    except MemoryError:
        return _failed("MemoryError: it needed more memory than it may have.")
    except RecursionError as deep:
        return _failed(f"RecursionError: {deep}.")
    except BaseException as wrong:
        return _failed(source.told(wrong))


def _failed(error: str) -> dict[str, Any]:
    return {"status": "error", "error": error}


def _value(channel: Channel, program: dict[str, Any]) -> Any:
    name = program["function"]
    given = {function: _calling(channel, function, names) for function, names in program["functions"].items()}
    module = source.load(program["source"], "__main__" if name is None else "tool", given)
    if name is None:
        return None
    function = vars(module).get(name)
    if not callable(function):
        raise values.NotJson(f"There is no function `{name}` in the source.")
    value = function(**_arguments(function, program))
    if not inspect.isawaitable(value):
        return value
    import asyncio  # as long to load as all else together, and few need it

    return asyncio.run(_awaited(value))


def _arguments(function: Callable[..., Any], program: dict[str, Any]) -> dict[str, Any]:
    arguments = dict(program["arguments"])
    signature = inspect.signature(function)
    if program["agent_state"] is not None and "agent_state" in signature.parameters:
        arguments["agent_state"] = program["agent_state"]
    try:
        signature.bind(**arguments)
    except TypeError as wrong:
        raise values.NotJson(f"{program['function']}() cannot be called so: {wrong}.") from None
    return arguments


async def _awaited(value: Any) -> Any:
    return await value


def _calling(channel: Channel, name: str, parameters: list[str]) -> Callable[..., Any]:
    """A function of the server, as one of the program's."""
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(each, kinds) for each in parameters])

    def call(*positional: Any, **named: Any) -> Any:
        arguments = signature.bind_partial(*positional, **named).arguments
        return channel.ask(name, values.as_json(arguments))

    call.__name__ = call.__qualname__ = name
    return call


def _finish(channel: Channel, done: dict[str, Any], most: int) -> None:
    """Say it, and end at once: threads that the program left behind are not waited for."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    size = len(json.dumps(done))
    if size > most:
        done = _failed(f"It returned {size / 1e6:.1f} MB of JSON; at most {most / 1e6:.1f} MB can be returned.")
    channel.send({"done": done})
    os._exit(0)
