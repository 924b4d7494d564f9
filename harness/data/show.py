"""Pictures of a split: what a model will be trained on and tested against (matplotlib).

People look before they read: counts before and after noise, who was mistaken for whom, training
images with the wrongly labelled ones framed, and samples of every OOD set.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import Rectangle

from harness.data.noise import empirical_transition
from harness.data.suites import OpenSuite
from harness.types import Inputs, Pool, Split

BLUE, ORANGE, RED, INK, GREY = "#0072b2", "#e69f00", "#d55e00", "#20242b", "#8a8f98"
"""Of Okabe and Ito's palette (2008), with an ink and a neutral grey."""

MOST_CLASSES = 10
"""Classes of which images are shown: all, or this many spread over the ranks by count."""

EACH = 14
"""Images a class."""

_GAP = 2


def split_figure(opened: OpenSuite, split: Split) -> Figure:
    """Return the picture of one split of a suite.

    Parameters
    ----------
    opened : OpenSuite
        The suite with its pools.
    split : Split
        One of its splits.

    Returns
    -------
    Figure
        Counts, transition matrix, training images by observed label, OOD samples; belongs to
        nobody else.
    """
    opened = opened.at(split.spec.id)
    names = opened.test.class_names
    shown = shown_classes(split.observed_counts)
    image_like = opened.train.modality in ("image", "files")
    height = 4.4 + (0.62 * len(shown) + 1.0 + 0.95 * len(opened.ood)) * image_like
    figure = Figure(figsize=(11, height), layout="constrained")
    figure.suptitle(_title(opened, split), fontsize=13, color=INK, ha="left", x=0.01)
    rows = figure.add_gridspec(
        2 if image_like else 1, 1, height_ratios=_heights(height, image_like)
    )
    top = rows[0].subgridspec(1, 2, width_ratios=(3, 2))
    draw_counts(figure.add_subplot(top[0]), split, names)
    draw_transition(figure.add_subplot(top[1]), split, names)
    if image_like:
        _draw_images(figure, rows[1], opened, split, shown)
    return figure


def _heights(height: float, image_like: bool) -> list[float]:
    return [4.0, height - 4.4] if image_like else [1.0]


def _title(opened: OpenSuite, split: Split) -> str:
    flipped = split.flipped.mean()
    return (
        f"{split.spec.id}, seed {split.seed}  ({opened.suite.id}): {len(split.indices):,} training "
        f"rows, {flipped:.1%} with a wrong label"
    )


def shown_classes(counts: Int[np.ndarray, " c"]) -> Int[np.ndarray, " k"]:
    """Return the classes of which images are shown: all, or ten spread over the ranks.

    Parameters
    ----------
    counts : int array of shape (c,)
        Training counts that rank the classes.
    """
    order = np.argsort(-counts, kind="stable")
    if len(order) <= MOST_CLASSES:
        return np.arange(len(order))
    return order[np.rint(np.linspace(0, len(order) - 1, MOST_CLASSES)).astype(int)]


def draw_counts(axes: Axes, split: Split, names: Sequence[str]) -> None:
    """Draw clean and observed training counts of each class.

    Parameters
    ----------
    axes : Axes
        Where to.
    split : Split
        What to show.
    names : sequence of str
        Class names.
    """
    c = split.num_classes
    place, width = np.arange(c), 0.4 if c <= 20 else 0.5
    axes.bar(place - width / 2, split.clean_counts, width, color=BLUE, label="clean")
    axes.bar(place + width / 2, split.observed_counts, width, color=ORANGE, label="observed")
    largest = max(split.clean_counts.max(), split.observed_counts.max())
    if largest > 20 * max(split.clean_counts.min(), 1):
        axes.set_yscale("log")
    if c <= 20:
        axes.set_xticks(place, [_short(name) for name in names], rotation=40, ha="right")
    else:
        axes.set_xlabel("class index")
    axes.set_ylabel("training images")
    axes.set_title("Class counts before and after noise", loc="left", fontsize=11)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def draw_transition(axes: Axes, split: Split, names: Sequence[str]) -> None:
    """Draw the share of each clean class that was observed as each class.

    Parameters
    ----------
    axes : Axes
        Where to.
    split : Split
        What to show.
    names : sequence of str
        Class names.
    """
    matrix = empirical_transition(split.clean, split.observed, split.num_classes)
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    axes.set_title("Clean (rows) → observed (columns), %", loc="left", fontsize=11)
    if len(matrix) > 20:
        return
    ticks = np.arange(len(matrix))
    axes.set_xticks(ticks, [_short(name) for name in names], rotation=40, ha="right", fontsize=8)
    axes.set_yticks(ticks, [_short(name) for name in names], fontsize=8)
    for (row, column), value in np.ndenumerate(matrix):
        if value >= 0.005:
            ink = "white" if value > 0.6 else INK
            axes.text(
                column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink, size=7
            )


