"""How many files and connections one process may have open: a turn at work has two, to its client and to its model."""

import resource

ENOUGH = 65_536
"""As many are asked for at most, where the system would allow more, or any number."""


def allowed() -> int:
    """How many a server that is started here can have."""
    soft, hard = (ENOUGH if limit == resource.RLIM_INFINITY else limit for limit in _limits())
    return max(soft, min(hard, ENOUGH))


def allow_all() -> None:
    """Raise the limit that shells and services begin with, meant for programs that open few, to what is allowed."""
    soft, hard = _limits()
    if soft == resource.RLIM_INFINITY or soft >= allowed():
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed(), hard))
    except (ValueError, OSError):
        return  # macOS says that any number is allowed, and allows fewer


def _limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)
