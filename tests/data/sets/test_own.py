"""Data sets of the user's own: from the Hub's parquet files, OpenML, tables and folders."""

import gzip
import pickle
import shutil
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError

import numpy as np
import pytest
from PIL import Image

from harness.data.formats.files import md5_of
from harness.data.sets import prepare as preparing
from harness.data.sets.datasets import DATASETS, facts_of, load_part
from harness.data.sets.hub import split_reference
from harness.data.sets.own import Options
from harness.data.splits.make import make_split, parse_split_id
from harness.errors import DataError, DownloadError, UnknownNameError

WNIDS = ("n01443537", "n01629819", "n01641577")


def never():
    raise AssertionError("torchvision is not needed")


def got(reference, root, **options):
    return preparing.prepare(reference, root, never, Options(**options))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The library, which may not reach any network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return datasets


def pictures(labels, size=8, grey=()):
    """One picture a label, whose value says its row; those in `grey` have one channel."""
    return [
        Image.fromarray(np.full((size, size) if i in grey else (size, size, 3), 10 * i, "uint8"))
        for i in range(len(labels))
    ]


def snapshot(datasets, folder, parts, *, size=8, grey=(), extra=None):
    """Write parquet files as a repository of the Hub holds them."""
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(WNIDS))}
    kinds |= extra or {}
    (folder / "data").mkdir(parents=True)
    for part, labels in parts.items():
        columns = {"image": pictures(labels, size, grey), "label": labels}
        columns |= {name: labels for name in extra or {}}
        rows = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
        rows.to_parquet(folder / "data" / f"{part}-00000-of-00001.parquet")
    return folder


def test_a_snapshot_becomes_a_data_set(hub, tmp_path):
    folder = snapshot(
        hub, tmp_path / "Tiny-Set", {"train": [0, 1, 2, 0, 1, 2], "valid": [2, 0, 1]}, grey=(1,)
    )
    root = tmp_path / "root"
    said = got(f"hf:{folder}", root)
    assert said.startswith("hf_tiny_set: 3 classes, prepared in ")
    assert "The published part 'valid' is the test pool: there is no test part." in said
    spec = facts_of("hf_tiny_set", root)
    assert spec.class_names == WNIDS and spec.image_shape == (8, 8, 3)
    test = load_part("hf_tiny_set", "test", root)
    assert test.labels.tolist() == [2, 0, 1]
    assert test.inputs.take(np.arange(3))[:, 0, 0].tolist() == [[0] * 3, [10] * 3, [20] * 3]
    assert "already there" in got(f"hf:{folder}", root)
    assert [check.good for check in preparing.verify("hf_tiny_set", root)] == [True, True]
    assert sorted(p.name for p in root.iterdir()) == ["prepared"]


def test_a_damaged_prepared_part_of_ones_own_is_named(hub, tmp_path):
    folder = snapshot(hub, tmp_path / "s", {"train": [0, 1, 2], "test": [0, 2]})
    got(f"hf:{folder}", tmp_path)
    home = tmp_path / "prepared" / "hf_s"
    np.save(home / "test-labels.npy", np.array([0, 1]))
    with pytest.raises(DataError, match="Expected hf_s test with fingerprint"):
        load_part("hf_s", "test", tmp_path)
    (home / "test.json").unlink()
    with pytest.raises(DataError, match="Expected part test of hf_s in .*hf_s; there is none"):
        load_part("hf_s", "test", tmp_path)
    (home / "facts.json").write_text("{}")
    with pytest.raises(DataError, match="Expected the facts of a data set in .*facts.json"):
        load_part("hf_s", "test", tmp_path)


def test_unlabelled_tests_are_passed_over_and_grey_sets_stay_grey(hub, tmp_path):
    parts = {"train": [0, 1], "validation": [1, 0], "test": [-1, -1]}
    folder = snapshot(hub, tmp_path / "s", parts, grey=(0, 1))
    assert "is the test pool: its test part has no labels" in got(f"hf:{folder}", tmp_path)
    assert load_part("hf_s", "train", tmp_path).inputs.take(np.arange(2)).shape == (2, 8, 8, 1)
    assert load_part("hf_s", "test", tmp_path).labels.tolist() == [1, 0]


