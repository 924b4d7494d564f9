"""Data sets of files, read from made folders of the published layout."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.sets.datasets import DATASETS, load_part
from harness.data.sets.image_files import FILE_SETS
from harness.data.suites.catalogue import SUITES
from harness.data.suites.open import make_suite
from harness.errors import DataError
from harness.models.obtain.vision import torchvision


def image(path: Path, value: int = 0, size: int = 8) -> None:
    """Write a small PNG, whatever its name says: what is read is the content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), value, dtype=np.uint8)).save(path, format="PNG")


def write(path: Path, lines: list[str]) -> None:
    """Write a list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def openood(root: Path) -> None:
    """Write two images of each class in train and one in test, and two of each OOD set."""
    lists = root / "benchmark_imglist" / "cifar10"
    for part, n in (("train", 2), ("test", 1)):
        lines = []
        for k, name in enumerate(DATASETS["cifar10"].class_names):
            for i in range(n):
                path = f"cifar10/{part}/{name}/{i:04d}.png"
                image(root / "images_classic" / path, 20 * k + i, 32)
                lines.append(f"{path} {k}")
        write(lists / f"{part}_cifar10.txt", lines)
    for name in ("cifar100", "tin", "mnist", "svhn", "texture", "places365"):
        paths = [f"{name}/a b/{i}.png" for i in range(2)]
        for i, path in enumerate(paths):
            image(root / "images_classic" / path, 100 + i, 40)
        write(lists / f"test_{name}.txt", [f"{path} -1" for path in paths])


def test_an_openood_suite_opens_from_its_lists(tmp_path):
    openood(tmp_path)
    opened = make_suite(SUITES["openood-cifar10-v1"], tmp_path)
    assert list(opened.ood) == [
        "ood/near/cifar100",
        "ood/near/tin",
        *(f"ood/far/{name}" for name in ("mnist", "svhn", "texture", "places365")),
    ]
    assert opened.ood["ood/near/tin"].inputs.take(np.array([1])).shape == (1, 32, 32, 3)
    split = opened.split("openood_cifar10-balanced-clean", 0)
    data = opened.training_data(split)
    assert len(data.inputs) == 20 and data.observed.tolist() == sorted([*range(10)] * 2)
    assert data.inputs.take(np.array([3]))[0, 0, 0].tolist() == [21, 21, 21]
    pool = opened.train_pool(split)
    assert pool.modality == "files" and np.array_equal(pool.labels, split.clean)
    assert len({opened.test.fingerprint, pool.fingerprint}) == 2


def test_a_list_that_names_missing_images_or_other_classes_is_refused(tmp_path):
    openood(tmp_path)
    gone = tmp_path / "images_classic" / "cifar10" / "test" / "cat" / "0000.png"
    gone.unlink()
    with pytest.raises(DataError, match=r"names 10 images; 1 of them.*cat/0000.png"):
        load_part("openood_cifar10", "test", tmp_path)
    listed = tmp_path / "benchmark_imglist" / "cifar10" / "test_cifar10.txt"
    write(listed, ["cifar10/test/dog/0000.png 10"])
    with pytest.raises(DataError, match=r"Expected labels 0 … 9 .*got 10 … 10"):
        load_part("openood_cifar10", "test", tmp_path)
    listed.unlink()
    with pytest.raises(DataError, match="test_cifar10.txt; there is none"):
        load_part("openood_cifar10", "test", tmp_path)


def test_long_tailed_lists_are_read_as_published(tmp_path):
    image(tmp_path / "imagenet" / "train" / "n01440764" / "a.JPEG")
    image(tmp_path / "imagenet" / "val" / "n01440764" / "b.JPEG", size=300)
    write(tmp_path / "ImageNet_LT" / "ImageNet_LT_train.txt", ["train/n01440764/a.JPEG 0"])
    write(tmp_path / "ImageNet_LT" / "ImageNet_LT_test.txt", ["val/n01440764/b.JPEG 0"])
    for part in ("train", "test"):
        pool = load_part("imagenet_lt", part, tmp_path)
        assert pool.inputs.take(np.array([0])).shape == (1, 224, 224, 3)


def test_the_whole_lists_of_places_lt_have_the_published_counts(data_root, tmp_path):
    import lzma

    packed = data_root / "longtail-manifests"
    if not packed.is_dir():
        pytest.skip("no lists")
    for part, name in (("train", "Places_LT_train.txt"), ("test", "Places_LT_test.txt")):
        (tmp_path / "Places_LT").mkdir(exist_ok=True)
        text = lzma.decompress((packed / f"{name}.xz").read_bytes())
        (tmp_path / "Places_LT" / name).write_bytes(text)
        paths, labels = FILE_SETS["places_lt"].read(tmp_path, part)
        counts = np.bincount(labels)
        assert len(counts) == 365 and paths[0].endswith(".jpg")
        if part == "train":
            assert (counts.sum(), counts.max(), counts.min()) == (62_500, 4_980, 5)
        else:
            assert counts.tolist() == [100] * 365


def test_inaturalist_annotations_join_images_and_categories(tmp_path):
    image(tmp_path / "inat18" / "train_val2018" / "Insecta" / "673" / "x.jpg")
    given = {
        "images": [{"id": 9, "file_name": "train_val2018/Insecta/673/x.jpg"}],
        "annotations": [{"image_id": 9, "category_id": 673}],
    }
    (tmp_path / "inat18" / "val2018.json").write_text(json.dumps(given))
    assert load_part("inat18", "test", tmp_path).labels.tolist() == [673]
    (tmp_path / "inat18" / "val2018.json").write_text("{")
    with pytest.raises(DataError, match="Expected images and annotations"):
        load_part("inat18", "test", tmp_path)


def clothing(root: Path) -> None:
    """Write Clothing1M's own lists with three images."""
    for name in ("a,1.jpg", "b,2.jpg", "c,3.jpg"):
        image(root / "clothing1m" / "images" / "0" / name)
    write(
        root / "clothing1m" / "noisy_train_key_list.txt", ["images/0/a,1.jpg", "images/0/b,2.jpg"]
    )
    write(root / "clothing1m" / "noisy_label_kv.txt", ["images/0/b,2.jpg 3", "images/0/a,1.jpg 13"])
    write(root / "clothing1m" / "clean_test_key_list.txt", ["images/0/c,3.jpg"])
    write(root / "clothing1m" / "clean_label_kv.txt", ["images/0/c,3.jpg 5"])


