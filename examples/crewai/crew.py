"""Two agents of a crew and their memory on the server; docs/crewai.md says what it needs."""

import asyncio

from holdfast.integrations.crewai import MemoryServer, MemoryService, memory_id

RESEARCHER = memory_id("newsroom", agent="researcher")
WRITER = memory_id("newsroom", agent="writer")


async def main() -> None:
    async with MemoryService(MemoryServer("http://127.0.0.1:8283")) as memory:
        await memory.store(RESEARCHER, "The depot in Bergen closes at four.", "system")
        await memory.store(RESEARCHER, "Invoices are written in Norwegian kroner.", "user")
        await memory.store(WRITER, "Headlines have six words.", "assistant")

        (nearest,) = await memory.recall(RESEARCHER, "When does the depot close?", limit=1)
        print("recalled:", nearest.text, f"({nearest.role})")
        print("the writer knows:", [each.text for each in await memory.memories(WRITER)])

        await memory.tell(RESEARCHER, "Remember that my name is Ada.")
        print("answered:", await memory.ask(RESEARCHER, "What is my name?"))

        stats = await memory.stats(RESEARCHER)
        print("stored:", stats.stored, "recalled:", stats.recalled)
        print("deleted:", await memory.delete(RESEARCHER), await memory.delete(WRITER))


asyncio.run(main())
