"""The scripted models, as a server is told of them."""

from tests.fakes.openai_server import OpenAIServer

MODEL = "openai/gpt-4o-mini"
EMBEDDING = "openai/text-embedding-3-small"


def environment(models: OpenAIServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": "scripted", "OPENAI_API_BASE": models.url}
