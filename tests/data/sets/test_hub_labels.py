"""Sets of the Hub: classes are known by name, however each part stores them."""

import io

import numpy as np
import pytest
from PIL import Image

from harness.data.sets.datasets import facts_of, load_part
from harness.data.sets.own_options import Options
from harness.data.sets.prepare import prepare
from harness.data.suites.open import open_suite
from harness.errors import DataError

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402


def never():
    raise AssertionError("torchvision is not needed")


def got(home, root, **options):
    return prepare(f"hf:{home}", root, never, Options(**options))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The library, which may not reach any network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return datasets


def picture(value):
    return Image.fromarray(np.full((4, 4, 3), value, dtype=np.uint8))


def write(hub, home, part, labels, kind, *, shard="00000-of-00001", column="label", first=0):
    """Write a parquet file as a repository holds it: labels of a kind, images that tell rows."""
    (home / "data").mkdir(parents=True, exist_ok=True)
    columns = {"image": [picture(first + k) for k in range(len(labels))], column: labels}
    rows = hub.Dataset.from_dict(columns, hub.Features({"image": hub.Image(), column: kind}))
    rows.to_parquet(home / "data" / f"{part}-{shard}.parquet")
    return home


def both(hub, home, train, test, kinds):
    write(hub, home, "train", train, kinds[0])
    return write(hub, home, "test", test, kinds[1], first=100)


def names(hub, *words):
    return hub.ClassLabel(names=list(words))


def stored(hub, home, columns, kinds):
    """Write one training part of any columns."""
    (home / "data").mkdir(parents=True)
    hub.Dataset.from_dict(columns, hub.Features(kinds)).to_parquet(home / "data" / "train.parquet")
    return home


@pytest.mark.parametrize("hidden", [False, True])
def test_without_a_labelled_test_part_its_rows_are_drawn(hidden, hub, tmp_path):
    home, kind = tmp_path / "s", names(hub, "a", "b")
    write(hub, home, "train", [0, 1] * 30, kind)
    if hidden:
        write(hub, home, "test", [-1, -1], kind, first=100)
    said = got(home, tmp_path)
    assert "test rows are drawn from the training part" in said
    assert ("'test' has no labels" in said) is hidden
    assert facts_of("hf_s", tmp_path).parts == ("all",)
    pool = load_part("hf_s", "all", tmp_path)
    assert pool.inputs.array[:, 0, 0, 0].tolist() == list(range(60))
    assert pool.labels.tolist() == [0, 1] * 30
    assert len(open_suite("own-hf_s-v1", tmp_path).test) == 20


def test_one_saved_part_is_read(hub, tmp_path):
    """`Dataset.save_to_disk` leaves what `load_dataset` refuses."""
    columns = {"image": [picture(k) for k in range(12)], "label": [0, 1, 2] * 4}
    kinds = hub.Features({"image": hub.Image(), "label": names(hub, "a", "b", "c")})
    hub.Dataset.from_dict(columns, kinds).save_to_disk(tmp_path / "s")
    got(tmp_path / "s", tmp_path)
    pool = load_part("hf_s", "all", tmp_path)
    assert pool.class_names == ("a", "b", "c") and pool.labels.tolist() == [0, 1, 2] * 4
    assert pool.inputs.array[:, 0, 0, 0].tolist() == list(range(12))


@pytest.mark.parametrize("form", ["bytes", "bytes and path"])
def test_files_in_a_column_that_nobody_declared_are_images(form, hub, tmp_path):
    """So they are written without the library: pandas, pyarrow, Spark."""
    files = []
    for k in range(6):
        held = io.BytesIO()
        picture(k).save(held, "PNG")
        files.append(
            held.getvalue() if form == "bytes" else {"bytes": held.getvalue(), "path": None}
        )
    (tmp_path / "s").mkdir()
    table = pyarrow.table({"img": files, "label": ["u", "v"] * 3})
    parquet.write_table(table, tmp_path / "s" / "train.parquet")
    got(tmp_path / "s", tmp_path)
    pool = load_part("hf_s", "all", tmp_path)
    assert pool.inputs.array[:, 0, 0, 0].tolist() == list(range(6))
    assert pool.class_names == ("u", "v")


def test_no_progress_bars_are_written_into_a_log(hub, tmp_path, capfd):
    hub.enable_progress_bars()
    kinds = (names(hub, "a", "b"), names(hub, "a", "b"))
    got(both(hub, tmp_path / "s", [0, 1], [0, 1], kinds), tmp_path)
    assert "Generating" not in capfd.readouterr().err


