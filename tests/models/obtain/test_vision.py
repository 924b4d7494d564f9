"""torchvision and timm come in through one door, also where their builds do not match torch's."""

import subprocess
import sys

from tests.conftest import ROOT

CODE = """
from harness.models.obtain.vision import timm, torchvision
vision = torchvision()
assert torchvision() is vision
from torchvision.transforms import v2
import torch
print(v2.Resize(4)(torch.zeros(3, 8, 8)).shape[-1], timm().create_model("test_vit") is not None)
"""


def test_timm_and_torchvision_can_be_imported_in_a_fresh_process():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "4 True"


def test_nobody_else_imports_them():
    doors = {"harness/models/obtain/vision.py", "harness/models/loaders/timm_weights.py"}
    found = set()
    for package in ("harness", "baselines", "leaderboard"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            direct = any(
                line.lstrip().startswith((f"import {name}", f"from {name}"))
                for line in text.splitlines()
                for name in ("timm", "torchvision")
            )
            if direct and "harness.models.obtain.vision" not in text:
                found.add(str(path.relative_to(ROOT)))
    assert found <= doors
