"""Spurious correlation: an attribute that predicts the label in training and not at test time.

The attribute is a bright square at one of C places along the upper and lower edge; class k's place
is place k. A model that looks at the square is right in training and wrong in the groups in which
square and class disagree; the worst group's accuracy says so.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int, UInt8

from harness.errors import SpecError
from harness.keys import content, sha256_of
from harness.streams import Stream
from harness.types import ArrayInputs, Inputs, Pool

VERSION = 1
"""Raised by hand when a square gets other pixels."""


def draw_attributes(
    labels: Int[np.ndarray, " n"], num_classes: int, correlation: float, words: Stream
) -> Int[np.ndarray, " n"]:
    """Return the place of each image's square: its class's as often as `correlation` says.

    Parameters
    ----------
    labels : int array of shape (n,)
        Clean class indices.
    num_classes : int
        C, the number of places.
    correlation : float
        Share of images whose square is at their class's place, in [1/C, 1]; 1/C is chance.
    words : Stream
        Stream of the step ``corrupt``: n uniforms decide, n more draw another place.

    Returns
    -------
    int array of shape (n,)
        0 … C−1.

    Raises
    ------
    SpecError
        If the correlation is outside its range.
    """
    if not 1 / num_classes <= correlation <= 1:
        raise SpecError(
            f"correlation is a share in [1/C, 1] = [{1 / num_classes:g}, 1], 1/C being chance; "
            f"got {correlation:g}. Write for example '~planted0.95'."
        )
    agrees = words.uniform(len(labels)) < correlation
    other = (labels + 1 + words.integers(len(labels), num_classes - 1)) % num_classes
    return np.where(agrees, labels, other).astype(np.int64)


def with_squares(
    images: UInt8[np.ndarray, "n h w c"], attributes: Int[np.ndarray, " n"], places: int
) -> UInt8[np.ndarray, "n h w c"]:
    """Return images with a white square, dark below and to the right of it, each at its place.

    Parameters
    ----------
    images : uint8 array of shape (n, h, w, c)
        Not changed.
    attributes : int array of shape (n,)
        Place of each square, 0 … places − 1.
    places : int
        How many there are: half of them along the upper edge, the others along the lower.

    Raises
    ------
    SpecError
        If the images are too small for so many places of two pixels.
    """
    side = _side(images, places)
    height, columns = images.shape[1], -(-places // 2)
    drawn = images.copy()
    for place in range(places):
        here = np.flatnonzero(attributes == place)[:, None, None]
        y = 0 if place < columns else height - side
        x = (place % columns) * side
        rows, across = np.arange(y, y + side)[None, :, None], np.arange(x, x + side)[None, None]
        drawn[here, rows, across] = 0
        drawn[here, rows[:, : side - 1], across[..., : side - 1]] = 255
    return drawn


def _side(images: np.ndarray, places: int) -> int:
    """Return the side of a place in pixels."""
    height, width = images.shape[1:3]
    columns = -(-places // 2)
    side = min(height // 4, width // columns)
    if side < 2:
        raise SpecError(
            f"Expected images wide enough for {columns} places of two pixels; got {width}. "
            "Use larger images or fewer classes."
        )
    return int(side)


@dataclass(frozen=True)
class PlantedInputs:
    """Inputs into which squares are drawn as they are taken.

    Parameters
    ----------
    inputs : Inputs
        n uint8 images.
    attributes : int array of shape (n,)
        Place of each image's square.
    places : int
        How many there are.
    """

    inputs: Inputs
    attributes: Int[np.ndarray, " n"]
    places: int

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Int[np.ndarray, " b"]) -> np.ndarray:
        """Return the rows asked for, each with its square."""
        return with_squares(self.inputs.take(rows), self.attributes[rows], self.places)


def planted_pool(pool: Pool, attributes: Int[np.ndarray, " n"], places: int) -> Pool:
    """Return a pool whose images carry squares.

    Parameters
    ----------
    pool : Pool
        Of uint8 images; in memory they are drawn into now, else when they are taken.
    attributes : int array of shape (n,)
        Place of each image's square.
    places : int
        How many there are.

    Returns
    -------
    Pool
        Its fingerprint is derived from the original's, the attributes and VERSION. It stands for
        itself: it has no `base`.

    Raises
    ------
    SpecError
        If its inputs are not images.
    """
    if pool.modality not in ("image", "files"):
        raise SpecError(
            f"A square is planted in images; got a pool of {pool.modality}. Leave '~planted' out."
        )
    inputs: Inputs = PlantedInputs(pool.inputs, attributes, places)
    if isinstance(pool.inputs, ArrayInputs):
        inputs = ArrayInputs(inputs.take(np.arange(len(pool))))
    where = content({"attributes": attributes.astype(np.int64)})
    mark = {"of": pool.fingerprint, "squares": where, "places": places, "v": VERSION}
    return replace(pool, inputs=inputs, fingerprint=sha256_of(mark), base=None)


def agreement_groups(
    labels: Int[np.ndarray, " n"], attributes: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """Return the group of each image: class · 2, plus 1 where the square is at its class's place.

    Parameters
    ----------
    labels : int array of shape (n,)
        Clean class indices.
    attributes : int array of shape (n,)
        Place of each image's square.

    Examples
    --------
    >>> agreement_groups(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist()
    [1, 0, 3]
    """
    return labels.astype(np.int64) * 2 + (attributes == labels)