def test_mixed_sizes_need_a_side_to_be_named(hub, tmp_path):
    folder = tmp_path / "s"
    (folder / "data").mkdir(parents=True)
    kinds = {"image": hub.Image(), "label": hub.ClassLabel(names=["a", "b"])}
    for part in ("train", "test"):
        images = [Image.new("RGB", (8, 8), (9, 9, 9)), Image.new("RGB", (20, 10), (5, 5, 5))]
        rows = hub.Dataset.from_dict({"image": images, "label": [0, 1]}, hub.Features(kinds))
        rows.to_parquet(folder / "data" / f"{part}-00000-of-00001.parquet")
    with pytest.raises(DataError, match="2 sizes from 8×8 to 20×10 pixels.*--size 64"):
        got(f"hf:{folder}", tmp_path)
    assert not (tmp_path / "prepared").exists()
    assert "Scaled to 4 pixels a side." in got(f"hf:{folder}", tmp_path, size=4)
    assert load_part("hf_s", "train", tmp_path).inputs.take(np.arange(2)).shape == (2, 4, 4, 3)


def test_several_label_columns_need_one_to_be_named(hub, tmp_path):
    extra = {"coarse": hub.ClassLabel(names=["x", "y"])}
    parts = {"train": [0, 1], "test": [1, 0]}
    folder = snapshot(hub, tmp_path / "s", parts, extra=extra)
    with pytest.raises(DataError, match="it has label, coarse. Name one: --target label"):
        got(f"hf:{folder}", tmp_path)
    with pytest.raises(DataError, match="it has label, coarse, got 'corse'"):
        got(f"hf:{folder}", tmp_path, target="corse")
    got(f"hf:{folder}", tmp_path, target="coarse")
    assert facts_of("hf_s", tmp_path).class_names == ("x", "y")


def test_code_of_a_repository_is_never_run(hub, tmp_path):
    folder = tmp_path / "evil"
    folder.mkdir()
    mark = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w').write('x')\n")
    with pytest.raises(DataError, match="a script of its own, which is never run"):
        got(f"hf:{folder}", tmp_path)
    assert not mark.exists()


