"""Folders of images as people have them: with lists, with parts, with class folders alone."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from harness.data.sets.datasets import facts_of, load_part
from harness.data.sets.own_options import Options
from harness.data.sets.prepare import prepare
from harness.data.suites.open import open_suite
from harness.errors import DataError


def never():
    raise AssertionError("torchvision is not needed")


def got(home, root, **options):
    return prepare(f"folder:{home}", root, never, Options(**options))


def put(path, value=0, **options):
    """Write one small image whose pixels tell its value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), value % 256, dtype=np.uint8)).save(path, **options)


def tree(home, *, parts=("train", "test"), classes=("cat", "dog"), each=3):
    """Write ``<part>/<class>/<n>.png``; every image has a value of its own."""
    value = 0
    for part in parts:
        for name in classes:
            for k in range(each):
                value += 1
                put(home / part / name / f"{k}.png", value)
    return home


def test_class_folders_alone_come_in_without_lists_and_a_third_is_drawn(tmp_path):
    home = tree(tmp_path / "pets", parts=("",), each=30)
    assert got(home, tmp_path).startswith("folder_pets: 2 classes")
    assert facts_of("folder_pets", tmp_path).parts == ("all",)
    opened = open_suite("own-folder_pets-v1", tmp_path)
    assert (len(opened.test), opened.test.class_names) == (20, ("cat", "dog"))


