"""CIFAR-10-C's arrays: five severities of the test images, one after the other."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.pools.pools import image_pool
from harness.data.suites.catalogue import SUITES
from harness.data.worlds.covariate import covariate_pools
from harness.data.worlds.published_corruptions import published_pools
from harness.errors import DataError, SpecError, UnknownNameError

N = 7


@pytest.fixture
def test(rng):
    images = rng.integers(0, 256, (N, 32, 32, 3), dtype=np.uint8)
    return image_pool("test", images, rng.integers(0, 10, N), tuple("abcdefghij"))


@pytest.fixture
def root(tmp_path, test, rng):
    """Files of the published layout over seven test images."""
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    for kind in ("fog", "frost"):
        np.save(folder / f"{kind}.npy", rng.integers(0, 256, (5 * N, 32, 32, 3), dtype=np.uint8))
    np.save(folder / "labels.npy", np.tile(test.labels, 5).astype(np.uint8))
    return tmp_path


def test_a_severity_is_its_own_block_of_rows(root, test):
    pools = published_pools(("fog-1", "fog-5", "frost-2"), "cifar10", test, root)
    assert [pool.name for pool in pools] == [
        "test@fog_published-1",
        "test@fog_published-5",
        "test@frost_published-2",
    ]
    fog = np.load(root / "CIFAR-10-C" / "fog.npy")
    frost = np.load(root / "CIFAR-10-C" / "frost.npy")
    rows = np.array([6, 0, 3])
    assert np.array_equal(pools[0].inputs.take(rows), fog[rows])
    assert np.array_equal(pools[1].inputs.take(rows), fog[4 * N + rows])
    assert np.array_equal(pools[2].inputs.take(rows), frost[N + rows])
    assert all(len(pool) == N and pool.base == test.fingerprint for pool in pools)
    assert all(np.array_equal(pool.labels, test.labels) for pool in pools)
    assert len({pool.fingerprint for pool in pools} | {test.fingerprint}) == 4


def test_other_images_are_another_pool(root, test):
    before = published_pools(("fog-1",), "cifar10", test, root)[0].fingerprint
    assert published_pools(("fog-1",), "cifar10", test, root)[0].fingerprint == before
    path = root / "CIFAR-10-C" / "fog.npy"
    images = np.load(path)
    images[0, 0, 0, 0] ^= 1
    np.save(path, images)
    assert published_pools(("fog-1",), "cifar10", test, root)[0].fingerprint != before


def test_a_suite_reads_them_beside_our_own_corruptions(root, test):
    suite = replace(
        SUITES["cifar10-c-v1"], corruptions=("fog-1",), published_corruptions=("fog-1", "frost-5")
    )
    assert list(covariate_pools(suite, test, root)) == [
        "test@fog-1",
        "test@fog_published-1",
        "test@frost_published-5",
    ]


@pytest.mark.parametrize("suite", ["cifar10-c-v1", "cifar100-c-v1"])
def test_the_shipped_suites_name_fifteen_kinds_at_five_severities(suite):
    named = SUITES[suite].published_corruptions
    assert len(named) == len(set(named)) == 75
    assert {name.rpartition("-")[0] for name in named} >= {"fog", "frost", "jpeg_compression"}


def damaged(kind):
    """Return a change of the folder by name."""

    def change(folder):
        fog, labels = folder / "fog.npy", folder / "labels.npy"
        images, known = np.load(fog), np.load(labels)
        changes = {
            "no array": lambda: fog.unlink(),
            "no labels": lambda: labels.unlink(),
            "cut": lambda: fog.write_bytes(fog.read_bytes()[:5000]),
            "web page": lambda: fog.write_text("<html>"),
            "four severities": lambda: np.save(fog, images[: 4 * N]),
            "floats": lambda: np.save(fog, images.astype(np.float32)),
            "channels first": lambda: np.save(fog, images.transpose(0, 3, 1, 2)),
            "objects": lambda: np.save(fog, np.array([None]), allow_pickle=True),
            "other labels": lambda: np.save(labels, (known + 1) % 10),
            "labels once": lambda: np.save(labels, known[:N]),
        }
        changes[kind]()

    return change


BAD = {
    "no array": "Expected fog.npy of CIFAR-10-C in .*; there is none. Unpack the archive of https",
    "no labels": "Expected labels.npy of CIFAR-10-C",
    "cut": "Expected an array in .*fog.npy; it cannot be read",
    "web page": "Expected an array in .*fog.npy; it cannot be read",
    "four severities": r"of shape \(35, 32, 32, 3\) in .*fog.npy; got uint8 of shape \(28, 32",
    "floats": "got float32 of shape",
    "channels first": r"got uint8 of shape \(35, 3, 32, 32\)",
    "objects": "Expected an array in .*fog.npy; it cannot be read",
    "other labels": "Expected the 7 test labels of cifar10, five times over, in .*; got 0 of them",
    "labels once": r"got shape \(7,\)",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_damaged_folder_is_one_sentence_with_the_file(kind, root, test):
    damaged(kind)(root / "CIFAR-10-C")
    with pytest.raises(DataError, match=BAD[kind]) as refused:
        published_pools(("fog-1",), "cifar10", test, root)
    assert "\n" not in str(refused.value)


def test_names_that_are_none_are_said(root, test):
    with pytest.raises(UnknownNameError, match="Did you mean 'fog'"):
        published_pools(("foog-1",), "cifar10", test, root)
    with pytest.raises(SpecError, match="A severity is 1, 2, 3, 4 or 5"):
        published_pools(("fog-6",), "cifar10", test, root)
    with pytest.raises(UnknownNameError, match="No data set with published corruptions"):
        published_pools(("fog-1",), "mnist", test, root)
