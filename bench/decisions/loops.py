"""0009: what small requests cost the server with each event loop and HTTP parser."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from tests.harness.process import plain_environment
from tests.harness.waiting import free_port, until

TIMES = 1500
SERVE = """
import sys, uvicorn
from holdfast.app import create_app
from holdfast.config import load
loop, http, port = sys.argv[1:]
uvicorn.run(create_app(load({"HOLDFAST_DATA": sys.argv[0] or "."}, {})), loop=loop, http=http, port=int(port),
            log_config=None, access_log=False, ws="none")
"""


def main() -> None:
    print(f"{'CPU ms for each':<20}{'one by one':>12}{'16 at once':>12}")
    for loop in ("asyncio", "uvloop"):
        for parser in ("h11", "httptools"):
            print(f"{loop:<9}{parser:<11}" + "".join(f"{spent:12.3f}" for spent in _cpu(loop, parser)), flush=True)


def _cpu(loop: str, parser: str) -> list[float]:
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        code = SERVE.replace('sys.argv[0] or "."', repr(home))
        command = [sys.executable, "-c", code, loop, parser, str(port)]
        with subprocess.Popen(command, env=plain_environment(HOME=home)) as server:
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
                    return _measured(http, psutil.Process(server.pid))
            finally:
                server.terminate()


def _measured(http: httpx.Client, server: psutil.Process) -> list[float]:
    until(lambda: _answers(http), "a healthy server", 20)
    block = http.post("/v1/blocks/", json={"label": "human", "value": "Ada"}).raise_for_status().json()["id"]

    def once(_number: int) -> None:
        http.get(f"/v1/blocks/{block}").raise_for_status()

    with ThreadPoolExecutor(16) as many:
        return [
            _each(server, lambda: [once(number) for number in range(TIMES)]),
            _each(server, lambda: list(many.map(once, range(TIMES)))),
        ]


def _each(server: psutil.Process, work: Callable[[], object]) -> float:
    work()
    before = sum(server.cpu_times()[:2])
    work()
    return (sum(server.cpu_times()[:2]) - before) * 1000 / TIMES


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/v1/health").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