def test_official_parts_are_the_train_and_test_folders(tmp_path):
    got(tree(tmp_path / "pets"), tmp_path)
    train, test = (load_part("folder_pets", part, tmp_path) for part in ("train", "test"))
    assert train.labels.tolist() == test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.inputs.array[:, 0, 0, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert test.inputs.array[:, 0, 0, 0].tolist() == [7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    "names",
    [("Train", "Test"), ("training", "testing"), ("TRAINING", "validation"), ("Train", "val")],
)
def test_parts_under_other_names_are_not_taken_for_classes(names, tmp_path):
    """Folders called Train and Test were the two classes."""
    got(tree(tmp_path / "pets", parts=names), tmp_path)
    assert facts_of("folder_pets", tmp_path).class_names == ("cat", "dog")
    test = load_part("folder_pets", "test", tmp_path)
    assert test.inputs.array[:, 0, 0, 0].tolist() == [7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("name", ["validation", "valid", "val"])
def test_a_validation_folder_is_the_test_part_where_there_is_no_other(name, tmp_path):
    said = got(tree(tmp_path / "pets", parts=("train", name)), tmp_path)
    assert f"The part '{name}' is the test pool: there is no test part." in said


def test_of_validation_and_test_the_test_part_is_taken_and_the_other_named(tmp_path):
    said = got(tree(tmp_path / "pets", parts=("train", "validation", "test")), tmp_path)
    assert "'validation' is in no pool." in said
    test = load_part("folder_pets", "test", tmp_path)
    assert test.inputs.array[:, 0, 0, 0].tolist() == [13, 14, 15, 16, 17, 18]


def test_a_test_folder_without_class_folders_has_no_labels(tmp_path):
    home = tree(tmp_path / "pets", parts=("train", "val"))
    put(home / "test" / "0.png")
    assert "'val' is the test pool: its test part has no labels." in got(home, tmp_path)


def test_a_class_missing_in_the_test_folder_shifts_no_other(tmp_path):
    home = tree(tmp_path / "pets", classes=("ant", "bee", "cow"))
    for path in (home / "test" / "bee").iterdir():
        path.unlink()
    (home / "test" / "bee").rmdir()
    said = got(home, tmp_path)
    assert "1 of 3 classes have no test row (bee)" in said
    assert load_part("folder_pets", "test", tmp_path).labels.tolist() == [0, 0, 0, 2, 2, 2]


def test_what_systems_leave_behind_is_passed_over_and_other_files_are_named(tmp_path):
    home = tree(tmp_path / "pets")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.png"):
        (home / "train" / "cat" / name).write_bytes(b"x")
    (home / "train" / ".hidden").mkdir()
    (home / "__MACOSX" / "train").mkdir(parents=True)
    (home / "train" / "cat" / "notes.txt").write_text("x")
    put(home / "train" / "loose.png")
    said = got(home, tmp_path)
    left = "2 files of no class or no image are left out: train/loose.png, train/cat/notes.txt."
    assert left in said
    assert len(load_part("folder_pets", "train", tmp_path)) == 6


def test_endings_may_be_upper_case_and_formats_mixed(tmp_path):
    home = tree(tmp_path / "pets")
    put(home / "train" / "cat" / "A.PNG", 99)
    put(home / "train" / "cat" / "B.Bmp", 98)
    got(home, tmp_path)
    assert load_part("folder_pets", "train", tmp_path).inputs.array[:, 0, 0, 0].tolist() == [
        *(1, 2, 3, 99, 98, 4, 5, 6)
    ]


def test_images_in_deeper_folders_belong_to_the_first_and_are_counted(tmp_path):
    home = tree(tmp_path / "pets")
    put(home / "train" / "cat" / "more" / "x.png", 77)
    said = got(home, tmp_path)
    assert "1 images lie deeper in class folders" in said
    assert load_part("folder_pets", "train", tmp_path).labels.tolist() == [0] * 4 + [1] * 3


def test_accents_of_another_system_are_the_same_class(tmp_path):
    """macOS stores é as e and an accent."""
    home = tmp_path / "pets"
    for part, form in (("train", "NFC"), ("test", "NFD")):
        for k, name in enumerate(("café", "tea")):
            put(home / part / unicodedata.normalize(form, name) / "0.png", 10 * k + len(part))
    got(home, tmp_path)
    spec = facts_of("folder_pets", tmp_path)
    assert spec.class_names == (unicodedata.normalize("NFC", "café"), "tea")
    assert load_part("folder_pets", "test", tmp_path).labels.tolist() == [0, 1]


def test_links_to_images_and_class_folders_are_followed(tmp_path):
    home = tree(tmp_path / "pets")
    (home / "train" / "cat" / "linked.png").symlink_to(home / "test" / "cat" / "0.png")
    (home / "train" / "eel").symlink_to(home / "train" / "dog")
    got(home, tmp_path)
    assert (
        load_part("folder_pets", "train", tmp_path).labels.tolist() == [0] * 4 + [1] * 3 + [2] * 3
    )


def lists(home, train="0 a.png", test="0 a.png", *, ending="txt", classes=None, **images):
    """Write index lists of ``label path`` words, and the images they name."""
    home.mkdir(exist_ok=True)
    for k, (part, text) in enumerate((("train", train), ("test", test))):
        lines = []
        for i, word in enumerate(text.split(";")):
            label, _, name = word.strip().partition(" ")
            name = f"{part}_{name}"
            put(home / name, 20 * k + i, **images)
            lines.append(f"{name} {label}")
        (home / f"{part}.{ending}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if classes is not None:
        (home / "classes.txt").write_text(classes, encoding="utf-8")
    return home


BOTH = "0 a.png; 1 b.png; 2 c.png"


def test_lists_and_names_with_a_byte_order_mark_are_read(tmp_path):
    home = lists(tmp_path / "pets", BOTH, BOTH, classes="cat\ndög\neel\n")
    for name in ("train.txt", "test.txt", "classes.txt"):
        text = (home / name).read_text(encoding="utf-8")
        (home / name).write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    got(home, tmp_path)
    assert facts_of("folder_pets", tmp_path).class_names == ("cat", "dög", "eel")


def test_csv_lists_with_a_mark_are_read(tmp_path):
    home = lists(tmp_path / "pets", BOTH, BOTH)
    for part in ("train", "test"):
        rows = [
            line.rpartition(" ")[::2] for line in (home / f"{part}.txt").read_text().split("\n")
        ]
        text = "path,label\n" + "".join(f"{path},{label}\n" for path, label in rows if path)
        (home / f"{part}.csv").write_text(text, encoding="utf-8-sig")
        (home / f"{part}.txt").unlink()
    got(home, tmp_path)
    assert load_part("folder_pets", "test", tmp_path).labels.tolist() == [0, 1, 2]


def test_lists_of_windows_and_macos_find_their_images(tmp_path):
    home = tmp_path / "pets"
    for k, name in enumerate(("é", "tea")):
        put(home / "img" / unicodedata.normalize("NFD", name) / "0.png", k)
    text = "img\\é\\0.png 0\nimg\\tea\\0.png 1\n"
    for part in ("train", "test"):
        (home / f"{part}.txt").write_text(text, encoding="utf-8")
    got(home, tmp_path)
    assert load_part("folder_pets", "train", tmp_path).labels.tolist() == [0, 1]


def test_a_gap_in_class_numbers_is_said_and_left_out(tmp_path):
    said = got(lists(tmp_path / "pets", "1 a.png; 3 b.png", "1 a.png; 3 b.png"), tmp_path)
    assert "2 of 4 classes have no row in any part and are left out: 0, 2." in said
    assert facts_of("folder_pets", tmp_path).class_names == ("1", "3")
    assert load_part("folder_pets", "test", tmp_path).labels.tolist() == [0, 1]


def test_names_that_differ_in_case_only_are_said(tmp_path):
    said = got(lists(tmp_path / "pets", "0 a.png; 1 b.png", "0 a.png", classes="x\nX\n"), tmp_path)
    assert "count as different: 'X', 'x'." in said


def drop(home, *names):
    for name in names:
        path = home / name
        path.unlink() if path.is_file() else [p.unlink() for p in path.rglob("*") if p.is_file()]
    return home


def changed(home, name, text, encoding="utf-8"):
    (home / name).write_bytes(text.encode(encoding))
    return home


def linked(home):
    (home / "train" / "cat" / "gone.png").symlink_to(home / "nowhere.png")
    return home


def circle(home):
    (home / "train" / "cat" / "up").symlink_to(home / "train")
    return home


def added(home, name, value=0):
    put(home / name, value)
    return home


def twice(home):
    for form in ("NFC", "NFD"):
        put(home / unicodedata.normalize(form, "é") / "0.png")
    return home


BAD = {
    "nothing": (lambda at: at / "none", "Expected a folder of images at .*none; there is nothing"),
    "a file": (lambda at: changed(at, "x.png", "x") / "x.png", "there is a file"),
    "a zip": (lambda at: changed(at, "x.zip", "PK") / "x.zip", "Unpack it and name the folder"),
    "empty folder": (lambda at: at, "two class folders or more, in .*got 0 .none. and 0 images"),
    "images alone": (lambda at: added(at, "1.png"), "got 0 .none. and 1 images beside"),
    "one class": (lambda at: tree(at, parts=("",), classes=("cat",)), "got 1 .cat."),
    "one folder too high": (
        lambda at: tree(at, parts=("images",)),
        "Name the folder that holds them: folder:.*images",
    ),
    "train alone": (lambda at: tree(at, parts=("train",)), "prepare the others alone: folder:"),
    "unlabelled test": (
        lambda at: added(tree(at, parts=("train",)), "test/0.png"),
        "there is none in test. Sort the test images into class folders",
    ),
    "empty class": (lambda at: drop(tree(at), "train/dog"), "'dog' has none. Take the folder out"),
    "files of another kind": (
        lambda at: changed(drop(tree(at), "train/dog"), "train/dog/0.heic", "x"),
        "'dog' has 1 other files, such as 0.heic. Save them as PNG or JPEG",
    ),
    "two training parts": (
        lambda at: tree(at, parts=("Train", "training", "test")),
        "one folder of the part 'train' in .*; got Train, training. Call the one to take 'train'",
    ),
    "unknown class": (
        lambda at: added(tree(at), "test/eel/0.png"),
        "got eel besides. Rename the folder, or take it out",
    ),
    "another case": (
        lambda at: added(tree(at), "test/Cat/0.png"),
        "got Cat besides, which differs from 'cat' in case only",
    ),
    "a class twice": (twice, "classes 0 and 1 are both 'é'. Rename one"),
    "a broken link": (lambda at: linked(tree(at)), "a link that leads nowhere"),
    "a circle": (lambda at: circle(tree(at)), "'up' is a link to another folder"),
    "no test list": (lambda at: drop(lists(at, BOTH), "test.txt"), "index list test.txt or test.c"),
    "no train list": (lambda at: drop(lists(at, BOTH), "train.txt"), "index list train.txt or tra"),
    "empty list": (lambda at: changed(lists(at, BOTH), "test.txt", ""), "it names no image"),
    "comments": (lambda at: changed(lists(at, BOTH), "test.txt", "# x\n"), "it names no image"),
    "latin-1": (
        lambda at: changed(lists(at, BOTH), "test.txt", "é.png 0", "latin-1"),
        "Expected text in UTF-8 in .*test.txt; byte 0 is none.*iconv -f LATIN1",
    ),
    "utf-16": (
        lambda at: changed(lists(at, BOTH), "test.txt", "x.png 0", "utf-16"),
        "iconv -f UTF-16",
    ),
    "superscript": (
        lambda at: changed(lists(at, BOTH), "test.txt", "test_a.png ²"),
        "in line 1 of .*test.txt; got 'test_a.png ²'",
    ),
    "arabic digit": (lambda at: changed(lists(at, BOTH), "test.txt", "a.png ٣"), "digits 0 … 9"),
    "fraction": (lambda at: changed(lists(at, BOTH), "test.txt", "a.png 1.5"), "whole numbers"),
    "word": (lambda at: changed(lists(at, BOTH), "test.txt", "a.png cat"), "whole numbers"),
    "two minus": (lambda at: changed(lists(at, BOTH), "test.txt", "a.png --1"), "whole numbers"),
    "plus": (lambda at: changed(lists(at, BOTH), "test.txt", "a.png +1"), "whole numbers"),
    "huge": (lambda at: changed(lists(at, BOTH), "test.txt", f"a.png {10**20}"), "whole numbers"),
    "a thousand million": (
        lambda at: changed(lists(at, BOTH), "test.txt", f"a.png {10**9}"),
        "whole numbers",
    ),
    "no label": (lambda at: changed(lists(at, BOTH), "test.txt", "\n\na.png\n"), "in line 3"),
    "label alone": (lambda at: changed(lists(at, BOTH), "test.txt", "1"), "in line 1"),
    "semicolons": (
        lambda at: drop(changed(lists(at, BOTH), "test.csv", "path;label\na;0"), "test.txt"),
        "columns 'path' and 'label' in .*got path;label",
    ),
    "no columns": (
        lambda at: drop(changed(lists(at, BOTH), "test.csv", ""), "test.txt"),
        "columns 'path' and 'label' in .*got none",
    ),
    "nul": (
        lambda at: drop(changed(lists(at, BOTH), "test.csv", "path,label\na\0,0\n"), "test.txt"),
        "no line of a CSV file|are not below",
    ),
    "missing image": (
        lambda at: changed(lists(at, BOTH), "test.txt", "gone.png 0"),
        "names 1 images; 1 of them are not below .*gone.png",
    ),
    "a name of 300": (
        lambda at: changed(lists(at, BOTH), "test.txt", f"{'x' * 300}.png 0"),
        "names 1 images; 1 of them are not below",
    ),
    "a folder": (lambda at: changed(lists(at, BOTH), "test.txt", ". 0"), "are not below"),
    "outside": (lambda at: changed(lists(at, BOTH), "test.txt", "../a.png 0"), "relative paths"),
    "absolute": (lambda at: changed(lists(at, BOTH), "test.txt", "/a.png 0"), "relative paths"),
    "minus one": (lambda at: lists(at, "-1 a.png; 1 b.png"), "labels from 0 in the lists .*got -1"),
    "over the names": (
        lambda at: lists(at, BOTH, classes="a\nb\n"),
        r"Expected labels 0 … 1 in the lists of .*got 0 … 2. Correct the lists or classes.txt",
    ),
    "labels from one": (
        lambda at: lists(at, "1 a.png; 2 b.png; 3 c.png", "1 a.png", classes="a\nb\nc"),
        "Expected labels 0 … 2 in the lists of .*got 1 … 3",
    ),
    "one label": (lambda at: lists(at, "0 a.png; 0 b.png"), "two classes or more .*got 1 .'0'."),
    "empty name": (
        lambda at: lists(at, BOTH, BOTH, classes="a\n\nc\n"),
        "class 1 has an empty one",
    ),
    "equal names": (
        lambda at: lists(at, BOTH, BOTH, classes="a\nb\na\n"),
        "classes 0 and 2 are both 'a'. Rename one, or give their rows one number",
    ),
    "one name": (lambda at: lists(at, "0 a.png", classes="a\n"), "two classes or more"),
    "test only": (
        lambda at: lists(at, "0 a.png; 1 b.png", "2 c.png"),
        "2 has 1 test rows and none in training. Take those rows out of the test part",
    ),
    "no image": (
        lambda at: changed(lists(at, BOTH), "train_b.png", "<html>"),
        "Expected a whole image at .*train_b.png; got 6 bytes",
    ),
    "sizes": (
        lambda at: (Image.new("RGB", (9, 4)).save(lists(at, BOTH) / "train_b.png"), at)[1],
        "got 2 sizes from 4×4 to 9×4 pixels.*--size 64",
    ),
    "float image": (
        lambda at: (Image.new("F", (4, 4)).save(lists(at, BOTH) / "train_b.png", "TIFF"), at)[1],
        "at .*train_b.png; its mode is 'F'",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_folder_is_one_sentence_and_nothing_is_written(kind, tmp_path):
    make, words = BAD[kind]
    (tmp_path / "bad").mkdir()
    home = make(tmp_path / "bad")
    root = tmp_path / "root"
    with pytest.raises(DataError, match=words) as refused:
        got(home, root)
    assert "\n" not in str(refused.value)
    assert not root.exists() or list(root.iterdir()) == []


def test_the_advice_of_a_refusal_ends_well(tmp_path):
    """Each command that a sentence gives is run as it stands."""
    high = tree(tmp_path / "high", parts=("images",))
    with pytest.raises(DataError, match="folder:") as refused:
        got(high, tmp_path)
    advised = str(refused.value).rpartition("folder:")[2]
    assert got(advised, tmp_path).startswith("folder_images: 2 classes")
    alone = tree(tmp_path / "alone", parts=("train",))
    with pytest.raises(DataError, match="folder:") as refused:
        got(alone, tmp_path)
    assert got(str(refused.value).rpartition("folder:")[2], tmp_path).startswith("folder_train: 2")
    sizes = tree(tmp_path / "sizes")
    Image.new("RGB", (9, 4)).save(sizes / "train" / "cat" / "0.png")
    with pytest.raises(DataError, match="--size 64"):
        got(sizes, tmp_path)
    got(sizes, tmp_path, size=64)
    assert facts_of("folder_sizes", tmp_path).image_shape == (64, 64, 3)
