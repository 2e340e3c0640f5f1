"""A memory service for an organization of its own."""

from collections.abc import AsyncIterator

import pytest

from holdfast.integrations.crewai import MemoryServer, MemoryService
from tests.harness.models import MODEL
from tests.harness.tenants import Org


@pytest.fixture
def place(org: Org) -> MemoryServer:
    """The shared server, as a program of this organization reaches it."""
    return MemoryServer(org.server.url, org.key)


@pytest.fixture
async def memory(place: MemoryServer) -> AsyncIterator[MemoryService]:
    async with MemoryService(place, model=MODEL) as memory:
        yield memory
