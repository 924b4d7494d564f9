"""Data sets of one's own that look alike from outside share nothing: tables, sizes, places."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import harness
from harness.data.sets.own import Options
from harness.data.sets.prepare import prepare

ENTRY = 'format = 1\nname = "quick"\nkind = "method"\n[method]\ntrainer = "nearest-mean"\n'
LABELS = np.repeat(np.arange(3), 30)


def no_torchvision():
    raise AssertionError("nothing is downloaded")


@pytest.fixture
def where(tmp_path) -> dict[str, Path]:
    folder = tmp_path / "submissions" / "quick"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(ENTRY)
    return {"store": tmp_path / "store", "submissions": tmp_path / "submissions"}


def table(path: Path, numbers: np.ndarray) -> str:
    lines = [f"{x:.6f},{'abc'[k]}" for x, k in zip(numbers, LABELS, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["x,kind", *lines]) + "\n")
    return f"table:{path}"


def of(root: Path, suite: str, where: dict[str, Path]):
    """The clean cell's first job, run in this process, and its balanced accuracy."""
    cell = suite.removeprefix("own-").removesuffix("-v1") + "-natural-clean"
    found = harness.run("quick", suite, data_root=root, cells=cell, seeds=0, processes=1, **where)
    record = found[0].record
    assert record.jobs[0].error is None
    return record.jobs[0], record.variants[""].metrics["test/balanced_accuracy"][0][0]


def test_tables_with_equal_labels_share_no_model_in_one_store(tmp_path, where, rng):
    """As case 02: one table tells its classes apart, the other is noise."""
    clear = table(tmp_path / "clear.csv", LABELS * 5.0 + rng.normal(size=90))
    noise = table(tmp_path / "noise.csv", rng.normal(size=90))
    for reference in (noise, clear):
        prepare(reference, tmp_path / "data", torchvision=no_torchvision)
    first, low = of(tmp_path / "data", "own-table_noise-v1", where)
    second, high = of(tmp_path / "data", "own-table_clear-v1", where)
    assert first.model_id != second.model_id
    assert low < 0.6 < 0.95 < high


def test_one_name_at_two_places_is_two_data_sets(tmp_path, where, rng):
    """Also within one process, whose memory of opened suites goes by more than a name."""
    found = []
    for place, numbers in (("one", LABELS * 5.0), ("two", -LABELS * 5.0)):
        reference = table(tmp_path / place / "mine.csv", numbers + rng.normal(size=90))
        prepare(reference, tmp_path / place / "data", torchvision=no_torchvision)
        found.append(of(tmp_path / place / "data", "own-table_mine-v1", where))
    (first, high), (second, as_high) = found
    assert first.model_id != second.model_id
    assert high > 0.95 and as_high > 0.95


def test_images_prepared_again_in_another_size_are_trained_on_again(tmp_path, where, rng):
    """As case 03: same folder, same name, same store, same process; only --size differs."""
    home = tmp_path / "pictures"
    home.mkdir()
    for part, n in (("train", 60), ("test", 30)):
        lines = []
        for i in range(n):
            array = rng.integers(0, 40, (20, 20, 3)).astype(np.uint8)
            array[:, (i % 3) * 6 : (i % 3) * 6 + 6] += 200
            Image.fromarray(array).save(home / f"{part}{i}.png")
            lines.append(f"{part}{i}.png {i % 3}")
        (home / f"{part}.txt").write_text("\n".join(lines) + "\n")
    data, found = tmp_path / "data", []
    for size in (8, 16):
        shutil.rmtree(data / "prepared", ignore_errors=True)
        prepare(f"folder:{home}", data, torchvision=no_torchvision, options=Options(size=size))
        found.append(of(data, "own-folder_pictures-v1", where))
    (small, right), (large, as_right) = found
    assert small.model_id != large.model_id and small.evidence != large.evidence
    assert right == as_right == 1


def test_the_same_data_set_somewhere_else_shares_everything(tmp_path, where, rng):
    numbers, found = LABELS * 5.0 + rng.normal(size=90), []
    for place in ("one", "two"):
        reference = table(tmp_path / place / "mine.csv", numbers)
        prepare(reference, tmp_path / place / "data", torchvision=no_torchvision)
        found.append(of(tmp_path / place / "data", "own-table_mine-v1", where)[0])
    assert found[0] == found[1]
    assert len(list(where["store"].glob("models/*/*/meta.json"))) == 1
    assert len(list(where["store"].glob("results/*/*/meta.json"))) == 1
