"""Own weights of a timm architecture as a frozen backbone: read, checked, keyed, fed as said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import CardError, SpecError
from harness.keys import sha256_file
from harness.models.cards.cards import check_entry, read_card
from harness.models.obtain.obtain import obtain
from harness.models.passes.numerics import Numerics
from harness.rankings.feeding import wrongly_fed
from harness.types import EntryCard, Job
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData
from harness.types.results import Asked
from tests.models.tiny_suite import CELL

torch = pytest.importorskip("torch")

from baselines.methods.backbone import fit_backbone  # noqa: E402 (it needs torch)
from harness.models.obtain.vision import timm  # noqa: E402

ARCH = "test_efficientnet"
BATCH = Numerics(batch_size=64)
HALF = [0.5, 0.5, 0.5]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What timm says that this architecture's weights were trained with."""


@pytest.fixture(scope="module")
def trained():
    """A small network with a last layer of seven classes, as somebody trained it."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return timm().create_model(ARCH, num_classes=7).eval()


def written(folder: Path, network, name: str = "mine.safetensors") -> dict:
    """Save a network's weights; return what a card says of the file."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), folder / name)
    return {"path": name, "sha256": sha256_file(folder / name)}


def job(folder: Path, weights: dict | None, name="own", **settings) -> Job:
    overrides = {"network": f"timm/{ARCH}", "resolution": 32, **settings}
    method = {"trainer": "backbone", "overrides": overrides, "weights": weights}
    card = {"format": 1, "name": name, "kind": "method", "method": method}
    return Job(EntryCard.model_validate(card), folder, CELL, 0)


def card_text(folder: Path, method: str, facets: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = f'format = 1\nname = "{folder.name}"\nkind = "method"\n[method]\n{method}\n'
    (folder / "entry.toml").write_text(f"{text}[facets]\n{facets}\n")


FACETS = 'backbone = "mine"\npretraining = "imagenet-1k supervised"\nresolution = "32 px"\n'


def test_features_are_those_that_the_network_reads_its_classes_from(
    tmp_path, opened, store, trained
):
    done = obtain(
        job(tmp_path / "own", written(tmp_path / "own", trained)), opened, store, pools=["test"],
        numerics=BATCH,
    )  # fmt: skip
    test = done.predictions["test"]
    images = opened.test.inputs.take(np.arange(70)).astype(np.float32) / 255
    images = torch.from_numpy(images.transpose(0, 3, 1, 2)).repeat(1, 3, 1, 1)
    large = torch.nn.functional.interpolate(
        images, (32, 32), mode="bicubic", antialias=True, align_corners=False
    )
    with torch.inference_mode():
        mean, std = (torch.tensor(of)[:, None, None] for of in (MEAN, STD))
        maps = trained.forward_features((large.clamp(0, 1) - mean) / std)
        expected = trained.forward_head(maps, pre_logits=True)
    np.testing.assert_allclose(test.features, expected, atol=0.05 * float(expected.std()))
    assert not test.values.any()


def test_the_key_holds_the_weights_and_not_their_name(tmp_path, opened, store, trained):
    other = timm().create_model(ARCH, num_classes=7)
    files = {
        "one": written(tmp_path / "one", trained),
        "renamed": written(tmp_path / "renamed", trained, "another.safetensors"),
        "other": written(tmp_path / "other", other),
    }
    ids = {
        name: obtain(job(tmp_path / name, file), opened, store, pools=[], numerics=BATCH).model_id
        for name, file in files.items()
    }
    assert ids["one"] == ids["renamed"] != ids["other"]


def test_a_file_that_is_not_the_one_on_the_card_is_refused(tmp_path, opened, store, trained):
    folder = tmp_path / "own"
    said = written(folder, trained)
    cases = {
        "does not exist. Add the file": {**said, "path": "away.safetensors"},
        "should have sha256 000000.* write its new sha256 on the card": {
            **said,
            "sha256": "0" * 64,
        },
    }
    for sentence, file in cases.items():
        with pytest.raises(CardError, match=sentence):
            obtain(job(folder, file), opened, store, pools=["test"], numerics=BATCH)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ("timm/test_resnet", "lacks .* tensors, first .* compared with test_resnet of timm"),
        ("timm/test_efficientnet_ln", "holds .* tensors that the architecture has not"),
        ("timm/test_efficientnett", "Did you mean 'test_efficientnet"),
        ("timm/test_efficientnet.r9", "timm has no weights 'r9' of test_efficientnet; known: r160"),
        ("resnet18", "is written timm/<architecture>, such as timm/resnet18; got 'resnet18'"),
    ],
)
def test_names_and_shapes_are_checked_before_anything_runs(tmp_path, trained, network, sentence):
    file = written(tmp_path / "own", trained)
    line = f'weights = {{ path = "{file["path"]}", sha256 = "{file["sha256"]}" }}'
    method = f'trainer = "backbone"\noverrides = {{ network = "{network}" }}\n{line}'
    card_text(tmp_path / "own", method, FACETS)
    with pytest.raises(Exception, match=sentence) as refused:
        check_entry(tmp_path / "own")
    assert type(refused.value).__name__ in ("CardError", "UnknownNameError")


