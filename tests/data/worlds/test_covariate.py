"""Covariate-shifted pools: named by the suite, tied to the test pool, part of the identity."""

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.data.suites.catalogue import SUITES
from harness.data.suites.make_manifest import suite_manifest
from harness.data.suites.open import make_suite, open_suite
from harness.data.worlds.corruption import CORRUPTIONS, corrupt, parse_corruption
from harness.data.worlds.label_shift import shifted_rows
from harness.errors import DataError, SpecError, UnknownNameError
from harness.types import View
from tests.data.sets.test_image_files import image, openood, write


def _made(corruptions):
    suite = replace(SUITES["digits-v1"], id="made-v1", corruptions=tuple(corruptions))
    return make_suite(suite)


def test_corrupted_copies_come_in_the_suites_order_and_name_their_original():
    opened = _made(["fog-3", "contrast-1"])
    assert list(opened.covariate) == ["test@fog-3", "test@contrast-1"]
    fog = opened.covariate["test@fog-3"]
    assert fog.base == opened.test.fingerprint != fog.fingerprint
    assert opened.test.base is None
    assert np.array_equal(fog.labels, opened.test.labels)
    rows = np.array([5, 2])
    expected = corrupt(
        opened.test.inputs.take(rows), "fog", 3, rows=rows, key=opened.test.fingerprint
    )
    assert np.array_equal(fog.inputs.take(rows), expected)
    assert opened.fingerprints["test@fog-3"] == fog.fingerprint


def test_other_pools_do_not_move_when_corruptions_are_added():
    with_, without = _made(["fog-3"]).identities, _made([]).identities
    assert with_.keys() - without.keys() == {"test@fog-3"}
    assert all(with_[name] == sha for name, sha in without.items())


@pytest.mark.parametrize("name", ["fog", "fog-6", "fog-3-", "fog-03"])
def test_a_corruption_without_a_severity_gets_a_sentence(name):
    with pytest.raises(SpecError, match=r"A severity is 1, 2, 3, 4 or 5.*Write 'fog-3'"):
        parse_corruption(name)
    with pytest.raises(UnknownNameError, match="Did you mean 'fog'"):
        parse_corruption("foog-3")


def test_grey_images_refuse_a_corruption_of_colours():
    with pytest.raises(SpecError, match="changes colours"):
        _made(["saturate-3"])


def _full_spectrum(root):
    """Return OpenOOD's layout with a shifted list, and a suite that names it."""
    openood(root)
    paths = [f"cifar10_v2/{k}/0.png" for k in (3, 3, 7)]
    for path in paths:
        image(root / "images_classic" / path, 77, 32)
    listed = root / "benchmark_imglist" / "cifar10" / "test_cifar10_v2.txt"
    write(listed, [f"{path} {path.split('/')[1]}" for path in paths])
    given = SUITES["openood-cifar10-v1"]
    lists = {"cifar10_v2": "benchmark_imglist/cifar10/test_cifar10_v2.txt"}
    return listed, replace(given, id="made-v1", covariate_lists=lists, corruptions=("fog-1",))


def test_full_spectrum_lists_are_pools_of_their_own_with_labels(tmp_path):
    listed, suite = _full_spectrum(tmp_path)
    opened = make_suite(suite, tmp_path)
    assert list(opened.covariate) == ["test@fog-1", "test@cifar10_v2"]
    pool = opened.covariate["test@cifar10_v2"]
    assert pool.base is None and pool.labels.tolist() == [3, 3, 7]
    assert pool.class_names == opened.test.class_names
    assert pool.inputs.take(np.array([2]))[0, 0, 0].tolist() == [77, 77, 77]
    assert opened.fingerprints["test@cifar10_v2"] == pool.fingerprint
    fog = opened.covariate["test@fog-1"]
    assert fog.inputs.take(np.array([4, 0])).shape == (2, 32, 32, 3)
    write(listed, ["cifar10_v2/3/0.png -1"])
    with pytest.raises(DataError, match=r"Expected labels 0 … 9 .*got -1 … -1"):
        make_suite(suite, tmp_path)
    listed.unlink()
    with pytest.raises(DataError, match="test_cifar10_v2.txt"):
        make_suite(suite, tmp_path)