def test_clothing1m_joins_keys_and_labels_and_knows_no_clean_ones(tmp_path):
    clothing(tmp_path)
    assert load_part("clothing1m", "train", tmp_path).labels.tolist() == [13, 3]
    assert load_part("clothing1m", "test", tmp_path).labels.tolist() == [5]
    write(tmp_path / "clothing1m" / "noisy_label_kv.txt", ["images/0/b,2.jpg 3"])
    with pytest.raises(DataError, match=r"1 have none, for example images/0/a,1.jpg"):
        load_part("clothing1m", "train", tmp_path)


def test_animal10n_labels_are_in_the_file_names(tmp_path):
    for name in ("3_00017.jpg", "0_00002.jpg"):
        image(tmp_path / "animal10n" / "training" / name)
    pool = load_part("animal10n", "train", tmp_path)
    assert pool.labels.tolist() == [0, 3]
    assert DATASETS["animal10n"].class_names[3] == "coyote"


def test_food101n_trains_on_one_archive_and_tests_on_the_other(tmp_path):
    meta = tmp_path / "food101n" / "Food-101N_release" / "meta"
    write(meta / "classes.txt", ["class_name", "apple_pie", "waffles"])
    write(meta / "imagelist.tsv", ["class_name/key", "waffles/x.jpg"])
    image(tmp_path / "food101n" / "Food-101N_release" / "images" / "waffles" / "x.jpg")
    write(tmp_path / "food-101" / "meta" / "classes.txt", ["apple_pie", "waffles"])
    write(tmp_path / "food-101" / "meta" / "test.txt", ["apple_pie/7"])
    image(tmp_path / "food-101" / "images" / "apple_pie" / "7.jpg")
    assert load_part("food101n", "train", tmp_path).labels.tolist() == [1]
    assert load_part("food101n", "test", tmp_path).labels.tolist() == [0]


