"""What routes ask for when an answer depends on the models: those of the caller's organization."""

from typing import Annotated

from fastapi import Depends, Request

from holdfast.llm.models import Models


async def _models(request: Request) -> Models:
    """The server's models and those of the organization's own providers."""
    return await request.app.state.organizations.of(request.state.who)


Llms = Annotated[Models, Depends(_models)]
