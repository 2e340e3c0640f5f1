"""The example runs to its end, against the stand-in of Odoo's MCP server."""

import subprocess
import sys

from tests.fakes.mcp_odoo import Odoo
from tests.fakes.mcp_zoo import Zoo
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.process import plain_environment
from tests.harness.server import Server
from tests.odoo.addon import ROOT

FIELDS = {"name": "Acme Corp", "email": "acme@example.com"}


def test_the_example(server: Server, models: OpenAIServer, zoo: Zoo, odoo: Odoo) -> None:
    call = ("odoo_record_creator", {"model": "res.partner", "fields": FIELDS})
    models.queue(Reply(calls=(call,)), Reply("Created Acme Corp with ID 123."))
    here = server.home / "thread.py"
    here.write_text((ROOT / "examples" / "odoo" / "thread.py").read_text().replace("8283", str(server.port)))

    ran = subprocess.run(
        [sys.executable, str(here), zoo.url("odoo"), "key-of-marc"],
        env=plain_environment(HOME=str(server.home)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    server.http.delete("/v1/tools/mcp/servers/odoo")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "thread_1 uses odoo_record_creator",
        '[success] {"id": 123, "display_name": "Acme Corp", "create_uid": "Marc"}',
        "Created Acme Corp with ID 123.",
        "with another model: Works at a company that sells solar panels.",
    ]
    assert [each["values"] for each in odoo.records] == [FIELDS]
