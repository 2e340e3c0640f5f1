"""Requests that schemathesis draws from the OpenAPI document, right and wrong: no answer is a 5xx, none is missing.

Every second one is about something that exists.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig

from tests.bad_input import world
from tests.bad_input.caller import PATIENCE_SECONDS, Answer
from tests.bad_input.conftest import Share
from tests.harness.server import Server

EXAMPLES = int(os.environ.get("HOLDFAST_FUZZ_EXAMPLES", "3"))
"""Per operation and mode. A longer hunt: HOLDFAST_FUZZ_EXAMPLES=200."""

calmly = settings(
    max_examples=EXAMPLES,
    derandomize="HOLDFAST_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as-described", "otherwise"])
def test_drawn_from_the_document(target: Server, document: dict[str, Any], share: Share, mode: GenerationMode) -> None:
    ids = world.build(target)
    faults: list[str] = []
    numbers = itertools.count()

    def send(case: Case[Any]) -> None:
        if case.method != "DELETE" and next(numbers) % 2:
            case.path_parameters = {name: ids[name] for name in case.path_parameters or {}}
        if fault := _fault(target, case):
            faults.append(f"{case.method} {case.formatted_path}: {fault}\n  {case.as_curl_command()[:600]}")

    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.discover())
    for operation in filter(lambda each: share.has(f"{mode} {each.label}"), _operations(schema)):
        with suppress(Unsatisfiable):  # nothing about this operation can be wrong
            calmly(given(case=operation.as_strategy(generation_mode=mode))(send))()
    assert next(numbers) > 2 * EXAMPLES
    assert not faults, f"{len(faults)}:\n" + "\n".join(faults[:20])


def _operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        yield result.ok()


def _fault(server: Server, case: Case[Any]) -> str | None:
    answer = case.call(base_url=server.url, timeout=PATIENCE_SECONDS)
    return Answer(answer.status_code, (answer.headers.get("content-type") or [""])[0], answer.content).fault
