"""Opened suites: pools are disjoint and fixed, splits are those that the manifest names."""

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from harness.data.suites.catalogue import SUITES
from harness.data.suites.make_manifest import labels_manifest, suite_manifest
from harness.data.suites.manifest import FOLDER, check_split, read_manifest
from harness.data.suites.open import OpenSuite, make_suite, open_suite
from harness.errors import RecordMismatchError, SpecError, UnknownNameError


@pytest.fixture(scope="module")
def digits() -> OpenSuite:
    return open_suite("digits-v1")


def _rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_digits_pools_have_the_promised_sizes_and_share_no_image(digits):
    sizes = {"train": 818, "test": 481, "calibration": 144}
    pools = {"train": digits.train, "test": digits.test, "calibration": digits.calibration}
    assert {name: len(pool) for name, pool in pools.items()} == sizes
    images = [_rows(pool.inputs.take(np.arange(len(pool)))) for pool in pools.values()]
    near = digits.ood["ood/near/digits89"]
    images.append(_rows(near.inputs.take(np.arange(len(near)))))
    assert sum(map(len, images)) == len(set.union(*images))


def test_no_digit_8_or_9_is_in_distribution(digits):
    assert digits.test.class_names == tuple("01234567")
    assert set(np.unique(digits.train.labels)) == set(range(8))
    assert len(digits.ood["ood/near/digits89"]) == 174 + 180
    assert len(digits.ood["ood/far/photo_patches"]) == 600


@pytest.mark.parametrize(
    "name", ["digits-v1", "digits-shift-v1", "digits-spurious-v1", "digits-unlearn-v1"]
)
def test_the_committed_manifest_covers_every_cell_and_seed_and_is_made_again_byte_for_byte(name):
    text = suite_manifest(name)
    assert text == (FOLDER / f"{name}.json").read_text()
    suite = SUITES[name]
    assert set(json.loads(text)["splits"]) == {f"{c}-s{s}" for c in suite.cells for s in (0, 1, 2)}


REMADE = """
import sys
import numpy as np
from harness.data.sets.datasets import DATASETS
from harness.data.splits.sources import Sources
from harness.data.splits.make import make_split
from harness.data.suites.make_manifest import suite_manifest
from harness.streams import Stream
from harness.types import ArrayInputs, SplitSpec
images = Stream("made").integers(2_000 * 3072, 256).astype(np.uint8).reshape(2_000, 32, 32, 3)
spec, labels = SplitSpec("cifar10", noise="instance", noise_rate=0.4), np.arange(2_000) % 10
made = make_split(spec, labels, 10, 0, DATASETS["cifar10"], Sources(ArrayInputs(images)))
sys.stdout.write(made.sha256 + suite_manifest("digits-v1"))
"""
"""Makes a manifest, and the one noise whose flips come from products of large matrices."""


