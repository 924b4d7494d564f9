"""Trainers by name and recipes: who overrides whom, and the sentence for what does not exist."""

import subprocess
import sys

import pytest

from harness.errors import CardError
from harness.models.methods.code import code_sha256
from harness.models.methods.methods import METHODS, load_trainer, resolve_config, settings_of
from harness.types import EntryCard
from tests.conftest import ROOT


def card(trainer="toybox.linear:fit_steps", **method) -> EntryCard:
    part = {"trainer": trainer, **method}
    return EntryCard.model_validate({"format": 1, "name": "x", "kind": "method", "method": part})


def test_defaults_recipe_dataset_table_and_card_in_this_order():
    entry = card(recipe="gentle", overrides={"stop_after": 9})
    trainer, config = resolve_config(entry, "tiny")
    assert trainer == "toybox.linear:fit_steps"
    assert config == {"epochs": 3, "lr": 0.2, "stop_after": 9, "prepared": False}
    assert resolve_config(entry, "other")[1]["lr"] == 0.05
    assert resolve_config(card(recipe="gentle", overrides={"lr": 9.0}), "tiny")[1]["lr"] == 9.0


def test_an_unknown_recipe_names_the_closest():
    with pytest.raises(CardError, match="No recipe named 'gentel'.* Did you mean 'gentle'"):
        settings_of(card(recipe="gentel"), "tiny")


@pytest.mark.parametrize(
    ("trainer", "sentence"),
    [
        ("toybox.linear:fit_step", "offers no function 'fit_step'. Did you mean 'fit_steps'"),
        ("toybox.counting:count", "must take two arguments, .train, ctx.; it takes .what"),
        ("toybox.nothing:fit", "names no module"),
    ],
)
def test_a_trainer_that_is_not_there_is_named(trainer, sentence):
    with pytest.raises(CardError, match=sentence):
        load_trainer(trainer)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_names_code_that_exists_and_fills_in_its_defaults(name):
    method = METHODS[name]
    assert len(code_sha256(method.trainer)) == 64
    assert isinstance(load_trainer(method.trainer).configure({}), dict)


def test_methods_that_need_no_torch_import_none():
    modules = {m.trainer.partition(":")[0] for m in METHODS.values() if "torch" not in m.needs}
    code = f"import sys, {', '.join(sorted(modules))}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "False"
