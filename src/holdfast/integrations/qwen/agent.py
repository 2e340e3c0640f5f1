"""The agent that scripts talk to: each call is a request to the memory service."""

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from holdfast.integrations.qwen.beside import PORT, Beside
from holdfast.integrations.qwen.line import ServiceLine

MODEL = "huihui_ai/qwen3-abliterated:4b-v2"


class LettaOllamaAgent:
    """An agent on a model of Ollama, with a memory per user that outlives the program.

    Without `letta_url` it uses the service on this machine, and starts one for as long as the program runs when there
    is none. Users, not names of agents, have memories: two programs that speak of the same user share what is known.
    """

    home: ClassVar[Path] = Path()
    """Where `data/letta` and `config/letta_config.json` are looked for."""
    _beside: ClassVar[dict[tuple[Path, str | None], Beside]] = {}
    """The services that this program has started, by where their data is and which Ollama they ask."""

    def __init__(
        self,
        model: str = MODEL,
        agent_name: str = "QwenAgent",
        letta_url: str | None = None,
        ollama_url: str | None = None,
        data_dir: str | None = None,
    ) -> None:
        self.model = model
        self.agent_name = agent_name
        self.ollama_url = ollama_url
        self.data_dir = Path(data_dir or os.environ.get("DATA_DIR") or self.home / "data" / "letta").absolute()
        named = letta_url or os.environ.get("LETTA_URL")
        self._line = ServiceLine(named) if named else self._found()
        self.letta_url = self._line.url

    def chat(self, message: str, user_id: str = "default", include_memory: bool = True) -> str:
        """Say something; the answer."""
        body = {"message": message, "user_id": user_id, "include_memory": include_memory, "model": self.model}
        return self._line.ask("POST", "/chat", body)["response"]

    def add_memory(self, content: str, memory_type: str = "recall", user_id: str = "default") -> str:
        """Remember something: recall, archival, fact, preference, reminder or note. Its id."""
        body = {"content": content, "memory_type": memory_type, "user_id": user_id}
        return self._line.ask("POST", "/memory/add", body)["id"]

    def search_memory(self, query: str, limit: int = 5, user_id: str = "default") -> list[dict[str, Any]]:
        """What a user has said or stored that is nearest to the query."""
        body = {"query": query, "limit": limit, "user_id": user_id}
        return self._line.ask("POST", "/memory/search", body)["results"]

    def get_recent_context(self, limit: int = 5, user_id: str = "default") -> list[dict[str, Any]]:
        """What was said last, the newest first: `message`, `response` and `timestamp` of each exchange."""
        return self._line.ask("GET", "/memory/recent", user_id=user_id, limit=limit)["conversations"]

    def get_memory_summary(self, user_id: str = "default") -> dict[str, Any]:
        """Which agent this is, and how much it remembers of a user."""
        told = self._line.ask("GET", "/memory/stats", user_id=user_id)
        return {**told, "agent_name": self.agent_name, "model": self.model}

    def consolidate_memory(self, user_id: str = "default") -> str:
        """Put a summary in the place of older messages; all of them can still be found. The summary."""
        return self._line.ask("POST", "/memory/consolidate", user_id=user_id)["summary"] or ""

    def save_conversation(self, filename: str = "conversation.json", user_id: str = "default") -> str:
        """Write what a user has said and stored into a JSON file; its path."""
        told = self._line.ask("GET", "/memory/export", user_id=user_id, save="false")["export"]
        told["metadata"]["agent_name"] = self.agent_name
        path = Path(filename).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told, ensure_ascii=False, indent=2), encoding="utf-8")
        return str(path)

    def clear_memory(self, user_id: str = "default") -> int:
        """Forget everything about one user, for good; how much that was."""
        return self._line.ask("DELETE", "/memory/clear", user_id=user_id)["cleared"]

    def _found(self) -> ServiceLine:
        """The service of this machine, or one that is started for this program."""
        usual = ServiceLine(f"http://127.0.0.1:{PORT}")
        if usual.is_there():
            return usual
        config = self.home / "config" / "letta_config.json"
        where = self.data_dir, self.ollama_url
        if where not in self._beside:
            told = config.absolute() if config.exists() else None
            self._beside[where] = Beside(self.data_dir, told, self.ollama_url, self.model)
        return ServiceLine(self._beside[where].url())