def test_manifests_are_the_same_in_another_process_and_under_another_thread_count():
    changed = {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    made = subprocess.run(
        [sys.executable, "-c", REMADE],
        env=os.environ | changed,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pinned = "6871f9f8bda15e1eaf565b4974363fccade5718e0f2c055755884c3df08887c1"
    assert made == pinned + (FOLDER / "digits-v1.json").read_text()


@pytest.mark.parametrize(
    "suite", ["cifar10-shift-v1", "cifar10n-v1", "cifar100-v1", "cifar100n-v1"]
)
def test_splits_made_from_labels_alone_are_the_committed_ones(suite, data_root):
    made = json.loads(labels_manifest(suite, data_root))
    assert made["splits"] == read_manifest(suite)["splits"]


def test_a_suite_that_holds_images_back_cannot_be_made_from_labels(data_root):
    with pytest.raises(SpecError, match="fashion-v1 needs its images"):
        labels_manifest("fashion-v1", data_root)


def test_cifar10_splits_are_those_committed_and_its_near_ood_has_no_order(data_root):
    opened = open_suite("cifar10-v1", data_root)
    split = opened.split("cifar10-exp100~shuffled-symmetric0.4", 1)
    assert len(split.indices) == 12406
    assert opened.calibration is None
    near = opened.ood["ood/near/cifar100"].inputs
    first = [image.tobytes() for image in near.take(np.arange(0, 10_000, 100))]
    assert first == sorted(first) and len(near) == 10_000


def test_open_set_noise_puts_other_images_under_the_labels(rng):
    cell = "digits-balanced-open_set0.3"
    suite = replace(SUITES["digits-v1"], id="made-v1", cells=(cell,), open_set="digits89")
    opened = make_suite(suite)
    split = opened.split(cell, 0)
    data, pool = opened.training_data(split), opened.train_pool(split)
    rows, replaced = np.arange(len(split.indices)), split.foreign >= 0
    own = opened.train.inputs.take(split.indices)
    assert np.array_equal(data.inputs.take(rows)[~replaced], own[~replaced])
    near = opened.ood["ood/near/digits89"].inputs.take(split.foreign[replaced])
    assert np.array_equal(data.inputs.take(rows)[replaced], near)
    assert np.array_equal(pool.inputs.take(rows), data.inputs.take(rows))


def test_a_manifest_that_does_not_match_is_refused(digits, tmp_path):
    committed = json.loads((FOLDER / "digits-v1.json").read_text())
    committed["splits"]["digits-exp10-clean-s0"]["clean_counts"][0] += 1
    (tmp_path / "digits-v1.json").write_text(json.dumps(committed))
    split = digits.split("digits-exp10-clean", 0)
    check_split("digits-v1", split)
    with pytest.raises(RecordMismatchError, match="digits-exp10-clean-s0.*clean_counts"):
        check_split("digits-v1", split, tmp_path)
    assert read_manifest("digits-v2") is None


def test_an_unknown_suite_names_the_closest():
    with pytest.raises(UnknownNameError, match="Did you mean 'digits-v1'"):
        open_suite("digit-v1")


def test_training_data_are_the_splits_rows_with_observed_labels(digits):
    split = digits.split("digits-exp10-symmetric0.4", 1)
    data, pool = digits.training_data(split), digits.train_pool(split)
    rows = np.arange(len(split.indices))
    assert np.array_equal(data.inputs.take(rows), pool.inputs.take(rows))
    assert np.array_equal(data.observed, split.observed)
    assert np.array_equal(pool.labels, split.clean)
    assert (data.observed != pool.labels).any()


def test_fashion_opens_from_packed_and_unpacked_files_with_the_same_pools(data_root, tmp_path):
    packed = open_suite("fashion-v1", data_root)
    sizes = {name: len(pool) for name, pool in packed.ood.items()}
    assert sizes == {"ood/near/mnist": 10_000, "ood/far/photo_patches": 660}
    for folder, ours in (("FashionMNIST", "fashion-mnist"), ("MNIST", "mnist")):
        (tmp_path / folder / "raw").mkdir(parents=True)
        for path in (data_root / ours).glob("*.gz"):
            unpacked = tmp_path / folder / "raw" / path.name.removesuffix(".gz")
            unpacked.write_bytes(gzip.decompress(path.read_bytes()))
    assert open_suite("fashion-v1", tmp_path).fingerprints == packed.fingerprints
    split = packed.split("fashion_mnist-exp100-symmetric0.4", 2)
    assert split.clean_counts.max() == 5400 and split.clean_counts.min() == 54


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_every_suite_with_a_manifest_has_all_its_cells_and_seeds_in_it(suite):
    committed = read_manifest(suite)
    cells = {f"{c}-s{s}" for c in SUITES[suite].cells for s in SUITES[suite].seeds}
    assert committed is None or set(committed["splits"]) == cells


def test_a_suite_over_several_tables_gives_each_cell_its_own_data(data_root):
    small = ("breast_cancer-natural-clean", "wine-natural-clean", "pima-natural-symmetric0.2")
    suite = replace(SUITES["tabular-v1"], id="made-v1", cells=small)
    opened = make_suite(suite, data_root)
    found = [opened.at(cell) for cell in small]
    assert [part.num_classes for part in found] == [2, 3, 2]
    assert [part.dataset.name for part in found] == ["breast_cancer", "wine", "pima"]
    for part, cell in zip(found, small, strict=True):
        split = opened.split(cell, 1)
        pool, data = opened.train_pool(split), opened.training_data(split)
        rows = np.arange(len(split.indices))
        assert np.array_equal(pool.inputs.take(rows), data.inputs.take(rows))
        assert np.array_equal(pool.labels, split.clean) and len(part.test) < len(pool)
        assert part.split(cell, 1).sha256 == split.sha256
    assert set(opened.fingerprints) == {"test", "calibration"}
    assert opened.fingerprints["test"] != found[0].fingerprints["test"]
    assert opened.at("digits-balanced-clean") is opened
    with pytest.raises(UnknownNameError, match="data set of this suite"):
        opened.split("digits-balanced-clean", 0)


def test_any_classes_can_be_held_out_as_near_ood():
    suite = replace(
        SUITES["digits-v1"], id="odd-v1", classes=(1, 3, 5, 7, 9), near=("held_out",), far=()
    )
    opened = make_suite(suite)
    assert opened.test.class_names == tuple("13579")
    assert np.bincount(opened.test.labels).tolist() == [61, 61, 61, 60, 60]
    given = load_digits().target
    assert len(opened.ood["ood/near/held_out"]) == np.isin(given, (0, 2, 4, 6, 8)).sum()
    split = opened.split("digits-exp10-clean", 0)
    assert split.num_classes == 5 and split.clean_counts[0] / split.clean_counts[-1] >= 10
    with pytest.raises(SpecError, match="whole-v1 names no `classes`"):
        make_suite(replace(suite, id="whole-v1", classes=None))


def test_a_share_of_the_labels_leaves_the_other_images_without_them():
    opened = open_suite("digits-fractions-v1")
    cell = "digits-balanced~frac0.25-symmetric0.4"
    split = opened.split(cell, 1)
    pool = opened.unlabelled_pool(split)
    offered = opened.training_data(split).unlabelled
    assert len(split.indices) == 200 and len(offered) == len(pool) == 600
    labelled = {row.tobytes() for row in opened.train_pool(split).inputs.take(np.arange(200))}
    assert not labelled & {row.tobytes() for row in offered.take(np.arange(600))}
    smaller = opened.split("digits-balanced~frac0.1-clean", 1)
    larger = opened.split("digits-balanced~frac0.5-clean", 1)
    assert set(smaller.indices) < set(larger.indices)


def test_a_cell_with_every_label_offers_nothing_unlabelled():
    opened = open_suite("digits-v1")
    assert opened.training_data(opened.split("digits-exp10-clean", 0)).unlabelled is None


def test_validation_rows_are_not_among_the_unlabelled():
    opened = make_suite(replace(SUITES["digits-fractions-v1"], id="x-v1"), checked=False)
    split = opened.split("digits-exp10~frac0.25-clean~val0.1", 0)
    whole = opened.split("digits-exp10-clean~val0.1", 0)
    everything = len(whole.indices) + len(whole.val_indices)
    used = len(split.indices) + len(split.val_indices)
    assert len(opened.unlabelled_pool(split)) == everything - used
