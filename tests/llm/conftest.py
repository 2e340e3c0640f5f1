"""A scripted model server, and the model layer pointed at it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.fakes.openai_server import OpenAIServer
from tests.llm.asking import Asker


@pytest.fixture(scope="session")
def model_server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def scripted(model_server: OpenAIServer) -> OpenAIServer:
    """The server with nothing recorded and nothing queued."""
    model_server.reset()
    return model_server


@pytest_asyncio.fixture
async def ask(scripted: OpenAIServer) -> AsyncIterator[Asker]:
    """Asks the scripted server through the model layer."""
    asker = Asker(scripted)
    yield asker
    await asker.close()
