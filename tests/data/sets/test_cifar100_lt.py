"""CIFAR-100-LT by content: the same rows from every edition, a sentence where an image lacks."""

import pickle

import numpy as np
import pytest
from PIL import Image

from harness.data.formats.files import md5_of
from harness.data.sets import cifar100_lt
from harness.data.sets.datasets import DATASETS, load_part
from harness.errors import DataError

SIZES = np.array([3, 2] + [1] * 98)
FOLDERS = ("cifar-100-python", "cifar100")


@pytest.fixture
def made(rng, monkeypatch):
    """Images and labels of a whole training part, and which of them the list names."""
    labels = np.repeat(np.arange(100), 5)
    images = rng.integers(0, 256, (500, 32, 32, 3)).astype(np.uint8)
    images[1] = images[0]
    chosen = np.concatenate([5 * k + np.arange(size) for k, size in enumerate(SIZES)])
    found = cifar100_lt.digests(images[chosen])
    listed = found[np.lexsort((found, labels[chosen]))]
    monkeypatch.setattr(cifar100_lt, "listed", lambda: listed)
    monkeypatch.setattr(cifar100_lt, "counts", lambda: SIZES)
    return images, labels, chosen


def official(root, images, labels, monkeypatch):
    """Write a training part in the official layout, in this order."""
    (root / "cifar-100-python").mkdir()
    data = images.transpose(0, 3, 1, 2).reshape(len(images), 3072)
    path = root / "cifar-100-python" / "train"
    path.write_bytes(pickle.dumps({"data": data, "fine_labels": labels.tolist()}, protocol=2))
    monkeypatch.setitem(DATASETS["cifar100"].checksums, "train", f"md5:{md5_of(path)}")


def columns(root, images, labels):
    """Write the listed images alone as a lossless column."""
    (root / "cifar100").mkdir()
    column = Image.fromarray(images.reshape(-1, 32, 3))
    column.save(root / "cifar100" / "ltif100_000.webp", lossless=True)
    np.save(root / "cifar100" / "labels_ltif100.npy", labels)


def test_class_sizes_are_the_published_ones_in_integers():
    # n <= 500 * 100 ** (-k / 99) < n + 1, in whole numbers
    sizes = cifar100_lt.counts()
    for k, n in enumerate(sizes.tolist()):
        assert n**99 * 100**k <= 500**99 < (n + 1) ** 99 * 100**k
    assert sizes.sum() == 10_847 == len(cifar100_lt.listed())


def test_every_edition_gives_the_same_rows(made, tmp_path, rng, monkeypatch):
    images, labels, chosen = made
    spec = DATASETS["cifar100_lt"]
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    order = rng.permutation(len(images))
    official(first, images[order], labels[order], monkeypatch)
    mixed = rng.permutation(chosen)
    columns(second, images[mixed], labels[mixed])
    theirs = cifar100_lt.read_cifar100_lt(spec, "train", first, FOLDERS)
    ours = cifar100_lt.read_cifar100_lt(spec, "train", second, FOLDERS)
    assert np.array_equal(theirs[0], ours[0]) and np.array_equal(theirs[1], ours[1])
    assert np.bincount(ours[1]).tolist() == SIZES.tolist()
    wanted = sorted(images[row].tobytes() for row in chosen)  # two of them are equal
    assert sorted(image.tobytes() for image in ours[0]) == wanted


@pytest.mark.parametrize("position", [0, 2, 500 - 5])
def test_a_listed_image_that_is_not_there_is_said_by_class(made, position, tmp_path, monkeypatch):
    images, labels, _ = made
    images[position] ^= 1
    official(tmp_path, images, labels, monkeypatch)
    name = DATASETS["cifar100"].class_names[labels[position]]
    with pytest.raises(DataError, match=f"an image of class {name} is not there"):
        cifar100_lt.read_cifar100_lt(DATASETS["cifar100_lt"], "train", tmp_path, FOLDERS)


def test_an_image_that_is_not_listed_does_not_matter(made, tmp_path, monkeypatch):
    images, labels, _ = made
    images[3] ^= 1  # the fourth of its class; three are listed
    official(tmp_path, images, labels, monkeypatch)
    found = cifar100_lt.read_cifar100_lt(DATASETS["cifar100_lt"], "train", tmp_path, FOLDERS)
    assert len(found[0]) == SIZES.sum()


def test_without_files_it_is_said_where_they_should_lie(tmp_path):
    with pytest.raises(DataError, match="cifar-100-python"):
        load_part("cifar100_lt", "train", tmp_path)


def test_the_development_copy_is_the_listed_one(data_root):
    pool = load_part("cifar100_lt", "train", data_root)
    assert np.array_equal(np.bincount(pool.labels), cifar100_lt.counts())
