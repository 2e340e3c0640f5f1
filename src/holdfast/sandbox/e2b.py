"""Sandboxes at E2B: a machine of its own for each program, over HTTP. What has to be near the server runs there."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from holdfast.kit.text import clean, clean_tree
from holdfast.sandbox.model import Calls, Level, Limits, Outcome, Program, Sandbox

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("holdfast.sandbox")

INSIDE = Path(__file__).with_name("inside")
TEMPLATE = "code-interpreter-v1"
PORT = 49999
"""Where a machine of that template takes code."""
SPARE_S = 30
"""How much longer a machine lives than its program may take; E2B ends it then, should we not come to it."""
CONNECT_S = 30
AT_ONCE = 16


class Unreachable(Exception):
    """E2B cannot be used now; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose machines are used, and where they are."""

    key: str = field(repr=False)
    template: str = TEMPLATE
    api: str = "https://api.e2b.app"
    machines: str | None = None
    """One address for all machines, such as a gateway's; without it each has its own."""
    domain: str = "e2b.app"
    """Of machines whose domain is not told."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One that was made for a program."""

    id: str
    domain: str
    token: str | None = field(repr=False)


class Heard:
    """What a machine tells while it runs code, a line at a time."""

    def __init__(self, mark: str, limits: Limits) -> None:
        self.mark, self._most = mark, limits.output_kb * 1024
        self._text = {"stdout": "", "stderr": ""}
        self.error = ""

    def take(self, line: bytes) -> None:
        try:
            said: Any = clean_tree(json.loads(line))
            kind, text = said["type"], said.get("text", "")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return
        if kind in self._text:
            self._text[kind] += str(text)
        elif kind == "error":
            self.error = f"{said.get('name')}: {said.get('value')}"

    @property
    def result(self) -> Any:
        """What the program came to; None when it did not get that far."""
        at = self._text["stdout"].rfind(self.mark)
        if at < 0:
            return None
        try:
            return clean_tree(json.loads(self._text["stdout"][at + len(self.mark) :].splitlines()[0]))
        except (ValueError, IndexError, RecursionError):
            return None

    @property
    def stdout(self) -> str:
        at = self._text["stdout"].rfind(f"\n{self.mark}")
        return self._cut(self._text["stdout"] if at < 0 else self._text["stdout"][:at])

    @property
    def stderr(self) -> str:
        return self._cut(self._text["stderr"])

    def _cut(self, text: str) -> str:
        more = len(text) - self._most
        return clean(text if more <= 0 else f"{text[: self._most]}\n[{more} more characters]")


class E2B:
    """Runs programs in Python there; those with packages, a socket or functions of the server's run in `local`."""

    def __init__(self, account: Account, limits: Limits, local: Sandbox) -> None:
        self._account, self._limits, self._local = account, limits, local
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._http: aiohttp.ClientSession | None = None

    async def level(self) -> Level:
        return "e2b"

    async def description(self) -> str:
        near = await self._local.description()
        return f"e2b: a machine of its own at {self._account.api}; for programs that need this server, {near}"

    async def run(self, program: Program, calls: Calls | None = None) -> Outcome:
        if program.language != "python" or program.packages or program.socket or program.functions:
            return await self._local.run(program, calls)
        async with self._slots:
            try:
                outcome = await self._run(program)
            except Unreachable as failed:
                outcome = Outcome("error", error=f"The tool was not run: {failed}")
        return replace(outcome, fingerprint=f"e2b-{self._account.template}")

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
        await self._local.close()

    async def _run(self, program: Program) -> Outcome:
        match await self._api("POST", "/sandboxes", self._wanted(program)):
            case {"sandboxID": str(id), **more}:
                machine = Machine(id, str(more.get("domain") or self._account.domain), more.get("trafficAccessToken"))
            case _:
                raise Unreachable("E2B's answer names no sandbox.")
        try:
            return await self._in(machine, program)
        finally:
            await asyncio.shield(asyncio.create_task(self._end(machine)))

    def _wanted(self, program: Program) -> dict[str, Any]:
        lives = int(program.time_limit_s) + SPARE_S
        return {"templateID": self._account.template, "timeout": lives, "allow_internet_access": program.network}

    async def _in(self, machine: Machine, program: Program) -> Outcome:
        heard = Heard(f"holdfast-{token_hex(16)}:", self._limits)
        try:
            async with asyncio.timeout(program.time_limit_s):
                await self._converse(machine, program, heard)
        except TimeoutError:
            error = f"It did not end within {program.time_limit_s:g} seconds and was stopped."
            return Outcome("error", error=error, stdout=heard.stdout, stderr=heard.stderr)
        match heard.result:
            case {"status": "success", "value": value}:
                return Outcome("success", value, stdout=heard.stdout, stderr=heard.stderr)
            case {"error": str(error)}:
                return Outcome("error", error=error, stdout=heard.stdout, stderr=heard.stderr)
            case _:
                error = heard.error or "It ended before it had an answer."
                return Outcome("error", error=error, stdout=heard.stdout, stderr=heard.stderr)

    async def _converse(self, machine: Machine, program: Program, heard: Heard) -> None:
        import aiohttp

        body = {"code": (INSIDE / "remote.py").read_text(), "language": "python", "env_vars": _job(program, heard)}
        headers = {"E2b-Sandbox-Id": machine.id, "E2b-Sandbox-Port": str(PORT)}
        if machine.token:
            headers["E2B-Traffic-Access-Token"] = machine.token
        url = self._account.machines or f"https://{PORT}-{machine.id}.{machine.domain}"
        try:
            async with self._session().post(f"{url}/execute", json=body, headers=headers) as answer:
                if answer.status >= 400:
                    raise Unreachable(f"E2B's machine answered {answer.status}: {(await answer.text())[:300]}")
                async for line in answer.content:
                    heard.take(line)
        except (aiohttp.ClientError, ValueError) as failed:
            raise Unreachable(f"the connection to E2B's machine broke: {failed or type(failed).__name__}.") from failed

    async def _api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        import aiohttp

        limit = aiohttp.ClientTimeout(total=CONNECT_S)
        headers = {"X-API-KEY": self._account.key}
        url = f"{self._account.api}{path}"
        try:
            async with self._session().request(method, url, json=body, headers=headers, timeout=limit) as answer:
                if answer.status in (401, 403):
                    raise Unreachable("E2B refuses the key; correct E2B_API_KEY.")
                if answer.status >= 400:
                    raise Unreachable(f"E2B answered {answer.status}: {(await answer.text())[:300]}")
                return await answer.json(content_type=None) if answer.status != 204 else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as failed:
            raise Unreachable(f"E2B at {self._account.api} cannot be reached: {failed or 'no answer'}.") from failed

    async def _end(self, machine: Machine) -> None:
        try:
            await self._api("DELETE", f"/sandboxes/{machine.id}")
        except Unreachable as failed:
            log.warning("a machine at E2B ends by itself: %s", failed)

    def _session(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._http is None:
            limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
            self._http = aiohttp.ClientSession(timeout=limit, read_bufsize=8 << 20)
        return self._http


def _job(program: Program, heard: Heard) -> dict[str, str]:
    """The program as data."""
    job = {
        "modules": {name: (INSIDE / f"{name}.py").read_text() for name in ("values", "source")},
        "mark": heard.mark,
        "source": program.source,
        "function": program.function,
        "arguments": dict(program.arguments),
        "agent_state": program.agent_state,
        "environment": dict(program.environment),
    }
    return {"HOLDFAST_JOB": json.dumps(job)}
