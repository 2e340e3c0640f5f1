"""The sandbox of this server: finds out once what is possible here, and runs programs in it."""

import asyncio
import compileall
import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict

from holdfast.sandbox import walls
from holdfast.sandbox.box import Box, Stopped
from holdfast.sandbox.bubblewrap import Bubblewrap
from holdfast.sandbox.landlock import Landlock
from holdfast.sandbox.model import Calls, Level, Limits, Outcome, Program
from holdfast.sandbox.spares import Spares
from holdfast.sandbox.walls import CODE, Needs, Walls

AT_ONCE = 32
TRIAL = Program("def trial():\n    return 1", function="trial", time_limit_s=20)
MEANING: Mapping[Level, str] = {
    "bubblewrap": "bubblewrap: namespaces, a file system of its own, a filter of system calls and limits",
    "landlock": "Landlock, a filter of system calls and limits: no further processes, no sockets of the server",
    "off": "off: code of others is not run",
}


class Programs:
    """Runs programs in the strongest sandbox that works here, or in the one that was chosen."""

    def __init__(self, choice: str = "auto", limits: Limits | None = None) -> None:
        self._choice, self._limits = choice, limits or Limits()
        self._looking = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._pool: Spares | None = None
        self._found: Level | None = None
        self._reason = ""

    async def level(self) -> Level:
        async with self._looking:
            if self._found is None:
                self._found = await self._look()
        return self._found

    async def description(self) -> str:
        return MEANING[await self.level()] + (f" ({self._reason})" if self._reason else "")

    async def run(self, program: Program, calls: Calls | None = None) -> Outcome:
        level = await self.level()
        if self._pool is None:
            return Outcome("error", error=f"Code of others is not run on this server: {self._reason}.")
        if level == "landlock" and program.socket is not None:
            return Outcome("error", error="Code that talks to this server needs bubblewrap, which does not work here.")
        # whoever calls back may come to wait for another program, and must not hold what that one waits for
        if program.functions:
            return await self._run(self._pool, program, calls)
        async with self._slots:
            return await self._run(self._pool, program, calls)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _run(self, pool: Spares, program: Program, calls: Calls | None) -> Outcome:
        try:
            box = await pool.take(Needs(program.packages, program.network, program.socket))
        except Stopped as failed:
            return Outcome("error", error=f"The sandbox did not start: {failed}.")
        value, error = await box.run(program, calls)
        return Outcome(
            "error" if error else "success", value, error, box.stdout.text, box.stderr.text, self._fingerprint(program)
        )

    def _fingerprint(self, program: Program) -> str:
        shape = {"packages": str(program.packages), "network": program.network, "language": program.language}
        told = json.dumps([self._found, sys.version, asdict(self._limits), shape])
        return f"{self._found}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"

    async def _look(self) -> Level:
        if self._choice == "off":
            self._reason = "HOLDFAST_SANDBOX=off"
            return "off"
        if sys.platform != "linux":
            self._reason = f"the sandbox needs Linux, this is {platform.system()}"
            return "off"
        # else every sandbox would do it again
        await asyncio.to_thread(compileall.compile_dir, CODE / "inside", quiet=2)
        interpreters = await asyncio.to_thread(walls.interpreters)
        known: tuple[Walls, ...] = (Bubblewrap(self._limits, interpreters), Landlock(self._limits, interpreters))
        reasons = list[str]()
        for kind in known:
            if self._choice in ("auto", kind.level):
                pool = Spares(kind, self._limits)
                wrong = await self._try(pool)
                if not wrong:
                    self._pool, self._reason = pool, "; ".join(reasons)
                    return kind.level
                await pool.close()
                reasons.append(f"{kind.level}: {wrong}")
        self._reason = "; ".join(reasons)
        return "off"

    async def _try(self, pool: Spares) -> str:
        """Why no program runs there; empty when one does."""
        try:
            box: Box = await pool.start(Needs())
        except Stopped as failed:
            return str(failed)
        return (await box.run(TRIAL, None))[1]
