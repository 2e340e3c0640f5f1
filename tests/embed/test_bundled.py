"""The embedding model that comes with the server."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from holdfast.embed.bundled import DIMENSION, Bundled


@pytest.fixture
async def bundled() -> AsyncIterator[Bundled]:
    made = Bundled()
    yield made
    made.close()


async def test_near_means_alike(bundled: Bundled) -> None:
    texts = ["My sister moved to Italy.", "My sibling lives in Rome now.", "The compiler reports an error."]
    sister, sibling, compiler = await bundled.embed(texts)
    assert sister @ sibling > sister @ compiler + 0.3


async def test_vectors_have_one_length(bundled: Bundled) -> None:
    found = await bundled.embed(["a", "", "字" * 900, "word " * 2000])
    assert found.shape == (4, DIMENSION)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert (await bundled.embed([])).shape == (0, DIMENSION)


async def test_the_end_of_a_long_text_counts(bundled: Bundled) -> None:
    start = "rain " * 400
    plain, ended = await bundled.embed([start, start + "My sister moved to Italy. " * 40])
    question = (await bundled.embed(["Where does my sister live?"], is_query=True))[0]
    assert ended @ question > plain @ question + 0.1


async def test_company_changes_nothing(bundled: Bundled) -> None:
    texts = [f"Sentence number {n} says {'more ' * n}." for n in range(40)]
    together = await bundled.embed(texts)
    alone = np.concatenate(await asyncio.gather(*(bundled.embed([text]) for text in texts)))
    assert np.array_equal(together, alone)
