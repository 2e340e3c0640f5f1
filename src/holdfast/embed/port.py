"""What search asks of an embedding model, the same for all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """A model that places texts in a space where near means alike. Failures are raised as `errors.ModelError`."""

    @property
    def handle(self) -> str: ...

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> "NDArray[np.float32]":
        """A row of length 1 for each text. Nothing is cut: a text longer than the model reads is read in parts.

        Questions go ahead of texts that are stored, and some models are told which is which.
        """
        ...
