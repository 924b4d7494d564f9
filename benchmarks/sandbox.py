"""What the sandbox costs an honest model: 10,000 images of 28 × 28 through a small network.

The same file is served by a sandboxed process and by a plain one, by turns. Measured is processor
time, of the harness and of the process together, from its start to the last output: the clock of a
busy machine says nothing. Fashion-MNIST's test set has this shape; its contents
do not matter for the time.

    python benchmarks/sandbox.py                # five turns
    python benchmarks/sandbox.py --turns 9
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TARGET = 1.15
BATCH = 256
MODEL = """
import torch

def load(files):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers, channels = [], 1
    for width in (32, 32):
        layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
        channels = width
    pooled = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, 10)]
    return torch.nn.Sequential(*layers, *pooled).eval()
"""
PLAIN = """
import sys
sys.path[:0] = [{root!r}, {home!r}]
import numpy as np
from honest import load
from harness.models.obtain.plain import as_model
from harness.models.passes.numerics import Numerics, computing
with computing(Numerics()):
    model = as_model(load(None), [str(k) for k in range(10)])
inputs = np.load({inputs!r})
found = []
for first in range(0, len(inputs), {batch}):
    with computing(Numerics()):
        found.append(model(inputs[first : first + {batch}]).values)
np.save({outputs!r}, np.concatenate(found))
"""


def _used() -> float:
    """Processor seconds of this process and of the children that it waited for."""
    whole = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in whole)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(ROOT))
    from harness.models.sandbox.backends import require
    from harness.models.sandbox.programs import Program, Sandbox

    name = require()
    images = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), dtype=np.uint8)
    used: dict[str, list[float]] = {"sandboxed": [], "plain": []}
    with tempfile.TemporaryDirectory() as text:
        home = Path(text)
        (home / "honest.py").write_text(MODEL)
        np.save(home / "inputs.npy", images)
        code = PLAIN.format(
            root=str(ROOT), home=text, inputs=f"{text}/inputs.npy", outputs=f"{text}/out.npy",
            batch=BATCH,
        )  # fmt: skip
        program = Program("honest:load", 10, folder=home)
        for _ in range(turns):
            begun = _used()
            with Sandbox(program) as sandbox:
                batches = range(0, len(images), BATCH)
                found = np.concatenate(
                    [sandbox(images[first : first + BATCH]).values for first in batches]
                )
                inside = sandbox.processor_seconds
            used["sandboxed"].append(_used() - begun + inside)
            begun = _used()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=text)
            used["plain"].append(_used() - begun)
        if not np.array_equal(found, np.load(home / "out.npy")):
            sys.exit("The sandbox changes outputs.")
    best = {way: min(each) for way, each in used.items()}
    ratio = best["sandboxed"] / best["plain"]
    print(
        f"sandbox ({name}): {best['sandboxed']:.2f} s sandboxed, {best['plain']:.2f} s plain "
        f"(least of {turns}): {ratio:.3f} x (target: at most {TARGET})"
    )
    sys.exit(ratio > TARGET)


if __name__ == "__main__":
    main()
