"""Pictures of records and rankings for notebooks, papers and MLflow (matplotlib, no global state).

Every function returns a `Figure` that belongs to nobody else: no pyplot, no current axes. Colours
are Okabe and Ito's, which people with colour-blindness can tell apart; sizes are chosen so that
the text can still be read at half size.
"""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.errors import SpecError
from harness.lookup import unknown
from harness.pictures.colours import BLUE, GREEN, GREY, INK, ORANGE, PINK, RED, SKY
from harness.rankings.display import (
    cell_label,
    cells_text,
    interval_title,
    metric_title,
    rank_text,
    tie_letter,
    value_text,
    variant_name,
)
from harness.records.records import Recorded
from harness.types import RankedRow, Ranking

TIES = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
"""Colours of tie classes, in turn; the letter beside a row says the same without colour."""
FONT = 12
"""Point size: 6 points at half size."""


def png(figure: Figure, *, dpi: int = 130) -> bytes:
    """Return a figure as PNG bytes, e.g. for a notebook's ``Image(data=…)``."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def cell_index(recorded: Recorded, cell: str) -> int:
    """Return where a cell stands in a record.

    Raises
    ------
    UnknownNameError
        If the record's suite has no such cell.
    """
    cells = recorded.record.suite.cells
    if cell not in cells:
        raise unknown(f"cell of {recorded.record.suite.id}", cell, cells)
    return cells.index(cell)


def reliability_plot(recorded: Recorded, *, cell: str | None = None, variant: str = "") -> Figure:
    """Draw accuracy against confidence, with the ECE and what a calibrated model would show.

    Images of all seeds are pooled; ECE and its null are means over seeds.

    Parameters
    ----------
    recorded : Recorded
        A record with its arrays.
    cell : str, optional
        One cell; default: every cell of the suite as a small panel.
    variant : str, default=""
        A post-hoc variant; empty for the entry itself.

    Raises
    ------
    SpecError
        If the record holds no reliability sums for the variant.
    """
    sums = _detail(recorded, variant, "reliability").sum(axis=1)  # (cells, 15, 3)
    cells = recorded.record.suite.cells if cell is None else (cell,)
    columns = min(4, len(cells))
    rows = -(-len(cells) // columns)
    side = 3.1 if len(cells) > 1 else 5.2
    width, height = columns * side, rows * side * 1.12 + 0.4
    figure = Figure(figsize=(width, height))
    # Placed by hand, in inches: a layout engine takes as long again as drawing all panels.
    figure.subplots_adjust(
        left=0.85 / width, right=1 - 0.2 / width, bottom=0.75 / height, top=1 - 1.0 / height,
        wspace=0.12, hspace=0.32,
    )  # fmt: skip
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax, name in zip(axes.flat, cells, strict=False):
        index = cell_index(recorded, name)
        _reliability_panel(ax, sums[index])
        ax.set_title(f"{cell_label(name)}\n{_ece_words(recorded, variant, index)}", fontsize=FONT)
    for ax in axes.flat[len(cells) :]:
        ax.set_visible(False)
    figure.supxlabel("confidence of the top prediction", fontsize=FONT)
    figure.supylabel("share that is right", fontsize=FONT)
    return _titled(figure, f"{_name(recorded, variant)}: reliability")


def _reliability_panel(ax: Axes, sums: Float[np.ndarray, "bins 3"]) -> None:
    count, confidence, correct = sums.T
    seen = count > 0
    x, y = confidence[seen] / count[seen], correct[seen] / count[seen]
    edges = np.linspace(0, 1, len(count) + 1)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
    # Share of images in a bin, drawn from the floor in a third of the height.
    ax.stairs(count / count.max() / 3, edges, fill=True, color=GREY, alpha=0.25)
    ax.vlines(x, x, y, color=ORANGE, linewidth=3, alpha=0.7)
    ax.plot(x, y, color=BLUE, linewidth=1.2, alpha=0.6)
    # A bin of three images says little: the area of a point is its number of images.
    ax.scatter(x, y, s=8 + 52 * count[seen] / count.max(), color=BLUE, zorder=3)
    ticks = (0, 0.5, 1)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=ticks, yticks=ticks)
    _clean(ax)


def _ece_words(recorded: Recorded, variant: str, cell: int) -> str:
    """Return ECE beside what a calibrated model would show; means over seeds that have it."""
    metrics = recorded.record.variants[variant].metrics
    words = []
    for key in ("test/ece", "test/ece_null"):
        found = [v for v in metrics[key][cell] if v is not None] if key in metrics else []
        words.append(value_text(float(np.mean(found)) if found else None, key))
    return f"ECE {words[0]} ({words[1]} if calibrated)"


def ranking_plot(table: Ranking, *, rows: Sequence[RankedRow] | None = None) -> Figure:
    """Draw every entry's value with its 95 % interval; colours and letters are tie classes.

    Parameters
    ----------
    table : Ranking
        From `harness.rankings.ranking.rank`.
    rows : sequence of RankedRow, optional
        Some of its rows; default: all.
    """
    shown = list(table.rows if rows is None else rows)
    figure = Figure(figsize=(9, 1.6 + 0.42 * len(shown)), layout="constrained")
    ax = figure.subplots()
    scale = 100 if "%" in value_text(0.5, table.key) else 1
    for y, row in enumerate(shown):
        color = TIES[((row.tie_class or 1) - 1) % len(TIES)]
        if row.low is not None and row.high is not None:
            ends = [scale * row.low, scale * row.high]
            ax.plot(ends, [y, y], color=color, linewidth=3, alpha=0.55)
        ax.plot(scale * row.value, y, marker="o", markersize=8, color=color)
        words = f"{value_text(row.value, table.key, unit=False)}   rank {rank_text(row)}"
        ax.annotate(
            f"{words}   {tie_letter(row.tie_class)}",
            (1.02, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=FONT,
            color=INK,
        )
    ax.set_yticks(range(len(shown)), [row.name for row in shown], fontsize=FONT)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.grid(axis="x", color=GREY, alpha=0.25)
    ax.set_xlabel(_interval_label(table, shown, percent=scale == 100), fontsize=FONT)
    _clean(ax)
    return _titled(figure, f"{table.suite}: {metric_title(table.key)}")


def _interval_label(table: Ranking, rows: Sequence[RankedRow], *, percent: bool) -> str:
    kinds = sorted({row.interval_kind for row in rows}, key=str)
    unit = "%, " if percent else ""
    over = " or ".join(interval_title(kind) for kind in kinds)
    return f"{unit}{cells_text(len(table.cells))} with {over}"


def _detail(recorded: Recorded, variant: str, name: str) -> np.ndarray:
    """Return an array of the record's details as float64, or say why there is none."""
    record = recorded.record
    if variant not in record.variants:
        raise unknown(f"variant of {record.entry}", variant, record.variants)
    found = recorded.detail(variant, name)
    if found is None:
        raise SpecError(
            f"{name} of {variant_name(record.entry, variant)} was expected beside the record; "
            "it is kept for the entry itself and for ranked variants only (confusion: up to 20 "
            "classes). Choose another variant, or name it in rank_variants and run again."
        )
    return found.astype(np.float64)


def _name(recorded: Recorded, variant: str) -> str:
    return variant_name(recorded.record.entry, variant)


def _titled(figure: Figure, title: str) -> Figure:
    figure.suptitle(title, fontsize=FONT + 2, fontweight="bold", color=INK)
    return figure


def _clean(ax: Axes) -> None:
    """Take the box away: only the axes that are read stay."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=FONT - 1, colors=INK)
