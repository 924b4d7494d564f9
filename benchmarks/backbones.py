"""How good and how fast package backbones are, on Tiny-ImageNet's validation images.

    python benchmarks/backbones.py --data-root ROOT [--network package/efficientnet-lite0]
        [--size 128] [--images 2000] [--mean 0.5 --std 0.5]

ROOT holds tiny-imagenet-200/ as tiny200-v1 reads it. Images of 64 pixels are brought to the size
by bicubic interpolation; accuracies are over all 1,000 outputs. One thread; the rate is images per
second of processor time, resizing included.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from harness.data.sets.datasets import load_part
from harness.models.obtain.backbones import package_network
from harness.models.passes.preprocessing import prepare
from harness.types.models import Preprocessing

AT_ONCE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--network", default="package/efficientnet-lite0")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--mean", type=float, nargs="+", default=[0.5])
    parser.add_argument("--std", type=float, nargs="+", default=[0.5])
    given = parser.parse_args()
    torch.set_num_threads(1)
    pool = load_part("tiny200", "all", given.data_root)
    how = Preprocessing(
        size=(given.size, given.size),
        channels=3,
        mean=tuple(given.mean) if len(given.mean) == 3 else (given.mean[0],) * 3,
        std=tuple(given.std) if len(given.std) == 3 else (given.std[0],) * 3,
        interpolation="bicubic",
    )
    network = package_network(given.network, classifier=True)
    places = imagenet_places(given.data_root)
    # Every k-th image, so that a part of them has all classes.
    rows = np.linspace(0, len(pool) - 1, min(given.images, len(pool))).round().astype(int)
    first = five = 0
    started = time.process_time()
    for part in np.array_split(rows, -(-len(rows) // AT_ONCE)):
        images = torch.from_numpy(prepare(pool.inputs.take(part), how))
        with torch.inference_mode():
            best = network(images).topk(5, dim=1).indices.numpy()
        right = best == places[pool.labels[part]][:, None]
        first, five = first + right[:, 0].sum(), five + right.any(axis=1).sum()
    seconds = time.process_time() - started
    n = len(rows)
    print(
        f"{given.network} at {given.size} px, {n} images: top-1 {100 * first / n:.1f} %, "
        f"top-5 {100 * five / n:.1f} %, {n / seconds:.0f} images/s of one core"
    )


def imagenet_places(root: Path) -> np.ndarray:
    """Return the output of each class of Tiny-ImageNet: its place among ImageNet's sorted ids."""
    from timm.data import ImageNetInfo

    known = ImageNetInfo("imagenet-1k").label_names()
    wnids = sorted((root / "tiny-imagenet-200" / "wnids.txt").read_text("utf-8-sig").split())
    return np.array([known.index(wnid) for wnid in wnids])


if __name__ == "__main__":
    main()
