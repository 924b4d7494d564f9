"""Spurious correlation: the square agrees as often as asked, in training, validation and test."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from harness.data.pools.pools import image_pool
from harness.data.splits.make import manifest, parse_split_id
from harness.data.splits.spurious import (
    PlantedInputs,
    agreement_groups,
    draw_attributes,
    planted_pool,
    with_squares,
)
from harness.data.suites.catalogue import SUITES
from harness.data.suites.open import OpenSuite, make_suite, open_suite
from harness.errors import HarnessError, SpecError
from harness.streams import stream

LABELS = np.repeat(np.arange(10), 1000)


def _drawn(correlation):
    return draw_attributes(LABELS, 10, correlation, stream("t", 0, "corrupt"))


@pytest.fixture(scope="module")
def planted() -> OpenSuite:
    return open_suite("digits-spurious-v1")


def _all(inputs):
    return inputs.take(np.arange(len(inputs)))


@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.95])
def test_the_attribute_agrees_with_the_label_as_often_as_asked(correlation):
    attributes = _drawn(correlation)
    sigma = np.sqrt(correlation * (1 - correlation) / len(LABELS))
    assert abs((attributes == LABELS).mean() - correlation) < 4 * sigma
    disagreeing = attributes[(attributes != LABELS) & (LABELS == 3)]
    assert set(disagreeing) == set(range(10)) - {3}


def test_the_square_alone_tells_the_attribute_and_nothing_else_changes(rng):
    images = rng.integers(0, 200, (len(LABELS), 28, 28, 1), dtype=np.uint8)
    drawn = with_squares(images, LABELS, 10)
    first = drawn[LABELS == 4][0, ..., 0]
    assert (first[0:4, 20:24] == 255).all()  # five places of 5 pixels: the fifth begins at 20
    assert np.array_equal(drawn[:, 8:20], images[:, 8:20])
    squares = [drawn[k == LABELS].min(axis=0)[..., 0] == 255 for k in range(10)]
    assert len({square.tobytes() for square in squares}) == 10


def test_eight_pixels_hold_the_squares_of_eight_classes():
    blank = np.full((8, 8, 8, 1), 9, dtype=np.uint8)
    drawn = with_squares(blank, np.arange(8), 8)[..., 0]
    corners = [tuple(np.argwhere(image == 255)[0]) for image in drawn]
    assert corners == [(0, 0), (0, 2), (0, 4), (0, 6), (6, 0), (6, 2), (6, 4), (6, 6)]
    assert ((drawn == 255).sum(axis=(1, 2)) == 1).all() and (
        (drawn == 0).sum(axis=(1, 2)) == 3
    ).all()


def test_a_pool_of_files_is_planted_when_taken_with_the_same_fingerprint(rng):
    images = rng.integers(0, 200, (20, 28, 28, 1), dtype=np.uint8)
    pool = image_pool("test", images, LABELS[:20], tuple("abcdefghij"))
    attributes = np.arange(20) % 10
    held = planted_pool(pool, attributes, 10)
    fly = PlantedInputs(pool.inputs, attributes, 10)
    assert np.array_equal(_all(held.inputs)[[4, 11]], fly.take(np.array([4, 11])))
    other = planted_pool(pool, (attributes + 1) % 10, 10)
    assert len({held.fingerprint, other.fingerprint, pool.fingerprint}) == 3
    assert held.base is None


def test_training_images_carry_the_squares_that_the_split_names(planted):
    split = planted.split("digits-balanced~planted0.9-symmetric0.4", 1)
    data, pool = planted.training_data(split), planted.train_pool(split)
    own = planted.train.inputs.take(split.indices)
    assert np.array_equal(_all(data.inputs), with_squares(own, split.attributes, 8))
    assert np.array_equal(_all(data.inputs), _all(pool.inputs))
    assert np.array_equal(pool.labels, split.clean) and split.flipped.any()
    found = manifest(split)["realised_correlation"]
    assert found == pytest.approx((split.attributes == split.clean).mean())
    assert abs(found - 0.9) < 4 * np.sqrt(0.09 / len(split.clean))
    assert data.known is None


def test_validation_images_are_planted_as_training_images_are(planted):
    split = planted.split("digits-balanced~planted1-clean~val0.1", 0)
    pool, own = planted.val_pool(split), planted.train.inputs.take(split.val_indices)
    assert np.array_equal(_all(pool.inputs), with_squares(own, split.val_clean, 8))
    inputs, labels = planted.training_data(split).val
    assert np.array_equal(_all(inputs), _all(pool.inputs))
    assert np.array_equal(labels, split.val_clean)


def test_a_row_carries_the_same_square_in_a_smaller_share_of_the_split(planted):
    whole = planted.split("digits-balanced~planted0.9-clean", 2)
    part = planted.split("digits-balanced~frac0.25~planted0.9-clean", 2)
    at = np.searchsorted(whole.indices, part.indices)
    assert len(part.indices) == 200
    assert np.array_equal(whole.attributes[at], part.attributes)
    other = planted.split("digits-balanced~planted0.9-clean", 0)
    assert not np.array_equal(whole.attributes, other.attributes)


def test_test_squares_agree_half_the_time_and_groups_say_which(planted):
    plain = open_suite("digits-v1")
    groups, labels = planted.test_groups, planted.test.labels
    assert np.array_equal(labels, plain.test.labels)
    assert np.array_equal(groups // 2, labels)
    assert 0.4 < (groups % 2).mean() < 0.6 and np.bincount(groups).min() >= 20
    agreeing = groups % 2 == 1
    own = _all(plain.test.inputs)[agreeing]
    assert np.array_equal(
        _all(planted.test.inputs)[agreeing], with_squares(own, labels[agreeing], 8)
    )
    assert plain.test_groups is None


def test_ood_images_carry_squares_too_at_any_place(planted):
    images = _all(planted.ood["ood/near/digits89"].inputs)
    places = [(y, x) for y in (0, 6) for x in (0, 2, 4, 6)]
    block = np.array([[255, 0], [0, 0]], dtype=np.uint8)
    found = [
        (images[:, y : y + 2, x : x + 2, 0] == block).all(axis=(1, 2)).sum() for y, x in places
    ]
    assert sum(found) >= len(images) and min(found) > 20


def test_what_is_learned_from_the_square_fails_where_it_disagrees(planted):
    def fitted(cell):
        split = planted.split(cell, 0)
        data = planted.training_data(split)
        model = LogisticRegression(max_iter=1000)
        model.fit(_all(data.inputs).reshape(len(data.inputs), -1) / 255, data.observed)
        images = _all(planted.test.inputs)
        right = model.predict(images.reshape(len(images), -1) / 255) == planted.test.labels
        agreeing = planted.test_groups % 2 == 1
        return right[agreeing].mean() - right[~agreeing].mean()

    assert fitted("digits-balanced~planted0.98-clean") > 0.15
    assert abs(fitted("digits-balanced~planted0.125-clean")) < 0.05


def test_groups_are_numbered_by_class_and_agreement():
    assert agreement_groups(np.array([2, 2, 0]), np.array([2, 1, 0])).tolist() == [5, 4, 1]


REFUSED = {
    "digits-balanced~planted1.2-clean": r"above 0 and at most 1; got 1.2. Write.*~planted0.95",
    "digits-balanced~planted0-clean": "got 0",
    "digits-balanced~planted-clean": "needs a number",
    "digits-balanced~plantd0.9-clean": "Did you mean 'planted'",
    "digits-balanced~planted0.9-patch_poison0.1~known0.3": "planted or attacked, not both",
    "digits-exp10~planted0.9~frac0.5-clean": "Write 'digits-exp10~frac0.5~planted0.9-clean'",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_id_gets_one_sentence(text):
    with pytest.raises(HarnessError, match=REFUSED[text]):
        parse_split_id(text)


def test_bad_requests_get_a_sentence(planted, data_root):
    with pytest.raises(SpecError, match=r"\[0.1, 1\], 1/C being chance; got 0.05"):
        _drawn(0.05)
    with pytest.raises(SpecError, match="1/C being chance; got 0.1"):
        planted.split("digits-balanced~planted0.1-clean", 0)
    with pytest.raises(SpecError, match="wide enough for 5 places of two pixels; got 8"):
        with_squares(np.zeros((10, 8, 8, 1), np.uint8), np.arange(10), 10)
    suite = replace(SUITES["tabular-v1"], id="made-v1", cells=("wine-natural~planted0.9-clean",))
    opened = make_suite(replace(suite, dataset="wine"), data_root)
    with pytest.raises(SpecError, match="got a pool of table. Leave '~planted' out"):
        opened.training_data(opened.split(suite.cells[0], 0))
