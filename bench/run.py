"""`make bench`: what common operations cost on both engines, against scripted models on this machine.

Compare with a run of the same machine only; CPU is the server's process tree and, on PostgreSQL, the database's.
"""

import argparse
import time
from contextlib import closing

from bench import sizes
from bench.measure import HEADER, Meter, measure
from bench.operations import prepare
from bench.servers import each_engine, meter_of
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import Engine, Fleet
from tests.harness.models import MODEL, environment
from tests.harness.postgres import Postgres
from tests.harness.server import Server


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench BENCH='…'", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each measurement is repeated")
    parser.add_argument("--only", default="", help="measure only operations whose name contains this")
    parser.add_argument("--sizes", action="store_true", help="measure what memories take on disk and in memory instead")
    parser.add_argument("--tokens", type=int, default=100_000, help="with --sizes: of conversation, at most")
    parser.add_argument("--passages", type=int, default=100_000, help="with --sizes: in one archive, at most")
    options = parser.parse_args()
    with OpenAIServer() as models, closing(each_engine()) as all_engines:
        for engine, postgres, fleet in all_engines:
            bench(engine, postgres, fleet, models, options)


def bench(engine: Engine, postgres: Postgres, fleet: Fleet, models: OpenAIServer, options: argparse.Namespace) -> None:
    if options.sizes:
        sizes.of_conversation(engine, fleet, models, options.tokens)
        sizes.of_passages(engine, fleet, models, options.passages)
        return
    server = fleet.make(engine, environment(models))
    begun = time.perf_counter()
    server.start()
    print(f"\n{engine}: healthy after {time.perf_counter() - begun:.2f} s")
    _measure(server, meter_of(engine, server, postgres), options)


def _measure(server: Server, meter: Meter, options: argparse.Namespace) -> None:
    print(f"resident at rest: {meter.resident_mb():.0f} MB\n{HEADER}")
    for name, (operation, times) in prepare(server.http, MODEL).operations().items():
        if options.only in name:
            print(measure(name, operation, meter, rounds=options.rounds, times=times).row(), flush=True)


if __name__ == "__main__":
    main()
