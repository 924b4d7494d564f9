"""Familiar OOD: which classes were seen; separability never fitted on what it scores."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from harness.data.pools.pools import image_pool
from harness.data.sets.class_folders import class_folders, load_ood_classes
from harness.data.sets.datasets import DATASETS
from harness.data.suites.catalogue import SUITES
from harness.data.suites.ood_pools import ood_pool
from harness.data.worlds.familiar import (
    familiar_sets,
    familiar_wnids,
    linear_separability,
    seen_in,
    shared_classes,
)
from harness.errors import DataError, SpecError, Undefined
from harness.models.obtain.vision import torchvision


def test_shifted_features_are_separated_and_equal_ones_are_not(rng):
    same = rng.normal(size=(400, 8))
    assert linear_separability(same, rng.normal(size=(300, 8)), key="k") == pytest.approx(
        0.5, abs=0.06
    )
    assert linear_separability(same, rng.normal(size=(300, 8)) + 4, key="k") > 0.999


def test_the_number_is_that_of_the_normal_distribution(rng):
    # one informative feature, shifted by 1: AUROC = Phi(1/sqrt 2) = 0.7602
    id_, ood = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 1)) + 1
    assert linear_separability(id_, ood, key="k") == pytest.approx(0.7602, abs=0.015)


def test_more_features_than_rows_do_not_separate_noise(rng):
    # fitted on what it scores, a line through 200 dimensions would separate 60 points perfectly
    found = linear_separability(rng.normal(size=(30, 200)), rng.normal(size=(30, 200)), key="k")
    assert found < 0.8


def test_the_same_key_gives_the_same_number(rng):
    id_, ood = rng.normal(size=(50, 3)), rng.normal(size=(40, 3)) + 0.5
    one, again = (linear_separability(id_, ood, key="k") for _ in range(2))
    assert one == again != linear_separability(id_, ood, key="other")


def test_too_few_rows_have_no_value(rng):
    with pytest.raises(Undefined, match="fewer than 5 rows on one side"):
        linear_separability(rng.normal(size=(4, 2)), rng.normal(size=(9, 2)), key="k")


def imagenet_info():
    """timm's own list of ImageNet-1K's synsets, in the order of their indices."""
    torchvision()  # before timm: see there
    from timm.data import ImageNetInfo

    return ImageNetInfo()


def test_shared_classes_are_imagenets_and_name_every_class_but_deer():
    info, shared = imagenet_info(), shared_classes("imagenet-1k", "cifar10")
    wnids = info.label_names()
    assert {each.wnid for each in shared} <= set(wnids) and len(wnids) == 1000
    assert {each.class_name for each in shared} == set(DATASETS["cifar10"].class_names) - {"deer"}
    for each in shared:
        assert info.label_name_to_description(each.wnid).startswith(each.name)
    # ImageNet-1K's blocks of its WordNet order: 118 dogs, 59 birds, 5 cats, 3 frogs
    kinds = Counter(each.class_name for each in shared if each.how == "kind")
    assert {k: kinds[k] for k in ("dog", "bird", "cat", "frog")} == {
        "dog": 118, "bird": 59, "cat": 5, "frog": 3,
    }  # fmt: skip
    dogs = {each.wnid for each in shared if each.class_name == "dog" and each.how == "kind"}
    assert dogs == set(wnids[151:269])
    assert len(familiar_wnids("imagenet-1k", "cifar10", wnids)) == 1000 - len(shared) == 771


def test_what_nobody_wrote_down_is_said():
    with pytest.raises(SpecError, match="known of imagenet-1k with cifar10; got imagenet-1k with"):
        shared_classes("imagenet-1k", "svhn")


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("none", ()),
        ("imagenet-1k supervised", ("imagenet-1k",)),
        ("DINO on ImageNet-1k", ("imagenet-1k",)),
        ("augreg_in21k, fine-tuned on in1k", ("imagenet-1k", "imagenet-21k")),
        ("imagenet-21k", ("imagenet-1k", "imagenet-21k")),
        ("vit.augreg_in21k_ft_in1k", ("imagenet-1k", "imagenet-21k")),
        ("ImageNet (supervised)", ("imagenet-1k",)),
    ],
)
def test_a_card_says_which_classes_were_seen(said, seen):
    assert seen_in(said) == seen


def test_a_suites_familiar_sets_hang_on_the_cards_pretraining():
    suite = replace(
        SUITES["cifar10-v1"], near=("cifar100", "held_out"), far=("mnist", "imagenet"),
        familiar={"imagenet-1k": ["imagenet"], "imagenet-21k": ["cifar100"]},
    )  # fmt: skip
    assert familiar_sets(suite, "none") == ()
    assert familiar_sets(suite, "imagenet-1k supervised") == ("imagenet",)
    assert familiar_sets(suite, "imagenet-21k supervised") == ("cifar100", "imagenet")
    assert familiar_sets(SUITES["digits-v1"], "CLIP, 400 M pictures with captions") == ()
    with pytest.raises(Undefined, match="which classes 'cabin1k' saw is not known"):
        familiar_sets(suite, "cabin1k")
    with pytest.raises(Undefined, match="which classes 'CLIP' saw is not known"):
        familiar_sets(suite, "CLIP")
    wrong = replace(suite, familiar={"imagenet-1k": ["imagnet"]})
    with pytest.raises(SpecError, match="Expected familiar sets of cifar10-v1 among .*'imagnet'"):
        familiar_sets(wrong, "none")


def a_folder(root, classes, n=2):
    for k, wnid in enumerate(classes):
        for i in range(n):
            path = root / "imagenet" / "val" / wnid / f"ILSVRC2012_val_{i:08d}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), (10 * k, i, 0)).save(path, format="PNG")


def test_a_validation_folder_is_narrowed_to_familiar_classes(tmp_path):
    a_folder(tmp_path, ["n01440764", "n02123045", "n03095699", "n04254120"])  # tench … soap dish
    (tmp_path / "imagenet" / "val" / "readme.txt").write_text("x")
    there = class_folders(tmp_path / "imagenet" / "val")
    wanted = familiar_wnids("imagenet-1k", "cifar10", there)
    assert wanted == ("n01440764", "n04254120")  # neither the tabby nor the container ship
    pool = load_ood_classes("ood/far/imagenet", "imagenet/val", wanted, tmp_path, size=(32, 32))
    assert len(pool) == 4 and pool.labels is None
    found = pool.inputs.take(np.arange(4))
    assert found.shape == (4, 32, 32, 3) and found[:, 0, 0, 0].tolist() == [0, 0, 30, 30]
    one = load_ood_classes("o", "imagenet/val", wanted, tmp_path, size=(8, 8), per_class=1)
    assert [path.split("/")[0] for path in one.inputs.paths] == list(wanted)
    with pytest.raises(
        DataError, match="folders of 1 classes in .*val; 1 are missing, .*n01443537"
    ):
        load_ood_classes("o", "imagenet/val", ["n01443537"], tmp_path, size=(8, 8))
    with pytest.raises(DataError, match="Expected 3 images in .*n01440764; got 2"):
        load_ood_classes("o", "imagenet/val", wanted, tmp_path, size=(8, 8), per_class=3)


def test_a_validation_folder_that_is_not_sorted_is_said(tmp_path):
    (tmp_path / "val").mkdir()
    with pytest.raises(DataError, match="one folder per class in .*val, named by WordNet ids"):
        class_folders(tmp_path / "val")


def test_one_real_image_a_class_leaves_771_familiar_ones(data_root, tmp_path):
    path = data_root / "imagenet-sample-32px" / "imagenet_sample_1000_32.npz"
    if not path.is_file():
        pytest.skip("no sample of ImageNet")
    with np.load(path, allow_pickle=False) as archive:
        for image, file in zip(archive["X"], archive["files"], strict=True):
            folder = tmp_path / "val" / str(file).partition("_")[0]
            folder.mkdir(parents=True)
            Image.fromarray(image).save(folder / f"{file}.png")
    wanted = familiar_wnids("imagenet-1k", "cifar10", class_folders(tmp_path / "val"))
    pool = load_ood_classes("ood/far/imagenet", "val", wanted, tmp_path, size=(32, 32))
    assert len(pool) == 771


def test_the_familiar_suite_takes_ten_images_of_each_class_that_cifar10_lacks(tmp_path):
    rng = np.random.default_rng(5)
    for wnid in ("n01440764", "n01443537", "n02690373"):  # tench, goldfish; an airliner
        folder = tmp_path / "imagenet" / "val" / wnid
        folder.mkdir(parents=True)
        for k in range(11):
            pixels = rng.integers(0, 255, (40, 50, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{k:02d}.png")
    suite = SUITES["cifar10-familiar-v1"]
    whole = image_pool("train", np.zeros((2, 32, 32, 3), np.uint8), np.arange(2), ["a", "b"])
    pool = ood_pool(suite, "imagenet_familiar", "far", whole, tmp_path)
    assert pool.name == "ood/far/imagenet_familiar"
    assert len(pool) == 20  # two classes of the three
    assert pool.inputs.take(np.array([0])).shape == (1, 32, 32, 3)
    assert familiar_sets(suite, "imagenet-1k supervised") == ("imagenet_familiar",)


def a_tiny_imagenet(root, *, familiar=190):
    """200 classes: `familiar` that CIFAR-10 lacks, the others dogs; ten images of one grey each."""
    wnids = imagenet_info().label_names()
    ours = {each.wnid for each in shared_classes("imagenet-1k", "cifar10")}
    lacking = [wnid for wnid in wnids if wnid not in ours][:familiar]
    chosen = sorted([*lacking, *wnids[151 : 151 + 200 - familiar]])
    folder = root / "tiny-imagenet-200"
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(reversed(chosen)))
    lines = []
    for k, wnid in enumerate(chosen):
        for i in range(10):
            file = f"val_{10 * k + i}.JPEG"
            image = Image.new("RGB", (64, 64), (k, k, k))
            image.save(folder / "val" / "images" / file, format="PNG")
            lines.append(f"{file}\t{wnid}\t0\t0\t62\t62")
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines))
    return [k for k, wnid in enumerate(chosen) if wnid not in ours]


def test_tiny_imagenets_classes_are_familiar_but_for_those_of_cifar10(tmp_path):
    left = a_tiny_imagenet(tmp_path)
    suite = SUITES["cifar10-familiar-tiny-v1"]
    whole = image_pool("train", np.zeros((2, 32, 32, 3), np.uint8), np.arange(2), ["a", "b"])
    pool = ood_pool(suite, "tiny200_familiar", "far", whole, tmp_path)
    assert pool.name == "ood/far/tiny200_familiar" and pool.labels is None
    found = pool.inputs.take(np.arange(len(pool)))
    assert found.shape == (1900, 32, 32, 3)
    assert sorted(set(found[:, 0, 0, 0].tolist())) == left  # each class once, no dog among them
    assert familiar_sets(suite, "imagenet-1k supervised") == ("tiny200_familiar",)
    assert familiar_sets(suite, "none") == ()


def test_a_missing_tiny_imagenet_is_said_by_its_file(tmp_path):
    suite = SUITES["cifar10-familiar-tiny-v1"]
    whole = image_pool("train", np.zeros((2, 32, 32, 3), np.uint8), np.arange(2), ["a", "b"])
    with pytest.raises(DataError, match=r"val_annotations\.txt|wnids\.txt"):
        ood_pool(suite, "tiny200_familiar", "far", whole, tmp_path)
