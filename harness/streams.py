"""Random streams that no numpy release can change (SPEC section 4).

numpy promises a stable raw PCG64 output but no stable `Generator` methods, so permutations,
uniforms and bounded integers are made here from `random_raw` alone.
"""

import hashlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, UInt64

STEPS = (
    "partition",
    "class-order",
    "subsample",
    "flip",
    "val",
    "replicates",
    "corrupt",
    "auxiliary",
)
"""What a stream may be for; one stream serves one step."""


class Stream:
    """A named stream of random words.

    Parameters
    ----------
    key : str
        ``"<split id>|s<seed>|<step>"``; the same key gives the same words everywhere.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        entropy = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
        self._bits = np.random.PCG64(np.random.SeedSequence(entropy))

    def raw(self, n: int) -> UInt64[np.ndarray, " n"]:
        """Return the next `n` raw 64-bit words."""
        words = self._bits.random_raw(n)
        return np.asarray(words, dtype=np.uint64)

    def permutation(self, n: int) -> Int[np.ndarray, " n"]:
        """Return 0 … n−1 in random order: the stable argsort of raw words."""
        return np.argsort(self.raw(n), kind="stable")

    def uniform(self, n: int) -> Float[np.ndarray, " n"]:
        """Return `n` numbers in [0, 1): the upper 53 bits times 2⁻⁵³."""
        return (self.raw(n) >> np.uint64(11)) * 2.0**-53

    def integers(self, n: int, high: int) -> Int[np.ndarray, " n"]:
        """Return `n` integers in [0, high): floor(u·high)."""
        return np.floor(self.uniform(n) * high).astype(np.int64)


def stream(split_id: str, seed: int, step: str) -> Stream:
    """Return the stream of one step of one split.

    Examples
    --------
    >>> stream("digits-balanced-clean", 0, "flip").integers(3, 10).tolist()
    [8, 2, 9]
    """
    if step not in STEPS:
        raise ValueError(f"step must be one of {STEPS}; got {step!r}")
    return Stream(f"{split_id}|s{seed}|{step}")


Draw = Callable[[str], Stream]
"""From a step's name to its stream, with split and seed already chosen."""
