"""A real nginx on a port of its own, with the configuration of the shipped stack in front of a server."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.harness.process import Process, plain_environment
from tests.harness.system import program
from tests.harness.waiting import accepts, free_port, until

TEMPLATE = Path(__file__).parents[2] / "deploy" / "nginx" / "letta-sse.conf.template"

MAIN = """
daemon off;
worker_processes 1;
pid {home}/pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/letta.conf;
}}
"""


class Nginx:
    """One nginx; what its image's entrypoint fills in is filled in here. `edits` replace lines of the configuration."""

    def __init__(self, upstream_port: int, edits: Mapping[str, str] | None = None) -> None:
        installed = program("nginx")
        self._home = Path(tempfile.mkdtemp(prefix="holdfast-nginx-"))
        self._home.chmod(0o755)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        template = TEMPLATE.read_text()
        for line, instead in (edits or {}).items():
            assert line in template, f"no {line!r} in {TEMPLATE}"
            template = template.replace(line, instead)
        filled = template.replace("${LETTA_UPSTREAM}", f"127.0.0.1:{upstream_port}")
        (self._home / "letta.conf").write_text(filled.replace("${LETTA_NGINX_PORT}", f"127.0.0.1:{self.port}"))
        (self._home / "nginx.conf").write_text(MAIN.format(home=self._home))
        command = [installed, "-e", "stderr", "-p", str(self._home), "-c", str(self._home / "nginx.conf")]
        self.process = Process(command, log=self._home / "log", env=plain_environment(), cwd=self._home)

    def start(self) -> "Nginx":
        self.process.start()
        until(self._listens, f"nginx on port {self.port}", seconds=30)
        return self

    def remove(self) -> None:
        if self.process.running:
            self.process.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _listens(self) -> bool:
        assert self.process.running, f"nginx stopped:\n{self.process.tail()}"
        return accepts(self.port)
