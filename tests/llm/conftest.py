"""A scripted model server, and the model layer pointed at it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from holdfast.llm.models import Models
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.scripted_http import ScriptedHttp
from tests.llm.asking import Asker
from tests.llm.claude import Claude


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


@pytest.fixture(scope="session")
def http_server() -> Iterator[ScriptedHttp]:
    with ScriptedHttp() as server:
        yield server


@pytest.fixture
def service(http_server: ScriptedHttp) -> ScriptedHttp:
    """A server with nothing recorded and nothing scripted."""
    http_server.reset()
    return http_server


@pytest_asyncio.fixture
async def claude(service: ScriptedHttp) -> AsyncIterator[Claude]:
    """Asks that server as if it were Anthropic's."""
    asker = Claude(service)
    yield asker
    await asker.close()


@pytest.fixture(scope="session")
def ollama_server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def ollama(ollama_server: OllamaServer) -> OllamaServer:
    """A scripted Ollama with one model, nothing recorded and nothing queued."""
    ollama_server.reset()
    return ollama_server


@pytest.fixture
def ollama_models(ask: Asker, ollama: OllamaServer) -> Models:
    """The model layer pointed at the scripted Ollama."""
    return ask.models({"OLLAMA_BASE_URL": ollama.url})
