"""The one door to timm and torchvision.

A torchvision built for CUDA beside a CPU torch dies at import: its compiled operators are
absent, and it registers shapes for them. Declaring the two schemas that it asks for is enough
for everything but the operators themselves (``ops.nms``, ``io.decode_image``); where the builds
match, nothing is changed.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from harness.errors import CardError

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []
"""Keeps the library of schemas alive: when it is collected, the schemas go with it."""


def torchvision() -> ModuleType:
    """Return torchvision, also when its build does not match torch's.

    Raises
    ------
    CardError
        If it is not installed.
    """
    _need("torchvision")
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _declare()
    return import_module("torchvision")


def timm() -> ModuleType:
    """Return timm, with torchvision repaired first.

    Raises
    ------
    CardError
        If it is not installed.
    """
    _need("timm")
    torchvision()
    return import_module("timm")


def _declare() -> None:
    from torch.library import Library

    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported
    library = Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)


def _need(package: str) -> None:
    if package not in sys.modules and find_spec(package) is None:
        raise CardError(
            f"This needs {package}, which is not installed. Run: pip install 'tailmark[torch]'"
        )
