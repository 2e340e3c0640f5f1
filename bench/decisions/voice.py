"""What `/api/agents` adds to the time until the first sentence: the model asked by itself, and through the server."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import httpx

from bench.servers import each_engine
from holdfast.facades.agents_api.sentences import Sentences
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.models import environment

TIMES = 100
TURNS_KEPT = 20
"""A session's first turns are told apart: what is measured is one that has been talked in."""
REPLY = Reply("The weather in Oslo is sunny today. " * 10, delay=0.05, chunk_delay=0.005)


def main() -> None:
    with OpenAIServer() as models, closing(each_engine()) as all_engines:
        models.script = lambda _: REPLY
        with httpx.Client(timeout=60, trust_env=False) as http:
            alone = [_first_sentence(_deltas(http, models.url)) for _ in range(TIMES)]
            print(f"{'the model alone':<24}{_row(alone)}")
            for engine, _, fleet in all_engines:
                server = fleet.make(engine, environment(models)).start()
                body = {"name": "tonny", "persona": "Brief.", "human": "Ada.", "llm_config": {"model": "gpt-4.1"}}
                agent = http.post(f"{server.url}/api/agents", json=body).raise_for_status().json()["id"]
                url = f"{server.url}/api/agents/{agent}/messages/stream"
                took = [_spoken(http, url) for _ in range(TIMES + TURNS_KEPT)][TURNS_KEPT:]
                added = [ours - theirs for ours, theirs in zip(sorted(took), sorted(alone), strict=True)]
                print(f"{engine:<24}{_row(took)}   added {_row(added)}", flush=True)


def _spoken(http: httpx.Client, url: str) -> float:
    """Milliseconds until the server tells the first sentence; the rest is read, as a speaker would."""
    began, first = time.perf_counter(), 0.0
    body = {"message": "What's the weather?", "session_id": "bench", "sentences": True}
    with http.stream("POST", url, json=body) as answer:
        for line in answer.iter_lines():
            if not first and '"type":"sentence"' in line:
                first = (time.perf_counter() - began) * 1000
    return first


def _first_sentence(deltas: Iterator[tuple[float, str]]) -> float:
    """The same of the model's own stream."""
    sentences, first = Sentences(), 0.0
    for moment, text in deltas:
        if sentences.feed(text) and not first:
            first = moment
    return first


def _deltas(http: httpx.Client, url: str) -> Iterator[tuple[float, str]]:
    began = time.perf_counter()
    body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "What's the weather?"}]}
    with http.stream("POST", f"{url}/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {") and (choices := json.loads(line[6:])["choices"]):
                yield (time.perf_counter() - began) * 1000, choices[0]["delta"].get("content") or ""


def _row(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"p50 {ordered[len(ordered) // 2]:7.1f} ms  p95 {ordered[len(ordered) * 95 // 100]:7.1f} ms"


if __name__ == "__main__":
    main()
