"""Own records beside the committed ones: the same numbers, inside the interval, or neither."""

import pytest

from harness.rankings.reproduction import agreements
from harness.records.records import sealed, write_record
from harness.runs.evidence import renote
from tests.leaderboard.made import ranked
from tests.runs.synthetic import recorded


@pytest.fixture
def beside(tmp_path):
    """Return how an own record of ``best`` stands beside a committed one."""

    def compare(ours, committed):
        own, shared = tmp_path / "own" / "records", tmp_path / "shared"
        write_record(ours, own / "best" / "results")
        renote(own.parent, ours)
        write_record(committed, shared / "best" / "results")
        ranking = ranked(None, local_roots=(own,))
        (found,) = agreements(ranking, [shared], own)
        return found

    return compare


def test_equal_numbers_are_identical_whatever_code_trained_them(beside):
    ours, committed = recorded("best", 0.9), recorded("best", 0.9, card_sha256="cd" * 32)
    assert ours.record.record_sha256 != committed.record.record_sha256
    found = beside(ours, committed)
    assert found.identical and found.inside
    assert found.ours == found.committed


def test_another_number_is_inside_the_interval_or_beyond_it(beside):
    near = beside(recorded("best", 0.9), recorded("best", 0.9001))
    assert near.inside and not near.identical


def test_a_number_far_off_is_neither(beside):
    far = beside(recorded("best", 0.9), recorded("best", 0.5))
    assert not far.inside and not far.identical
    assert far.committed == pytest.approx(0.5, abs=0.01)


def test_a_metric_that_was_added_later_leaves_a_row_identical(beside):
    ours = recorded("best", 0.9)
    variants = {
        name: body.model_copy(update={"metrics": {**body.metrics, "test/error": [[0.1] * 3] * 2}})
        for name, body in ours.record.variants.items()
    }
    more = sealed(ours.record.model_copy(update={"variants": variants}), dict(ours.arrays))
    assert beside(more, ours).identical
    assert not beside(ours, more).identical  # what was committed and is gone is not the same