def test_webvision_mini_keeps_the_first_fifty_classes(tmp_path):
    lines = ["google/q0001/a.jpg 0", "google/q0900/b.jpg 50", "google/q0050/c.jpg 49"]
    write(tmp_path / "webvision" / "info" / "train_filelist_google.txt", lines)
    for line in lines:
        image(tmp_path / "webvision" / line.split()[0])
    write(tmp_path / "webvision" / "info" / "val_filelist.txt", ["val1.jpg 2"])
    image(tmp_path / "webvision" / "val_images_256" / "val1.jpg")
    assert load_part("webvision_mini", "train", tmp_path).labels.tolist() == [0, 49]
    assert load_part("webvision_mini", "test", tmp_path).labels.tolist() == [2]


def test_tiny200_is_the_first_ten_validation_images_of_each_class_by_number(tmp_path):
    folder = tmp_path / "tiny-imagenet-200"
    wnids = [f"n{k:08d}" for k in range(200)]
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(reversed(wnids)))
    names = [f"val_{row}.JPEG" for row in range(11 * 200)]
    lines = [f"{name}\t{wnids[row % 200]}\t0\t0\t62\t62" for row, name in enumerate(names)]
    listed = folder / "val" / "val_annotations.txt"
    listed.write_text("\n".join(reversed(lines)))
    paths, labels = FILE_SETS["tiny200"].read(tmp_path, "all")
    assert paths == tuple(f"val/images/{name}" for name in names[: 10 * 200])
    assert labels.tolist() == [row % 200 for row in range(10 * 200)]
    listed.write_text("\n".join(lines[: 10 * 200 - 1]))
    with pytest.raises(DataError, match="at least 10 validation images .* class 199 has 9"):
        FILE_SETS["tiny200"].read(tmp_path, "all")


def test_tiny_imagenet_classes_are_in_the_order_of_their_ids(tmp_path):
    folder = tmp_path / "tiny-imagenet-200"
    write(folder / "wnids.txt", ["n02", "n01"])
    image(folder / "train" / "n02" / "images" / "n02_0.JPEG")
    image(folder / "train" / "n01" / "images" / "n01_0.JPEG")
    image(folder / "val" / "images" / "val_0.JPEG")
    write(folder / "val" / "val_annotations.txt", ["val_0.JPEG\tn02\t0\t0\t9\t9"])
    assert load_part("tiny_imagenet", "train", tmp_path).labels.tolist() == [0, 1]
    assert load_part("tiny_imagenet", "test", tmp_path).labels.tolist() == [1]
    shutil.rmtree(folder / "train" / "n01")
    with pytest.raises(DataError, match="n01/images; there is none"):
        load_part("tiny_imagenet", "train", tmp_path)


def dtd(root: Path) -> None:
    """Write DTD's layout: one image per class and part, listed in an order of their own."""
    home = root / "dtd" / "dtd"
    for part, i in (("train", 1), ("val", 2), ("test", 3)):
        paths = [f"{name}/{name}_{i:04d}.jpg" for name in DATASETS["textures"].class_names]
        for k, path in enumerate(paths):
            image(home / "images" / path, 5 * k, 10 + k % 3)
        write(home / "labels" / f"{part}1.txt", paths[::-1])


def test_textures_are_what_torchvision_reads_of_the_same_folder(tmp_path):
    dtd(tmp_path)
    for part in ("train", "test"):
        pool = load_part("textures", part, tmp_path)
        oracle = torchvision().datasets.DTD(tmp_path, split=part, download=False)
        assert list(pool.class_names) == oracle.classes and len(pool.class_names) == 47
        assert pool.labels.tolist() == oracle._labels
        assert pool.inputs.take(np.array([4]))[0, 0, 0].tolist() == list(
            oracle[4][0].getpixel((0, 0))
        )
    write(tmp_path / "dtd" / "dtd" / "labels" / "test1.txt", ["furry/furry_0001.jpg"])
    with pytest.raises(DataError, match="paths of DTD's 47 classes .* got 'furry/furry_0001.jpg'"):
        load_part("textures", "test", tmp_path)
