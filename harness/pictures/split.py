"""Pictures of a split: what a model will be trained on and tested against (matplotlib).

People look before they read: counts before and after noise, who was mistaken for whom, training
images with the wrongly labelled ones framed, and samples of everything that is tested on.
"""

import re
import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.data.splits.noise import empirical_transition
from harness.data.suites.open import OpenSuite
from harness.pictures.colours import BLUE, INK, ORANGE
from harness.pictures.images import image_blocks, short, wrong_rows
from harness.types import Split

_CHARTS = 4.0
"""Height of the charts in inches."""

MOST_CLASSES = 10
"""Classes of which images are shown: all, or this many spread over the ranks by count."""


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
        Counts, transition matrix, training images by observed label, groups, corrupted copies and
        OOD samples; belongs to nobody else.
    """
    opened = opened.at(split.spec.id)
    names = opened.test.class_names
    shown = shown_classes(split.observed_counts)
    image_like = opened.train.modality in ("image", "files")
    blocks = image_blocks(opened, split, shown) if image_like else []
    heights = [_CHARTS, *(block.height for block in blocks)]
    figure = Figure(figsize=(11, sum(heights) + 0.4), layout="constrained")
    figure.suptitle(_title(opened, split), fontsize=13, color=INK, ha="left", x=0.01)
    rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    top = rows[0].subgridspec(1, 2, width_ratios=(3, 2))
    draw_counts(figure.add_subplot(top[0]), split, names)
    draw_transition(figure.add_subplot(top[1]), split, names)
    for at, block in enumerate(blocks, start=1):
        block.draw(figure.add_subplot(rows[at]))
    return figure


def _title(opened: OpenSuite, split: Split) -> str:
    flipped = split.flipped.mean()
    title = (
        f"{split.spec.id}, seed {split.seed}  ({opened.suite.id})\n"
        f"{len(split.indices):,} training rows, {flipped:.1%} with a wrong label"
    )
    if split.attributes is not None:
        agrees = (split.attributes == split.clean).mean()
        title += f"; {agrees:.1%} of the squares are at their class's place"
    if split.known is not None:
        wrong = int(wrong_rows(split).sum())
        title += f"; {len(split.known):,} of {wrong:,} corrupted rows are revealed"
    return title


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
        axes.set_xticks(place, [short(name) for name in names], rotation=40, ha="right")
    else:
        axes.set_xlabel("class index")
    axes.set_ylabel("training images")
    axes.set_title("Class counts before and after noise", loc="left", fontsize=11)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
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
    axes.set_xticks(ticks, [short(name) for name in names], rotation=40, ha="right", fontsize=8)
    axes.set_yticks(ticks, [short(name) for name in names], fontsize=8)
    for (row, column), value in np.ndenumerate(matrix):
        if value >= 0.005:
            ink = "white" if value > 0.6 else INK
            axes.text(
                column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink, size=7
            )


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
    names = [short(name) for name in opened.test.class_names]
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
    sizes = [f"{name} {len(pool):,}" for name, pool in pools.items()]
    if opened.covariate:
        sizes.insert(1, f"{len(opened.covariate)} copies of it ({_copies(opened)})")
    if opened.truths:
        sizes.insert(1, f"its labels by {' and '.join(opened.truths)}")
    scored = textwrap.fill(f"Scored on: {', '.join(sizes)}", width, break_on_hyphens=False)
    return "\n".join([*lines, "", scored])


def _copies(opened: OpenSuite) -> str:
    """Return the kinds of covariate shift, without severities."""
    kinds = (re.sub(r"^test@|-[1-5]$", "", name) for name in opened.covariate)
    return ", ".join(dict.fromkeys(kinds))


def _bar(share: float, room: int) -> str:
    eighths = int(round(share * room * 8))
    return _BAR[8] * (eighths // 8) + (_BAR[eighths % 8] if eighths % 8 else "")


def _matrix_lines(matrix: Float[np.ndarray, "c c"], names: Sequence[str]) -> list[str]:
    label = max(len(name) for name in names)
    return [
        f"{name:>{label}} " + "".join(f"{100 * v:5.0f}" if v else "    ·" for v in row)
        for name, row in zip(names, matrix, strict=True)
    ]
