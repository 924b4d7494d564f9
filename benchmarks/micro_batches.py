"""A pass over small images: whole batches against the micro-batches that a pass may take.

    python benchmarks/micro_batches.py [--network small-cnn] [--side 32] [--images 10000]

Both sides are `harness.models.passes.predict` on generated images, in turns, one thread, batches
of 256; the outputs must be equal to the bit. Judged by CPU seconds, so the machine may have other
work; the best of the rounds counts. Exits 1 where micro-batches lose more than two of all batches:
one is computed both ways, one is noise.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from baselines.model import NeuralModel
from baselines.networks.build import NetworkSpec, build
from harness.keys import content
from harness.models.passes.micro import MicroBatches
from harness.models.passes.numerics import Numerics
from harness.models.passes.predict import predict
from harness.types import ArrayInputs, Pool, Preprocessing

CLASSES = 10


def main() -> int:
    """Print the ratio and return 1 if micro-batches are slower."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="small-cnn")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--channels-last", action="store_true", help="As recipes of CIFAR say.")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape = (3, asked.side, asked.side)
    spec = NetworkSpec(asked.network, shape, CLASSES, channels_last=asked.channels_last)
    how = Preprocessing(size=(asked.side,) * 2, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3)
    model = NeuralModel(spec, build(spec), how)
    drawn = np.random.default_rng(0).integers(0, 256, (asked.images, asked.side, asked.side, 3))
    images = drawn.astype(np.uint8)
    names = tuple(map(str, range(CLASSES)))
    pool = Pool("test", "image", ArrayInputs(images), None, names, content({"x": images}))
    seconds: dict[bool, list[float]] = {True: [], False: []}
    outputs = {}
    for _ in range(asked.rounds):
        for small in (False, True):
            begun = time.process_time()
            micro = MicroBatches(asked.images) if small else None
            outputs[small] = predict(model, pool, numerics=Numerics(), micro=micro).values
            seconds[small].append(time.process_time() - begun)
    if outputs[True].tobytes() != outputs[False].tobytes():
        print("micro-batches gave other bits than whole batches")
        return 1
    whole, small = min(seconds[False]), min(seconds[True])
    least = 1 - 2 * Numerics().batch_size / asked.images
    print(
        f"{asked.network}, {asked.images:,} images of {asked.side} px: whole {whole:.2f} s of CPU, "
        f"in micro-batches {small:.2f} s: {whole / small:.2f} times the speed (target {least:.2f})"
    )
    return int(whole / small < least)


if __name__ == "__main__":
    sys.exit(main())
