"""What rough training data do to the order of methods: the frames behind the home page.

Everything is read from rankings of single cells, which the command line prints with ``--cell``.
"""

from collections.abc import Mapping

import pandas as pd

from harness.rankings.display import cell_parts, value_text
from harness.types import Ranking
from leaderboard.frames.cells import cell_names


def hardest_last(rankings: Mapping[str, Ranking]) -> list[str]:
    """Return cells from the one where entries do best on average to the one where they do worst.

    Parameters
    ----------
    rankings : mapping of str to Ranking
        Cell → the ranking over that cell alone.
    """
    sign = -1 if next(iter(rankings.values())).higher_is_better else 1
    means = {cell: _mean([row.value for row in found.rows]) for cell, found in rankings.items()}
    return sorted((c for c in means if means[c] is not None), key=lambda c: sign * (means[c] or 0))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


LEADS = ("on calm data", "on rough data", "on both")
"""Where an entry is among the first."""


def order_frame(rankings: Mapping[str, Ranking], *, most: int = 6) -> pd.DataFrame:
    """Return the places of the leaders of the calm and of the roughest cell, from one to the other.

    Parameters
    ----------
    rankings : mapping of str to Ranking
        Cell → the ranking over that cell alone.
    most : int, default=6
        Places from the top of each of the two cells.

    Returns
    -------
    DataFrame
        Columns ``name``, ``what`` (calm, or what is wrong), ``cell``, ``label``, ``place`` (1 is
        best, by value), ``rank``, ``value_text`` and ``leads`` (`LEADS`); the calm cell first, the
        roughest last. Empty with fewer than two cells.
    """
    columns = ["name", "what", "cell", "label", "place", "rank", "value_text", "leads"]
    cells = joint_cells(rankings)
    if len(cells) < 2:  # nothing but the data differ: the ends of what there is
        order = hardest_last(rankings)
        cells = {"easiest": order[0], "hardest": order[-1]} if len(order) > 1 else {}
    if not cells:
        return pd.DataFrame(columns=columns)
    first, last = list(cells.values())[0], list(cells.values())[-1]
    ends = [{row.name for row in rankings[c].rows[:most]} for c in (first, last)]
    words = cell_names(list(cells.values()))
    lines = [
        (
            row.name,
            what,
            cell,
            words[cell],
            place,
            f"{row.rank_low}–{row.rank_high}",
            value_text(row.value, rankings[cell].key),
            LEADS[(row.name in ends[0]) + 2 * (row.name in ends[1]) - 1],
        )
        for what, cell in cells.items()
        for place, row in enumerate(rankings[cell].rows, start=1)
        if row.name in ends[0] | ends[1]
    ]
    return pd.DataFrame(lines, columns=columns)


def best_frame(rankings: Mapping[str, Ranking]) -> pd.DataFrame:
    """Return the first entry of every cell and how many cannot be told from it.

    Returns
    -------
    DataFrame
        Columns ``cell``, ``imbalance``, ``noise``, ``name``, ``value``, ``value_text``, ``tied``
        (entries of tie class A, the first included), ``ranked``.
    """
    lines = []
    for cell, found in rankings.items():
        if found.rows:
            first = found.rows[0]
            tied = sum(row.tie_class == 1 for row in found.rows)
            text = value_text(first.value, found.key)
            lines.append(
                (cell, *cell_parts(cell), first.name, first.value, text, tied, len(found.rows))
            )
    names = ["cell", "imbalance", "noise", "name", "value", "value_text", "tied", "ranked"]
    return pd.DataFrame(lines, columns=names)


JOINT = ("imbalance alone", "label noise alone", "both at once")
"""What can be wrong with a cell, against the calm one."""


def joint_cells(rankings: Mapping[str, Ranking]) -> dict[str, str]:
    """Return the calm cell, and the hardest cells with one thing wrong and with both.

    The calm cell is the easiest one. Beside it stand, as far as the suite has them, the hardest
    cell with its noise and another imbalance, with its imbalance and another noise, and with both
    others.

    Parameters
    ----------
    rankings : mapping of str to Ranking
        Cell → the ranking over that cell alone.

    Returns
    -------
    dict of str to str
        ``calm`` and those of JOINT → cell; empty without a cell.
    """
    cells = hardest_last(rankings)
    if not cells:
        return {}
    imbalance, noise = cell_parts(cells[0])
    found = {"calm": cells[0]}
    for what in JOINT:
        wanted = (what != JOINT[1], what != JOINT[0])  # another imbalance, another noise
        fitting = [
            cell
            for cell in cells
            if (cell_parts(cell)[0] != imbalance, cell_parts(cell)[1] != noise) == wanted
        ]
        if fitting:
            found[what] = fitting[-1]
    return found


def joint_frame(rankings: Mapping[str, Ranking]) -> pd.DataFrame:
    """Return what imbalance, noise and both at once leave of the calm cell's order.

    Returns
    -------
    DataFrame
        Columns ``what``, ``cell``, ``label``, ``agreement`` (Spearman's correlation with the calm
        cell, NaN with fewer than three entries), ``text``, ``first`` (best by value there) and
        ``calm_first`` (the place there of the calm cell's best; a dash where it is not ranked).
    """
    cells = joint_cells(rankings)
    words = cell_names(list(cells.values()))
    lines = []
    for what, cell in cells.items():
        if what == "calm":
            continue
        rho = agreement(rankings, (cells["calm"], cell))
        names = [row.name for row in rankings[cell].rows]
        best = rankings[cells["calm"]].rows[0].name
        place = str(names.index(best) + 1) if best in names else "–"
        text = "–" if rho is None else f"{rho:.2f}".replace("-", "−")
        lines.append((what, cell, words[cell], float("nan") if rho is None else rho, text,
                      names[0], place))  # fmt: skip
    columns = ["what", "cell", "label", "agreement", "text", "first", "calm_first"]
    return pd.DataFrame(lines, columns=columns)


def agreement(rankings: Mapping[str, Ranking], pair: tuple[str, str] | None = None) -> float | None:
    """Return Spearman's correlation of the order in two cells.

    Parameters
    ----------
    rankings : mapping of str to Ranking
        Cell → the ranking over that cell alone.
    pair : (str, str), optional
        Two of the cells; default: the easiest and the hardest.

    Returns
    -------
    float or None
        In [−1, 1] over the entries that both rank; None with fewer than three.
    """
    cells = hardest_last(rankings) if pair is None else list(pair)
    if len(cells) < 2:
        return None
    one, two = ({r.name: r.value for r in rankings[c].rows} for c in (cells[0], cells[-1]))
    both = [name for name in one if name in two]
    if len(both) < 3:
        return None
    ranks = pd.DataFrame({"one": [one[n] for n in both], "two": [two[n] for n in both]}).rank()
    found = ranks["one"].corr(ranks["two"])
    return None if pd.isna(found) else float(found)
