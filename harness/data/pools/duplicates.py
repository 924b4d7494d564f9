"""Near-duplicates between two pools: found by perceptual hash, confirmed by their pixels.

Test images that are also in training make every score too high and every interval too narrow. A
hash alone accuses too many: many grey shirts have one outline. A pair counts when its hashes are
near *and* its pixels correlate.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8, UInt64
from scipy.fft import dctn

from harness.errors import DataError
from harness.types import Pool

MAX_BITS = 10
"""Bits of 64 in which the hashes of a pair may differ: random pairs differ in 32 ± 4."""

MIN_CORRELATION = 0.9
"""Pearson's correlation of the pixels of a pair, all channels together, at least.

Chosen by eye on CIFAR-10, where pairs between 0.9 and 0.95 still show one photograph. Pictures of
products on black need more: on Fashion-MNIST two pairs of trousers correlate at 0.99.
"""

_SIDE = 32
_BLOCK = 1000


@dataclass(frozen=True)
class Duplicates:
    """Pairs of a row of one pool (`rows`, e.g. test) and a row of another (`others`, train)."""

    rows: Int[np.ndarray, " p"]
    """Rows of the first pool, increasing."""
    others: Int[np.ndarray, " p"]
    """Rows of the second pool."""
    bits: Int[np.ndarray, " p"]
    """Bits of 64 in which the hashes differ."""
    correlation: Float[np.ndarray, " p"]
    """Of the pixels, in [−1, 1]."""
    exact: Bool[np.ndarray, " p"]
    """Whether every pixel is the same."""
    n_rows: int
    """Rows of the first pool in all."""
    max_bits: int
    """Threshold of `bits`."""
    min_correlation: float
    """Threshold of `correlation`."""

    @property
    def share(self) -> float:
        """Return the share of the first pool's rows that have at least one near-duplicate."""
        return len(np.unique(self.rows)) / self.n_rows

    def summary(self, first: Pool, second: Pool) -> str:
        """Return the finding in one sentence.

        Parameters
        ----------
        first, second : Pool
            The pools that were compared.
        """
        found = len(np.unique(self.rows))
        exact = len(np.unique(self.rows[self.exact]))
        text = (
            f"{found:,} of {self.n_rows:,} images of {first.name} ({self.share:.2%}) have a "
            f"near-duplicate in {second.name}, {exact:,} of them to the pixel "
            f"(hashes within {self.max_bits} of 64 bits, pixels correlated at "
            f"{self.min_correlation:g} or more)"
        )
        if first.labels is not None and second.labels is not None and len(self.rows):
            other = first.labels[self.rows] != second.labels[self.others]
            text += f"; {np.mean(other):.1%} of the {len(other):,} pairs have different labels"
        return text + "."


