"""What the agent is called that keeps someone's memory."""

import re
from hashlib import sha256

PREFIX = "app_agent_"
LONGEST = 120
_FOREIGN = re.compile(r"[^\w '\-]")


def agent_name(app_agent_id: str) -> str:
    """`app_agent_{id}`. What a name may not hold becomes a hyphen, and a digest keeps two such ids apart."""
    plain = _FOREIGN.sub("-", app_agent_id)[:LONGEST]
    if plain == app_agent_id:
        return PREFIX + plain
    return f"{PREFIX}{plain}-{sha256(app_agent_id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def memory_id(crew: str, task: str | None = None, agent: str | None = None) -> str:
    """The id for the memory of a crew, of one of its tasks, or of one agent in either."""
    parts = {"crew": crew, "task": task, "agent": agent}
    return "/".join(f"{kind}:{_one(name)}" for kind, name in parts.items() if name)


def _one(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")
