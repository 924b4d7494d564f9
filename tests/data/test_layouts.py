"""Data sets that were never here whole: made files of their layout, read as torchvision reads them.

Each is loaded as a user loads it, checksums compared: those of the made files stand in for the
published ones.
"""

import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from harness.data.formats.files import md5_of
from harness.data.sets.datasets import DATASETS, SETS, UNSEEN, load_part
from harness.data.sets.medmnist import MEMBERS
from harness.errors import DataError
from harness.models.obtain.vision import torchvision

N = 12


def idx(path, array):
    """Write an idx file of bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def pixels(rng, *shape):
    return rng.integers(0, 256, shape).astype(np.uint8)


def kmnist(root, rng, prefix="KMNIST/raw/", names=("train", "t10k"), classes=10):
    for part in names:
        idx(root / f"{prefix}{part}-images-idx3-ubyte", pixels(rng, N, 28, 28))
        idx(root / f"{prefix}{part}-labels-idx1-ubyte", rng.integers(0, classes, N))


def emnist(root, rng):
    balanced = ("balanced-train", "balanced-test")
    kmnist(root, rng, "EMNIST/raw/emnist-", balanced, 47)


def svhn(root, rng):
    for part in ("train", "test"):
        labels = rng.integers(1, 11, (N, 1))
        savemat(root / f"{part}_32x32.mat", {"X": pixels(rng, 32, 32, 3, N), "y": labels})


def stl10(root, rng):
    (root / "stl10_binary").mkdir()
    for part in ("train", "test"):
        pixels(rng, N, 3, 96, 96).tofile(root / "stl10_binary" / f"{part}_X.bin")
        rng.integers(1, 11, N).astype(np.uint8).tofile(root / "stl10_binary" / f"{part}_y.bin")
    names = DATASETS["stl10"].class_names
    (root / "stl10_binary" / "class_names.txt").write_text("\n".join(names) + "\n")


def cifar100(root, rng):
    (root / "cifar-100-python").mkdir()
    for part in ("train", "test"):
        fine = rng.integers(0, 100, N).tolist()
        batch = {"data": pixels(rng, N, 3072), "fine_labels": fine, "coarse_labels": [0] * N}
        with (root / "cifar-100-python" / part).open("wb") as file:
            pickle.dump(batch, file, protocol=2)
    names = {"fine_label_names": list(DATASETS["cifar100"].class_names)}
    with (root / "cifar-100-python" / "meta").open("wb") as file:
        pickle.dump(names, file, protocol=2)


SAYS = re.compile("ever seen|images never|images seen by us")
MADE = {"kmnist": kmnist, "emnist": emnist, "svhn": svhn, "stl10": stl10, "cifar100": cifar100}


def unchecked(monkeypatch, kind):
    """Let torchvision read files of other checksums than the published ones."""
    if hasattr(kind, "_check_integrity"):
        monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    if kind.__name__ == "SVHN":
        monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda *_: True)
    if kind.__name__ == "CIFAR100":
        monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)


def oracle(name, part, root, monkeypatch):
    """Return images (n, h, w, c) and labels as torchvision has them, upright."""
    kinds = torchvision().datasets
    kind = {"kmnist": "KMNIST", "emnist": "EMNIST", "svhn": "SVHN", "stl10": "STL10",
            "cifar100": "CIFAR100"}[name]  # fmt: skip
    unchecked(monkeypatch, getattr(kinds, kind))
    if name in ("svhn", "stl10"):
        read = getattr(kinds, kind)(root, split=part, download=False)
        return read.data.transpose(0, 2, 3, 1), np.asarray(read.labels)
    extra = {"split": "balanced"} if name == "emnist" else {}
    read = getattr(kinds, kind)(root, train=part == "train", download=False, **extra)
    if name == "cifar100":
        return read.data, np.asarray(read.targets)
    images = read.data.numpy()[..., None]
    return images.transpose(0, 2, 1, 3) if name == "emnist" else images, read.targets.numpy()


def with_sums(monkeypatch, name, root):
    """Let the made files' checksums stand for the published ones."""
    for file in DATASETS[name].checksums:
        found = [path for path in root.rglob(file) if path.is_file()]
        if found:
            monkeypatch.setitem(DATASETS[name].checksums, file, f"md5:{md5_of(found[0])}")


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("name", sorted(MADE))
def test_a_made_copy_of_the_layout_is_read_as_torchvision_reads_it(
    name, part, tmp_path, rng, monkeypatch
):
    MADE[name](tmp_path, rng)
    with_sums(monkeypatch, name, tmp_path)
    pool = load_part(name, part, tmp_path)
    images, labels = oracle(name, part, tmp_path, monkeypatch)
    assert np.array_equal(pool.inputs.take(np.arange(N)), images)
    assert np.array_equal(pool.labels, labels)
    assert images.shape[1:] == DATASETS[name].image_shape


@pytest.mark.parametrize("name", ["cifar100", "stl10", "svhn"])
def test_another_files_bytes_are_refused(name, tmp_path, rng):
    MADE[name](tmp_path, rng)
    with pytest.raises(DataError, match="with md5:.*; got md5:"):
        load_part(name, "train", tmp_path)


def test_cifar10_1_is_read_from_its_folder(tmp_path, rng):
    (tmp_path / "cifar-10.1").mkdir()
    images, labels = pixels(rng, N, 32, 32, 3), rng.integers(0, 10, N)
    np.save(tmp_path / "cifar-10.1" / "cifar10.1_v6_data.npy", images)
    np.save(tmp_path / "cifar-10.1" / "cifar10.1_v6_labels.npy", labels.astype(np.int32))
    pool = load_part("cifar10_1", "test", tmp_path)
    assert np.array_equal(pool.inputs.take(np.arange(N)), images)
    assert np.array_equal(pool.labels, labels)


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_every_member_of_medmnist_is_read_from_its_file(name, tmp_path, rng, monkeypatch):
    height, width, channels = DATASETS[name].image_shape
    shape = (N, height, width, channels) if channels == 3 else (N, height, width)
    made = {f"{p}_images": pixels(rng, *shape) for p in ("train", "val", "test")}
    classes = DATASETS[name].num_classes
    made |= {f"{p}_labels": rng.integers(0, classes, (N, 1)) for p in ("train", "val", "test")}
    (tmp_path / "medmnist").mkdir()
    np.savez(tmp_path / "medmnist" / f"{name}.npz", **made)
    with_sums(monkeypatch, name, tmp_path)
    for part in ("train", "test"):
        pool = load_part(name, part, tmp_path)
        found = pool.inputs.take(np.arange(N))
        assert np.array_equal(found.reshape(shape), made[f"{part}_images"])
        assert pool.labels.tolist() == made[f"{part}_labels"].ravel().tolist()


def test_what_was_never_seen_whole_is_said_and_read_in_tests():
    said = {name for name, spec in DATASETS.items() if SAYS.search(spec.caveat)}
    assert said == UNSEEN
    in_memory = {name for name in UNSEEN if name in SETS}
    assert in_memory == {*MADE, *MEMBERS, "cifar10_1", "usps"}  # usps: test_array_sets
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text()
    assert [name for name in sorted(UNSEEN - {*MEMBERS}) if f"`{name}`" not in page] == []
