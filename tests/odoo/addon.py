"""The add-on for Odoo as files, and its plain modules as Odoo's Python would import them."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "integrations" / "odoo" / "holdfast_memory"
PACKAGE = "holdfast_memory_client"


def module(name: str) -> Any:
    """`client/<name>.py`, without anything of Odoo."""
    if PACKAGE not in sys.modules:
        folder = ADDON / "client"
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec
        assert spec.loader
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[PACKAGE])
    return importlib.import_module(f"{PACKAGE}.{name}")


http: Any = module("http")
memory: Any = module("memory")
activity: Any = module("activity")
settings: Any = module("settings")
