"""HTTP of models: which ones agents can run on, and which ones can embed."""

from typing import Annotated, Literal

from fastapi import Header, Query, Response

from holdfast.auth.caller import Caller
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm import wire
from holdfast.llm.asked import Llms

router = Router("models")


@router.get("/models/", list[wire.Model])
async def list_models(
    who: Caller,
    models: Llms,
    provider_category: Annotated[list[Literal["base", "byok"]] | None, Query()] = None,
    provider_name: str | None = None,
    provider_type: str | None = None,
) -> Response:
    rows = [wire.model(card) for card in await models.list()]
    return reply(
        [
            row
            for row in rows
            if (not provider_category or row["provider_category"] in provider_category)
            and (provider_name or row["provider_name"]) == row["provider_name"]
            and (provider_type or row["provider_type"]) == row["provider_type"]
        ]
    )


@router.get("/models/embedding", list[wire.EmbeddingModel])
async def list_embedding_models(who: Caller, models: Llms) -> Response:
    return reply([wire.embedding_model(card) for card in await models.embedding_list()])


@router.get("/embeddings/total_storage_size", float)
async def total_storage_size(
    who: Caller, storage_unit: Annotated[Literal["MB", "GB"], Header(alias="storage_unit")] = "GB"
) -> Response:
    """How much the stored vectors take; nothing is embedded yet, in whichever unit."""
    return reply(0.0)
