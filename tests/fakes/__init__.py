"""Servers that play the outside world, over real connections."""
