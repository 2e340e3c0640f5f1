"""Agents that wait for each other's answers: in such a circle nobody would ever go on."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from holdfast.auth.model import Who
from holdfast.errors import Busy
from holdfast.runs import store as runs
from holdfast.runs.model import Run
from holdfast.store.table import Tx
from holdfast.tools.builtin.context import Chain

ASKER = "asker"


def kept(chain: Chain) -> dict[str, Any] | None:
    """What is stored of a run that another one waits for, for whoever looks for a circle in another process."""
    return None if chain.asker is None else {ASKER: chain.asker}


def refuse(tx: Tx, who: Who, run: Run) -> None:
    """Refuse to let a run wait for its thread, if whoever has the thread waits for this run."""
    way = _way(runs.active_of_all(tx, who), run)
    if way:
        circle = " → ".join((*way, way[0]))
        raise Busy(
            f"it waits for an answer itself, and in the end for yours ({circle}). "
            "Say what you want to tell it as your answer."
        )


def _way(active: Sequence[Run], start: Run) -> list[str]:
    """The agents by which a run comes to wait for itself; none when it does not."""
    holders = {run.thread_id: run for run in active if run.status == "running"}
    asked = defaultdict[str, list[Run]](list)
    for run in active:
        if run.request and (asker := run.request.get(ASKER)):
            asked[asker].append(run)
    ways, seen = [(start, list[str]())], set[str]()
    while ways:
        run, way = ways.pop()
        if run.id == start.id and way:
            return way
        if run.id in seen:
            continue
        seen.add(run.id)
        holder = holders.get(run.thread_id) if run.status == "created" else run
        if holder is not None:
            ways += [(each, [*way, holder.agent_id]) for each in asked[holder.id]]
    return []
