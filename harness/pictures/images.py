"""Pictures of a split's images: what is trained on, and everything that is tested on.

Training images are shown by observed label. Frames say what is wrong with them; the same colours
everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from harness.data.suites.open import OpenSuite
from harness.data.worlds.corruption import CORRUPTIONS
from harness.pictures.colours import BLUE, RED
from harness.types import Inputs, Pool, Split

EACH = 14
"""Images in a row."""

_GAP = 2
_PAPER = (226, 230, 236)


@dataclass(frozen=True)
class Block:
    """One part of the picture below the charts."""

    height: float
    """In inches."""
    draw: Callable[[Axes], None]
    """What draws it."""


def image_blocks(opened: OpenSuite, split: Split, shown: Int[np.ndarray, " k"]) -> list[Block]:
    """Return the parts that show images, from training to the farthest test.

    Parameters
    ----------
    opened : OpenSuite
        The suite with its pools.
    split : Split
        One of its splits.
    shown : int array of shape (k,)
        Classes of which training images are shown.
    """
    training = partial(draw_training, opened=opened, split=split, shown=shown)
    blocks = [Block(0.62 * len(shown) + 0.4, training)]
    if opened.test_groups is not None:
        agrees = opened.test_groups % 2 == 1
        for rows, how in ((agrees, "agrees with the class"), (~agrees, "disagrees")):
            title = f"test, square {how}: {rows.sum():,} images"
            blocks.append(_strip(title, opened.test, np.flatnonzero(rows)))
    corrupted, others = _by_kind(opened)
    if corrupted:
        table = partial(draw_corruptions, original=opened.test, corrupted=corrupted)
        blocks.append(Block(0.62 * len(corrupted) + 0.7, table))
    for name, pool in {**others, **opened.ood}.items():
        blocks.append(_strip(f"{name}: {len(pool):,} images", pool, np.arange(len(pool))))
    return blocks


def _strip(title: str, pool: Pool, rows: Int[np.ndarray, " n"]) -> Block:
    return Block(0.95, partial(_draw_strip, title=title, pool=pool, rows=rows))


def _by_kind(opened: OpenSuite) -> tuple[dict[str, dict[str, Pool]], dict[str, Pool]]:
    """Return kind → severity → corrupted copy, and the other copies of the test pool."""
    corrupted: dict[str, dict[str, Pool]] = {}
    others = {}
    for name, pool in opened.covariate.items():
        kind, _, severity = name.partition("@")[2].rpartition("-")
        if kind in CORRUPTIONS:
            corrupted.setdefault(kind, {})[severity] = pool
        else:
            others[name] = pool
    return corrupted, others


def draw_training(
    axes: Axes, opened: OpenSuite, split: Split, shown: Int[np.ndarray, " k"]
) -> None:
    """Draw images as a trainer gets them, a row for each observed class, with frames.

    Parameters
    ----------
    axes : Axes
        Where to.
    opened : OpenSuite
        The suite with its pools.
    split : Split
        What to show.
    shown : int array of shape (k,)
        Classes to show.
    """
    inputs, marks = opened.training_data(split).inputs, _marks(split)
    picked = [_spread(np.flatnonzero(split.observed == k), EACH) for k in shown]
    side = _side(inputs)
    axes.imshow(_mosaic(inputs, picked, side), interpolation="nearest")
    for row, rows in enumerate(picked):
        for column, at in enumerate(rows):
            for colour, which in marks.values():
                if which[at]:
                    _frame(axes, row, column, side, colour)
                    break
    names = opened.test.class_names
    _label_rows(axes, [names[k] for k in shown], side)
    framed = [
        f"; {'red' if colour == RED else 'blue'}: {what}" for what, (colour, _) in marks.items()
    ]
    title = "Training images by observed label" + "".join(framed)
    axes.set_title(title, loc="left", fontsize=11)


def _marks(split: Split) -> dict[str, tuple[str, Bool[np.ndarray, " n"]]]:
    """Return what is framed, the first that holds: words → colour and rows."""
    marks = {"wrong": (RED, wrong_rows(split))}
    if split.known is not None:
        known = np.zeros(len(split.observed), dtype=bool)
        known[split.known] = True
        marks = {"wrong and revealed": (BLUE, known), **marks}
    if split.attributes is not None:
        marks["square disagrees"] = (BLUE, split.attributes != split.clean)
    return {what: (colour, rows) for what, (colour, rows) in marks.items() if rows.any()}


def wrong_rows(split: Split) -> Bool[np.ndarray, " n"]:
    """Return which rows do not show what their label says: flipped, or another pool's image.

    Parameters
    ----------
    split : Split
        Of any noise kind.
    """
    if split.foreign is None:
        return split.flipped
    return split.flipped | (split.foreign >= 0)


def draw_corruptions(
    axes: Axes, original: Pool, corrupted: dict[str, dict[str, Pool]], *, images: int = 3
) -> None:
    """Draw a row for each corruption: some test images as they are, then by severity.

    Parameters
    ----------
    axes : Axes
        Where to.
    original : Pool
        The test pool.
    corrupted : dict of str to dict of str to Pool
        Kind → severity → copy of the test pool.
    images : int, default=3
        Images at most; fewer where a row would not hold them.
    """
    severities = list(dict.fromkeys(s for pools in corrupted.values() for s in pools))
    images = max(min(images, EACH // (1 + len(severities))), 1)
    rows = np.linspace(0, len(original) - 1, images + 2).astype(int)[1:-1]
    side = _side(original.inputs)
    canvas = _canvas(len(corrupted), images * (1 + len(severities)), side)
    for at, pools in enumerate(corrupted.values()):
        for column, pool in enumerate([original, *(pools.get(s) for s in severities)]):
            if pool is not None:
                for i, image in enumerate(pool.inputs.take(rows)):
                    _put(canvas, at, i * (1 + len(severities)) + column, image)
    axes.imshow(canvas, interpolation="nearest")
    _label_rows(axes, list(corrupted), side)
    columns = (np.arange(images * (1 + len(severities))) + 0.5) * (side[1] + _GAP)
    axes.set_xticks(columns, ["as it is", *severities] * images, fontsize=9)
    axes.tick_params(bottom=False)
    axes.set_title("Test images, corrupted, by severity", loc="left", fontsize=11)


def _draw_strip(axes: Axes, title: str, pool: Pool, rows: Int[np.ndarray, " n"]) -> None:
    side = _side(pool.inputs)
    axes.imshow(_mosaic(pool.inputs, [_spread(rows, EACH)], side), interpolation="nearest")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _label_rows(axes: Axes, names: Sequence[str], side: tuple[int, int]) -> None:
    middles = (np.arange(len(names)) + 0.5) * (side[0] + _GAP)
    axes.set_yticks(middles, [short(name) for name in names], fontsize=9)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)


def _frame(axes: Axes, row: int, column: int, side: tuple[int, int], colour: str) -> None:
    height, width = side[0] + _GAP, side[1] + _GAP
    corner = (column * width - 0.5, row * height - 0.5)
    size = side[1] + _GAP - 1, side[0] + _GAP - 1
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=2))


def _side(inputs: Inputs) -> tuple[int, int]:
    """Return height and width of an image."""
    height, width = inputs.take(np.zeros(1, dtype=np.int64)).shape[1:3]
    return int(height), int(width)


def _mosaic(
    inputs: Inputs, picked: Sequence[np.ndarray], side: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Return images on a grid, a row for each list of rows."""
    canvas = _canvas(len(picked), EACH, side)
    for at, rows in enumerate(picked):
        for column, image in enumerate(inputs.take(rows) if len(rows) else ()):
            _put(canvas, at, column, image)
    return canvas


def _canvas(rows: int, columns: int, side: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Return a grid in a tone that neither black nor white images run into."""
    height, width = side[0] + _GAP, side[1] + _GAP
    return np.full((height * rows, width * columns, 3), _PAPER, dtype=np.uint8)


def _put(
    canvas: UInt8[np.ndarray, "h w 3"], row: int, column: int, image: UInt8[np.ndarray, "y x c"]
) -> None:
    """Write an image into its place of the grid; one channel is repeated."""
    height, width = image.shape[:2]
    y, x = row * (height + _GAP), column * (width + _GAP)
    canvas[y : y + height, x : x + width] = image


def _spread(rows: Int[np.ndarray, " n"], most: int) -> Int[np.ndarray, " m"]:
    """Return at most so many rows, evenly spread: their share of wrong labels is typical."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(int)]


def short(name: str) -> str:
    """Return a name that fits beside a picture.

    Parameters
    ----------
    name : str
        Any.
    """
    return name if len(name) <= 17 else f"{name[:16]}…"
