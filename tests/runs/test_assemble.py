"""Records from the results of jobs: what has no value, and for which seeds."""

import pytest

from harness.data.suites.open import open_suite
from harness.runs.assemble import JobResult, assemble
from harness.runs.evaluate.scored import Scored
from harness.types import EntryCard

KEY = "test/auroc"


@pytest.fixture(scope="module")
def opened():
    return open_suite("digits-v1")


def result(seed, *, value=None, reason=None, cell=0):
    """A done job in which one metric has a value or a reason."""
    scored = Scored(
        metrics={} if value is None else {KEY: value},
        undefined={} if reason is None else {KEY: reason},
    )
    return JobResult(cell, seed, "done", scored={"": scored})


def undefined(opened, *results):
    card = EntryCard(format=1, name="made", kind="predictions")
    record = assemble(card, opened, results).record
    return record, [(u.key, u.cell, u.seed, u.reason) for u in record.undefined]


def test_one_line_stands_for_all_seeds_of_a_cell_that_agree(opened):
    results = [result(s, reason="one class only") for s in range(3)]
    record, lines = undefined(opened, *results, result(0, value=0.7, cell=1))
    assert lines == [(KEY, 0, None, "one class only")]
    assert record.variants[""].metrics[KEY][0] == [None, None, None]


def test_a_seed_without_a_value_is_named_where_others_have_one(opened):
    record, lines = undefined(
        opened, result(0, value=0.7), result(1, reason="one class only"), result(2, value=0.9)
    )
    assert lines == [(KEY, 0, 1, "one class only")]
    assert record.variants[""].metrics[KEY][0] == [0.7, None, 0.9]


def test_seeds_that_lack_a_value_for_other_reasons_each_say_theirs(opened):
    _, lines = undefined(
        opened,
        result(0, reason="one class only"),
        result(1, reason="no predictions"),
        result(2, reason="one class only"),
    )
    assert lines == [
        (KEY, 0, 0, "one class only"),
        (KEY, 0, 1, "no predictions"),
        (KEY, 0, 2, "one class only"),
    ]


def test_the_order_of_results_changes_nothing(opened):
    results = [result(s, value=0.5 + s / 10) for s in range(3)]
    assert undefined(opened, *results)[0].variants == undefined(opened, *results[::-1])[0].variants
