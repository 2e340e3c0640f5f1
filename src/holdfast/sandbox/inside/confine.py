"""What the inside gives up before it runs anything: room and time in any case, and more where it has no namespaces."""

import base64
import contextlib
import ctypes
import os
import resource
from typing import Any

NO_NEW_PRIVILEGES, SECCOMP, SECCOMP_FILTER, DIE_WITH_PARENT, CAPABILITIES, DROP = 38, 22, 2, 1, 0, 24
CREATE_RULESET, ADD_RULE, RESTRICT_SELF, CAPSET = 444, 445, 446, {"x86_64": 126, "aarch64": 91}
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
EVERYTHING = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
NEWEST = (1 << 16) - 1
"""Rights over files that each version of Landlock knows, and the versions from 5 on."""
NO_TCP, NO_SIGNALS_NO_ABSTRACT = 3, 3
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14
"""The rights that mean something for what is no directory."""


class Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


class Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def bound(limits: dict[str, int]) -> None:
    """Set what every program is bound by."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, limits["files"])
    _limit(resource.RLIMIT_FSIZE, limits["scratch_mb"] * 2**20)
    _limit(resource.RLIMIT_NPROC, limits["processes"])
    _limit(resource.RLIMIT_MEMLOCK, 0)
    _limit(resource.RLIMIT_MSGQUEUE, 0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 -- pathlib would be loaded for it
        score.write("1000")


def bound_program(language: str, limits: dict[str, int], seconds: float) -> None:
    """Set what depends on the program."""
    space = limits["memory_mb"] * 2**20
    _limit(resource.RLIMIT_AS if language == "python" else resource.RLIMIT_DATA, space)
    _limit(resource.RLIMIT_CPU, int(seconds) + 2)


def _limit(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))


def enclose(lock: dict[str, Any]) -> None:
    """Give up other files, other processes and the network for good; `OSError` where the kernel cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    _done(libc.prctl(DIE_WITH_PARENT, 9, 0, 0, 0))
    if os.getppid() != lock["parent"]:
        raise SystemExit("the server is gone")
    for capability in range(64):
        libc.prctl(DROP, capability, 0, 0, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _done(libc.syscall(CAPSET[os.uname().machine], ctypes.byref(Header(0x20080522, 0)), nothing))
    _done(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _landlock(libc, lock)
    lines = base64.b64decode(lock["filter"])
    made = Filter(len(lines) // 8, lines)
    _done(libc.prctl(SECCOMP, SECCOMP_FILTER, ctypes.byref(made), 0, 0))


def _landlock(libc: Any, lock: dict[str, Any]) -> None:
    version = _done(libc.syscall(CREATE_RULESET, None, 0, 1))
    files = EVERYTHING.get(version, NEWEST)
    wanted = Ruleset(files)
    if version >= 4 and not lock["network"]:
        wanted.network = NO_TCP
    if version >= 6:
        wanted.scoped = NO_SIGNALS_NO_ABSTRACT
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _done(libc.syscall(CREATE_RULESET, ctypes.byref(wanted), size, 0))
    for path in lock["readable"]:
        _allow(libc, ruleset, path, EXECUTE | READ_FILE | READ_DIR)
    for path in lock["writable"]:
        _allow(libc, ruleset, path, files & ~EXECUTE if path.startswith("/dev/") else files)
    _done(libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(libc: Any, ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    rights = rights if os.path.isdir(path) else rights & OF_A_FILE  # noqa: PTH112 -- pathlib would be loaded for it
    _done(libc.syscall(ADD_RULE, ruleset, 1, ctypes.byref(Beneath(rights, parent)), 0))
    os.close(parent)


def _done(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