class Touch:
    """What a pickle would run: it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_tags_of_python_in_the_card_of_a_repository_run_nothing(hub, tmp_path):
    folder, mark = tmp_path / "tagged", tmp_path / "ran"
    folder.mkdir()
    tag = f'!!python/object/apply:os.system ["touch {mark}"]'
    (folder / "README.md").write_text(f"---\nconfigs: {tag}\n---\n")
    for part in ("train", "test"):
        (folder / f"{part}.csv").write_text("x,label\n1,a\n2,b\n")
    with pytest.raises(DownloadError, match="Expected the data set .*python/object/apply"):
        got(f"hf:{folder}", tmp_path)
    assert not mark.exists()


def test_pickles_inside_a_webdataset_are_not_opened(hub, tmp_path):
    folder, mark = tmp_path / "tars", tmp_path / "ran"
    folder.mkdir()
    picture = BytesIO()
    pictures([0])[0].save(picture, "PNG")
    hostile = pickle.dumps(Touch(mark))
    for part in ("train", "test"):
        with tarfile.open(folder / f"{part}-0.tar", "w") as archive:
            for row in range(4):
                files = dict.fromkeys(("pickle", "pkl", "pyd"), hostile)
                files |= {"png": picture.getvalue(), "cls": str(row % 2).encode()}
                for kind, data in files.items():
                    member = tarfile.TarInfo(f"{row}.{kind}")
                    member.size = len(data)
                    archive.addfile(member, BytesIO(data))
    got(f"hf:{folder}", tmp_path, target="cls")
    assert not mark.exists()
    pickle.loads(hostile)
    assert mark.exists()


def test_an_old_library_that_could_run_scripts_is_refused(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "__version__", "3.6.0")
    with pytest.raises(DataError, match="version 4 or later, .* got 3.6.0"):
        got("hf:owner/name", tmp_path)


def test_what_is_no_classification_set_is_said(hub, tmp_path):
    folder = tmp_path / "text" / "data"
    folder.mkdir(parents=True)
    hub.Dataset.from_dict({"text": ["a", "b"], "n": [0, 1]}).to_parquet(folder / "train.parquet")
    with pytest.raises(DataError, match=r"its columns are text \(Value\), n \(Value\)"):
        got(f"hf:{tmp_path / 'text'}", tmp_path)


@pytest.mark.parametrize("wrong", ["hf:", "hf:a/b/c", "hf:../..x/y z"])
def test_a_reference_that_names_nothing_is_refused(wrong, tmp_path):
    with pytest.raises(DataError, match="'hf:owner/name'"):
        got(wrong, tmp_path)


def test_an_unknown_kind_of_source_names_the_closest(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'openml'"):
        got("openlm:31", tmp_path)


def test_a_snapshot_with_configurations_is_split_from_its_name(tmp_path):
    (tmp_path / "set").mkdir()
    assert split_reference(f"{tmp_path}/set:small") == (f"{tmp_path}/set", "small", None)


def test_openml_becomes_a_data_set(openml):
    pytest.importorskip("pandas")
    assert got("openml:7", openml).startswith("openml_7: 2 classes")
    spec, pool = facts_of("openml_7", openml), load_part("openml_7", "all", openml)
    assert (spec.title, spec.source) == ("r (OpenML 7)", "https://www.openml.org/d/7")
    assert pool.inputs.names == ("age", "income", "job")
    assert pool.inputs.categories == (("clerk", "farmer"),)
    assert pool.fingerprint == spec.contents["all"]
    with pytest.raises(DataError, match="'openml:' and a number; got 'openml:adult'"):
        got("openml:adult", openml)


def test_a_damaged_prepared_table_is_named(openml):
    pytest.importorskip("pandas")
    got("openml:7", openml)
    path = openml / "prepared" / "openml_7" / "all-table.npz"
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed["labels"] = 1 - changed["labels"]
    np.savez(path, **changed)
    with pytest.raises(DataError, match="openml_7 all in .* cannot be read .its content changed"):
        load_part("openml_7", "all", openml)
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match="Expected the prepared form of openml_7 all"):
        load_part("openml_7", "all", openml)


def test_a_csv_file_becomes_a_data_set(tmp_path):
    lines = ["age,job,ok", *(f"{i},{'ab'[i % 2]},{'yn'[i % 3 == 0]}" for i in range(30))]
    (tmp_path / "My rows.csv").write_text("\n".join(lines) + "\n")
    said = got(f"table:{tmp_path / 'My rows.csv'}", tmp_path, target="ok")
    assert said.startswith("table_my_rows: 2 classes")
    pool = load_part("table_my_rows", "all", tmp_path)
    assert pool.class_names == ("n", "y")
    spec = parse_split_id("table_my_rows-ratio5-clean")
    split = make_split(spec, pool.labels, 2, 0, facts_of("table_my_rows", tmp_path))
    assert split.clean_counts.tolist() == [4, 20]


def folder_of(root, *, classes=True):
    home = root / "mine"
    for part, labels in (("train", [0, 1, 1]), ("test", [1, 0])):
        lines = []
        for i, label in enumerate(labels):
            path = home / part / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (6, 6), (i, label, 7)).save(path)
            lines.append(f"{part}/{i}.png {label}")
        (home / f"{part}.txt").write_text("\n".join(lines))
    if classes:
        (home / "classes.txt").write_text("cat\ndog\n")
    return home


def test_a_folder_with_index_lists_becomes_a_data_set(tmp_path):
    home = folder_of(tmp_path)
    got(f"folder:{home}", tmp_path)
    pool = load_part("folder_mine", "train", tmp_path)
    assert pool.class_names == ("cat", "dog") and pool.labels.tolist() == [0, 1, 1]
    assert pool.inputs.take(np.array([2]))[0, 0, 0].tolist() == [2, 1, 7]
    (home / "test.txt").unlink()
    with pytest.raises(DataError, match="Expected an index list test.txt or test.csv"):
        got(f"folder:{home}", tmp_path / "other")


def test_an_image_that_is_none_is_named(tmp_path):
    home = folder_of(tmp_path, classes=False)
    (home / "train" / "1.png").write_bytes(b"<html>")
    with pytest.raises(
        DataError, match="Expected a whole image at .*mine/train/1.png; got 6 bytes"
    ):
        got(f"folder:{home}", tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine"]


def test_medmnist_comes_through_its_own_package(tmp_path, monkeypatch, rng):
    """A stand-in with the package's names puts down a file of the published layout."""
    images = rng.integers(0, 256, (4, 28, 28, 3)).astype(np.uint8)
    labels = np.array([[3], [0], [1], [2]])
    made = tmp_path / "made.npz"
    np.savez(made, train_images=images, train_labels=labels, test_images=images, test_labels=labels)

    def download(split, root, download):
        shutil.copy(made, Path(root) / "dermamnist.npz")

    package = SimpleNamespace(
        INFO={"dermamnist": {"python_class": "DermaMNIST"}}, DermaMNIST=download
    )
    monkeypatch.setitem(sys.modules, "medmnist", package)
    (tmp_path / "medmnist").mkdir()
    (tmp_path / "medmnist" / "other.npz").write_bytes(b"x")
    with pytest.raises(DataError, match="dermamnist.npz with md5:"):  # not the published bytes
        preparing.prepare("dermamnist", tmp_path, never)
    sums = DATASETS["dermamnist"].checksums
    monkeypatch.setitem(sums, "dermamnist.npz", f"md5:{md5_of(made)}")
    assert "downloaded, checked" in preparing.prepare("dermamnist", tmp_path, never)
    assert load_part("dermamnist", "test", tmp_path).labels.tolist() == [3, 0, 1, 2]
    assert (tmp_path / "medmnist" / "other.npz").exists()


