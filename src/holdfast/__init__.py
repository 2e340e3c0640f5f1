"""Holdfast: a self-hosted server for agents that keep their memory."""

__version__ = "0.1.0"
