"""OOD sets of the user's own take the form of the data set they are prepared with."""

import numpy as np
import pytest
from PIL import Image

from harness.data.sets.datasets import facts_of, load_part
from harness.data.sets.own_options import Options
from harness.data.sets.prepare import prepare, verify
from harness.data.suites.open import open_suite
from harness.errors import DataError
from harness.runs.api import run


def never():
    raise AssertionError("torchvision is not needed")


def got(reference, root, **options):
    return prepare(reference, root, never, Options(**options))


def pictures(home, n, *, level=0, size=(6, 6), mode="RGB", names="abc"):
    """Write n noisy images in folders, brighter by class."""
    rng = np.random.default_rng(level)
    for i in range(n):
        value = rng.integers(0, 30, (*size, 3)) + level + 60 * (i % len(names))
        path = home / names[i % len(names)] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(value.clip(0, 255).astype(np.uint8)).convert(mode).save(path)
    return home


def rows(path, n, *, shift=0.0, target=True, odd=None):
    """Write a table whose two numbers and word tell three classes."""
    rng = np.random.default_rng(n)
    head = "a,b,word,kind" if target else "word,b,a"
    lines = [head]
    for i in range(n):
        k = i % 3
        a, b = rng.normal(k * 4 + shift), rng.normal(shift)
        word = odd if odd and i == 0 else "xyz"[k]
        lines.append(f"{a:.3f},{b:.3f},{word},{'pqr'[k]}" if target else f"{word},{b:.3f},{a:.3f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_folders_of_images_become_near_and_far_sets_of_the_suite(tmp_path):
    home = pictures(tmp_path / "pets", 90)
    near = pictures(tmp_path / "wolves", 12, level=40)
    far = pictures(tmp_path / "noise", 8, level=90, size=(9, 12), mode="L")
    said = got(f"folder:{home}", tmp_path, near=(f"folder:{near}",), far=(f"folder:{far}",))
    assert "far_folder_noise: 8 images of 1 sizes are scaled to the 6×6 pixels" in said
    opened = open_suite("own-folder_pets-v1", tmp_path)
    assert (opened.suite.near, opened.suite.far) == (("folder_wolves",), ("folder_noise",))
    sizes = {name: len(pool) for name, pool in opened.ood.items()}
    assert sizes == {"ood/near/folder_wolves": 12, "ood/far/folder_noise": 8}
    pool = opened.ood["ood/far/folder_noise"]
    assert pool.labels is None and pool.inputs.take(np.arange(8)).shape == (8, 6, 6, 3)
    assert not any("No OOD set" in note for note in opened.suite.notes)
    assert all(check.good for check in verify("folder_pets", tmp_path))


def test_ood_images_are_measured_on(tmp_path):
    home = pictures(tmp_path / "pets", 90)
    far = pictures(tmp_path / "night", 20, level=200)
    got(f"folder:{home}", tmp_path, far=(f"folder:{far}",))
    results = run(
        "nearest-mean", "own-folder_pets-v1", data_root=tmp_path, store=tmp_path / "s", processes=1
    )
    frame = results.frame()
    found = frame[frame.metric.str.startswith("ood/folder_night/")]
    assert len(found) and found.value.notna().any()


def test_grey_data_make_their_ood_images_grey(tmp_path):
    home = pictures(tmp_path / "scans", 30, mode="L")
    got(f"folder:{home}", tmp_path, near=(f"folder:{pictures(tmp_path / 'cats', 6)}",))
    part = load_part("folder_scans", "near_folder_cats", tmp_path)
    assert part.inputs.array.shape == (6, 6, 6, 1)


def test_tables_take_the_columns_and_categories_of_the_id_table(tmp_path):
    rows(tmp_path / "mine.csv", 60)
    rows(tmp_path / "away.csv", 9, shift=50, target=False, odd="never")
    said = got(f"table:{tmp_path / 'mine.csv'}", tmp_path, far=(f"table:{tmp_path / 'away.csv'}",))
    assert "far_table_away: 1 values of categories that the ID data lack count as missing." in said
    whole = load_part("table_mine", "all", tmp_path)
    away = open_suite("own-table_mine-v1", tmp_path).ood["ood/far/table_away"]
    assert away.labels is None and away.form == whole.form
    assert away.inputs.categorical[:, 0].tolist() == [-1, 1, 2, 0, 1, 2, 0, 1, 2]
    assert away.inputs.numeric[:, 0].min() > 40


def test_ood_tables_are_measured_on(tmp_path):
    rows(tmp_path / "mine.csv", 120)
    rows(tmp_path / "away.csv", 30, shift=50)
    got(f"table:{tmp_path / 'mine.csv'}", tmp_path, near=(f"table:{tmp_path / 'away.csv'}",))
    results = run(
        "logistic-regression",
        "own-table_mine-v1",
        data_root=tmp_path,
        store=tmp_path / "s",
        processes=1,
    )
    frame = results.frame()
    found = frame[frame.metric.str.startswith("ood/table_away/")]
    assert len(found) and found.value.notna().any()


def test_ood_sets_belong_to_the_identity(tmp_path):
    home = pictures(tmp_path / "pets", 30)
    near = f"folder:{pictures(tmp_path / 'wolves', 6, level=40)}"
    got(f"folder:{home}", tmp_path)
    with pytest.raises(DataError, match="--near none there, folder:.*wolves asked for"):
        got(f"folder:{home}", tmp_path, near=(near,))
    got(f"folder:{home}", tmp_path, near=(near,), name="pets_2")
    assert "already there" in got(f"folder:{home}", tmp_path, near=(near,), name="pets_2")
    pictures(tmp_path / "wolves", 6, level=41)
    with pytest.raises(DataError, match="content"):
        got(f"folder:{home}", tmp_path, near=(near,), name="pets_2")


def test_ood_images_that_are_id_images_are_counted(tmp_path):
    home = pictures(tmp_path / "pets", 30)
    said = got(f"folder:{home}", tmp_path, near=(f"folder:{home / 'a'}",))
    assert "10 of 10 rows of near_folder_a are exact doubles of all rows" in said


def test_a_set_of_the_hub_is_an_ood_set_whatever_its_labels(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    (tmp_path / "deep" / "data").mkdir(parents=True)
    images = [Image.fromarray(np.full((6, 6, 3), k, dtype=np.uint8)) for k in range(4)]
    kinds = datasets.Features({"picture": datasets.Image(), "size": datasets.Value("float64")})
    made = datasets.Dataset.from_dict({"picture": images, "size": [0.5] * 4}, kinds)
    made.to_parquet(tmp_path / "deep" / "data" / "train-00000-of-00001.parquet")
    home = pictures(tmp_path / "pets", 30)
    got(f"folder:{home}", tmp_path, far=(f"hf:{tmp_path / 'deep'}",))
    part = load_part("folder_pets", "far_hf_deep", tmp_path)
    assert part.inputs.array[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert sorted(facts_of("folder_pets", tmp_path).contents) == ["all", "far_hf_deep"]


BAD = {
    "a table for images": (
        "folder",
        "table:{at}/away.csv",
        "Expected an OOD set of images, folder:",
    ),
    "images for a table": ("table", "folder:{at}/wolves", "Expected an OOD set of tables, table:"),
    "no kind": ("folder", "{at}/wolves", "Expected an OOD set of images"),
    "nothing": ("folder", "folder:", "Expected an OOD set of images"),
    "no folder": ("folder", "folder:{at}/none", "Expected a folder of images at .*none"),
    "empty folder": ("folder", "folder:{at}/empty", "Expected images below .*empty; there is none"),
    "no file": ("table", "table:{at}/none.csv", "Expected a table in a file at .*none.csv"),
    "no such column": (
        "table",
        "table:{at}/short.csv",
        "'word' of .*mine.csv is not in .*short.csv",
    ),
    "words for numbers": (
        "table",
        "table:{at}/words.csv",
        "words.csv has .low.",
    ),
    "damaged": ("folder", "folder:{at}/damaged", "Expected a whole image at .*damaged/0.png"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_ood_set_is_one_sentence_and_nothing_is_written(kind, tmp_path):
    source, reference, words = BAD[kind]
    at = tmp_path / "at"
    pictures(at / "pets", 12)
    pictures(at / "wolves", 6, level=40)
    (at / "empty").mkdir()
    (at / "damaged").mkdir()
    (at / "damaged" / "0.png").write_bytes(b"x")
    rows(at / "mine.csv", 30)
    rows(at / "away.csv", 6)
    (at / "short.csv").write_text("a,b\n1,2\n3,4\n")
    (at / "words.csv").write_text("a,b,word\nlow,2,x\nhigh,4,y\n")
    id_data = {"folder": f"folder:{at / 'pets'}", "table": f"table:{at / 'mine.csv'}"}[source]
    with pytest.raises(DataError, match=words) as refused:
        got(id_data, tmp_path / "root", near=(reference.format(at=at),))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "root" / "prepared").exists()


def test_two_ood_sets_of_one_name_are_refused(tmp_path):
    home = pictures(tmp_path / "pets", 12)
    first, second = (pictures(tmp_path / k / "wolves", 6, level=40) for k in "xy")
    with pytest.raises(DataError, match="'folder_wolves' like another. Rename its folder"):
        got(f"folder:{home}", tmp_path, near=(f"folder:{first}",), far=(f"folder:{second}",))
