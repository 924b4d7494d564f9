"""What the sandbox costs an honest model: 10,000 images of 28 × 28 through a small network.

The same file is served by a sandboxed process and by a plain one, by turns; the time is from the
start of the process to the last output. Fashion-MNIST's test set has this shape; its contents
do not matter for the time.

    python benchmarks/sandbox.py                # five turns
    python benchmarks/sandbox.py --turns 9
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(ROOT))
    from harness.models.sandbox.backends import require
    from harness.models.sandbox.programs import Program, predict

    name = require()
    images = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28, 1), dtype=np.uint8)
    seconds: dict[str, list[float]] = {"sandboxed": [], "plain": []}
    with tempfile.TemporaryDirectory() as text:
        home = Path(text)
        (home / "honest.py").write_text(MODEL)
        np.save(home / "inputs.npy", images)
        code = PLAIN.format(
            root=str(ROOT), home=text, inputs=f"{text}/inputs.npy", outputs=f"{text}/out.npy",
            batch=BATCH,
        )  # fmt: skip
        for _ in range(turns):
            started = time.perf_counter()
            found = predict(Program("honest:load", 10, folder=home), images, batch_size=BATCH)
            seconds["sandboxed"].append(time.perf_counter() - started)
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=text)
            seconds["plain"].append(time.perf_counter() - started)
        if not np.array_equal(found.values, np.load(home / "out.npy")):
            sys.exit("The sandbox changes outputs.")
    best = {way: min(each) for way, each in seconds.items()}
    ratio = best["sandboxed"] / best["plain"]
    print(
        f"sandbox ({name}): {best['sandboxed']:.2f} s sandboxed, {best['plain']:.2f} s plain "
        f"(least of {turns}): {ratio:.3f} x (target: at most {TARGET})"
    )
    sys.exit(ratio > TARGET)


if __name__ == "__main__":
    main()
