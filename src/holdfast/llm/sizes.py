"""How large a model is, and whether it runs close by: by what its server says, or by its name."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_SAID = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([BM])\s*", re.IGNORECASE)
_EXPERTS = re.compile(r"(?<![a-z\d.])(\d+)x(\d+(?:\.\d+)?)b(?![a-z\d])", re.IGNORECASE)
_IN_NAME = re.compile(r"(?<![a-z\d.])e?(\d+(?:\.\d+)?)([bm])(?![a-z\d])", re.IGNORECASE)
_WORDS = (
    (re.compile(r"phi-?[34](?:\.5)?-mini", re.IGNORECASE), 3.8),
    (re.compile(r"tinyllama", re.IGNORECASE), 1.1),
)
NEAR = ("localhost", "host.docker.internal")


def said(text: object) -> float | None:
    """Billions of parameters, as Ollama says them: `8.2B`, `494.03M`."""
    found = _SAID.fullmatch(text) if isinstance(text, str) else None
    return _billions(found[1], found[2]) if found else None


def of_name(name: str) -> float | None:
    """Billions of parameters by a model's name; of a mixture of experts all of them count."""
    if experts := _EXPERTS.search(name):
        return int(experts[1]) * float(experts[2])
    sizes = [_billions(number, unit) for number, unit in _IN_NAME.findall(name)]
    if sizes:
        return max(sizes)
    return next((size for word, size in _WORDS if word.search(name)), None)


def is_near(address: str) -> bool:
    """Whether an address is one of this machine or of a private network."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if host in NEAR:
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _billions(number: str, unit: str) -> float:
    return float(number[:12]) / (1 if unit.upper() == "B" else 1000)
