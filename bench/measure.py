"""Processor time and wall time per operation: the time of whole process trees, because a database works in its own."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil


class Meter:
    """Adds up the processor seconds of some processes and of everything that they started."""

    def __init__(self, *roots: int) -> None:
        self._roots = [psutil.Process(root) for root in roots]
        self._seen: dict[int, float] = {}

    def seconds(self) -> float:
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                self._seen[process.pid] = used.user + used.system
        return sum(self._seen.values())

    def resident_mb(self) -> float:
        return sum(process.memory_info().rss for process in self._tree()) / 2**20

    def _tree(self) -> list[psutil.Process]:
        return [process for root in self._roots for process in (root, *root.children(recursive=True))]


@dataclass(frozen=True)
class Sample:
    """One round: milliseconds per operation."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Result:
    """What one kind of operation costs."""

    name: str
    samples: Sequence[Sample]

    def row(self) -> str:
        cpu = sorted(sample.cpu for sample in self.samples)
        wall = statistics.median(sample.wall for sample in self.samples)
        return f"{self.name:<24}{statistics.median(cpu):>9.2f}{cpu[0]:>9.2f} …{cpu[-1]:>7.2f}{wall:>10.2f}"


HEADER = f"{'':<24}{'CPU ms':>9}{'lowest … highest':>18}{'p50 ms':>10}"


def measure(name: str, operation: Callable[[], object], meter: Meter, *, rounds: int, times: int) -> Result:
    """Each round repeats the operation; one unmeasured call comes first."""
    operation()
    return Result(name, [_round(operation, meter, times) for _ in range(rounds)])


def _round(operation: Callable[[], object], meter: Meter, times: int) -> Sample:
    before, walls = meter.seconds(), list[float]()
    for _ in range(times):
        start = time.perf_counter()
        operation()
        walls.append(time.perf_counter() - start)
    return Sample((meter.seconds() - before) * 1000 / times, statistics.median(walls) * 1000)
