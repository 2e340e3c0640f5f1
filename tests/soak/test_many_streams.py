"""Hundreds of token streams at once on one process: none fails, and what they cost is printed."""

import os
import threading
from collections.abc import Iterator

import psutil
import pytest

from bench.measure import Meter
from tests.fakes.ticking_server import TickingServer
from tests.harness import crowd
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.messages.talking import agent

STREAMS = int(os.environ.get("HOLDFAST_SOAK_STREAMS", "500"))
PACE = float(os.environ.get("HOLDFAST_SOAK_PACE", "0.5"))
"""Seconds between two words of one stream."""
WORDS = 60
FIRSTS = 40


@pytest.fixture
def org(fresh_server: FreshServer) -> Iterator[Org]:
    with TickingServer() as models:
        yield new_org(fresh_server({"OPENAI_API_BASE": models.url}))


class Peak:
    """The most memory that a process took, looked at while a block runs."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.before = self.most = self.now

    @property
    def now(self) -> float:
        return self._process.memory_info().rss / 2**20

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.most = max(self.most, self.now)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.mark.soak
def test_hundreds_of_token_streams(org: Org) -> None:
    owners = [agent(org, model=MODEL) for _ in range(STREAMS)]
    crowd.listen(org, owners[:1], "TICK 5 0.01")
    meter = Meter(org.server.pid)
    load, used = os.getloadavg(), meter.seconds()
    with Peak(org.server.pid) as memory:
        heard = crowd.listen(org, owners, f"TICK {WORDS} {PACE}")
    used = meter.seconds() - used
    for each in heard:
        crowd.check(org, each, WORDS)
    late = [moment for each in heard for moment in each.added_ms]
    print(f"\nload before {load[0]:.1f}; {STREAMS} streams of {WORDS} words, one each {PACE:g} s")
    print(f"memory: {memory.before:.0f} MB before, {memory.most:.0f} MB at most, {memory.now:.0f} MB after")
    print(f"a word, after the model wrote it: {crowd.described(late)}")
    print(f"the first word, what we added: {crowd.described([each.first_ms for each in heard])}")
    print(f"processor: {used:.1f} s, {used * 1e6 / len(late):.0f} µs a word with the turns around them")
    assert "Traceback" not in org.server.log


@pytest.mark.soak
def test_the_first_word_with_few_clients(org: Org) -> None:
    owners = [agent(org, model=MODEL) for _ in range(4)]
    heard = [each for _ in range(FIRSTS) for each in crowd.listen(org, owners, "TICK 3 0.05")]
    load = os.getloadavg()
    print(f"\nload {load[0]:.1f}; {len(owners)} clients, {len(heard)} turns")
    print(f"the first event, after the model's first delta: {crowd.described([each.added_ms[0] for each in heard])}")
    print(f"the first event, what we added in all: {crowd.described([each.first_ms for each in heard])}")
