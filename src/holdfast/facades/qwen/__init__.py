"""The memory service that chat programs for Ollama talk to: an agent per user, behind a few simple routes."""
