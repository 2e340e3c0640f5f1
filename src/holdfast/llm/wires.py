"""The protocols that model servers speak, by the name that the catalog's rows give them."""

from collections.abc import Callable, Mapping

from holdfast.llm.anthropic import Anthropic
from holdfast.llm.bedrock import Bedrock
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.gemini import Gemini
from holdfast.llm.model import Provider
from holdfast.llm.ollama import Ollama
from holdfast.llm.openai import OpenAI
from holdfast.llm.row import Row
from holdfast.llm.vertex import Vertex

Wire = Callable[[ModelClient, Configured, Row, Target], Provider]

WIRES: Mapping[str, Wire] = {
    "openai": OpenAI,
    "anthropic": Anthropic,
    "bedrock": Bedrock,
    "ollama": Ollama,
    "gemini": Gemini,
    "vertex": Vertex,
}
