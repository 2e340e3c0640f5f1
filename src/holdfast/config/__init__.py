"""The settings of the server: read once from the environment and the command line, checked, and passed down."""

from holdfast.config.load import ConfigError, load, with_password
from holdfast.config.model import SETTINGS, Setting, Settings

__all__ = ["SETTINGS", "ConfigError", "Setting", "Settings", "load", "with_password"]
