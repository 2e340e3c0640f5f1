"""`LettaOllamaAgent`, importable as `services.letta_agent` and as `letta_agent`."""

from pathlib import Path
from typing import ClassVar

from holdfast.integrations import qwen


class LettaOllamaAgent(qwen.LettaOllamaAgent):
    """The agent, with its data and its configuration in the folder above this one."""

    home: ClassVar[Path] = Path(__file__).resolve().parent.parent


__all__ = ["LettaOllamaAgent"]
