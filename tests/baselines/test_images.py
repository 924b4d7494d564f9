import numpy as np
import pytest
import torch

from baselines.images import load
from baselines.settings import Settings
from harness.errors import TrainingError
from harness.models.passes.preprocessing import prepare
from harness.types.data import ArrayInputs


def loaded(array, **settings):
    labels = np.arange(len(array)) % 2
    return load(ArrayInputs(array), labels, 2, Settings(**settings), "cpu")


@pytest.mark.parametrize(
    ("shape", "network"),
    [((8, 8, 1), "small-cnn"), ((32, 32, 3), "resnet32"), ((28, 28, 1), "timm/resnet18")],
)
def test_training_sees_bit_for_bit_what_the_harness_feeds_at_test_time(shape, network, rng):
    array = rng.integers(0, 256, (6, *shape), dtype=np.uint8)
    images = loaded(array, network=network)
    seen = images.take(torch.arange(6)).numpy()
    assert (seen == prepare(array, images.preprocessing)).all()


def test_mean_and_deviation_are_measured_unless_the_recipe_says_them(rng):
    array = rng.integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    measured = loaded(array).preprocessing
    assert measured.mean == (round(array.mean() / 255, 4),)
    assert loaded(array, mean=(0.5,), std=(0.25,)).preprocessing.std == (0.25,)


def test_a_recipe_for_other_channels_is_refused(rng):
    array = rng.integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    with pytest.raises(TrainingError, match="mean and std need 1 values each"):
        loaded(array, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))


def test_images_of_five_channels_are_refused():
    with pytest.raises(TrainingError, match="1 or 3 channels; these have 5"):
        loaded(np.zeros((4, 8, 8, 5), dtype=np.uint8))


def test_a_validation_share_is_stratified_and_leaves_each_class_an_image():
    array = np.zeros((23, 8, 8, 1), dtype=np.uint8)
    labels = np.repeat([0, 1, 2], [20, 2, 1])
    images = load(ArrayInputs(array), labels, 3, Settings(mean=(0.0,), std=(1.0,)), "cpu")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kept, held = images.split(0.5)
    assert torch.bincount(kept.labels, minlength=3).tolist() == [10, 1, 1]
    assert torch.bincount(held.labels, minlength=3).tolist() == [10, 1, 0]
