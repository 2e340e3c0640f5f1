"""`create_client()`: the client of the generation before, with plain functions."""

from letta.answers import Thing, Turn
from letta.client import SECONDS, Letta


class FormerClient:
    """Agents and messages, each with a method of its own."""

    def __init__(self, client: Letta) -> None:
        self._client = client

    def list_agents(self) -> list[Thing]:
        return self._client.agents.list().data

    def create_agent(
        self, name: str | None = None, persona: str | None = None, human: str | None = None, model: str | None = None
    ) -> Thing:
        return self._client.agents.create(name, persona, human, model)

    def get_agent(self, agent_id: str) -> Thing:
        return self._client.agents.get(agent_id)

    def delete_agent(self, agent_id: str) -> None:
        self._client.agents.delete(agent_id)

    def send_message(self, agent_id: str, message: str, role: str = "user") -> Turn:
        return self._client.messages.create(agent_id, message, role)

    def get_messages(self, agent_id: str, limit: int = 100) -> list[Thing]:
        return self._client.messages.list(agent_id, limit).data


def create_client(base_url: str | None = None, token: str | None = None, timeout: float = SECONDS) -> FormerClient:
    return FormerClient(Letta(base_url, token, timeout))
