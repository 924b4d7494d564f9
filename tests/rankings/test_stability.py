"""Orders over seeds, cells, halves, noise and a correction; effective robustness of rows."""

import numpy as np
import pytest

from harness.errors import SpecError, UnknownNameError
from harness.rankings.export import rows_text
from harness.rankings.field import candidates
from harness.rankings.robustness import effective_robustness, robustness_rows
from harness.rankings.stability import order_stability, stability_rows
from tests.runs.synthetic import CELLS, KEY, SHA, recorded

SHIFTED = "covariate/fog-3/balanced_accuracy"
NAMES = [f"e{k}" for k in range(6)]


def rows(*records):
    return candidates(records, local=frozenset(NAMES))


def graded(grids, key=KEY, **changes):
    """Entries with the values given: one grid [cell][seed] an entry."""
    made = []
    for name, grid in zip(NAMES, grids, strict=False):
        metrics = {KEY: grid} if key == KEY else grid
        variant = {"ood_score": "energy", "selection": "last", "metrics": metrics}
        made.append(recorded(name, 0.5, seeds=2, variants={"": variant}, **changes))
    return rows(*made)


def taus(found):
    return {each.between: each.tau for each in found}


def test_taus_over_seeds_and_cells_by_hand():
    # seeds (means over cells): .6 .5 .4 against .6 .4 .5; cells the same way round
    grids = [[[0.6, 0.6], [0.6, 0.6]], [[0.5, 0.4], [0.5, 0.4]], [[0.4, 0.5], [0.4, 0.5]]]
    found = taus(order_stability(graded(grids), suite="digits-v1"))
    assert found["seeds"] == pytest.approx(1 / 3)  # one of three pairs turns round
    grids = [[[0.6, 0.6], [0.4, 0.4]], [[0.5, 0.5], [0.5, 0.5]], [[0.4, 0.4], [0.6, 0.6]]]
    found = taus(order_stability(graded(grids), suite="digits-v1", cells=None))
    assert found["cells"] == -1


def test_the_order_of_rows_does_not_change_a_tau():
    made = [recorded(name, 0.5 + 0.01 * k) for k, name in enumerate(NAMES)]
    one = order_stability(rows(*made), suite="digits-v1")
    other = order_stability(rows(*reversed(made)), suite="digits-v1")
    assert taus(one) == taus(other)


def test_halves_agree_more_the_farther_entries_lie_apart():
    def halves(step):
        made = [recorded(n, 0.5 + step * k, spread=0.02) for k, n in enumerate(NAMES)]
        return taus(order_stability(rows(*made), suite="digits-v1"))["halves of the test images"]

    assert halves(0.0005) < halves(0.1) == 1


def test_entries_are_compared_with_their_own_adjusted_variants():
    made = []
    for name, base, adjusted in zip(NAMES, (0.5, 0.6, 0.7), (0.7, 0.6, 0.5), strict=False):
        variants = {
            v: {"ood_score": "energy", "selection": "last", "metrics": {KEY: [[x], [x]]}}
            for v, x in (("", base), ("la", adjusted))
        }
        made.append(recorded(name, base, seeds=1, variants=variants))
    found = order_stability(rows(*made), suite="digits-v1")
    assert taus(found)["entries and their +la variants"] == -1


def test_clean_cells_are_compared_with_noisy_ones():
    cells = ("digits-balanced-clean", "digits-balanced-symmetric0.4")
    suite = {
        "id": "digits-v1", "sha256": SHA, "cells": cells, "seeds": [0, 1], "primary": KEY,
        "tail_metric": "recall_tail", "metrics_version": 1,
    }  # fmt: skip
    grids = [[[0.9, 0.9], [0.2, 0.2]], [[0.8, 0.8], [0.3, 0.3]]]
    assert (
        taus(order_stability(graded(grids, suite=suite), suite="digits-v1"))[
            "clean and noisy labels"
        ]
        == -1
    )


def test_what_cannot_be_compared_has_no_tau_and_a_reason():
    found = order_stability(
        rows(recorded("e0", 0.5), recorded("e1", 0.6)), suite="digits-v1", cells=[CELLS[0]]
    )
    reasons = {each.between: each.reason for each in found if each.tau is None}
    assert "all chosen cells are of one kind" in reasons["clean and noisy labels"]
    assert "at least 2 cells" in reasons["cells"]
    assert "scored epoch alone" in reasons["epochs"]
    assert "0 rows have a value" in reasons["entries and their +la variants"]
    assert ",,0," in rows_text(stability_rows(found), "csv")  # undefined is empty, never 0
    alone = order_stability(rows(recorded("e0", 0.5)), suite="digits-v1")
    assert all(each.tau is None for each in alone)
    with pytest.raises(SpecError, match="needs records; found none. Run: tailmark run"):
        order_stability([], suite="digits-v1")
    with pytest.raises(UnknownNameError, match="balanced_accuracy"):
        order_stability(rows(recorded("e0", 0.5)), suite="digits-v1", key="test/balanced_acuracy")


def test_rows_off_the_line_come_first_and_rows_without_both_values_are_left_out():
    inside = np.linspace(0.5, 0.9, 6)
    shifted = inside - 0.2 + np.array([0.0, 0.005, 0.15, -0.005, 0.0, 0.004])
    grids = [
        {KEY: [[x, x]] * 2, SHIFTED: [[y, y]] * 2}
        for x, y in zip(inside.tolist(), shifted.tolist(), strict=True)
    ]
    field = graded(grids, key=None)
    found, fit = effective_robustness(field, SHIFTED, suite="digits-v1")
    assert found[0].name == "e2" and found[0].low > 0
    assert len(found) == 6 and fit.slope > 0
    assert rows_text(robustness_rows(found), "csv").startswith("name,inside,shifted,expected")
    grids[5][SHIFTED] = [[None, 0.5]] * 2
    found, _ = effective_robustness(graded(grids, key=None), SHIFTED, suite="digits-v1")
    assert "e5" not in [row.name for row in found]
    with pytest.raises(SpecError, match="fractions of which more is better"):
        effective_robustness(field, "test/nll", suite="digits-v1")