def test_a_part_that_numbers_classes_in_another_order_is_matched_by_name(hub, tmp_path):
    """Case 28: numbers were taken as they are, 33.3 % for 100 %."""
    kinds = (names(hub, "a", "b", "c"), names(hub, "c", "b", "a"))
    home = both(hub, tmp_path / "s", [0, 1, 2], [0, 1, 2], kinds)
    said = got(home, tmp_path)
    assert "The part 'test' numbers 3 classes in its own way; they are matched by name" in said
    assert load_part("hf_s", "test", tmp_path).labels.tolist() == [2, 1, 0]


def test_a_class_missing_in_the_test_part_shifts_no_other(hub, tmp_path):
    """Case 29: label 1 of a, c was taken for b."""
    kinds = (names(hub, "a", "b", "c"), names(hub, "a", "c"))
    said = got(both(hub, tmp_path / "s", [0, 1, 2], [0, 1], kinds), tmp_path)
    assert load_part("hf_s", "test", tmp_path).labels.tolist() == [0, 2]
    assert "1 of 3 classes have no test row (b)" in said


def test_text_labels_are_numbered_by_the_sorted_training_names(hub, tmp_path):
    """Case 50: refused as no classification set."""
    text = hub.Value("string")
    got(both(hub, tmp_path / "s", ["dog", "ant", "dog"], ["ant", "dog"], (text, text)), tmp_path)
    assert facts_of("hf_s", tmp_path).class_names == ("ant", "dog")
    assert load_part("hf_s", "train", tmp_path).labels.tolist() == [1, 0, 1]
    assert load_part("hf_s", "test", tmp_path).labels.tolist() == [0, 1]


def test_text_labels_in_another_form_of_accents_are_the_same(hub, tmp_path):
    text = hub.Value("string")
    train, test = ["caf\u00e9", "tea", "tea"], ["cafe\u0301", "tea"]
    got(both(hub, tmp_path / "s", train, test, (text, text)), tmp_path)
    assert load_part("hf_s", "test", tmp_path).labels.tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["int64", "uint8", "int32"])
def test_plain_numbers_without_names_are_classes_by_size(kind, hub, tmp_path):
    value = hub.Value(kind)
    got(both(hub, tmp_path / "s", [10, 9, 10, 2], [2, 10], (value, value)), tmp_path)
    assert facts_of("hf_s", tmp_path).class_names == ("2", "9", "10")
    assert load_part("hf_s", "test", tmp_path).labels.tolist() == [0, 2]


def test_minus_one_is_a_class_beside_one_and_no_label_beside_others(hub, tmp_path):
    value = hub.Value("int64")
    got(both(hub, tmp_path / "s", [-1, 1, 1], [1, -1], (value, value)), tmp_path)
    assert facts_of("hf_s", tmp_path).class_names == ("-1", "1")
    bad = both(hub, tmp_path / "t", [-1, 0, 1, 2], [0, 1], (value, value))
    with pytest.raises(DataError, match="class label in every row of train of .*; 1 have none"):
        got(bad, tmp_path)


def test_truth_values_are_classes(hub, tmp_path):
    value = hub.Value("bool")
    got(both(hub, tmp_path / "s", [True, False, True], [False, True], (value, value)), tmp_path)
    assert facts_of("hf_s", tmp_path).class_names == ("False", "True")


def test_a_hidden_test_part_of_texts_gives_way_to_validation(hub, tmp_path):
    text = hub.Value("string")
    home = both(hub, tmp_path / "s", ["a", "b", "a"], [None, None], (text, text))
    write(hub, home, "validation", ["b", "a"], text, first=50)
    assert "'validation' is the test pool: its test part has no labels." in got(home, tmp_path)
    assert load_part("hf_s", "test", tmp_path).labels.tolist() == [1, 0]


def test_of_test_and_validation_the_other_is_named(hub, tmp_path):
    kind = names(hub, "a", "b")
    home = both(hub, tmp_path / "s", [0, 1], [1, 0], (kind, kind))
    write(hub, home, "validation", [0, 1], kind, first=50)
    assert "The published part 'validation' is in no pool." in got(home, tmp_path)


def test_a_column_of_text_beside_one_of_classes_is_no_question(hub, tmp_path):
    home = tmp_path / "s"
    (home / "data").mkdir(parents=True)
    kinds = {"image": hub.Image(), "id": hub.Value("string"), "label": names(hub, "a", "b")}
    for k, part in enumerate(("train", "test")):
        images = [picture(10 * k), picture(10 * k + 1)]
        columns = {"image": images, "id": ["x", "y"], "label": [0, 1]}
        rows = hub.Dataset.from_dict(columns, hub.Features(kinds))
        rows.to_parquet(home / "data" / f"{part}-00000-of-00001.parquet")
    got(home, tmp_path)
    assert facts_of("hf_s", tmp_path).class_names == ("a", "b")


