"""Alternative truths: read from the published files, counts as published."""

import gzip
import json

import numpy as np
import pytest

from harness.data.worlds.truths import (
    read_truth,
    read_truths,
    truths_of,
)
from harness.errors import DataError, SpecError, UnknownNameError


def _verdict(row, given, guessed, votes):
    names = ("given", "guessed", "neither", "both")
    return {
        "id": row,
        "given_original_label": given,
        "our_guessed_label": guessed,
        "mturk": dict(zip(names, votes, strict=True)),
    }


@pytest.fixture
def root(tmp_path):
    """Five images labelled 0 1 2 0 1; people judged rows 1, 2 and 3."""
    (tmp_path / "label-errors/mturk").mkdir(parents=True)
    verdicts = [
        _verdict(1, 1, 0, (1, 3, 1, 0)),  # the guess is right
        _verdict(2, 2, 1, (3, 1, 0, 1)),  # the given label is right
        _verdict(3, 0, 2, (2, 2, 1, 0)),  # no majority
    ]
    text = json.dumps(verdicts).encode()
    (tmp_path / "label-errors/mturk/mnist_mturk.json.gz").write_bytes(gzip.compress(text))
    return tmp_path


LABELS = np.array([0, 1, 2, 0, 1])


def test_majorities_correct_keep_or_drop_a_label(root):
    truth = read_truth("label_errors", "mnist", LABELS, 3, root)
    assert truth.labels.tolist() == [0, 0, 2, 0, 1]
    assert truth.kept.tolist() == [True, True, True, False, True]
    assert "1 of 5 labels differ from the published ones, 1 images have no answer" in truth.summary(
        LABELS
    )


def test_a_pool_in_another_order_is_refused(root):
    with pytest.raises(DataError, match="Expected test image 1 with the label 1.*got 0"):
        read_truth("label_errors", "mnist", np.array([1, 0, 2, 0, 1]), 3, root)


def test_bad_requests_get_a_sentence(root, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'cifar10h'"):
        read_truth("cifar10hh", "cifar10", LABELS, 3, root)
    with pytest.raises(SpecError, match="'cifar10h' speaks of cifar10; got 'mnist'"):
        read_truth("cifar10h", "mnist", LABELS, 3, root)
    with pytest.raises(DataError, match="cifar10_mturk.json below .*Put the file there"):
        read_truth("label_errors", "cifar10", LABELS, 3, root)
    (tmp_path / "label-errors/mturk/cifar10_mturk.json.gz").write_bytes(b"<html>")
    with pytest.raises(DataError, match="got: Not a gzipped file"):
        read_truth("label_errors", "cifar10", LABELS, 3, root)


def test_a_clone_of_the_source_is_found_as_it_is(root):
    packed = root / "label-errors/mturk/mnist_mturk.json.gz"
    expected = read_truth("label_errors", "mnist", LABELS, 3, root)
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    assert np.array_equal(
        read_truth("label_errors", "mnist", LABELS, 3, root).shares, expected.shares
    )
    (root / "cifar-10h/data").mkdir(parents=True)
    np.save(root / "cifar-10h/data/cifar10h-counts.npy", np.eye(3)[LABELS] * 50)
    assert read_truth("cifar10h", "cifar10", LABELS, 3, root).labels.tolist() == LABELS.tolist()


def test_a_missing_file_is_an_absence_with_its_remedy_and_a_damaged_one_an_error(root):
    assert truths_of("cifar10") == ("label_errors", "cifar10h")
    assert truths_of("digits") == ()
    there, absent = read_truths(("label_errors",), "mnist", LABELS, 3, root)
    assert list(there) == ["label_errors"] and not absent
    there, absent = read_truths(truths_of("cifar10"), "cifar10", LABELS, 3, root)
    assert not there and list(absent) == ["label_errors", "cifar10h"]
    assert "cifar-10h/data/cifar10h-counts.npy below" in absent["cifar10h"]
    address = "https://github.com/jcpeterson/cifar-10h/raw/HEAD/data/cifar10h-counts.npy"
    assert f"Put the file there, from {address} (CC BY-NC-SA 4.0)." in absent["cifar10h"]
    (root / "label-errors/mturk/mnist_mturk.json.gz").write_bytes(b"<html>")
    with pytest.raises(DataError, match="got: Not a gzipped file"):
        read_truths(("label_errors",), "mnist", LABELS, 3, root)


PUBLISHED = {"mnist": (100, 15), "cifar10": (275, 54), "cifar100": (2235, 585)}
"""Data set → images judged, and those without a majority for the given label."""


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_label_errors_has_the_published_counts(dataset, data_root):
    path = data_root / "label-errors"
    name = f"{dataset}_test_set_original_labels.npy"
    labels = np.load(path / "original_test_labels" / name).astype(np.int64)
    truth = read_truth("label_errors", dataset, labels, 100, data_root)
    changed = (truth.labels != labels) | ~truth.kept
    verdicts = json.loads(gzip.decompress((path / f"mturk/{dataset}_mturk.json.gz").read_bytes()))
    assert (len(verdicts), int(changed.sum())) == PUBLISHED[dataset]


def test_cifar10h_agrees_with_the_labels_on_99_21_percent(data_root):
    path = data_root / "label-errors/original_test_labels/cifar10_test_set_original_labels.npy"
    labels = np.load(path).astype(np.int64)
    truth = read_truth("cifar10h", "cifar10", labels, 10, data_root)
    assert np.mean(truth.labels == labels) == pytest.approx(0.9921)
    with pytest.raises(DataError, match="official test order"):
        read_truth("cifar10h", "cifar10", np.sort(labels), 10, data_root)
