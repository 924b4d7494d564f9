import tomllib
from pathlib import Path

import numpy as np
import pytest

import baselines
from baselines.methods import margin, prior, ride
from baselines.settings import Settings, checked
from harness.errors import SpecError
from harness.models.methods.methods import read_recipe
from harness.models.passes.numerics import Numerics, computing
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

RECIPES = sorted((Path(baselines.__file__).parent / "recipes").glob("*.toml"))
HEADER = ("# paper", "# protocol", "# hardware")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_says_where_it_is_from_and_sets_only_what_exists(path):
    text = path.read_text()
    assert all(line in text for line in HEADER)
    recipe = tomllib.loads(text)
    special = recipe.pop("dataset", {})
    method = ride.fit_ride if "branch_width" in recipe else prior.fit_cross_entropy
    for table in ({}, *special.values()):
        assert method.configure(recipe | table)["epochs"] >= 1


@pytest.mark.parametrize(
    ("dataset", "epochs", "batch_size", "channels_last", "snapshot_every", "dtype"),
    [
        ("digits", 30, 64, False, 1, "float32"),
        ("fashion_mnist", 3, 128, True, 1, "float32"),
        ("cifar10", 4, 128, True, 4, "bfloat16"),
        ("cifar100", 4, 128, True, 4, "bfloat16"),
        ("cifar100_lt", 4, 128, True, 4, "bfloat16"),
    ],
)
def test_the_house_recipe_of_a_data_set_is_what_its_results_were_made_with(
    dataset, epochs, batch_size, channels_last, snapshot_every, dtype
):
    expected = Settings(
        epochs=epochs,
        batch_size=batch_size,
        channels_last=channels_last,
        snapshot_every=snapshot_every,
        dtype=dtype,
    )
    recipe = read_recipe("baselines.methods.prior:fit_cross_entropy", "small-cnn", dataset)
    assert checked(Settings, prior.fit_cross_entropy.configure(recipe)) == expected


def test_deferred_weights_of_the_short_recipe_start_at_the_ninth_of_ten_epochs():
    recipe = read_recipe("baselines.methods.margin:fit_ldam_drw", "cifar-short", "cifar10")
    config = margin.fit_ldam_drw.configure(recipe)
    assert config["drw_start"] * config["epochs"] == 8


def test_a_misspelt_key_of_a_recipe_names_the_closest_one():
    with pytest.raises(SpecError, match="no setting 'mielstones'. Did you mean 'milestones'"):
        prior.fit_cross_entropy.configure({"mielstones": [160]})


def test_the_cifar_recipe_trains_as_the_harness_calls_it(rng):
    """ResNet-32 in bfloat16 and channels_last, with augmentation, deterministic algorithms on."""
    recipe = read_recipe("baselines.methods.prior:fit_cross_entropy", "cifar-lt-strong", "cifar10")
    recipe |= {"epochs": 1, "batch_size": 8, "warmup_epochs": 0.5}
    images = rng.integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)
    data = TrainingData(ArrayInputs(images), np.arange(16) % 4, 4)
    config = prior.fit_cross_entropy.configure(recipe)
    states = []
    for _ in range(2):
        with computing(Numerics(dtype="bfloat16", memory_format="channels_last"), seed=0):
            states.append(prior.fit_cross_entropy(data, FitContext(config, seed=0)).state())
    assert all((states[0][name] == states[1][name]).all() for name in states[0])
    assert all(np.isfinite(array).all() for array in states[0].values())
