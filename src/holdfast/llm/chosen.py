"""What a client chose as the embedding model of an agent or archive, in either generation's words."""

from typing import Any

from holdfast.llm.models import Models
from holdfast.llm.settings import EmbeddingConfig

KEPT = ("embedding_chunk_size", "batch_size")
"""Fields of embedding_config that are a choice; the model's card says the others better."""


def embedding(
    models: Models, handle: str | None, config: EmbeddingConfig | None, chunk_size: int | None = None
) -> dict[str, Any]:
    """The columns `embedding` and `embedding_config`, as far as they were chosen."""
    named = handle or (config and (config.handle or _name(models, config)))
    if not named:
        return {}
    values: dict[str, Any] = {"embedding": models.embedding_card(named).handle}
    if config is not None:
        sent = config.model_dump(exclude_none=True, exclude_unset=True)
        values["embedding_config"] = {name: sent[name] for name in KEPT if name in sent}
    if chunk_size is not None:
        values["embedding_config"] = {**values.get("embedding_config", {}), "embedding_chunk_size": chunk_size}
    return values


def _name(models: Models, config: EmbeddingConfig) -> str | None:
    model = config.embedding_model
    return model and models.meant(model, config.embedding_endpoint_type)
