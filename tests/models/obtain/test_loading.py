"""Weights that are handed in: safe files of the right shape, fed what they were trained with."""

import json
import struct

import numpy as np
import pytest

from harness.errors import CardError
from harness.models.loaders.load import load_model
from harness.models.loaders.timm_weights import build
from harness.models.obtain.obtain import obtain
from harness.models.safe.weights import load_state, read_header
from harness.types import Job
from harness.types.models import ModelPart
from tests.models.obtain.conftest import PART
from tests.models.tiny_suite import CELL

HUGE = json.dumps({"w": {"dtype": "F32", "shape": [1 << 30], "data_offsets": [0, 4]}}).encode()


def test_a_model_is_loaded_passed_and_cached(entry, opened, store):
    first = obtain(entry(), opened, store, pools=["test", "ood/near/noise"])
    assert first.predictions["test"].values.shape == (70, 3)
    assert first.cost["parameters"] > 1000
    again = obtain(entry(), opened, store, pools=["test", "ood/near/noise"])
    assert again.predictions["test"].sha256 == first.predictions["test"].sha256
    assert again.model_id == first.model_id


def test_features_and_head_give_the_logits(entry, opened, store):
    found = obtain(entry(), opened, store, pools=["test"]).predictions["test"]
    linear = found.features.astype("f4") @ found.head["weight"].T + found.head["bias"]
    np.testing.assert_allclose(linear, found.values, atol=5e-3)


def test_outputs_are_brought_into_the_order_of_the_suites_classes(entry, opened, store):
    names = list(opened.test.class_names)
    turned = [names[1], names[2], names[0]]
    plain = obtain(entry(), opened, store, pools=["test"])
    found = obtain(entry(classes=turned), opened, store, pools=["test"])
    expected = plain.predictions["test"].values[:, [turned.index(name) for name in names]]
    np.testing.assert_array_equal(found.predictions["test"].values, expected)
    assert found.model_id != plain.model_id
    head, features = found.predictions["test"].head, found.predictions["test"].features
    linear = features.astype("f4") @ head["weight"].T + head["bias"]
    np.testing.assert_allclose(linear, expected, atol=5e-3)
    named = obtain(entry(classes=names), opened, store, pools=["test"])
    np.testing.assert_array_equal(
        named.predictions["test"].values, plain.predictions["test"].values
    )


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (lambda names: names[:2], "classes names 2 of the suite's 3 classes"),
        (lambda names: [names[0], names[0], names[1]], "names a class twice"),
        (lambda names: [*names[:2], "zebra"], "zebra"),
    ],
)
def test_classes_that_are_not_the_suites_are_refused(entry, opened, store, classes, message):
    with pytest.raises(CardError, match=message):
        obtain(entry(classes=classes(list(opened.test.class_names))), opened, store, pools=["test"])


def test_a_second_head_after_the_last_layer_means_there_is_none():
    import torch

    from harness.models.loaders.timm_weights import TimmModel
    from harness.models.passes.numerics import Numerics
    from harness.types import Preprocessing

    class TwoHeads(torch.nn.Module):
        def __init__(self, second: float) -> None:
            super().__init__()
            self.fc, self.second = torch.nn.Linear(16, 3), second

        def get_classifier(self):
            return self.fc

        def forward_features(self, images):
            return images

        def forward_head(self, maps, pre_logits=False):
            features = maps.flatten(1)
            return features if pre_logits else self.fc(features) + self.second * features[:, :3]

    how = Preprocessing(size=(4, 4), channels=1, mean=(0,), std=(1,))
    assert TimmModel(TwoHeads(0.0), 3, how, Numerics()).head["weight"].shape == (3, 16)
    assert TimmModel(TwoHeads(0.5), 3, how, Numerics()).head is None


def test_a_size_that_the_architecture_does_not_take_is_refused():
    from harness.models.loaders.timm_weights import TimmModel
    from harness.models.passes.numerics import Numerics
    from harness.types import Preprocessing

    how = Preprocessing(size=(32, 32), channels=3, mean=(0, 0, 0), std=(1, 1, 1))
    network = build(ModelPart(arch="vit_tiny_patch16_224"), 3)
    with pytest.raises(CardError, match="does not take images of .32, 32. pixels"):
        TimmModel(network, 3, how, Numerics())


