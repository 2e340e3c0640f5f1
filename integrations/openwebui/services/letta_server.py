"""Starts the memory service: `python letta_server.py [HOST] [PORT]`, with the options of `holdfast service qwen`."""

import os
import sys
from pathlib import Path

from holdfast.cli import main

HOME = Path(__file__).resolve().parent.parent
CONFIG = HOME / "config" / "letta_config.json"

if __name__ == "__main__":
    os.chdir(HOME)
    options = [] if "--config" in sys.argv or not CONFIG.exists() else ["--config", str(CONFIG)]
    sys.argv[1:] = ["service", "qwen", *sys.argv[1:], *options]
    main()
