"""Partly revealed corruption: as many rows as asked, changed as the attack says, few told."""

import numpy as np
import pytest

from harness.data.unlearning import (
    ATTACKS,
    TARGET,
    PatchedInputs,
    corrupt_training,
    corrupted_inputs,
    with_patch,
)
from harness.errors import SpecError, UnknownNameError
from harness.streams import stream
from harness.types import ArrayInputs

LABELS = np.repeat(np.arange(5), 200)


def _attacked(attack, share=0.1, revealed=0.25):
    words = stream("t", 0, "corrupt")
    return corrupt_training(LABELS, 5, attack, share=share, revealed=revealed, words=words)


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_rows_are_as_many_as_asked_and_only_they_change(attack):
    corrupted = _attacked(attack)
    expected = {"interclass_confusion": 40, "random_swap": 100, "patch_poison": 100}[attack]
    assert len(corrupted.rows) == expected
    changed = np.flatnonzero(corrupted.observed != LABELS)
    assert np.array_equal(changed, corrupted.rows)
    assert len(corrupted.revealed) == expected // 4
    assert set(corrupted.revealed) < set(corrupted.rows)
    again = _attacked(attack)
    assert np.array_equal(again.rows, corrupted.rows)
    assert np.array_equal(again.revealed, corrupted.revealed)


def test_confusion_swaps_two_classes_only():
    corrupted = _attacked("interclass_confusion", share=0.5)
    assert set(LABELS[corrupted.rows]) == {0, 1}
    assert np.array_equal(corrupted.observed[corrupted.rows], 1 - LABELS[corrupted.rows])


def test_poison_carries_the_patch_and_the_target_label(rng):
    corrupted = _attacked("patch_poison")
    assert (corrupted.observed[corrupted.rows] == TARGET).all()
    assert TARGET not in LABELS[corrupted.rows]
    images = rng.integers(1, 200, (len(LABELS), 8, 8, 3), dtype=np.uint8)
    held = corrupted_inputs(ArrayInputs(images), corrupted)
    fly = PatchedInputs(ArrayInputs(images), corrupted.patched)
    rows = np.array([corrupted.rows[0], 0, corrupted.rows[1]])
    assert np.array_equal(held.take(rows), fly.take(rows))
    assert np.array_equal(held.take(rows)[1], images[0])
    assert np.array_equal(held.take(rows)[0], with_patch(images[rows[:1]])[0])
    assert held.take(rows)[0, -3:, -3:, 0].tolist() == [[255, 0, 255], [0, 255, 0], [255, 0, 255]]


def test_label_attacks_leave_the_images_alone(rng):
    inputs = ArrayInputs(rng.integers(0, 9, (len(LABELS), 4, 4, 1), dtype=np.uint8))
    assert corrupted_inputs(inputs, _attacked("random_swap")) is inputs


def test_at_least_one_row_is_revealed():
    assert len(_attacked("random_swap", share=0.01, revealed=0.001).revealed) == 1


def test_bad_requests_get_a_sentence():
    with pytest.raises(SpecError, match="share is a share above 0 and below 1; got 1"):
        _attacked("random_swap", share=1.0)
    with pytest.raises(SpecError, match="revealed is a share above 0 and at most 1; got 0"):
        _attacked("random_swap", revealed=0.0)
    with pytest.raises(UnknownNameError, match="Did you mean 'random_swap'"):
        _attacked("random_swop")