class Answer(BytesIO):
    """What urllib gives for an address."""

    def info(self):
        return {}


def test_openml_is_fetched_once_and_kept(openml, tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    asked = []

    def urlopen(request, timeout=None):
        asked.append(request.full_url)
        name = request.full_url.removeprefix("https://www.openml.org/").removeprefix(
            "https://api.openml.org/"
        )
        path = openml / "openml" / "openml.org" / f"{name}.gz"
        if not path.is_file():
            raise HTTPError(request.full_url, 412, "no such", {}, Answer(b'{"error":{"code":"0"}}'))
        return Answer(gzip.decompress(path.read_bytes()))

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", urlopen)
    root = tmp_path / "fresh"
    assert got("openml:7", root).startswith("openml_7: 2 classes")
    assert len(asked) == 4
    expected = load_part("openml_7", "all", root)
    shutil.rmtree(root / "prepared")
    got("openml:7", root)
    assert len(asked) == 4  # nothing is fetched twice
    assert load_part("openml_7", "all", root).fingerprint == expected.fingerprint
    with pytest.raises(DownloadError, match="Expected OpenML's data set 8; got: "):
        got("openml:8", root)
    assert not (root / "prepared" / "openml_8").exists()


def test_a_target_that_openml_does_not_name_must_be_named(openml):
    pytest.importorskip("pandas")
    path = openml / "openml/openml.org/api/v1/json/data/features/7.gz"
    text = gzip.decompress(path.read_bytes()).replace(
        b'"is_target": "true"', b'"is_target": "false"'
    )
    path.write_bytes(gzip.compress(text))
    facts = openml / "openml/openml.org/api/v1/json/data/7.gz"
    text = gzip.decompress(facts.read_bytes()).replace(b'"default_target_attribute": "ok", ', b"")
    facts.write_bytes(gzip.compress(text))
    with pytest.raises(DataError, match="data set 7 to name one target; it names none"):
        got("openml:7", openml)
    got("openml:7", openml, target="ok")
    assert facts_of("openml_7", openml).class_names == ("no", "yes")


def test_repository_configuration_and_revision_reach_the_library(hub, tmp_path, monkeypatch):
    folder = snapshot(hub, tmp_path / "s", {"train": [0, 1], "test": [1, 0]})
    loaded = hub.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    asked = []

    def load_dataset(*words, **options):
        asked.append((words, options))
        return loaded

    monkeypatch.setattr(hub, "load_dataset", load_dataset)
    assert got("hf:Some-One/a.set:small@v1", tmp_path).startswith("hf_some_one_a_set_small: 2")
    assert asked == [(("Some-One/a.set", "small"), {"revision": "v1", "cache_dir": None})]
    spec = facts_of("hf_some_one_a_set_small", tmp_path)
    assert spec.source == "https://huggingface.co/datasets/Some-One/a.set:small@v1"


def test_a_repository_that_cannot_be_had_is_said(hub, tmp_path):
    with pytest.raises(DownloadError, match="Expected the data set some/thing of the Hugging Face"):
        got("hf:some/thing", tmp_path)
    assert list(tmp_path.glob("prepared*")) == []
