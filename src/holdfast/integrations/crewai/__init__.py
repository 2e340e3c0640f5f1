"""Memory for crews: `MemoryService` in programs, two tools for agents, a storage for CrewAI's own memory."""

from holdfast.integrations.crewai.failures import MemoryServiceError
from holdfast.integrations.crewai.found import MemoryFound, MemoryKept, MemoryStats
from holdfast.integrations.crewai.memory import MemoryService
from holdfast.integrations.crewai.names import agent_name, memory_id
from holdfast.integrations.crewai.place import MemoryServer
from holdfast.integrations.crewai.storage import HoldfastStorage
from holdfast.integrations.crewai.tools import crewai_tools, recall_memories_tool, store_memory_tool

__all__ = [
    "HoldfastStorage",
    "MemoryFound",
    "MemoryKept",
    "MemoryServer",
    "MemoryService",
    "MemoryServiceError",
    "MemoryStats",
    "agent_name",
    "crewai_tools",
    "memory_id",
    "recall_memories_tool",
    "store_memory_tool",
]
