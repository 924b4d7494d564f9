"""Multiply-accumulates: by hand, against published numbers, and what is left uncounted, and why."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from baselines.methods.ordinal import Boundaries
from baselines.model import NeuralModel
from baselines.networks.build import NetworkSpec, build
from baselines.probes.probe import RULES, Probe
from baselines.probes.transforms import TRANSFORMS
from harness.models.obtain.counting import macs_of_job
from harness.models.obtain.obtain import obtain
from harness.models.passes.macs import LAYERS, NO_NETWORK, OUT_OF_REACH, count_macs
from harness.models.passes.numerics import Numerics
from harness.types import ArrayInputs, EntryCard, Job, Output, Pool, Preprocessing
from harness.types.results import Macs
from tests.models.tiny_suite import CELL


def a_pool(*shape: int, modality: str = "image") -> Pool:
    dtype = np.uint8 if modality == "image" else np.float32
    return Pool("test", modality, ArrayInputs(np.ones((3, *shape), dtype)), None, ("a", "b"), "f")


def counted(spec: NetworkSpec) -> Macs:
    channels, height, width = spec.shape
    how = Preprocessing(size=(height, width), channels=channels, mean=(0.5,) * channels,
                        std=(0.5,) * channels)  # fmt: skip
    model = NeuralModel(spec, build(spec), how)
    return count_macs(model, a_pool(height, width, channels), Numerics())


def test_a_small_network_is_counted_by_hand():
    found = counted(NetworkSpec("small-cnn", (1, 6, 6), 3, width=0.25))
    convolutions = 36 * 9 * (1 * 4 + 4 * 8)  # 6×6 places, 3×3 filters, 1 → 4 → 8 channels
    hidden = 8 * 3 * 3 * 16  # after one pooling
    assert found == Macs(convolutions + hidden + 16 * 3)


def test_a_committee_counts_each_of_its_members():
    one = counted(NetworkSpec("small-cnn", (1, 8, 8), 4)).count
    committee = counted(NetworkSpec("small-cnn", (1, 8, 8), 4, experts=3, shared=False)).count
    mixing = 3 * 4  # each logit is a weighted mean over three experts
    assert committee == 3 * one + mixing


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        # He et al. 2018, "Soft Filter Pruning", table 2: ResNet-32 on CIFAR-10, 6.89e7.
        (NetworkSpec("resnet32", (3, 32, 32), 10), 68.9e6),
        # d-li14/efficientnet-lite.pytorch, lite0 at 224 pixels: 0.385 G. (Google's table has 407 M,
        # which counts normalisation as well.)
        (NetworkSpec("timm/tf_efficientnet_lite0", (3, 224, 224), 1000), 0.385e9),
    ],
)
def test_published_networks_have_their_published_numbers(spec, published):
    assert counted(spec).count == pytest.approx(published, rel=1e-3 if published < 1e8 else 2e-3)


def test_a_linear_probe_is_one_layer_and_trees_are_no_network():
    arrays = {"classes": np.arange(2), "weight": np.ones((2, 5)), "bias": np.zeros(2)}
    pool = a_pool(5, modality="features")
    assert count_macs(Probe("linear", 2, arrays), pool, Numerics()) == Macs(10)
    assert count_macs(Probe("neighbours", 2, {}), pool, Numerics()) == Macs(None, NO_NETWORK)
    ordered = Boundaries(3, arrays | {"classes": np.arange(3)}, "columns")
    assert count_macs(ordered, pool, Numerics()) == Macs(10)  # one row of weights a boundary


def test_filters_count_at_every_place_of_an_image():
    arrays = {"classes": np.arange(2), "weight": np.ones((2, 16)), "bias": np.zeros(2),
              "filters": np.ones((4, 3, 3, 1), np.float32)}  # fmt: skip
    model = Probe("linear", 2, arrays, "random-convolutions")
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, 7, 6))
    filters = counter.get_total_flops() // 2
    assert count_macs(model, a_pool(7, 6, 1), Numerics()) == Macs(filters + 2 * 16)


def test_rows_that_nobody_counted_say_so(monkeypatch):
    monkeypatch.setitem(TRANSFORMS, "folded", TRANSFORMS["flat"])
    arrays = {"classes": np.arange(2), "weight": np.ones((2, 5)), "bias": np.zeros(2)}
    pool = a_pool(5, modality="features")
    found = count_macs(Probe("linear", 2, arrays, "folded"), pool, Numerics())
    assert found.count is None and "folded" in found.why


def test_every_rule_that_is_counted_is_a_rule_of_probes_or_a_model():
    assert LAYERS.keys() - RULES.keys() == {Boundaries.__name__}


def test_what_cannot_be_looked_into_is_not_counted():
    def answer(inputs: np.ndarray) -> Output:
        raise AssertionError("nobody asks it")

    foreign = SimpleNamespace(num_classes=2, preprocessing=None, meta={"rule": "linear"})
    foreign.__call__ = answer
    found = count_macs(foreign, a_pool(5, modality="features"), Numerics())
    assert found == Macs(None, OUT_OF_REACH)


def a_card(name: str, **method: object) -> EntryCard:
    return EntryCard.model_validate(
        {"format": 1, "name": name, "kind": "method", "ood_score": "energy", "method": method}
    )


def test_a_run_counts_and_a_head_counts_its_backbone_too(opened, store, tmp_path):
    cnn = a_card(
        "cnn", trainer="cross-entropy", recipe="small-cnn", overrides={"epochs": 1, "width": 0.25}
    )
    head = a_card("head", trainer="nearest-mean", features_from="cnn")

    def job(card: EntryCard) -> Job:
        return Job(card, tmp_path, CELL, 0)

    first = obtain(job(cnn), opened, store, pools=["test"]).cost["macs"]
    assert first == counted(NetworkSpec("small-cnn", (1, 6, 6), 3, width=0.25)).count
    second = obtain(job(head), opened, store, pools=["test"], parent=lambda name: job(cnn))
    assert second.cost["macs"] == first + 3 * 16  # three means of 16 features
    again = macs_of_job(job(head), opened, store, parent=lambda name: job(cnn))
    assert again == Macs(second.cost["macs"])


def test_a_sum_says_which_part_is_not_counted():
    assert Macs(2).after(Macs(3)) == Macs(5)
    assert Macs(None, NO_NETWORK).after(Macs(3)) == Macs(None, NO_NETWORK)
    assert Macs(2).after(Macs(None, "old")) == Macs(None, "backbone: old")
