"""The filter of system calls that foreign code runs under, put together as a program for the kernel's packet filter."""

import errno
import platform
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.sandbox.syscalls import AARCH64, ABSENT, KERNEL, NUMBERS, OTHERS, OWNERSHIP, X86_64

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16
"""Where the kernel keeps what it asks about."""
X32 = 0x40000000
NEW_NAMESPACES, THREAD = 0x7E020000, 0x00010000
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
FCNTL_OWNERS = (8, 10, 15)
IOCTL_OWNERS = (0x8901, 0x8902)
TYPE_INTO_TERMINAL = (0x5412, 0x541C)
MACHINES = {"x86_64": (X86_64, 0), "aarch64": (AARCH64, 1)}

Line = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """Calls that fail: always, or depending on one argument."""

    calls: Sequence[str]
    fails: int = errno.EPERM
    argument: int | None = None
    when: Literal["is", "is not", "has", "has not"] = "is"
    values: Sequence[int] = ()


def is_known_machine() -> bool:
    """Whether a filter can be made here."""
    return platform.machine() in MACHINES


def isolated(*, network: bool, socket: bool) -> bytes:
    """For code in namespaces of its own."""
    families = [*([UNIX] if socket or not network else []), INET, INET6, NETLINK]
    return assemble((*_always(), Rule(("socket",), errno.EACCES, 0, "is not", families)))


def in_sight(pid: int, *, network: bool) -> bytes:
    """For code in a process that sees the others of the machine: it stays alone, and touches none of them."""
    families = [INET, INET6, NETLINK] if network else []
    return assemble(
        (
            *_always(),
            Rule((*OTHERS, *OWNERSHIP)),
            Rule(("clone",), errno.EPERM, 0, "has not", (THREAD,)),
            Rule(("kill", "tgkill"), errno.EPERM, 0, "is not", (pid,)),
            Rule(("prlimit64",), errno.EPERM, 0, "is not", (0, pid)),
            Rule(("fcntl",), errno.EPERM, 1, "is", FCNTL_OWNERS),
            Rule(("ioctl",), errno.EPERM, 1, "is", IOCTL_OWNERS),
            Rule(("socket",), errno.EACCES, 0, "is not", families),
        )
    )


def _always() -> tuple[Rule, ...]:
    return (
        Rule(KERNEL),
        Rule(ABSENT, errno.ENOSYS),
        Rule(("clone",), errno.EPERM, 0, "has", (NEW_NAMESPACES,)),
        Rule(("ioctl",), errno.EPERM, 1, "is", TYPE_INTO_TERMINAL),
    )


def assemble(rules: Iterable[Rule]) -> bytes:
    """The filter of some rules; whatever none of them names is allowed."""
    machine, column = MACHINES[platform.machine()]
    lines: list[Line] = [(LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, machine), (RETURN, 0, 0, KILL)]
    if machine == X86_64:
        lines += [(LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, X32), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    for rule in rules:
        for name in rule.calls:
            number = NUMBERS[name][column]
            if number is not None:
                lines += _block(number, rule)
    lines.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _block(number: int, rule: Rule) -> list[Line]:
    """The lines for one call; whoever is not meant goes on after them."""
    body = [*_test(rule), (RETURN, 0, 0, FAIL | rule.fails)]
    return [(LOAD, 0, 0, NUMBER), (EQUAL, 0, len(body), number), *body]


def _test(rule: Rule) -> Iterator[Line]:
    if rule.argument is None:
        return
    yield LOAD, 0, 0, ARGUMENTS + 8 * rule.argument
    code = EQUAL if rule.when in ("is", "is not") else ANY_BIT
    last = len(rule.values) - 1
    for place, value in enumerate(rule.values):
        rest = last - place
        if rule.when in ("is not", "has not"):
            yield code, rest + 1, 0, value
        else:
            yield code, rest, 0 if rest else 1, value
