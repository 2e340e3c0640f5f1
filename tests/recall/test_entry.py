"""What search keeps of an item."""

import numpy as np
import pytest

from holdfast.recall.entry import MOST_PIECES, merged, pieces

SENTENCE = "The keeper counts the gulls of the island, and writes their number into the book of the house. "


@pytest.mark.contract("passages.search.long-text")
def test_a_whole_book_is_read_to_its_end() -> None:
    read = pieces(SENTENCE * 10_000 + "The last word is lighthouse.", None)
    assert len(read) > MOST_PIECES
    assert read[-1].endswith("The last word is lighthouse.")


@pytest.mark.parametrize("count", [MOST_PIECES + 1, 2 * MOST_PIECES - 1, 8 * MOST_PIECES])
def test_pieces_of_a_book_share_vectors_with_their_neighbours(count: int) -> None:
    made = np.zeros((count, count), np.float32)
    np.fill_diagonal(made, 1)
    kept = merged(made)
    assert kept.shape == (MOST_PIECES, count)
    assert np.linalg.norm(kept, axis=1) == pytest.approx(1, abs=1e-5)
    assert kept.max(axis=0).min() >= (count // MOST_PIECES + 1) ** -0.5 - 1e-6
    assert [*np.argmax(kept, axis=0)] == sorted(np.argmax(kept, axis=0))
    assert np.array_equal(merged(made[:MOST_PIECES]), made[:MOST_PIECES])