BAD = {
    "unknown names": (
        lambda hub, at: both(hub, at, [0, 1], [0, 1], (names(hub, "a", "b"), names(hub, "a", "z"))),
        "its test part has 1 others, such as 'z'. Rename them",
    ),
    "another case": (
        lambda hub, at: both(
            hub, at, [0, 1], [0, 1], (names(hub, "cats", "dogs"), names(hub, "Cats", "dogs"))
        ),
        "such as 'Cats' .nearest: 'cats'.",
    ),
    "unknown texts": (
        lambda hub, at: both(hub, at, ["a", "b", "b"], ["c"], (hub.Value("string"),) * 2),
        "1 others, such as 'c'",
    ),
    "lists of classes": (
        lambda hub, at: both(hub, at, [[0], [1]], [[0]], (hub.List(names(hub, "a", "b")),) * 2),
        "lists of them .multi-label., which are not supported",
    ),
    "lists of texts": (
        lambda hub, at: both(
            hub, at, [["a"], ["b"]], [["a"]], (hub.List(hub.Value("string")),) * 2
        ),
        "lists of them .multi-label., which are not supported",
    ),
    "fractions": (
        lambda hub, at: both(hub, at, [0.5, 1.5], [0.5], (hub.Value("float64"),) * 2),
        r"its columns are image \(Image\), label \(Value\). Only image classification sets",
    ),
    "two columns of images": (
        lambda hub, at: stored(
            hub,
            at,
            {"image": [picture(1)] * 4, "mask": [picture(2)] * 4, "label": [0, 1] * 2},
            {"image": hub.Image(), "mask": hub.Image(), "label": names(hub, "a", "b")},
        ),
        "Prepare a copy with one of them: set.remove_columns",
    ),
    "images as arrays": (
        lambda hub, at: stored(
            hub,
            at,
            {"image": np.zeros((4, 4, 4, 3), np.uint8).tolist(), "label": [0, 1] * 2},
            {"image": hub.Array3D((4, 4, 3), "uint8"), "label": names(hub, "a", "b")},
        ),
        "set.cast_column.column, datasets.Image..",
    ),
    "a label of its own each": (
        lambda hub, at: both(hub, at, ["p", "q", "r"], ["p"], (hub.Value("string"),) * 2),
        "each of its 3 training rows has a value of its own. Name the column of labels",
    ),
    "one class": (
        lambda hub, at: both(hub, at, [0, 0], [0], (names(hub, "a"),) * 2),
        "Expected two classes or more",
    ),
    "one class used": (
        lambda hub, at: both(hub, at, [0, 0], [0], (names(hub, "a", "b"),) * 2),
        "Expected two classes or more",
    ),
    "missing text": (
        lambda hub, at: both(hub, at, ["a", None, "b"], ["a"], (hub.Value("string"),) * 2),
        "class label in every row of train of .*; 1 have none",
    ),
    "missing number": (
        lambda hub, at: both(hub, at, [0, -1, 1], [0], (names(hub, "a", "b"),) * 2),
        "class label in every row of train of .*; 1 have none",
    ),
    "empty name": (
        lambda hub, at: both(hub, at, ["", "b", "b"], ["b"], (hub.Value("string"),) * 2),
        "class 0 has an empty one",
    ),
    "test only": (
        lambda hub, at: both(hub, at, [0, 1], [2], (names(hub, "a", "b", "c"),) * 2),
        "c has 1 test rows and none in training",
    ),
    "test alone": (
        lambda hub, at: write(hub, at, "test", [0, 1], names(hub, "a", "b")),
        "Expected a part 'train' in .*; it has test",
    ),
    "shards of two numberings": (
        lambda hub, at: write(
            hub,
            both(hub, at, [0, 1], [0, 1], (names(hub, "a", "b"),) * 2),
            "test",
            [0, 1],
            names(hub, "b", "a"),
            shard="00001-of-00001",
        ),
        "one numbering of classes in the files of part 'test'",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_set_is_one_sentence_and_nothing_is_written(kind, hub, tmp_path):
    make, words = BAD[kind]
    home, root = make(hub, tmp_path / "s"), tmp_path / "root"
    with pytest.raises(DataError, match=words) as refused:
        got(home, root)
    assert "\n" not in str(refused.value)
    assert not (root / "prepared").exists()


def test_a_corrupted_image_is_named_by_row(hub, tmp_path):
    home = tmp_path / "s"
    (home / "data").mkdir(parents=True)
    kinds = {"image": hub.Image(), "label": names(hub, "a", "b")}
    for part in ("train", "test"):
        columns = {"image": [picture(1), {"bytes": b"<html>", "path": "two.png"}], "label": [0, 1]}
        rows = hub.Dataset.from_dict(columns, hub.Features(kinds))
        rows.to_parquet(home / "data" / f"{part}-00000-of-00001.parquet")
    with pytest.raises(
        DataError, match="Expected a whole image at row 1 of train of .*s, two.png;"
    ):
        got(home, tmp_path / "root")
