"""Opened suites: pools are disjoint and fixed, splits are those that the manifest names."""

import gzip
import json

import numpy as np
import pytest

from harness.data.catalogue import SUITES
from harness.data.manifests import FOLDER, check_split, read_manifest
from harness.data.suites import OpenSuite, open_suite, suite_manifest
from harness.errors import RecordMismatchError, UnknownNameError


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


def test_the_committed_manifest_covers_every_cell_and_seed_and_is_made_again_byte_for_byte():
    text = suite_manifest("digits-v1")
    assert text == (FOLDER / "digits-v1.json").read_text()
    suite = SUITES["digits-v1"]
    assert set(json.loads(text)["splits"]) == {f"{c}-s{s}" for c in suite.cells for s in (0, 1, 2)}


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