def perceptual_hashes(images: UInt8[np.ndarray, "n h w c"]) -> UInt64[np.ndarray, " n"]:
    """Return a 64-bit hash of each image that small changes leave almost alone.

    Grey, 32×32, discrete cosine transform; the 8×8 lowest frequencies, each above or below their
    median.

    Parameters
    ----------
    images : uint8 array of shape (n, h, w, c)
        Any size; larger ones are averaged over blocks.

    Returns
    -------
    uint64 array of shape (n,)
        Compare with the number of bits that differ.

    References
    ----------
    Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.
    """
    bits = []
    for start in range(0, len(images), _BLOCK):
        grey = _resized(images[start : start + _BLOCK].astype(np.float64).mean(axis=3))
        low = dctn(grey, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(len(grey), 64)
        bits.append(low > np.median(low[:, 1:], axis=1, keepdims=True))
    packed = np.packbits(np.concatenate(bits), axis=1) if bits else np.empty((0, 8), np.uint8)
    return packed.view(">u8")[:, 0].astype(np.uint64)


def near_duplicates(
    first: Pool,
    second: Pool,
    *,
    max_bits: int = MAX_BITS,
    min_correlation: float = MIN_CORRELATION,
) -> Duplicates:
    """Return which images of one pool are nearly in another.

    Parameters
    ----------
    first : Pool
        Of images, e.g. the test pool; the same pool as `second` compares it with itself.
    second : Pool
        Of images of the same size, e.g. the training pool.
    max_bits : int, default=10
        Bits of 64 in which hashes may differ.
    min_correlation : float, default=0.9
        Correlation of pixels, at least.

    Raises
    ------
    DataError
        If the images are not of one size, or a pool is none of images.
    """
    for pool in (first, second):
        if pool.modality not in ("image", "files"):
            raise DataError(
                f"Expected pools of images; {pool.name} is a {pool.modality}. "
                "Near-duplicates of other inputs are not looked for."
            )
    size, other = (pool.inputs.take(np.arange(1)).shape[1:] for pool in (first, second))
    if size != other:
        raise DataError(
            f"Expected images of one size; {first.name} has {size}, {second.name} {other}. "
            "Decode both to the same size."
        )
    mine, theirs = _hashes(first), _hashes(second)
    found = [
        _confirmed(first, second, rows, others, bits, min_correlation)
        for rows, others, bits in _candidates(mine, theirs, max_bits, first is second)
    ]
    rows, others, bits, correlation, exact = (np.concatenate(p) for p in zip(*found, strict=True))
    return Duplicates(rows, others, bits, correlation, exact, len(first), max_bits, min_correlation)


def _candidates(
    mine: UInt64[np.ndarray, " n"],
    theirs: UInt64[np.ndarray, " m"],
    max_bits: int,
    same: bool,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield rows, other rows and differing bits of pairs with near hashes, block by block."""
    right = _signs(theirs).T
    for start in range(0, len(mine), _BLOCK):
        agreement = _signs(mine[start : start + _BLOCK]) @ right  # (block, m), 64 − 2 · bits
        rows, others = np.nonzero(agreement >= 64 - 2 * max_bits)
        bits = ((64 - agreement[rows, others]) / 2).astype(np.int64)
        kept = others > rows + start if same else np.ones(len(rows), dtype=bool)
        yield rows[kept] + start, others[kept], bits[kept]


def _signs(hashes: UInt64[np.ndarray, " n"]) -> Float[np.ndarray, "n 64"]:
    """Return each bit as −1 or +1: products of rows count bits that agree, exactly."""
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    return bits.astype(np.float32) * 2 - 1


def _confirmed(
    first: Pool,
    second: Pool,
    rows: Int[np.ndarray, " q"],
    others: Int[np.ndarray, " q"],
    bits: Int[np.ndarray, " q"],
    min_correlation: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Keep the pairs whose pixels correlate."""
    correlation, exact = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), _BLOCK):
        here = slice(start, start + _BLOCK)
        a, b = first.inputs.take(rows[here]), second.inputs.take(others[here])
        exact[here] = (a == b).reshape(len(a), -1).all(axis=1)
        correlation[here] = np.where(exact[here], 1.0, _correlations(a, b))
    kept = correlation >= min_correlation
    return rows[kept], others[kept], bits[kept], correlation[kept], exact[kept]


def _correlations(
    a: UInt8[np.ndarray, "n h w c"], b: UInt8[np.ndarray, "n h w c"]
) -> Float[np.ndarray, " n"]:
    """Return the correlation of each pair of images; 0 where one is flat."""
    x, y = (image.reshape(len(image), -1).astype(np.float64) for image in (a, b))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return np.where(scale > 0, (x * y).sum(axis=1) / np.maximum(scale, 1e-300), 0.0)


def _hashes(pool: Pool) -> UInt64[np.ndarray, " n"]:
    """Return the hashes of a pool, a block of images at a time."""
    starts = range(0, len(pool), _BLOCK)
    blocks = (np.arange(s, min(s + _BLOCK, len(pool))) for s in starts)
    return np.concatenate([perceptual_hashes(pool.inputs.take(rows)) for rows in blocks])


def _resized(grey: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n 32 32"]:
    """Return images of 32×32: averaged over blocks when larger, repeated when smaller."""
    if grey.shape[1:] == (_SIDE, _SIDE):
        return grey
    rows, columns = (_averaging(length) for length in grey.shape[1:])
    return np.matmul(np.matmul(rows, grey), columns.T)


def _averaging(length: int) -> Float[np.ndarray, "32 length"]:
    """Return the matrix that averages `length` pixels over 32 equal stretches."""
    edges = np.linspace(0, length, _SIDE + 1)
    pixel = np.arange(length)
    upper = np.minimum(edges[1:, None], pixel + 1)
    lower = np.maximum(edges[:-1, None], pixel)
    overlap = np.clip(upper - lower, 0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)
