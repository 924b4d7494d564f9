"""Predictions far below chance, or far better in another order of columns, get a sentence."""

import numpy as np
import pytest

from harness.rankings.column_order import column_order, far_below_chance
from harness.rankings.field import candidates
from harness.rankings.ranking import rank
from harness.records.records import Recorded
from tests.runs.synthetic import CELLS
from tests.runs.synthetic import recorded as made_record


def recorded(confusion: np.ndarray, *, kept: bool = True) -> Recorded:
    """Return a record whose jobs all have this confusion matrix."""
    share = np.diag(confusion) / confusion.sum(axis=1)
    made = with_classes("made", float(share.mean()), len(share))
    arrays = {"detail/base/confusion": np.tile(confusion, (len(CELLS), 3, 1, 1))}
    return Recorded(made.record, None, arrays if kept else {})


def with_classes(name: str, level: float, c: int) -> Recorded:
    """Return a record that says how many classes were scored."""
    made = made_record(name, level, spread=0.0)
    body = made.record.variants[""]
    metrics = body.metrics | {"test/classes_scored": [[float(c)] * 3] * len(CELLS)}
    variants = {"": body.model_copy(update={"metrics": metrics}).model_dump()}
    return made_record(name, level, spread=0.0, variants=variants)


def good(c: int, n: int = 50, right: float = 0.9) -> np.ndarray:
    off = n * (1 - right) / (c - 1)
    return np.full((c, c), off) + np.eye(c) * (n * right - off)


def test_alphabetical_columns_are_noticed_in_values_and_in_the_matrix():
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven"]
    shuffled = recorded(good(8)[:, np.argsort(names)])
    sentence = column_order(shuffled)
    assert "would be 0.900 if" in sentence and "is the column order the suite's?" in sentence


def test_two_of_eight_columns_are_enough():
    swapped = good(8)[:, [1, 0, 2, 3, 4, 5, 6, 7]]
    assert "if 2 of 8 columns stood elsewhere" in column_order(recorded(swapped))
    assert far_below_chance(recorded(swapped)) is None


def test_two_classes_the_wrong_way_round():
    assert "if 2 of 2 columns" in column_order(recorded(good(2)[:, ::-1]))


def test_without_a_matrix_values_far_below_chance_are_noticed():
    turned = recorded(np.roll(good(100, right=0.999), 1, axis=1), kept=False)
    assert "far below chance (0.010)" in column_order(turned)


@pytest.mark.parametrize("c", [2, 8, 20])
def test_a_good_a_constant_and_a_random_model_are_left_alone(c, rng):
    assert column_order(recorded(good(c))) is None
    constant = np.zeros((c, c)) + 1e-9
    constant[:, 0] = 10
    assert column_order(recorded(constant)) is None
    for _ in range(100):
        drawn = rng.multinomial(10, np.full(c, 1 / c), size=c).astype(float)
        found = column_order(recorded(drawn))
        assert found is None or c == 2 or "far below chance" in found


def test_a_ranking_flags_the_row_and_no_other():
    own = frozenset({"good", "turned"})
    rows = candidates([with_classes("good", 0.9, 8), with_classes("turned", 0.03, 8)], local=own)
    flags = {row.name: " ".join(row.flags) for row in rank(rows, suite="digits-v1").rows}
    assert "is the column order the suite's?" in flags["turned"]
    assert "column order" not in flags["good"]