def test_the_logits_are_those_of_the_plain_network(entry, opened, store, weights):
    import torch
    from safetensors.torch import load_file

    network = build(ModelPart.model_validate(PART), 3).eval()
    network.load_state_dict(load_file(weights))
    images = torch.from_numpy(opened.test.inputs.array.transpose(0, 3, 1, 2).astype("f4"))
    resized = torch.nn.functional.interpolate(images, (32, 32), mode="bilinear").round() / 255
    with torch.inference_mode():
        expected = network((resized - 0.5) / 0.25).numpy()
    found = obtain(entry(), opened, store, pools=["test"]).predictions["test"].values
    np.testing.assert_allclose(found, expected, atol=2e-2)


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessing": PART["preprocessing"] | {"std": [0.5]}},
        {"kwargs": {"in_chans": 1, "drop_rate": 0.1}},
    ],
    ids=["preprocessing", "kwargs"],
)
def test_a_changed_card_is_passed_again(entry, opened, store, change):
    obtain(entry(), opened, store, pools=["test"])
    before = len(list(store.root.glob("evidence/*/*")))
    obtain(entry(**change), opened, store, pools=["test"])
    assert len(list(store.root.glob("evidence/*/*"))) == before + 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sha256": "0" * 64}, "should have sha256 0000000000000000… and has"),
        ({"arch": "test_convnexx"}, "Did you mean 'test_convnext"),
        ({"arch": "test_resnet"}, "lacks [0-9]+ of the architecture's [0-9]+ tensors"),
        ({"kwargs": {}, "preprocessing": None}, "has shape .* Check model.kwargs"),
        ({"kwargs": {"in_chans": 1, "img_size": 32}}, "cannot be built with model.kwargs"),
        ({"preprocessing": None}, "timm knows no mean and std"),
        (
            {"preprocessing": {"size": [8, 8], "channels": 3, "mean": [0.5] * 3, "std": [1] * 3}},
            "model.preprocessing has 3 channels and the architecture takes 1",
        ),
    ],
)
def test_wrong_weights_have_their_sentence(entry, opened, store, changes, sentence):
    with pytest.raises(CardError, match=sentence):
        obtain(entry(**changes), opened, store, pools=["test"])


def test_weights_for_another_number_of_classes_are_refused(entry):
    job = entry()
    with pytest.raises(CardError, match="is for 3 classes .* the suite has 8. Train the last"):
        load_model(job.card, job.folder, CELL, 0, [str(k) for k in range(8)])


def test_a_job_without_weights_is_refused(entry, opened, store):
    job = entry()
    with pytest.raises(CardError, match="has no weights for .*-s1"):
        obtain(Job(job.card, job.folder, CELL, 1), opened, store)


def test_a_pickle_is_refused_unopened(entry, tmp_path, opened, store):
    path = tmp_path / "w.pt"
    path.write_bytes(b"\x80\x04")
    with pytest.raises(CardError, match="must be one of .safetensors, .*; got '.pt': pickles"):
        obtain(entry(path=path), opened, store)


def test_timms_own_preprocessing_is_used_when_the_card_has_none(opened):
    from harness.models.loaders.timm_weights import preprocessing_of

    part = ModelPart(arch="resnet18")
    found = preprocessing_of(part, build(part, 3))
    assert found.size == (224, 224)
    assert found.mean == pytest.approx((0.485, 0.456, 0.406))


@pytest.mark.parametrize(
    ("raw", "received"),
    [
        (struct.pack("<Q", 1 << 40) + b"{}", "a header of 1,099,511,627,776 bytes"),
        (b"\x80\x02}", "a header of 3 bytes in a file of 3"),
        (struct.pack("<Q", 2) + b"[]", "a header that cannot be read"),
        (struct.pack("<Q", len(HUGE)) + HUGE, "4,294,967,296 bytes declared"),
    ],
    ids=["long header", "no file", "no object", "huge tensor"],
)
def test_hostile_safetensors_are_refused_from_the_header(tmp_path, raw, received):
    path = tmp_path / "w.safetensors"
    path.write_bytes(raw)
    with pytest.raises(CardError, match=received):
        read_header(path)
    with pytest.raises(CardError, match="must be a safetensors file"):
        load_state(path)
