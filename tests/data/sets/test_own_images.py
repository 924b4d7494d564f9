"""What is done to the images of a user's own set is said; doubles are counted."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.pools.doubles import double_findings
from harness.data.pools.pools import image_pool
from harness.data.sets.datasets import facts_of, load_part
from harness.data.sets.own_options import Options
from harness.data.sets.prepare import prepare
from harness.data.suites.own import suite_named
from harness.errors import DataError
from harness.rankings.notes import NOTES, notes_of

CASES = Path(__file__).parents[4] / "shared" / "cases"
with_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the checkout")


def never():
    raise AssertionError("torchvision is not needed")


def got(reference, root, **options):
    return prepare(reference, root, never, Options(**options))


def folder(home, images, **options):
    """Write images with two classes in turn, the first half for training."""
    home.mkdir()
    half = len(images) // 2
    for part, rows in (("train", range(half)), ("test", range(half, len(images)))):
        lines = []
        for row in rows:
            name = f"{row}.{options.get('ending', 'png')}"
            images[row].save(home / name, **(options.get("saved") or {}))
            lines.append(f"{name} {row % 2}")
        (home / f"{part}.txt").write_text("\n".join(lines))
    return f"folder:{home}"


def grey16(values):
    return [Image.fromarray(np.full((4, 4), value, dtype=np.uint16)) for value in values]


def test_grey_of_sixteen_bits_is_scaled_by_its_sets_own_bits_and_said(tmp_path):
    said = got(folder(tmp_path / "scan", grey16([0, 4095, 16, 2048])), tmp_path)
    words = "4 of 4 images are grey of 16 bits or more; scaled to 8 from the 12 bits that their "
    assert words + "largest value (4,095) needs" in said
    assert facts_of("folder_scan", tmp_path).image_shape == (4, 4, 1)
    train, test = (load_part("folder_scan", part, tmp_path) for part in ("train", "test"))
    assert train.inputs.array[:, 0, 0, 0].tolist() == [0, 255]
    assert test.inputs.array[:, 0, 0, 0].tolist() == [1, 128]


def test_transparent_images_take_the_background_that_was_named(tmp_path):
    clear = [Image.new("RGBA", (4, 4), (k, k, k, 0)) for k in range(4)]
    reference = folder(tmp_path / "logo", clear)
    assert "4 of 4 images are transparent; laid over white (such as " in got(reference, tmp_path)
    assert "laid over black" in got(reference, tmp_path, background="black", name="logo_black")
    assert (load_part("folder_logo", "train", tmp_path).inputs.array == 255).all()
    assert (load_part("logo_black", "train", tmp_path).inputs.array == 0).all()
    with pytest.raises(DataError, match="--background none there, black asked for"):
        got(reference, tmp_path, background="black")


def test_turned_and_animated_images_are_said_with_an_example(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    images = [Image.new("RGB", (4, 4), (k, 0, 0)) for k in range(4)]
    said = got(folder(tmp_path / "phone", images, saved={"exif": exif}), tmp_path)
    assert "4 of 4 images are turned as the camera noted" in said
    more = {"save_all": True, "append_images": [Image.new("RGB", (4, 4), "blue")]}
    said = got(folder(tmp_path / "clips", images, ending="gif", saved=more), tmp_path)
    assert "4 of 4 images are of several frames; the first is taken (such as " in said


def test_sizes_are_those_of_the_upright_images(tmp_path):
    """Two photographs of one size, one of them stored turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    home = tmp_path / "phone"
    reference = folder(home, [Image.new("RGB", (6, 4), (k, 9, 9)) for k in range(4)])
    Image.new("RGB", (4, 6), (50, 9, 9)).save(home / "0.png", exif=exif)
    got(reference, tmp_path)
    assert facts_of("folder_phone", tmp_path).image_shape == (4, 6, 3)


