"""Run by test_crewai.py where CrewAI is installed: its own memory on our storage, and a crew with it; prints JSON."""

import json
import os
import sys
from importlib import import_module
from typing import Any

from holdfast.integrations.crewai import HoldfastStorage, crewai_tools

crewai: Any = import_module("crewai")
backend: Any = import_module("crewai.memory.storage.backend")


TASK = (
    "Write about short headlines. "
    'CALL store_memory {"app_agent_id": "desk", "observation": "Ann prefers six words.", "role": "user"} '
    'CALL recall_memories {"app_agent_id": "desk", "query": "How many words?"} '
    "REPLY Six words are enough."
)
"""What the scripted model is to do."""


def memory_of(storage: HoldfastStorage, **more: Any) -> Any:
    return crewai.Memory(storage=storage, embedder=storage.embedder, llm=model(), **more)


def model() -> Any:
    return crewai.LLM(model="openai/gpt-4o-mini", base_url=os.environ["MODEL_URL"], api_key="scripted")


def plain() -> dict[str, Any]:
    """What CrewAI's memory does, without a model."""
    storage = HoldfastStorage("crew:plain")
    memory = memory_of(storage)
    for text, scope, categories in (
        ("Invoices are in Norwegian kroner.", "/office/money", ["billing"]),
        ("The depot closes at five.", "/office/depot", ["hours"]),
        ("The depot in Bergen closes at four.", "/officer", ["hours"]),
    ):
        memory.remember(text, scope=scope, categories=categories, importance=0.5, metadata={"by": "Ann"})
    memory.drain_writes()
    found = memory.recall("Which currency are invoices in?", depth="shallow")
    inside = memory.recall("when does the depot close", scope="/office", depth="shallow")
    first = found[0].record
    memory.update(first.id, content="Invoices are in Swedish kronor.")
    told = {
        "is_backend": isinstance(storage, backend.StorageBackend),
        "nearest": first.content,
        "categories": first.categories,
        "metadata": first.metadata,
        "inside": sorted(match.record.content for match in inside),
        "scopes": memory.list_scopes("/"),
        "below": memory.list_scopes("/office"),
        "counted": memory.list_categories(),
        "info": memory.info("/office").model_dump(mode="json", include={"record_count", "child_scopes", "categories"}),
        "updated": getattr(storage.get_record(first.id), "content", None),
        "newest": [record.content for record in memory.list_records(limit=2)],
        "forgotten": memory.forget(categories=["billing"]),
        "left": storage.count(),
        "office": storage.count("/office"),
    }
    memory.reset("/office")
    told["after_reset"] = [record.content for record in memory.list_records()]
    memory.close()
    return told


def foreign_vector() -> str:
    """Searching with a vector that is not ours."""
    storage = HoldfastStorage("crew:plain")
    try:
        storage.search([0.5] * 64)
    except Exception as error:
        return str(error)
    finally:
        storage.close()
    return ""


def crew() -> dict[str, Any]:
    """A crew that recalls what an earlier one stored, with the memory of CrewAI and with our two tools."""
    storage = HoldfastStorage("crew:news")
    memory = memory_of(storage)
    memory.remember("The reader likes short headlines.", scope="/", categories=[], importance=0.9)
    memory.drain_writes()
    writer = crewai.Agent(role="writer", goal="write", backstory="You write.", llm=model(), tools=crewai_tools())
    task = crewai.Task(description=TASK, expected_output="one line", agent=writer)
    made = crewai.Crew(agents=[writer], tasks=[task], memory=memory, verbose=False)
    answer = str(made.kickoff())
    memory.drain_writes()
    kept = [record.content for record in memory.list_records()]
    memory.close()
    return {"answer": answer, "kept": kept}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps({"plain": plain(), "foreign_vector": foreign_vector(), "crew": crew()}) + "\n")
