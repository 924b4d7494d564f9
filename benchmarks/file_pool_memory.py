"""Peak memory of one pass over a pool of many image files.

Run: python benchmarks/file_pool_memory.py [images] [side]; makes the JPEGs in a temporary folder.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from harness.data.pools.file_pools import file_pool

BATCH = 256


def main() -> None:
    """Make the images, open the pool, take every row once, print time and peak memory."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    side = int(sys.argv[2]) if len(sys.argv) > 2 else 128
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = _make(root, n, side)
        start = time.perf_counter()
        pool = file_pool("train", root, names, np.arange(n) % 1000, size=(side, side))
        opened = time.perf_counter() - start
        print(f"opened: {opened:.1f} s, peak {_peak():.0f} MiB, {pool.fingerprint[:12]}")
        start = time.perf_counter()
        for first in range(0, n, BATCH):
            pool.inputs.take(np.arange(first, min(first + BATCH, n)))
            if first % (BATCH * 100) == 0:
                print(f"{first:>8,} images: peak {_peak():.0f} MiB")
        taken = time.perf_counter() - start
        print(f"taken: {taken:.1f} s, {n / taken:,.0f} images/s, peak {_peak():.0f} MiB")


def _make(root: Path, n: int, side: int) -> list[str]:
    """Write n JPEGs of smooth noise."""
    rng = np.random.default_rng(0)
    names = [f"{i // 1000:03d}/{i}.jpg" for i in range(n)]
    for i, name in enumerate(names):
        if i % 1000 == 0:
            (root / name).parent.mkdir()
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        small.resize((side, side)).save(root / name, quality=80)
    return names


def _peak() -> float:
    """Return the peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
