"""Vectors of texts, made by the models that also serve search."""

from collections.abc import Sequence

from fastapi import Request

from holdfast.embed.embedders import Embedders
from holdfast.errors import BadRequest
from holdfast.llm.models import Models
from holdfast.llm.tokens import estimate

MOST_TEXTS = 2048
DEFAULT = ("default", "")


async def vectors(request: Request, models: Models, model: str, texts: Sequence[str]) -> list[list[float]]:
    """A vector for each text, by an embedding model named by its handle, or by the server's default."""
    if not texts or not all(text.strip() for text in texts):
        raise BadRequest("`input` is empty or has an empty text in it; send texts with something in them.")
    if len(texts) > MOST_TEXTS:
        raise BadRequest(f"`input` has {len(texts)} texts; send at most {MOST_TEXTS} at once.")
    await models.settle()
    embedders: Embedders = request.app.state.embedders
    made = await embedders.of(models, None if model.strip() in DEFAULT else model).embed(texts)
    return [[float(number) for number in row] for row in made]


def tokens(texts: Sequence[str]) -> int:
    return sum(map(estimate, texts))
