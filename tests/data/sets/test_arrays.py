"""Data sets in formats of their own, read from made files of the published layout."""

import bz2
import struct
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import savemat

from harness.data.sets import arrays as array_sets
from harness.data.sets import cifar, medmnist, mnist
from harness.data.sets.datasets import DATASETS
from harness.errors import DataError


def unchecked(name: str):
    """Facts of a data set whose made files have other checksums."""
    return replace(DATASETS[name], checksums={})


def test_svhn_label_ten_is_the_digit_zero(tmp_path, rng):
    images = rng.integers(0, 256, (32, 32, 3, 5)).astype(np.uint8)
    savemat(tmp_path / "test_32x32.mat", {"X": images, "y": np.array([[10], [1], [9], [3], [10]])})
    found, labels = array_sets.svhn(unchecked("svhn"), "test", tmp_path, (".",))
    assert labels.tolist() == [0, 1, 9, 3, 0]
    assert np.array_equal(found[2], images[..., 2])
    with pytest.raises(DataError, match=r"test_32x32.mat with md5:eb5a983be6a3.*got md5:"):
        array_sets.svhn(DATASETS["svhn"], "test", tmp_path, (".",))
    savemat(tmp_path / "test_32x32.mat", {"X": images})
    with pytest.raises(DataError, match="Expected arrays X and y"):
        array_sets.svhn(unchecked("svhn"), "test", tmp_path, (".",))


def test_usps_lines_become_upright_bytes_and_label_one_is_the_digit_zero(tmp_path):
    lines = "1 1:-1 2:1 256:0\n10 16:1\n"
    (tmp_path / "usps.t.bz2").write_bytes(bz2.compress(lines.encode()))
    images, labels = array_sets.usps(unchecked("usps"), "test", tmp_path, (".",))
    assert labels.tolist() == [0, 9] and images.shape == (2, 16, 16, 1)
    assert images[0, 0, :2, 0].tolist() == [0, 255] and images[0, 15, 15, 0] == 128
    assert images[1, 0, 15, 0] == 255 and images[1].sum() == 255


def test_stl10_planes_are_column_major(tmp_path, rng):
    upright = rng.integers(0, 256, (2, 96, 96, 3)).astype(np.uint8)
    upright.transpose(0, 3, 2, 1).tofile(tmp_path / "train_X.bin")
    np.array([1, 10], dtype=np.uint8).tofile(tmp_path / "train_y.bin")
    images, labels = array_sets.stl10(unchecked("stl10"), "train", tmp_path, (".",))
    assert np.array_equal(images, upright) and labels.tolist() == [0, 9]


def test_emnist_images_are_turned_upright(tmp_path, rng):
    image = rng.integers(0, 256, (1, 28, 28)).astype(np.uint8)
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 1, 28, 28)
    names = ("emnist-balanced-test-images-idx3-ubyte", "emnist-balanced-test-labels-idx1-ubyte")
    (tmp_path / names[0]).write_bytes(head + image.tobytes())
    (tmp_path / names[1]).write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", 1) + b"\x2e")
    found, labels = mnist.emnist(unchecked("emnist"), "test", tmp_path, (".",))
    assert np.array_equal(found[0, ..., 0], image[0].T)
    assert DATASETS["emnist"].class_names[labels[0]] == "t"


def test_cifar10_1_is_a_test_part_of_two_arrays(tmp_path, rng):
    images = rng.integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    np.save(tmp_path / "cifar10.1_v6_data.npy", images)
    np.save(tmp_path / "cifar10.1_v6_labels.npy", np.array([0, 9, 4], dtype=np.int32))
    found, labels = cifar.cifar10_1(unchecked("cifar10_1"), "test", tmp_path, (".",))
    assert np.array_equal(found, images) and labels.tolist() == [0, 9, 4]


@pytest.mark.parametrize(("name", "shape"), [("dermamnist", (28, 28, 3)), ("octmnist", (28, 28))])
def test_medmnist_members_are_read_from_their_npz(name, shape, tmp_path, rng):
    images = rng.integers(0, 256, (4, *shape)).astype(np.uint8)
    np.savez(
        tmp_path / f"{name}.npz", test_images=images, test_labels=np.array([[3], [0], [1], [2]])
    )
    found, labels = medmnist.read_member(unchecked(name), "test", tmp_path, (".",))
    assert found.shape == (4, 28, 28, DATASETS[name].image_shape[2])
    assert labels.tolist() == [3, 0, 1, 2]
    with pytest.raises(DataError, match=f"{name}.npz with md5:"):
        medmnist.read_member(DATASETS[name], "test", tmp_path, (".",))
    with pytest.raises(DataError, match="Expected train_images"):
        medmnist.read_member(unchecked(name), "train", tmp_path, (".",))
