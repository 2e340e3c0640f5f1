"""What a server process counts, and the text in which Prometheus reads it."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""The upper bounds, in seconds, by which durations are counted."""

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Durations:
    """How many of something took how long."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Meter:
    """Counters and durations by name; names and labels are ours, never a caller's."""

    def __init__(self) -> None:
        self._about: dict[str, str] = {}
        self._counts: dict[str, dict[Labels, float]] = {}
        self._durations: dict[str, Durations] = {}

    def count(self, name: str, about: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._about[name] = about
        counts = self._counts.setdefault(name, {})
        key = tuple(sorted(labels.items()))
        counts[key] = counts.get(key, 0) + by

    def took(self, name: str, about: str, seconds: float) -> None:
        """Note how long something took."""
        self._about[name] = about
        self._durations.setdefault(name, Durations()).add(seconds)

    def lines(self) -> Iterator[str]:
        """All of it in Prometheus' text format."""
        for name, counts in self._counts.items():
            yield from family(name, "counter", self._about[name], counts)
        for name, durations in self._durations.items():
            yield from head(name, "histogram", self._about[name])
            yield from _histogram(name, durations)


def family(name: str, kind: str, about: str, values: dict[Labels, float]) -> Iterator[str]:
    """One metric with all its values."""
    yield from head(name, kind, about)
    for labels, value in values.items():
        yield f"{name}{_braces(labels)} {value:.10g}"


def head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def _histogram(name: str, durations: Durations) -> Iterator[str]:
    passed = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), durations.buckets, strict=True):
        passed += count
        yield f'{name}_bucket{{le="{bound}"}} {passed}'
    yield f"{name}_sum {durations.seconds:.10g}"
    yield f"{name}_count {passed}"


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