def test_other_numbers_of_channels_are_named_by_the_first_tensor(tmp_path):
    grey = timm().create_model(ARCH, num_classes=0, in_chans=1)
    file = written(tmp_path / "own", grey)
    line = f'weights = {{ path = "{file["path"]}", sha256 = "{file["sha256"]}" }}'
    card_text(
        tmp_path / "own",
        f'trainer = "backbone"\noverrides = {{ network = "timm/{ARCH}" }}\n{line}',
        FACETS,
    )
    with pytest.raises(CardError, match="conv_stem.weight has shape .* 1, 3, 3.* change network"):
        check_entry(tmp_path / "own")


METHODS = {
    "no weights": (
        'trainer = "backbone"\noverrides = { network = "timm/resnet18" }',
        "needs weights of your own, and the card names none; none are fetched",
    ),
    "weights that nothing reads": (
        f'trainer = "frozen"\nweights = {{ path = "a.safetensors", sha256 = "{"0" * 64}" }}',
        "method.weights names a file and frozen reads none. .* use one of: backbone",
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_weights_belong_to_a_backbone_of_timm(tmp_path, name):
    method, sentence = METHODS[name]
    card_text(tmp_path / "own", method, FACETS)
    with pytest.raises(CardError, match=sentence):
        check_entry(tmp_path / "own")


@pytest.mark.parametrize("lacking", ["backbone", "pretraining", "resolution"])
@pytest.mark.parametrize("trainer", ["frozen", "backbone"])
def test_a_backbone_says_what_it_is(tmp_path, trainer, lacking):
    kept = [line for line in FACETS.splitlines() if not line.startswith(lacking)]
    card_text(tmp_path / "own", f'trainer = "{trainer}"', "\n".join(kept))
    with pytest.raises(CardError, match=f"missing here: {lacking} = "):
        read_card(tmp_path / "own")


def test_weights_of_a_package_are_not_replaced():
    with pytest.raises(SpecError, match="has the weights of its package"):
        fit_backbone.configure({"weights": "0" * 64})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, None),
        ({"mean": HALF}, "mean [0.5, 0.5, 0.5]; its weights were trained with [0.485"),
        ({"mean": HALF, "trained_mean": HALF}, None),
        ({"trained_std": HALF}, None),
        ({"interpolation": "nearest"}, "interpolation nearest"),
    ],
)
def test_images_are_fed_as_timm_says_and_otherwise_flagged(settings, said):
    config = fit_backbone.configure({"network": f"timm/{ARCH}", **settings})
    own = Asked(cells=(0,), settings=config)
    read = Asked(cells=(0,), parent=config)
    for found in (wrongly_fed([own]), wrongly_fed([read])):
        assert found is None if said is None else said in found


def test_a_size_that_the_network_does_not_take_is_refused(tmp_path, opened, store):
    vit = timm().create_model("test_vit3", num_classes=0)
    given = job(tmp_path / "own", written(tmp_path / "own", vit), network="timm/test_vit3")
    with pytest.raises(CardError, match="does not take images of 32 pixels: .* Set resolution"):
        obtain(given, opened, store, pools=["test"], numerics=BATCH)
    config = fit_backbone.configure({"network": "timm/test_vit3", "resolution": 160})
    path = tmp_path / "own" / "mine.safetensors"
    data = TrainingData(ArrayInputs(np.zeros((2, 6, 6, 1), np.uint8)), np.array([0, 1]), 2)
    model = fit_backbone(data, FitContext(config, seed=0, weights=path))
    assert model(np.zeros((1, 3, 160, 160), "f4")).features.shape == (1, 96)


def test_mirrored_maps_are_refused():
    with pytest.raises(SpecError, match="mirrored is of features"):
        fit_backbone.configure({"mirrored": True, "stages": 1})


def test_networks_beside_each_other_give_their_features_in_a_row():
    from harness.models.obtain import backbones

    first, second = "package/efficientnet-lite0", "package/efficientnet-lite1"
    for name in (first, second):
        if backbones.find_spec(backbones.backbone_named(name).module) is None:
            pytest.skip(f"the weights of {name} are not installed")
    anything = TrainingData(ArrayInputs(np.zeros((2, 6, 6, 1), np.uint8)), np.array([0, 1]), 2)
    images = np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype("f4")

    def features(**settings):
        config = fit_backbone.configure({"resolution": 32, **settings})
        return fit_backbone(anything, FitContext(config, seed=0))(images).features

    both = features(network=first, beside=[second])
    np.testing.assert_array_equal(
        both, np.hstack([features(network=first), features(network=second)])
    )


def test_a_package_that_is_not_there_is_noted_and_refuses_no_card(tmp_path, monkeypatch):
    """The card is right; this machine lacks something."""
    from harness.models.obtain import backbones

    absent = replace(backbones.BACKBONES["efficientnet-lite0"], module="efficientnet_lite9")
    monkeypatch.setitem(backbones.BACKBONES, "efficientnet-lite0", absent)
    for trainer in ("frozen", "backbone"):
        card_text(
            tmp_path / trainer,
            f'trainer = "{trainer}"\noverrides = {{ network = "package/efficientnet-lite0" }}',
            FACETS,
        )
        notes = check_entry(tmp_path / trainer)
        assert [note for note in notes if "pip install 'tailmark[backbones]'" in note], notes
