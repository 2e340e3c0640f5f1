"""`make recall`: does a search find the memory that holds the answer? Public conversations, over HTTP, both engines.

The data and its scorer are not ours: they are read at `HOLDFAST_RECALL_DATA`, `../shared/recall` beside the repository
when that is not set. Without them there is nothing to measure.
"""

import argparse
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from bench.servers import each_engine
from tests.harness.fleet import Engine, Fleet

DATA = Path(os.environ.get("HOLDFAST_RECALL_DATA", Path(__file__).parents[2] / "shared" / "recall"))
SETS = ("locomo", "beam100k")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make recall RECALL='…'", description=__doc__)
    parser.add_argument("--data", nargs="+", default=SETS, help="which sets of conversations")
    parser.add_argument("--mode", default="passages", choices=("agent", "passages", "messages"))
    parser.add_argument("--pooled", action="store_true", help="all conversations in one archive")
    parser.add_argument(
        "--distract", nargs="*", default=(), help="sets whose memories are there too, without questions"
    )
    parser.add_argument("--limit", default="0", help="so many questions of each conversation")
    options = parser.parse_args()
    if not (DATA / "eval_recall.py").exists():
        print(f"nothing to measure: there is no eval_recall.py in {DATA} (HOLDFAST_RECALL_DATA)")
        return
    with closing(each_engine()) as all_engines:
        for engine, _postgres, fleet in all_engines:
            _measure(engine, fleet, options)


def _measure(engine: Engine, fleet: Fleet, options: argparse.Namespace) -> None:
    server = fleet.make(engine, {}).start()
    for name in options.data:
        print(f"\n{engine}, {name}", flush=True)
        how = ["--adapter", "http", "--url", server.url, "--http-mode", options.mode, "--limit", options.limit]
        pooled = ["--pooled"] if options.pooled or options.distract else []
        distract = ["--distract", *(str(DATA / "public" / other) for other in options.distract)]
        data = ["--data", str(DATA / "public" / name)]
        subprocess.run([sys.executable, str(DATA / "eval_recall.py"), *data, *how, *pooled, *distract], check=True)


if __name__ == "__main__":
    main()