@pytest.mark.parametrize(("suite", "name"), [("imagenet200", "imagenet200"), ("imagenet",) * 2])
def test_the_full_spectrum_suites_name_openoods_lists(suite, name):
    spectrum, plain = SUITES[f"openood-{suite}-fs-v1"], SUITES[f"openood-{suite}-v1"]
    folder = f"benchmark_imglist/{name}"
    assert spectrum.covariate_lists == {
        "imagenet_v2": f"{folder}/test_{name}_v2.txt",
        "imagenet_c": f"{folder}/test_{name}_c.txt",
        "imagenet_r": f"{folder}/test_{name}_r.txt",
    }
    assert spectrum.lists == plain.lists
    assert plain.covariate_lists == {}


def test_manifests_hold_the_covariate_pools(monkeypatch):
    suite = replace(SUITES["digits-v1"], corruptions=("fog-3",))
    monkeypatch.setitem(SUITES, "digits-v1", suite)
    assert "test@fog-3" in json.loads(suite_manifest("digits-v1"))["pools"]


def test_the_published_variant_of_a_view_has_the_rows_that_shift_names():
    opened = _made([])
    split = opened.split("digits-exp50-clean", 1)
    pool = opened.subsampled(split, "backward-25")
    rows = shifted_rows(View.parse("backward-25"), split.clean_counts, opened.test)
    assert pool.name == "test@backward-25"
    assert np.array_equal(pool.labels, opened.test.labels[rows])
    taken = np.arange(len(rows))
    assert np.array_equal(pool.inputs.take(taken), opened.test.inputs.take(rows))
    kept = np.bincount(pool.labels)
    assert kept[0] * 24 < kept[7] * 1.5 and np.bincount(opened.test.labels).min() == kept[7]


def _kinds(suite):
    return {parse_corruption(name)[0] for name in SUITES[suite].corruptions}


def test_the_shift_suites_have_every_corruption_that_changes_their_images():
    grey = {kind for kind, found in CORRUPTIONS.items() if not found.coloured}
    assert _kinds("cifar10-shift-v1") == set(CORRUPTIONS)
    assert _kinds("digits-shift-v1") == grey - {"gaussian_blur", "glass_blur"}


def test_every_corrupted_copy_of_the_digits_differs_and_a_higher_severity_differs_more():
    opened = open_suite("digits-shift-v1")
    rows = np.arange(len(opened.test))
    own = opened.test.inputs.take(rows).astype(float)
    distances = {
        name: np.abs(pool.inputs.take(rows) - own).mean() for name, pool in opened.covariate.items()
    }
    assert len(distances) == 48
    for kind in _kinds("digits-shift-v1"):
        one, three, five = (distances[f"test@{kind}-{s}"] for s in (1, 3, 5))
        assert 0.5 < one < three < five, kind


@pytest.mark.parametrize(
    ("suite", "other"),
    [("digits-shift-v1", "digits-v1"), ("digits-unlearn-v1", "digits-v1")],
)
def test_a_suite_parted_as_another_has_its_pools_and_its_splits(suite, other):
    ours, theirs = open_suite(suite), open_suite(other)
    assert theirs.identities.items() <= ours.identities.items()
    cell = "digits-balanced-clean"
    assert ours.split(cell, 1).sha256 == theirs.split(cell, 1).sha256


def test_truths_are_at_hand_or_say_what_is_missing(data_root, tmp_path):
    opened = make_suite(SUITES["cifar10-v1"], data_root)
    assert list(opened.truths) == ["label_errors", "cifar10h"] and not opened.absent_truths
    assert len(opened.truths["cifar10h"].shares) == len(opened.test)
    for name in ("cifar10", "cifar100", "mnist", "label-errors"):
        (tmp_path / name).symlink_to(data_root / name)
    partly = make_suite(SUITES["cifar10-v1"], tmp_path)
    assert list(partly.truths) == ["label_errors"]
    assert "/raw/HEAD/data/cifar10h-counts.npy" in partly.absent_truths["cifar10h"]
    assert partly.identities == opened.identities