def pool(values, labels, name="train"):
    array = np.array(values, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return image_pool(name, array, np.array(labels), ("a", "b"))


def test_doubles_are_counted_within_and_between_parts():
    train = pool([1, 2, 2, 3, 3], [0, 0, 0, 0, 1])
    test = pool([3, 3, 8], [0, 1, 1], "test")
    assert double_findings({"train": train, "test": test}) == (
        "2 of 5 rows of train are exact doubles of earlier ones, 1 of them with another label.",
        "1 of 3 rows of test are exact doubles of earlier ones, 1 of them with another label.",
        "2 of 3 rows of test are exact doubles of train rows, 1 of them with another label: a "
        "model may know them by heart.",
    )
    assert double_findings({"train": pool([1, 2], [0, 1]), "test": pool([3], [0])}) == ()


def test_doubles_stand_in_the_notes_of_the_suite(tmp_path):
    """Case 34: every test image is a training image."""
    images = [Image.new("RGB", (4, 4), (k % 2, 0, 0)) for k in range(4)]
    said = got(folder(tmp_path / "leak", images), tmp_path)
    found = "2 of 2 rows of test are exact doubles of train rows, 0 of them with another label"
    assert found in said
    assert any(found in note for note in suite_named("own-folder_leak-v1", tmp_path).notes)


def test_doubles_stand_below_the_ranking_of_the_suite(tmp_path, monkeypatch):
    images = [Image.new("RGB", (4, 4), (k % 2, 0, 0)) for k in range(4)]
    got(folder(tmp_path / "leak", images), tmp_path)
    monkeypatch.setenv("TAILMARK_DATA", str(tmp_path))
    first, *others = notes_of("own-folder_leak-v1")
    assert "exact doubles" in first
    assert tuple(others[-len(NOTES) :]) == NOTES
    assert notes_of("own-never_prepared-v1") == notes_of("digits-v1") == NOTES


def test_doubles_of_a_table_are_counted(tmp_path):
    lines = ["a,b,ok", *(f"{i % 5},{i % 5}.5,{'yn'[i % 2]}" for i in range(20))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    said = got(f"table:{tmp_path / 'rows.csv'}", tmp_path)
    assert "15 of 20 rows of all are exact doubles of earlier ones, 10 of them with" in said


SEEN = {
    "06-grey-16-bit/f_16bit": "45 of 45 images are grey of 16 bits or more; scaled to 8 from",
    "09-shape-in-alpha/f_alpha": "45 of 45 images are transparent; laid over white",
    "10-exif-rotated-phone/phone": "15 of 45 images are turned as the camera noted",
}


@with_cases
@pytest.mark.parametrize("case", SEEN)
def test_pictures_that_were_lost_are_seen_again(case, tmp_path):
    """Cases 06, 09 and 10: the nearest mean had 33.3 % and 20 % of them."""
    shutil.copytree(CASES / case, tmp_path / "set")
    assert SEEN[case] in got(f"folder:{tmp_path / 'set'}", tmp_path)
    train, test = (load_part("folder_set", part, tmp_path) for part in ("train", "test"))
    means = np.stack([train.inputs.array[train.labels == k].mean(axis=0) for k in range(3)])
    away = ((test.inputs.array[:, None] - means[None]) ** 2).sum(axis=(2, 3, 4))
    assert np.array_equal(away.argmin(axis=1), test.labels)


REFUSED = {
    "11-decompression-bomb/f_bomb": "train0.png; its head declares too many pixels",
    "27-damaged-list-line/f_super": "in line 3 of .*train.txt; got 'im/train2.png ²'",
}


@with_cases
@pytest.mark.parametrize("case", REFUSED)
def test_what_crashed_is_refused_in_one_sentence(case, tmp_path):
    """Cases 11 and 27."""
    with pytest.raises(DataError, match=REFUSED[case]):
        got(f"folder:{CASES / case}", tmp_path / "root", size=16)
    assert not (tmp_path / "root" / "prepared").exists()


@with_cases
def test_one_file_listed_twice_is_counted(tmp_path):
    """Case 33."""
    said = got(f"folder:{CASES / '33-same-image-two-labels' / 'f_conflict'}", tmp_path)
    assert "1 of 16 rows of test are exact doubles of earlier ones, 1 of them with another" in said
    said = got(f"folder:{CASES / '33-same-image-two-labels' / 'f_twice'}", tmp_path)
    assert "5 of 20 rows of test are exact doubles of earlier ones, 0 of them with another" in said
