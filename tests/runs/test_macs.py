"""Counting on a few rows: only where the count does not depend on them."""

from pathlib import Path

import pytest

from harness.errors import TrainingError
from harness.runs import macs
from harness.types.results import Macs

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
FEW = 38 * 8
"""300 rows over eight classes, no class with fewer than another."""


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Count by a function of the number of training rows; return what it was asked."""

    def by(function):
        numbers = []

        def counting(job, part, kept, *, parent):
            split = part.split(job.cell, job.seed)
            assert len(split.clean) == len(split.indices)
            numbers.append(len(split.indices))
            return function(numbers[-1])

        monkeypatch.setattr(macs, "macs_of_job", counting)
        (found,) = macs.count(["majority"], "digits-v1", submissions=SUBMISSIONS, store=tmp_path)
        return numbers, found.line.macs

    return by


def test_a_count_that_two_numbers_of_rows_agree_on_needs_no_whole_training(asked):
    numbers, found = asked(lambda rows: Macs(7.0))
    assert numbers == [FEW, 2 * FEW]
    assert found == Macs(7.0)


def test_a_count_that_depends_on_the_rows_is_of_all_of_them(asked):
    numbers, found = asked(lambda rows: Macs(float(rows)))
    assert len(numbers) == 3
    assert found == Macs(float(numbers[2]))
    assert numbers[2] > numbers[1]


def test_where_a_few_rows_are_too_few_all_are_taken(asked):
    def picky(rows):
        if rows <= 2 * FEW:
            raise TrainingError("too few")
        return Macs(7.0)

    assert asked(picky)[1] == Macs(7.0)
