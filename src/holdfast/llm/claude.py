"""What the generations of Claude accept, read from a model's name, wherever it is served."""

import re
from dataclasses import dataclass
from typing import Literal

LEVELS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Traits:
    """The ways in which the requests of one generation differ from those of another."""

    thinking: Literal["budget", "adaptive"] | None = "budget"
    """How it is told to think: with a number of tokens, or as much as it finds right."""
    off: Literal["disabled", "between_tools"] | None = None
    """How an adaptive model is told not to think; None when nothing stops it."""
    sampling: bool = True
    """Whether it takes a temperature."""
    efforts: tuple[str, ...] = ()
    formats: bool = True
    """Whether an answer can be held to a JSON schema."""
    forced: bool = True
    """Whether it can be made to call a tool."""
    bound: bool = False
    """Whether its thoughts are refused once anything that was said before them has changed."""


UNKNOWN = Traits(formats=False)
"""A model of somebody else that speaks the protocol."""

_NEWEST = Traits("adaptive", None, sampling=False, efforts=LEVELS, forced=False, bound=True)
_ALWAYS_THINKING = Traits("adaptive", None, sampling=False, efforts=LEVELS, forced=False)
_ADAPTIVE = Traits("adaptive", "disabled", sampling=False, efforts=LEVELS)

_GENERATIONS: tuple[tuple[tuple[int, int], str, Traits], ...] = (
    (
        (5, 5),
        "sonnet",
        Traits("adaptive", "between_tools", sampling=False, efforts=LEVELS, forced=False, bound=True),
    ),
    ((5, 5), "haiku", Traits("adaptive", "disabled", sampling=False, efforts=LEVELS, forced=False, bound=True)),
    ((5, 5), "", _NEWEST),
    ((5, 1), "fable mythos", _NEWEST),
    ((5, 0), "fable mythos", _ALWAYS_THINKING),
    ((4, 7), "", _ADAPTIVE),
    ((4, 6), "", Traits("adaptive", "disabled", efforts=("low", "medium", "high", "max"))),
    ((4, 5), "opus", Traits(efforts=("low", "medium", "high"))),
    ((4, 1), "", Traits()),
    ((3, 7), "", Traits(formats=False)),
    ((0, 0), "", Traits(None, formats=False)),
)
"""From which version on, for which families (all when blank): the first row that fits counts."""

_NAME = re.compile(r"claude-(?:(?P<family>[a-z]+)-)?v?(?P<major>\d)(?!\d)(?:[-.](?P<minor>\d)(?!\d))?")


def traits(name: str) -> Traits:
    """What a model accepts. Its name may carry a region, a vendor, a date or a path around it."""
    found = _NAME.search(name.lower())
    if found is None:
        return UNKNOWN
    version, family = (int(found["major"]), int(found["minor"] or 0)), found["family"] or "unnamed"
    fitting = (known for since, families, known in _GENERATIONS if version >= since and family in (families or family))
    return next(fitting)


def is_claude(name: str) -> bool:
    return "claude" in name.lower()
