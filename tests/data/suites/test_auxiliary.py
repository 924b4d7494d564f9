"""Outliers to train against: the same everywhere, and never what a suite tests on."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.pools.pools import image_pool
from harness.data.sets.datasets import DATASETS
from harness.data.suites.auxiliary import AUXILIARY_SETS, auxiliary_pool
from harness.data.suites.open import open_suite
from harness.data.worlds.textures import COUNT, textures
from harness.errors import SpecError, UnknownNameError
from harness.keys import content


@pytest.fixture(scope="module")
def digits():
    return open_suite("digits-v1")


def test_textures_are_these_bytes_on_every_machine():
    assert content({"textures": textures(8, 8, 1)})[:16] == "106a8b5755ea3dd4"
    colour = textures(12, 10, 3)
    assert colour.shape == (COUNT, 12, 10, 3)
    assert (textures(12, 10, 3) == colour).all()


def test_textures_differ_from_each_other_and_use_the_whole_range():
    images = textures(8, 8, 1)
    assert len({image.tobytes() for image in images}) > 0.97 * COUNT
    assert images.min() < 5
    assert images.max() > 250


def test_textures_of_a_suite_share_no_image_with_it(digits):
    split = digits.split("digits-exp50-clean", 0)
    pool = digits.auxiliary_pool("generated-textures", split)
    assert pool.labels is None
    assert len(pool) == COUNT
    assert digits.auxiliary_pool("generated-textures", split) is pool


def test_a_data_set_that_holds_test_images_is_refused_by_its_pixels(digits):
    split = digits.split("digits-exp50-clean", 0)
    with pytest.raises(SpecError, match="481 of 481 rows of test are also among the outliers"):
        digits.auxiliary_pool("digits", split)


@pytest.mark.parametrize("name", ["ood/near/digits89", "ood/far/photo_patches", "calibration"])
def test_one_image_of_a_pool_among_the_outliers_is_refused(digits, name):
    from harness.data.suites import auxiliary

    held = {**digits.ood, "calibration": digits.calibration}
    one = held[name].inputs.take(np.array([3]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            auxiliary.AUXILIARY_SETS,
            "leaky",
            lambda *shape: np.concatenate([textures(*shape), one]),
        )
        with pytest.raises(SpecError, match=f"rows of {name} are also among"):
            auxiliary_pool("leaky", digits.train, held, None)


def test_what_does_not_fit_or_does_not_exist_is_refused(digits):
    with pytest.raises(UnknownNameError):
        auxiliary_pool("generated-texturs", digits.train, {}, None)
    table = replace(digits.train, modality="table")
    with pytest.raises(SpecError, match="this suite's inputs are a table"):
        auxiliary_pool("generated-textures", table, {}, None)
    small = image_pool("small", np.zeros((4, 6, 6, 1), dtype=np.uint8), None)
    with pytest.raises(SpecError, match="at most as large as the suite's images"):
        auxiliary_pool("digits", small, {}, None)


def test_a_smaller_grey_data_set_is_framed_and_repeated_in_every_channel(digits):
    large = image_pool("large", np.zeros((4, 12, 12, 3), dtype=np.uint8), None)
    pool = auxiliary_pool("digits", large, {}, None)
    images = pool.inputs.take(np.arange(5))
    assert images.shape == (5, 12, 12, 3)
    assert (images[..., 0] == images[..., 2]).all()
    assert images[:, :2].max() == 0


def test_no_outliers_made_here_have_the_name_of_a_data_set():
    assert not AUXILIARY_SETS.keys() & DATASETS.keys()
