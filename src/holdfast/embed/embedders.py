"""Which embedding model a handle means."""

from collections.abc import Sequence

from holdfast.embed.bundled import Bundled
from holdfast.embed.port import Embedder
from holdfast.embed.remote import WIRES, Remote
from holdfast.errors import ModelError
from holdfast.llm.models import Models


class Embedders:
    """The bundled model, and those of the providers that the server knows."""

    def __init__(self) -> None:
        self._bundled = Bundled()

    def of(self, models: Models, handle: str | None = None) -> Embedder:
        """What makes the vectors of a model; without a handle, of the server's default."""
        card = models.embedding_card(handle)
        if card.handle == self._bundled.handle:
            return self._bundled
        place, row, target, client = models.embedding_place(card)
        wire = WIRES.get(row.wire)
        if wire is None:
            have: Sequence[str] = sorted(WIRES)
            raise ModelError(
                "llm_bad_request",
                f"{card.handle} cannot be used: {place.name} has no embeddings that this server could ask for "
                f"(it knows the protocols {', '.join(have)}). Choose another embedding, or {self._bundled.handle}.",
            )
        return Remote(card.handle, card.name, place, target, client, wire())

    def close(self) -> None:
        self._bundled.close()
