"""`make bench-search`: what storing and finding memories costs, by how many there are, and what they cost a turn.

The embedding model is scripted and answers at once, so that the figures are the server's own.
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import count, cycle
from typing import Any

import httpx

from bench.measure import HEADER, Meter, measure
from bench.operations import take_turn
from bench.servers import each_engine, meter_of
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import EMBEDDING, MODEL, environment
from tests.harness.server import Server

BATCH = 500
MANY = 1000
EACH = 100
"""So many archives, of so many passages each, against one that holds as many."""
FEW = 10
ROUNDS = 10
WORDS = ("garden", "boiler", "sister", "invoice", "holiday", "doctor", "recipe", "train", "password", "meeting")
NAMES = ("Anna", "Mario", "Lin", "Omar", "Petra", "Ravi", "Zoe", "Ken")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-search SEARCH='…'", description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="passages in the archive"
    )
    parser.add_argument("--many", type=int, default=MANY, help="archives of 100 passages each; 0 for none")
    parser.add_argument(
        "--turns", type=int, default=100_000, help="messages and passages of the large agent; 0 for none"
    )
    options = parser.parse_args()
    with OpenAIServer() as models, closing(each_engine()) as all_engines:
        for engine, postgres, fleet in all_engines:
            server = fleet.make(engine, {**environment(models), "HOLDFAST_DEFAULT_EMBEDDING": EMBEDDING}).start()
            print(f"\n{engine}")
            bench(server, meter_of(engine, server, postgres), options)


def bench(server: Server, meter: Meter, options: argparse.Namespace) -> None:
    print(f"resident at rest: {meter.resident_mb():.0f} MB")
    _grow(server, meter, options.sizes)
    if options.many:
        _spread(server, meter, options.many)
    if options.turns:
        _turns(server, meter, options.turns)


def _grow(server: Server, meter: Meter, sizes: Sequence[int]) -> None:
    """One archive that is filled and searched in turn."""
    archive, held, fresh = _archive(server.http), 0, _texts()
    for size in sizes:
        print(_filled(server.http, meter, [archive], fresh, size - held), flush=True)
        held = size
        print(HEADER)
        asked = _questions()
        search = partial(_search, server.http, archive, asked)
        row = measure(f"search in {size:,}", search, meter, rounds=5, times=20)
        print(row.row(), f"  resident {meter.resident_mb():.0f} MB", flush=True)


def _spread(server: Server, meter: Meter, many: int) -> None:
    """As many passages in many archives, which are searched one after the other."""
    archives = [_archive(server.http) for _ in range(many)]
    print(_filled(server.http, meter, archives, _texts(), many * EACH), flush=True)
    asked, turn = _questions(), cycle(archives)
    name = f"search in {many:,} × {EACH}"
    row = measure(name, lambda: _search(server.http, next(turn), asked), meter, rounds=5, times=200)
    print(row.row(), f"  resident {meter.resident_mb():.0f} MB", flush=True)


def _turns(server: Server, meter: Meter, size: int) -> None:
    """Turns of an agent that has much behind it, and of one that has not, in turn."""
    small, large = (_agent(server.http, each) for each in (FEW, size))
    names = {small: f"turn beside {FEW}", large: f"turn beside {size:,}"}
    costs: dict[str, list[float]] = {small: [], large: []}
    for number in range(ROUNDS + 1):
        for agent in (small, large):
            _rest(server.http)
            cost = measure("", partial(take_turn, server.http, agent), meter, rounds=1, times=10).samples[0].cpu
            costs[agent] += [cost] if number else []
    ratios = sorted(big / little for little, big in zip(costs[small], costs[large], strict=True))
    for agent, each in costs.items():
        print(f"{names[agent]:<24}{sorted(each)[len(each) // 2]:>9.2f} CPU ms")
    print(f"ratio {ratios[len(ratios) // 2]:.2f}, {ratios[0]:.2f} … {ratios[-1]:.2f}", flush=True)


def _rest(http: httpx.Client) -> None:
    """Let the search take in what the turns before have said, which is not what is measured."""
    while http.get("/v1/search/progress").raise_for_status().json()["waiting"]:
        time.sleep(0.2)


def _agent(http: httpx.Client, size: int) -> str:
    """An agent with so many messages behind it, none of them in view, and as many passages."""
    fresh = _texts()
    said = [{"role": ("user", "assistant")[number % 2], "content": next(fresh)} for number in range(size)]
    body: dict[str, Any] = {"model": MODEL, "initial_message_sequence": said, "include_base_tools": False}
    agent = http.post("/v1/agents/", json=body, timeout=600).raise_for_status().json()["id"]
    http.patch(f"/v1/agents/{agent}/reset-messages", json={}).raise_for_status()
    archive = _archive(http)
    http.patch(f"/v1/agents/{agent}/archives/attach/{archive}").raise_for_status()
    for start in range(0, size, BATCH):
        _store(http, archive, [next(fresh) for _ in range(min(BATCH, size - start))])
    return agent


def _filled(http: httpx.Client, meter: Meter, archives: Sequence[str], fresh: Iterator[str], size: int) -> str:
    before, began, places = meter.seconds(), time.perf_counter(), cycle(archives)
    each = min(BATCH, max(size // len(archives), 1))
    for _ in range(0, size, each):
        _store(http, next(places), [next(fresh) for _ in range(each)])
    took, cpu = time.perf_counter() - began, meter.seconds() - before
    return f"stored {size:,} in batches of {each}: {size / took:,.0f}/s, {1000 * cpu / size:.2f} CPU ms each"


def _archive(http: httpx.Client) -> str:
    return http.post("/v1/archives/", json={"name": "bench"}).raise_for_status().json()["id"]


def _store(http: httpx.Client, archive: str, texts: Sequence[str]) -> None:
    body = {"passages": [{"text": text} for text in texts]}
    http.post(f"/v1/archives/{archive}/passages/batch", json=body, timeout=120).raise_for_status()


def _search(http: httpx.Client, archive: str, asked: Iterator[str]) -> None:
    body = {"archive_id": archive, "query": next(asked), "limit": 10}
    assert http.post("/v1/passages/search", json=body, timeout=120).raise_for_status().json()


def _texts() -> Iterator[str]:
    drawn = random.Random(4)
    for number in count():
        first, second = drawn.sample(WORDS, 2)
        who, at = drawn.choice(NAMES), f"{drawn.random():.3f}"
        yield f"{who} said that the {first} and the {second} need {number} more days, at {at}."


def _questions() -> Iterator[str]:
    drawn = random.Random(5)
    while True:
        yield f"What did {drawn.choice(NAMES)} say about the {drawn.choice(WORDS)}?"


if __name__ == "__main__":
    main()
