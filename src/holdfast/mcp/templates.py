"""`{{ VAR | default }}` in what a server is shown: filled from the secrets of the agent that calls."""

import re
from collections.abc import Mapping

from holdfast.errors import BadRequest

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\|([^{}]*))?\}\}")


def filled(values: Mapping[str, str], secrets: Mapping[str, str] | None) -> dict[str, str]:
    """The values with every place filled; without an agent, a value that would stay incomplete is left out."""
    whole: dict[str, str] = {}
    for name, text in values.items():
        lacking = [found[1] for found in _PLACE.finditer(text) if found[2] is None and found[1] not in (secrets or {})]
        if lacking and secrets is not None:
            raise BadRequest(
                f"{name} needs {', '.join(lacking)}, which the agent does not have: give it that secret "
                f"(PATCH /v1/agents/{{agent_id}} with secrets), or the template a default ({{{{ {lacking[0]} | … }}}})."
            )
        if not lacking:
            whole[name] = _PLACE.sub(lambda found: (secrets or {}).get(found[1], _default(found[2])), text)
    return whole


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as HTTP can carry them."""
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise BadRequest(f"The header {name} would hold characters that HTTP does not allow.")
    return dict(headers)


def _default(text: str | None) -> str:
    """What stands after the bar, without the quotes that some write around it."""
    tidy = (text or "").strip()
    quoted = len(tidy) > 1 and tidy[0] == tidy[-1] and tidy[0] in "'\""
    return tidy[1:-1] if quoted else tidy
