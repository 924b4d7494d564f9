"""Partly revealed corruption: as many rows as asked, changed as the attack says, few told."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.pools.pools import image_pool
from harness.data.splits.make import manifest, parse_split_id
from harness.data.splits.noise import NOISES, noise_chance
from harness.data.splits.unlearning import (
    ATTACKS,
    TARGET,
    PatchedInputs,
    corrupt_training,
    patched_pool,
    with_patch,
)
from harness.data.suites.catalogue import SUITES
from harness.data.suites.open import OpenSuite, make_suite, open_suite
from harness.errors import HarnessError, SpecError, UnknownNameError
from harness.streams import stream

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
    pool = image_pool("train", images, LABELS, tuple("abcde"))
    held = patched_pool(pool, corrupted.patched)
    fly = PatchedInputs(pool.inputs, corrupted.patched)
    rows = np.array([corrupted.rows[0], 0, corrupted.rows[1]])
    taken = held.inputs.take(rows)
    assert np.array_equal(taken, fly.take(rows))
    assert np.array_equal(taken[1], images[0])
    assert np.array_equal(taken[0], with_patch(images[rows[:1]])[0])
    assert taken[0, -3:, -3:, 0].tolist() == [[255, 0, 255], [0, 255, 0], [255, 0, 255]]
    assert held.fingerprint != pool.fingerprint and np.array_equal(held.labels, LABELS)


def test_at_least_one_row_is_revealed():
    assert len(_attacked("random_swap", share=0.01, revealed=0.001).revealed) == 1


def test_bad_requests_get_a_sentence():
    with pytest.raises(SpecError, match="share is a share above 0 and below 1; got 1"):
        _attacked("random_swap", share=1.0)
    with pytest.raises(SpecError, match="revealed is a share above 0 and at most 1; got 0"):
        _attacked("random_swap", revealed=0.0)
    with pytest.raises(UnknownNameError, match="Did you mean 'random_swap'"):
        _attacked("random_swop")


@pytest.fixture(scope="module")
def opened() -> OpenSuite:
    return open_suite("digits-unlearn-v1")


def _all(inputs):
    return inputs.take(np.arange(len(inputs)))


POISON = "digits-balanced-patch_poison0.1~known0.3"


def test_every_attack_is_a_noise_kind():
    assert set(ATTACKS) <= set(NOISES)
    assert all(NOISES[name].rated and NOISES[name].matrix is None for name in ATTACKS)


@pytest.mark.parametrize(
    ("cell", "corrupted", "revealed"),
    [
        ("digits-balanced-interclass_confusion0.5~known0.3", 100, 30),  # of 200 in two classes
        ("digits-balanced-random_swap0.2~known0.3", 160, 48),  # of 800
        (POISON, 80, 24),
        ("digits-balanced-patch_poison0.1~known0.05", 80, 4),
    ],
)
def test_a_trainer_is_told_some_of_the_corrupted_rows(opened, cell, corrupted, revealed):
    split = opened.split(cell, 1)
    data = opened.training_data(split)
    assert int(split.flipped.sum()) == corrupted and len(data.known) == revealed
    assert split.flipped[data.known].all() and np.all(np.diff(data.known) > 0)
    assert np.array_equal(data.observed, split.observed)
    assert np.array_equal(opened.train_pool(split).labels, split.clean)
    assert manifest(split)["revealed"] == revealed
    assert manifest(split)["realised_noise_rate"] == corrupted / 800


def test_poisoned_training_images_carry_the_patch_and_no_other_image_does(opened):
    split = opened.split(POISON, 2)
    assert np.array_equal(split.patched, split.flipped)
    assert (split.observed[split.patched] == TARGET).all()
    own, given = opened.train.inputs.take(split.indices), _all(opened.training_data(split).inputs)
    assert np.array_equal(given[~split.patched], own[~split.patched])
    assert np.array_equal(given[split.patched], with_patch(own[split.patched]))
    assert np.array_equal(given, _all(opened.train_pool(split).inputs))
    assert opened.split("digits-balanced-random_swap0.2~known0.3", 0).patched is None


def test_the_patched_test_images_are_a_pool_where_a_cell_is_poisoned(opened):
    pool = opened.covariate["test@patched"]
    assert np.array_equal(_all(pool.inputs), with_patch(_all(opened.test.inputs)))
    assert np.array_equal(pool.labels, opened.test.labels)
    assert pool.base == opened.test.fingerprint != pool.fingerprint
    assert opened.fingerprints["test@patched"] == pool.fingerprint
    swapped = replace(
        SUITES["digits-unlearn-v1"], id="m", cells=("digits-balanced-random_swap0.2~known0.3",)
    )
    assert not make_suite(swapped).covariate


def test_validation_rows_leave_with_their_place_among_the_revealed(opened):
    split = opened.split("digits-balanced-random_swap0.2~known1~val0.25", 0)
    assert len(split.indices) == 600 and len(split.val_indices) == 200
    assert np.array_equal(np.flatnonzero(split.flipped), split.known)
    assert (split.val_observed != split.val_clean).any()


def test_chance_of_memorising_is_that_of_the_flips(opened):
    swap = opened.split("digits-balanced-random_swap0.2~known0.3", 0)
    assert noise_chance(swap) == 1 / 7
    confusion = opened.split("digits-balanced-interclass_confusion0.5~known0.3", 0)
    rows = [(confusion.flipped & (confusion.clean == k)).sum() for k in (0, 1)]
    # the mean over flipped rows of their class's share of flips: 100 rows in each of two classes
    assert noise_chance(confusion) == pytest.approx(sum((n / 100) * n for n in rows) / sum(rows))
    assert 0 < noise_chance(opened.split(POISON, 0)) < 0.25


REFUSED = {
    "digits-balanced-patch_poison0.1": r"above 0 and at most 1; got 0. Write 'patch_poison0.1~kno",
    "digits-balanced-random_swap0.1~known1.5": "got 1.5",
    "digits-balanced-random_swap~known0.3": "needs a rate",
    "digits-balanced-symmetric0.4~known0.3": "got it with 'symmetric'. Write",
    "digits-balanced-patch_poison0.1~known0.3~val0.1": "would teach selection the poison",
    "digits-balanced-random_swap0.1~knwn0.3": "Did you mean 'known'",
    "digits-balanced-random_swap0.1~known": "needs a number; got none. Write '~known0.1'",
    "digits-balanced-random_swap0.1~val0.1~known0.3": "Write 'digits-balanced-random_swap0.1~known",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_id_gets_one_sentence(text):
    with pytest.raises(HarnessError, match=REFUSED[text]):
        parse_split_id(text)


def test_a_table_cannot_be_poisoned(data_root):
    cell = "wine-natural-patch_poison0.1~known0.3"
    suite = replace(SUITES["tabular-v1"], id="made-v1", dataset="wine", cells=(cell,))
    with pytest.raises(SpecError, match="got a pool of table. Use 'random_swap'"):
        make_suite(suite, data_root)
