"""A Python client of the memory service: an agent that chats through Ollama and remembers."""

from holdfast.integrations.qwen.agent import LettaOllamaAgent
from holdfast.integrations.qwen.line import MemoryProblem

__all__ = ["LettaOllamaAgent", "MemoryProblem"]
