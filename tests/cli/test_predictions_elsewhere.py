"""Data out, predictions in: the worked example of docs/predictions.md, and what may leave."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from harness.data.suites.open import open_suite

DOCS = Path(__file__).resolve().parents[2] / "docs" / "predictions.md"
CELL = "digits-exp10-clean"


def blocks() -> list[tuple[str, str]]:
    return re.findall(r"```(console|python)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)


def test_the_worked_example_runs_to_a_ranking_as_it_stands(tailmark, home):
    answers = {}
    for language, text in blocks():
        if language == "python":
            exec(compile(text, str(DOCS), "exec"), {})  # noqa: S102  (our own page)
            continue
        for line in text.strip().splitlines():
            answer = tailmark(*line.split()[1:])
            assert answer.code == 0, line + answer.out + answer.err
            answers[line.split()[1]] = answer
    assert "my-logistic: ok (predictions, on digits-v1)" in answers["check"].out
    notes = [line for line in answers["check"].out.splitlines() if "note" in line]
    assert len(notes) == 1 and "[facets] does not say" in notes[0]
    shown = [line for line in answers["rank"].out.splitlines() if " my-logistic " in line]
    assert "beside" in shown[0]
    from harness import load_record

    path = home / ".tailmark/records/my-logistic/results/digits-v1.json"
    record = load_record(path).record
    values = [v for row in record.variants[""].metrics["test/balanced_accuracy"] for v in row]
    assert values[0] > 0.95 and min(values) > 0.4
    assert "ood/near/energy/ood_auroc" in record.variants[""].metrics


@pytest.fixture(scope="module")
def opened():
    return open_suite("digits-v1")


@pytest.mark.parametrize("how", ["npz", "parquet", "folder"])
def test_the_export_holds_the_inputs_and_no_label_of_the_test_part(tailmark, home, opened, how):
    answer = tailmark(
        "data", "export", "digits-v1", "-c", "digits-exp10-symmetric0.4", "--seed", "1",
        "-o", "data", "--format", how,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    split = opened.split("digits-exp10-symmetric0.4", 1)
    job = Path("data") / "digits-exp10-symmetric0.4-s1" / "training"
    read = {"npz": read_npz, "parquet": read_parquet, "folder": read_folder}[how]
    images, labels = read(job)
    data = opened.training_data(split)
    np.testing.assert_array_equal(images, data.inputs.take(np.arange(len(split.indices))))
    np.testing.assert_array_equal(labels, split.observed)
    assert (split.observed != split.clean).any()
    for pool, there in {"test": opened.test, **opened.ood}.items():
        images, labels = read(Path("data") / pool)
        np.testing.assert_array_equal(images, there.inputs.take(np.arange(len(there))))
        assert labels is None
    images, labels = read(Path("data") / "calibration")
    np.testing.assert_array_equal(labels, opened.calibration.labels)


def read_npz(path: Path):
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
        assert file["row"].tolist() == list(range(len(file["inputs"])))
        return file["inputs"], file["label"] if "label" in file.files else None


def decoded(raw) -> np.ndarray:
    from PIL import Image

    image = np.asarray(Image.open(raw))
    return image if image.ndim == 3 else image[..., None]


def read_parquet(path: Path):
    import io

    from pyarrow import parquet

    found = parquet.read_table(path.with_suffix(".parquet")).to_pydict()
    images = np.stack([decoded(io.BytesIO(png)) for png in found["image"]])
    return images, np.array(found["label"]) if "label" in found else None


def read_folder(path: Path):
    with (path / "index.csv").open(encoding="utf-8") as handle:
        lines = list(csv.DictReader(handle))
    images = np.stack([decoded(path / line["file"]) for line in lines])
    return images, np.array([int(line["label"]) for line in lines]) if "label" in lines[0] else None


@pytest.mark.parametrize("suite", ["digits-spurious-v1", "digits-unlearn-v1", "digits-shift-v1"])
def test_suites_with_made_inputs_are_exported_as_a_trainer_gets_them(tailmark, home, suite):
    there = open_suite(suite)
    cell = there.suite.cells[-1]
    words = (suite, "-c", cell, "--seed", "0")
    assert tailmark("data", "export", *words, "-o", suite).code == 0
    assert tailmark("data", "rows", *words, "-o", f"{suite}.csv").code == 0
    facts = json.loads((Path(suite) / "suite.json").read_text(encoding="utf-8"))
    for name, pool in {"test": there.test, **there.covariate, **there.ood}.items():
        assert facts["parts"][f"{name}.npz"]["rows"] == len(pool)
        assert facts["parts"][f"{name}.npz"]["labels"] == "none"
    data = there.training_data(there.split(cell, 0))
    with np.load(Path(suite) / f"{cell}-s0" / "training.npz", allow_pickle=False) as file:
        every = np.arange(len(file["row"]))
        np.testing.assert_array_equal(file["inputs"], data.inputs.take(every))
        known = file["known"].tolist() if "known" in file.files else None
    assert known == (None if data.known is None else data.known.tolist())


def own_table(home: Path) -> Path:
    rng = np.random.default_rng(0)
    path = home / "split.csv"
    with path.open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle)
        out.writerow(["x", "colour", "label"])
        for k in range(240):
            out.writerow(
                [f"{k % 3 + rng.normal(0, 0.3):.4f}", "red" if k % 2 else "blue", "abc"[k % 3]]
            )
    return path


def test_rows_say_which_line_of_an_own_table_each_test_row_is(tailmark, home, monkeypatch):
    monkeypatch.setenv("TAILMARK_DATA", str(home / "data"))
    table = own_table(home)
    assert tailmark("data", "prepare", f"table:{table}").code == 0
    suite = "own-table_split-v1"
    answer = tailmark("data", "rows", suite, "-o", "rows.csv")
    assert answer.code == 0, answer.err
    with Path("rows.csv").open(encoding="utf-8") as handle:
        lines = list(csv.DictReader(handle))
    assert list(lines[0]) == ["part", "row", "source"]
    test = [line for line in lines if line["part"] == "test"]
    with table.open(encoding="utf-8") as handle:
        source = list(csv.DictReader(handle))
    there = open_suite(suite, home / "data")
    assert [int(line["row"]) for line in test] == list(range(len(there.test)))
    names = [source[int(line["source"])]["label"] for line in test]
    assert [there.test.class_names[k] for k in there.test.labels] == names
    # The advice followed: predictions for the table in its own order, picked by 'source'.
    perfect = np.eye(3)[["abc".index(source[int(line["source"])]["label"]) for line in test]]
    folder = home / "predictions" / "table_split-natural-clean-s0"
    folder.mkdir(parents=True)
    np.savez(folder / "test.npz", logits=perfect * 9, row=[int(line["row"]) for line in test])
    assert tailmark("new", "mine", "-k", "predictions", "--from", "predictions").code == 0
    words = ("mine", "--suite", suite, "-c", "table_split-natural-clean", "--seed", "0")
    assert tailmark("run", *words, "--no-track", "-j", "1").code == 0
    from harness import load_record

    record = load_record(home / f".tailmark/records/mine/results/{suite}.json").record
    assert record.variants[""].metrics["test/accuracy"][0][0] == 1.0


def test_an_own_table_is_exported_with_its_columns(tailmark, home, monkeypatch):
    from pyarrow import parquet

    monkeypatch.setenv("TAILMARK_DATA", str(home / "data"))
    tailmark("data", "prepare", f"table:{own_table(home)}")
    words = (
        "data",
        "export",
        "own-table_split-v1",
        "--seed",
        "0",
        "-c",
        "table_split-natural-clean",
    )
    assert tailmark(*words, "-o", "out", "--format", "parquet").code == 0
    found = parquet.read_table("out/table_split-natural-clean-s0/training.parquet").to_pydict()
    assert set(found) == {"x", "colour", "row", "label", "class", "source"}
    assert set(found["colour"]) == {"red", "blue"}
    test = parquet.read_table("out/test.parquet").to_pydict()
    assert set(test) == {"x", "colour", "row", "source"}
    assert tailmark(*words, "-o", "out2").code == 0
    with np.load("out2/test.npz", allow_pickle=False) as file:
        assert set(file.files) == {"row", "numeric", "categorical", "columns", "source", "classes"}


REFUSED = {
    "unknown suite": (("export", "digit-v1", "-o", "x"), "Did you mean 'digits-v1'"),
    "unknown cell": (("export", "digits-v1", "-o", "x", "-c", "digits-exp11"), "Did you mean"),
    "unknown seed": (("export", "digits-v1", "-o", "x", "--seed", "7"), "No seed of digits-v1"),
    "a full folder": (("export", "digits-v1", "-o", "full"), "holds something"),
    "a file as folder": (("export", "digits-v1", "-o", "taken"), "holds something"),
    "below a file": (("export", "digits-v1", "-o", "taken/x"), "can be written"),
    "rows of an unknown suite": (("rows", "digit-v1"), "Did you mean 'digits-v1'"),
    "rows below a file": (("rows", "digits-v1", "-o", "taken/x.csv"), "can be written"),
    "rows into a missing folder": (("rows", "digits-v1", "-o", "no/x.csv"), "can be written"),
    "rows of an unknown cell": (("rows", "digits-v1", "-c", "x"), "No cell of digits-v1"),
    "rows of an unknown seed": (("rows", "digits-v1", "--seed", "-1"), "No seed of digits-v1"),
    "folders of a table": (
        ("export", "tabular-v1", "-o", "x", "--format", "folder", "-c", "wine-natural-clean"),
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_exported_is_one_sentence_and_leaves_nothing(tailmark, home, case):
    words, sentence = REFUSED[case]
    (home / "full").mkdir()
    (home / "full" / "a").write_text("kept")
    (home / "taken").write_text("kept")
    before = sorted(p.relative_to(home) for p in home.rglob("*"))
    answer = tailmark("data", *words)
    assert answer.code == 2, answer.out
    assert sentence in answer.err and "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) <= 2
    assert sorted(p.relative_to(home) for p in home.rglob("*")) == before


def files_suite(home: Path, monkeypatch):
    """A data set of image files in class folders, as an opened suite would hold it."""
    from dataclasses import replace

    from harness.data.pools.file_pools import file_pool

    there = open_suite("digits-v1")
    from PIL import Image

    for name, k in (("cat", 0), ("dog", 1)):
        for row in range(3):
            path = home / "tree" / name / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (k * 90, row * 40, 7)).save(path)
    paths = [f"{name}/{row}.png" for row in range(3) for name in ("cat", "dog")]
    pool = file_pool(
        "test", home / "tree", paths, np.array([0, 1] * 3), ("cat", "dog"), size=(4, 4)
    )
    return replace(there, test=pool, calibration=None, ood={}, covariate={}, origin={})


def test_image_files_are_copied_under_numbers_for_their_folders_tell_the_class(home, monkeypatch):
    from harness.data.suites.export import export
    from harness.errors import DataError

    there = files_suite(home, monkeypatch)
    with pytest.raises(DataError, match="would tell the classes of test.*--format folder"):
        export(there, [], home / "out", "npz")
    assert not (home / "out").exists()
    export(there, [], home / "out", "folder")
    names = sorted(p.name for p in (home / "out" / "test").iterdir())
    assert names == [f"{row:06d}.png" for row in range(6)] + ["index.csv"]
    assert "cat" not in (home / "out" / "test" / "index.csv").read_text()
    first = (home / "out" / "test" / "000001.png").read_bytes()
    assert first == (home / "tree" / "dog" / "0.png").read_bytes()
