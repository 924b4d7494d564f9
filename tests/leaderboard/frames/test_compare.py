"""Entries side by side: the differences are those of `tailmark compare`, nothing else."""

import numpy as np
import pytest

from harness.rankings.comparing import compare, surviving
from harness.rankings.field import suite_rows
from leaderboard.frames.compare import OVERALL, class_frame, verdict_frame, view_frame, views_of
from tests.leaderboard.made import CELLS, CLASSES, write_field

KEY = "test/balanced_accuracy"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    root = write_field(tmp_path_factory.mktemp("submissions"))
    return {row.name: row for row in suite_rows("digits-v1", roots=[root])}


def test_the_lines_are_the_comparisons_own(rows):
    found = compare(list(rows.values()), "cnn-bs", "logreg", key=KEY)
    frame = verdict_frame(found)
    assert list(frame["label"])[0] == OVERALL
    assert list(frame["cell"])[1:] == list(CELLS)
    assert frame["difference"].tolist() == [
        found.overall.difference,
        *(one.difference for _, one in found.cells),
    ]
    assert set(frame["verdict"]) <= {"better", "worse", "same", "cannot tell"}


def test_a_cell_that_only_one_ran_is_not_compared(rows):
    found = compare(list(rows.values()), "broken", "logreg", key=KEY)
    assert list(verdict_frame(found)["cell"])[1:] == [cell for cell, _ in found.cells]


def test_what_survives_is_counted_over_all_pairs_that_are_looked_at(rows):
    field = list(rows.values())
    pairs = [compare(field, name, "logreg", key=KEY) for name in ("cnn-bs", "cnn-ce", "majority")]
    alone, together = [surviving([pair])[0] for pair in pairs], surviving(pairs)
    for pair, one, all_of_them in zip(pairs, alone, together, strict=True):
        told = {cell for cell, each in pair.cells if each.verdict in ("better", "worse")}
        assert set(one) == set(all_of_them) == told
        assert all(one[cell] for cell in told if all_of_them[cell])  # more questions, fewer stand
        frame = verdict_frame(pair, all_of_them).set_index("cell")
        for cell in told:
            assert frame["survives"][cell] == ("stands" if all_of_them[cell] else "may be chance")
    p = sorted(each.p for pair in pairs for _, each in pair.cells if each.p is not None)
    least = next(
        (k, cell) for k, pair in enumerate(pairs) for cell, each in pair.cells if each.p == p[0]
    )
    assert together[least[0]].get(least[1], False) == (p[0] * len(p) <= 0.05)


def test_classes_stand_from_head_to_tail(rows):
    frame = class_frame([rows["cnn-bs"], rows["logreg"]], 2)
    one = frame[frame["name"] == "cnn-bs"]
    assert one["place"].tolist() == list(range(1, CLASSES + 1))
    assert one["images"].is_monotonic_decreasing
    recall = rows["cnn-bs"].recorded.detail("", "recall")[2].astype(float).mean(axis=0)
    np.testing.assert_allclose(one["recall"], recall[one["class"]])


def test_views_are_differences_to_the_reference(rows):
    keys = views_of(rows["logreg"].recorded, "uniform/accuracy")
    frame = view_frame([rows["logreg"], rows["cnn-bs"]], ["uniform/accuracy"], 0)
    assert keys == []  # one view is nothing to compare views by
    assert frame.columns.tolist() == ["view", "cnn-bs − logreg"]
    assert frame.iloc[0, 1].startswith("+")
