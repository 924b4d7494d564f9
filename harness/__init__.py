"""tailmark: measure classifiers where data are rough, with error bars, from evidence.

Names are loaded when they are first used, so that ``import harness`` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "run": "harness.runs.api",
    "rank": "harness.runs.api",
    "compare": "harness.runs.api",
    "load_record": "harness.runs.api",
    "HarnessError": "harness.errors",
}

__all__ = ["HarnessError", "__version__", "compare", "load_record", "rank", "run"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
