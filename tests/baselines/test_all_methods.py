"""Over the tables: every method trains, is kept and comes back the same; every card resolves."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.networks.tails import front_and_tail
from harness.models.methods.methods import METHODS, load_trainer, resolve_config
from harness.models.obtain.vision import timm
from harness.types.data import ArrayInputs
from harness.types.models import EntryCard, FitContext
from tests.baselines.toy import all_inputs, bright_rows, normalised, skip_without_package

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
CARDS = sorted(p.parent.name for p in SUBMISSIONS.glob("*/entry.toml"))
QUICK = {"epochs": 2, "batch_size": 12}
FROM_A_PARENT = {
    "crt": "cross-entropy",
    "lws": "cross-entropy",
    "tau-normalisation": "cross-entropy",
    "nearest-class-mean": "cross-entropy",
    "sade-test-time": "sade",
    "fine-tuning": "cross-entropy",
    "selective-dampening": "cross-entropy",
    "energy-fine-tuning": "cross-entropy",
}
"""Method → the method that its parent was trained with."""
SMALL = "timm/test_efficientnet"
ON_MAPS = {"last-stages": {"network": SMALL}, "adapted-prototypes": {"network": SMALL}}
"""Method that goes on from a backbone's maps → its settings here."""
SETTINGS = {"averaged-heads": {"parts": 2}, **ON_MAPS}
"""Method → settings without which these rows do not fit it."""


def card_of(name):
    return EntryCard(**tomllib.loads((SUBMISSIONS / name / "entry.toml").read_text()))


def rows_for(name, counts=(12, 8, 4), seed=0):
    """Return training rows that a method takes, and the state that it starts from, if any."""
    data = bright_rows(counts, seed=seed)
    if name in ON_MAPS:
        return on_maps(data)
    if METHODS[name].auxiliary:
        data = replace(data, auxiliary=bright_rows((6, 6), seed=2).inputs)
    return data, None


def on_maps(data):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm().create_model(SMALL.partition("/")[2], num_classes=0).eval()
    grey = torch.from_numpy(all_inputs(data)).permute(0, 3, 1, 2) / 255
    images = torch.nn.functional.interpolate(grey.expand(-1, 3, -1, -1), 32)
    with torch.inference_mode():
        maps = front_and_tail(network, 1)[0](images).flatten(1).numpy()
    state = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    return replace(data, inputs=ArrayInputs(maps)), state


def fitted(name, parent=None):
    skip_without_package(name)
    trainer = load_trainer(METHODS[name].trainer)
    known = trainer.configure(SETTINGS.get(name, {}))
    quick = {k: v for k, v in QUICK.items() if k in known}
    data, start = rows_for(name)
    settings = trainer.configure(quick | SETTINGS.get(name, {}))
    return trainer, trainer.fit(data, FitContext(settings, seed=0, parent=parent or start))


@pytest.fixture(scope="module")
def parents():
    return {name: fitted(name)[1].state() for name in {*FROM_A_PARENT.values()}}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_trains_is_kept_and_comes_back_with_the_same_outputs(name, parents):
    trainer, model = fitted(name, parents.get(FROM_A_PARENT.get(name)))
    again = trainer.restore(model.state(), dict(model.meta))
    inputs = all_inputs(rows_for(name, (4, 4, 4), seed=1)[0])
    images = inputs if model.preprocessing is None else normalised(model, inputs)
    output = model(images)
    assert output.values.shape == (12, 3)
    assert np.isfinite(output.values).all()
    assert (output.values == again(images).values).all()


def test_every_method_with_a_paper_cites_it_in_its_docstring():
    silent = []
    for name, row in METHODS.items():
        text = load_trainer(row.trainer).fit.__doc__
        if row.paper and row.paper.split()[0] not in text:
            silent.append(name)
    assert silent == []


@pytest.mark.parametrize("name", CARDS)
def test_every_card_of_a_method_resolves_to_a_whole_configuration(name):
    card = card_of(name)
    assert card.name == name
    if card.method is None:
        pytest.skip("not a method")
    assert card.method.trainer in METHODS
    for dataset in ("digits", "fashion_mnist", "cifar10"):
        _, config = resolve_config(card, dataset)
        assert config.get("select", "last") in ("last", card.facets.selection)


def test_every_method_has_a_card():
    used = {card_of(name).method.trainer for name in CARDS if card_of(name).method}
    assert set(METHODS) <= used
