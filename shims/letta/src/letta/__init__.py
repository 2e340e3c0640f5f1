"""`import letta` for programs that expect it, over the HTTP API of a Holdfast server."""

from letta.client import Letta
from letta.exceptions import APIError
from letta.former import create_client

__all__ = ["APIError", "Letta", "__version__", "create_client"]

__version__ = "0.1.0"