def _draw_images(
    figure: Figure,
    where: SubplotSpec,
    opened: OpenSuite,
    split: Split,
    shown: Int[np.ndarray, " k"],
) -> None:
    """Draw training images by observed label, and a strip of each OOD set."""
    heights = [0.62 * len(shown) + 0.4, *[0.95] * len(opened.ood)]
    grid = where.subgridspec(1 + len(opened.ood), 1, height_ratios=heights)
    draw_training(figure.add_subplot(grid[0]), opened, split, shown)
    for at, (name, pool) in enumerate(opened.ood.items(), start=1):
        _draw_strip(figure.add_subplot(grid[at]), name, pool)


def draw_training(
    axes: Axes, opened: OpenSuite, split: Split, shown: Int[np.ndarray, " k"]
) -> None:
    """Draw images as a trainer gets them, a row for each observed class, wrong labels framed.

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
    inputs, wrong = opened.training_data(split).inputs, wrong_rows(split)
    picked = [_spread(np.flatnonzero(split.observed == k), EACH) for k in shown]
    side = inputs.take(np.zeros(1, dtype=np.int64)).shape[1:3]
    axes.imshow(_mosaic(inputs, picked, side), interpolation="nearest")
    for row, rows in enumerate(picked):
        for column in np.flatnonzero(wrong[rows]):
            _frame(axes, row, int(column), side)
    names = opened.test.class_names
    middles = (np.arange(len(shown)) + 0.5) * (side[0] + _GAP)
    axes.set_yticks(middles, [_short(names[k]) for k in shown], fontsize=9)
    axes.set_xticks([])
    axes.set_title("Training images by observed label; framed: wrong", loc="left", fontsize=11)
    axes.spines[:].set_visible(False)


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


def _frame(axes: Axes, row: int, column: int, side: tuple[int, int]) -> None:
    height, width = side[0] + _GAP, side[1] + _GAP
    corner = (column * width - 0.5, row * height - 0.5)
    size = side[1] + _GAP - 1, side[0] + _GAP - 1
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=RED, linewidth=2))


def _draw_strip(axes: Axes, name: str, pool: Pool) -> None:
    rows = _spread(np.arange(len(pool)), EACH)
    side = pool.inputs.take(np.zeros(1, dtype=np.int64)).shape[1:3]
    axes.imshow(_mosaic(pool.inputs, [rows], side), interpolation="nearest")
    axes.set_title(f"{name}: {len(pool):,} images", loc="left", fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _mosaic(
    inputs: Inputs, picked: Sequence[np.ndarray], side: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Return images on a white grid, a row for each list of rows."""
    height, width = side[0] + _GAP, side[1] + _GAP
    canvas = np.full((height * len(picked), width * EACH, 3), 255, dtype=np.uint8)
    for at, rows in enumerate(picked):
        for column, image in enumerate(inputs.take(rows) if len(rows) else ()):
            y, x = at * height, column * width
            canvas[y : y + side[0], x : x + side[1]] = image  # one channel is repeated
    return canvas


def _spread(rows: Int[np.ndarray, " n"], most: int) -> Int[np.ndarray, " m"]:
    """Return at most so many rows, evenly spread: their share of wrong labels is typical."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(int)]


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"


_BAR = " ▏▎▍▌▋▊▉█"


def split_text(opened: OpenSuite, split: Split, *, width: int = 100) -> str:
    """Return the same for a terminal: counts as bars and, up to twelve classes, the matrix.

    Parameters
    ----------
    opened : OpenSuite
        The suite with its pools.
    split : Split
        One of its splits.
    width : int, default=100
        Columns at most.
    """
    opened = opened.at(split.spec.id)
    names = [_short(name) for name in opened.test.class_names]
    clean, observed = split.clean_counts, split.observed_counts
    label = max(len(name) for name in names)
    room = (width - label - 20) // 2
    most = max(clean.max(), observed.max(), 1)
    lines = [_title(opened, split), "", f"{'':{label}}  {'clean':<{room + 8}}observed"]
    for k in np.arange(split.num_classes):
        bars = (f"{n:>7,} {_bar(n / most, room):<{room}}" for n in (clean[k], observed[k]))
        lines.append(f"{names[k]:>{label}} {''.join(bars)}".rstrip())
    if split.num_classes <= 12:
        matrix = empirical_transition(split.clean, split.observed, split.num_classes)
        lines += ["", "clean (rows) → observed (columns), %", *_matrix_lines(matrix, names)]
    pools = {"test": opened.test, **opened.ood}
    sizes = ", ".join(f"{name} {len(pool):,}" for name, pool in pools.items())
    return "\n".join([*lines, "", f"Scored on: {sizes}"])


def _bar(share: float, room: int) -> str:
    eighths = int(round(share * room * 8))
    return _BAR[8] * (eighths // 8) + (_BAR[eighths % 8] if eighths % 8 else "")


def _matrix_lines(matrix: Float[np.ndarray, "c c"], names: Sequence[str]) -> list[str]:
    label = max(len(name) for name in names)
    return [
        f"{name:>{label}} " + "".join(f"{100 * v:5.0f}" if v else "    ·" for v in row)
        for name, row in zip(names, matrix, strict=True)
    ]
