"""Files of given predictions: one meaning in every format and order, one sentence a mistake."""

import csv
from pathlib import Path

import numpy as np
import pytest

from harness.errors import PredictionsError
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure
from harness.models.safe.given import NOTES, read_predictions
from harness.models.safe.predictions import from_arrays
from harness.types import ArrayInputs, Pool

NAMES = ("cat", "dog", "eel")
LABELS = np.array([0, 1, 2, 0, 1, 2])
N = len(LABELS)
P = np.array(
    [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.4, 0.35, 0.25], [0.3, 0.6, 0.1],
     [0.25, 0.15, 0.6]], dtype=np.float32,
)  # fmt: skip
Z = np.log(P).astype(np.float32)
ORDER = np.array([3, 0, 5, 1, 4, 2])


@pytest.fixture
def pool() -> Pool:
    inputs = ArrayInputs(np.zeros((N, 2), np.float32))
    return Pool("test", "features", inputs, LABELS, NAMES, "f")


@pytest.fixture
def files() -> Pool:
    from harness.data.pools.file_pools import FileInputs

    paths = tuple(f"{'ab'[k % 2]}/{k}.png" for k in range(N))
    inputs = FileInputs(Path("root"), paths, np.zeros((N, 32), np.uint8), (4, 4))
    return Pool("test", "files", inputs, LABELS, NAMES, "f")


def table(path: Path, columns: dict) -> Path:
    """Write columns as CSV or Parquet, by the path's suffix."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as handle:
            out = csv.writer(handle)
            out.writerow(columns)
            out.writerows(zip(*columns.values(), strict=True))
        return path
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({k: pa.array(list(v)) for k, v in columns.items()}), path)
    return path


def npz(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def by_name(prefix: str = "probs_", names=NAMES, values=P) -> dict:
    return {f"{prefix}{name}": values[:, NAMES.index(name)] for name in names}


SAME = {
    "npz": lambda f: npz(f / "a.npz", probs=P),
    "npz of float64": lambda f: npz(f / "a.npz", probs=P.astype(np.float64)),
    "npz, big-endian": lambda f: npz(f / "a.npz", probs=P.astype(">f4")),
    "npz, Fortran order": lambda f: npz(f / "a.npz", probs=np.asfortranarray(P)),
    "npz, compressed": lambda f: np.savez_compressed(f / "a.npz", probs=P) or f / "a.npz",
    "npz with rows in another order": lambda f: npz(f / "a.npz", probs=P[ORDER], row=ORDER),
    "npz with rows as float": lambda f: npz(f / "a.npz", probs=P[ORDER], row=ORDER.astype(float)),
    "npz with rows as text": lambda f: npz(f / "a.npz", probs=P[ORDER], row=ORDER.astype(str)),
    "npz with unsigned rows": lambda f: npz(f / "a.npz", probs=P[ORDER], row=ORDER.astype("u1")),
    "npz with class names": lambda f: npz(
        f / "a.npz", probs=P[:, [2, 0, 1]], classes=np.array(["eel", "cat", "dog"])
    ),
    "npz with class numbers as names": lambda f: npz(
        f / "a.npz", probs=P[:, [2, 0, 1]], classes=np.array(["2", "0", "1"])
    ),
    "npz with pred that agrees": lambda f: npz(f / "a.npz", probs=P, pred=P.argmax(1)),
    "npz with label that agrees": lambda f: npz(f / "a.npz", probs=P, label=LABELS),
    "npz without a name": lambda f: np.savez(f / "a.npz", P) or f / "a.npz",
    "npy": lambda f: np.save(f / "a.npy", P) or f / "a.npy",
    "csv by class name": lambda f: table(f / "a.csv", by_name()),
    "csv with bare class names": lambda f: table(f / "a.csv", by_name("")),
    "csv with names in alphabetical or any order": lambda f: table(
        f / "a.csv", by_name("probs_", ("eel", "cat", "dog"))
    ),
    "csv by number": lambda f: table(f / "a.csv", {f"probs_{k}": P[:, k] for k in range(3)}),
    "csv by bare number": lambda f: table(f / "a.csv", {str(k): P[:, k] for k in (2, 0, 1)}),
    "csv with rows": lambda f: table(
        f / "a.csv", {"row": ORDER} | by_name("probs_", NAMES, P[ORDER])
    ),
    "parquet by class name": lambda f: table(f / "a.parquet", by_name()),
    "parquet with rows": lambda f: table(
        f / "a.parquet", {"row": ORDER} | by_name("", NAMES, P[ORDER])
    ),
    "parquet with a list column": lambda f: table(f / "a.parquet", {"probs": P.tolist()}),
}


@pytest.mark.parametrize("case", SAME)
def test_every_form_means_the_same(tmp_path, pool, case):
    found = read_predictions(SAME[case](tmp_path), pool, NAMES)
    assert found.kind == "probs"
    np.testing.assert_allclose(found.values, P, atol=1e-7)
    np.testing.assert_array_equal(found.row, np.arange(N))
    assert NOTES not in found.numerics


@pytest.mark.parametrize("written", [{"logits": Z}, {"logits": Z.astype(np.float16)}])
def test_logits_stay_logits_in_any_order(tmp_path, pool, written):
    values = written["logits"]
    path = npz(tmp_path / "a.npz", logits=values[ORDER], row=ORDER)
    found = read_predictions(path, pool, NAMES)
    assert found.kind == "logits"
    np.testing.assert_array_equal(found.values, values.astype(np.float32))


def test_a_list_column_of_logits_in_parquet(tmp_path, pool):
    path = table(tmp_path / "a.parquet", {"logits": Z[ORDER].tolist(), "row": ORDER})
    found = read_predictions(path, pool, NAMES)
    assert found.kind == "logits"
    np.testing.assert_allclose(found.values, Z, atol=1e-6)


def test_bare_class_columns_with_a_negative_value_are_logits(tmp_path, pool):
    found = read_predictions(table(tmp_path / "a.csv", by_name("", values=Z)), pool, NAMES)
    assert found.kind == "logits"


@pytest.mark.parametrize("name", [lambda p: p, lambda p: p[2:], lambda p: p[2:-4]])
def test_ids_are_paths_or_names_of_files(tmp_path, files, name):
    ids = np.array([name(files.inputs.paths[k]) for k in ORDER])
    found = read_predictions(npz(tmp_path / "a.npz", probs=P[ORDER], id=ids), files, NAMES)
    np.testing.assert_array_equal(found.values, P)


DECISIONS = {
    "numbers": {"pred": P.argmax(1)},
    "numbers as float": {"pred": P.argmax(1).astype(float)},
    "names": {"pred": np.array(NAMES)[P.argmax(1)]},
    "in the file's own order of classes": {
        "pred": np.array([1, 2, 0])[P.argmax(1)],
        "classes": np.array(["eel", "cat", "dog"]),
    },
    "rows in another order": {"pred": P.argmax(1)[ORDER], "row": ORDER},
}


@pytest.mark.parametrize("case", DECISIONS)
def test_decisions_may_be_numbers_or_names(tmp_path, pool, case):
    found = read_predictions(npz(tmp_path / "a.npz", **DECISIONS[case]), pool, NAMES)
    assert found.kind == "decisions" and found.confidence is None
    np.testing.assert_array_equal(found.values, P.argmax(1))


def test_an_npy_of_whole_numbers_holds_decisions(tmp_path, pool):
    np.save(tmp_path / "a.npy", P.argmax(1))
    assert read_predictions(tmp_path / "a.npy", pool, NAMES).kind == "decisions"


def test_a_csv_of_one_class_a_line_without_a_name_holds_decisions(tmp_path, pool):
    """As WILDS asks for predictions."""
    (tmp_path / "a.csv").write_text("".join(f"{k}\n" for k in P.argmax(1)))
    found = read_predictions(tmp_path / "a.csv", pool, NAMES)
    assert found.kind == "decisions"
    np.testing.assert_array_equal(found.values, P.argmax(1))


def test_openood_scores_are_decisions_with_a_confidence_of_any_range(tmp_path, pool):
    conf = np.array([-3.0, 40.0, 2.0, 1e6, 0.5, -1e6], np.float32)
    path = npz(tmp_path / "a.npz", pred=P.argmax(1), conf=conf, label=LABELS)
    found = read_predictions(path, pool, NAMES)
    np.testing.assert_array_equal(found.confidence, conf)
    assert NOTES not in found.numerics


BELOW = P.copy()
BELOW[0] = P[0].round() + np.float32([0.01, -0.01, 0])
"""One row with a value a little below 0, as smoothing or an averaging of logits leaves it."""
BAD = {
    "row twice": (
        {"probs": P, "row": [0, 1, 1, 3, 4, 5]}, "row 1 stands 2 times, at places 1, 2, and row 2",
    ),
    "row missing": (
        {"probs": P[:5], "row": [0, 1, 3, 4, 5]},
        "row names 5 rows, the test set has 6: row 2 is missing. Predict it too",
    ),
    "rows missing": (
        {"probs": P[:4], "row": [0, 1, 3, 5]}, "rows 2, 4 are missing. Predict them too",
    ),
    "more rows than the pool": (
        {"probs": np.vstack([P, P[:1]]), "row": [0, 1, 2, 3, 4, 5, 0]}, "row 0 stands 2 times",
    ),
    "rows from one": ({"probs": P, "row": np.arange(1, 7)}, "subtract 1 from row"),
    "row beyond the end": ({"probs": P, "row": [0, 1, 2, 3, 4, 9]}, "must lie in 0 … 5.*got 9"),
    "negative row": ({"probs": P, "row": [-1, 1, 2, 3, 4, 5]}, "got -1"),
    "half a row": ({"probs": P, "row": [0, 1, 2.5, 3, 4, 5]}, "entry 2 is 2.5"),
    "row not a number": ({"probs": P, "row": [0, 1, np.nan, 3, 4, 5]}, "entry 2 is nan"),
    "row of words": ({"probs": P, "row": list("abcdef")}, "has no ids; got 'a'"),
    "row and id": ({"probs": P, "row": np.arange(6), "id": list("abcdef")}, "got both"),
    "row of another length": ({"probs": P, "row": np.arange(5)}, "row has 5 rows, probs has 6"),
    "row as a matrix": ({"probs": P, "row": np.zeros((6, 1), int)}, "row must have 1 dimensions"),
    "too few rows": ({"probs": P[:4]}, "probs has 4 rows, the test set has 6"),
    "transposed": ({"probs": np.ascontiguousarray(P.T)}, r"one row per class; expected \(6, 3\)"),
    "leading axis": ({"logits": Z[None]}, r"Remove the axis of length 1: logits.squeeze\(0\)"),
    "too few columns": ({"probs": P[:, :2]}, "probs has 2 columns, the suite has 3 classes"),
    "one column": ({"probs": P[:, :1]}, r"numpy.stack\(\[1 - p, p\], axis=1\)"),
    "no axis of classes": ({"probs": P[:, 0]}, "must have 2 dimensions"),
    "whole-number logits": ({"logits": Z.astype(int)}, "got int64. Save what the model returned"),
    "one-hot integers": ({"probs": np.eye(3, dtype=int)[LABELS]}, "saved as 'pred'"),
    "complex": ({"probs": P.astype(complex)}, "must be of dtype float; got complex"),
    "dates": ({"row": np.arange(6).astype("M8[D]"), "probs": P}, "row must be of dtype int"),
    "boolean decisions": ({"pred": P.argmax(1) == 1}, "pred must be of dtype int; got bool"),
    "percent": ({"probs": P * 100}, "They are percentages: divide by 100"),
    "percent as logits": ({"logits": P * 100}, "logits are percentages.*'probs'"),
    "sigmoids": ({"probs": 1 / (1 + np.exp(-Z))}, "sigmoids of single classes.*by its sum"),
    "a row of zeros": ({"probs": P * (np.arange(6) != 3)[:, None]}, "Row 3 holds nothing but 0"),
    "a little below 0": ({"probs": BELOW}, r"numpy.clip\(probs, 0, None\)"),
    "members of an ensemble": ({"logits": np.stack([Z, Z])}, r"probs.mean\(axis=0\)"),
    "logarithms of 0": (
        {"logits": np.where(P[2, 1] == P, -np.inf, Z)}, "Where -inf is the logarithm of 0",
    ),
    "sums of 0.98": ({"probs": P * np.float32(0.98)}, "Every row lacks the same share"),
    "logits as probs": ({"probs": np.float32([[2, 1, 0]] * 6)}, "Apply softmax before saving"),
    "log-probabilities as probs": ({"probs": Z}, "logarithms of probabilities. Save them as 'log"),
    "probabilities as logits": ({"logits": P}, "logits are probabilities.*Save them as 'probs'"),
    "float16 probabilities as logits": ({"logits": P.astype("f2")}, "logits are probabilities"),
    "NaN": ({"probs": np.where(P[2, 1] == P, np.nan, P)}, "hold NaN or infinity"),
    "overflow of float16": (
        {"logits": np.where(P > 0.75, np.inf, P).astype("f2")}, "float16 ends at 65,504",
    ),
    "negative probability": (
        {"probs": P + np.float32([-0.9, 0.45, 0.45])}, r"must lie in \[0, 1\]; row 0",
    ),
    "unknown class": (
        {"probs": P, "classes": ["cat", "dgo", "eel"]}, "'dgo' is not a class.*Did you mean 'dog'",
    ),
    "class twice": ({"probs": P, "classes": ["cat", "cat", "eel"]}, "'cat' has 2 columns"),
    "too few names": ({"probs": P, "classes": ["cat", "dog"]}, "classes has 2 names"),
    "pred from one": ({"pred": [1, 2, 3, 1, 2, 3]}, "They count from 1: subtract 1 from pred"),
    "pred beyond the classes": ({"pred": [0, 1, 7, 0, 1, 2]}, "must lie in 0 … 2; row 2 holds 7"),
    "pred of unknown names": ({"pred": ["cat", "dog", "cow"] * 2}, "row 2 holds 'cow'"),
    "half a class": ({"pred": [0, 1, 1.5, 0, 1, 2]}, "pred must hold whole numbers"),
    "pred against probs": ({"probs": P, "pred": [2] * 6}, "row 0 is another"),
    "conf without pred": ({"conf": P[:, 0]}, "or 'pred' alone; got conf"),
    "conf beside probs": ({"probs": P, "conf": P[:, 0]}, "'conf' stands beside 'pred'"),
    "conf not finite": ({"pred": LABELS, "conf": np.full(6, np.inf)}, "conf must be finite"),
    "misspelt": ({"probz": P}, "Did you mean 'probs'"),
    "nothing": ({}, "got nothing"),
    "two without a name": ({"arr_0": P, "arr_1": P}, "must hold only"),
    "features not finite": (
        {"probs": P, "features": np.full((6, 2), np.nan)}, "features must be finite",
    ),
    "features beyond float16": (
        {"probs": P, "features": np.full((6, 2), 1e6)}, "features are kept as float16",
    ),
    "features of other rows": (
        {"probs": P, "features": np.ones((5, 2))}, "features has 5 rows, the test set has 6",
    ),
    "features too wide": (
        {"probs": P, "features": np.zeros((6, 70_000), "f2")}, "at most 65,536 are read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_each_mistake_in_an_npz_has_its_sentence(tmp_path, pool, case):
    arrays, sentence = BAD[case]
    with pytest.raises(PredictionsError, match=sentence):
        read_predictions(npz(tmp_path / "a.npz", **arrays), pool, NAMES)


BAD_TEXT = {
    "no line": ("", "must have a line of column names and one line per input; got 0 lines"),
    "names alone": ("cat,dog,eel\n", "got 1 lines"),
    "ragged": ("cat,dog,eel\n1,0\n", "must have 3 values in every line; line 2 has 2"),
    "a word": ("cat,dog,eel\n" + "1,0,x\n" * 6, "line 2 holds 'x'"),
    "decimal commas": ("cat;dog;eel\n" + "0,7;0,2;0,1\n" * 6, "Write a point as decimal mark"),
    "an empty value": ("cat,dog,eel\n" + "1,0,\n" * 6, "line 2 holds ''"),
    "unknown column": ("cat,dgo,eel\n" + "1,0,0\n" * 6, "Did you mean 'dog'"),
    "two columns of one name": ("cat,cat,eel\n" + "1,0,0\n" * 6, "'cat' stands twice"),
    "an index column": (",cat,dog,eel\n" + "0,1,0,0\n" * 6, "pandas: index=False"),
    "a class without a column": ("probs_cat,probs_dog\n" + "1,0\n" * 6, "has 2 columns"),
    "two ways at once": (
        "cat,dog,eel,logits_cat\n" + "1,0,0,0\n" * 6, "names class columns in 2 ways",
    ),
    "neither one nor the other": (
        "cat,dog,eel\n" + "1,3,0\n" * 6, "does not say whether it holds logits or probabilities",
    ),
    "infinity": ("cat,dog,eel\n" + "inf,0,0\n" * 6, "must be finite"),
    "Latin-1": ("cat,dög,eel\n".encode("latin-1"), "must be a CSV file in UTF-8"),
    "a nul byte": ("cat,dog,eel\n1,\x000,0\n", "CSV file|holds"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TEXT)
def test_each_mistake_in_a_csv_has_its_sentence(tmp_path, pool, case):
    text, sentence = BAD_TEXT[case]
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PredictionsError, match=sentence):
        read_predictions(path, pool, NAMES)


BAD_PARQUET = {
    "lists of different lengths": (
        {"probs": [[0.5, 0.5]] * 5 + [[1.0]]}, "lists of one length.*lengths 1 … 2",
    ),
    "an empty value": ({"cat": [1.0, None, 1, 1, 1, 1]}, "'cat' has 1 empty values"),
    "lists of text": ({"probs": [["a", "b", "c"]] * 6}, "must hold lists of numbers"),
    "truth values": ({"pred": [True] * 6}, "must hold numbers, text or lists"),
    "a list column of another name": ({"embedding": P.tolist()}, "got 'embedding'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_PARQUET)
def test_each_mistake_in_a_parquet_file_has_its_sentence(tmp_path, pool, case):
    columns, sentence = BAD_PARQUET[case]
    with pytest.raises(PredictionsError, match=sentence):
        read_predictions(table(tmp_path / "a.parquet", columns), pool, NAMES)


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PAR1", b"PK\x03\x04", bytes(300)])
def test_a_file_that_is_something_else_is_refused(tmp_path, pool, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(PredictionsError, match=r"must be an? (npz|npy|Parquet) file"):
        read_predictions(path, pool, NAMES)


def test_another_suffix_and_a_pipe_are_refused(tmp_path, pool):
    import os

    (tmp_path / "a.pkl").write_bytes(b"")
    with pytest.raises(PredictionsError, match="one of .npz, .npy, .csv, .parquet; got '.pkl'"):
        read_predictions(tmp_path / "a.pkl", pool, NAMES)
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(PredictionsError, match="must be a regular file"):
        read_predictions(tmp_path / "a.npz", pool, NAMES)


PLACES = "3 decimal places"
NOTED = {
    "bfloat16": "rounded to bfloat16",
    "float16": "rounded to float16",
    "3 decimal places": "rounded to 3 decimal places",
}


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Round to nearest, ties to even, as torch does."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize(
    ("kind", "c"),
    [(kind, c) for kind in NOTED for c in (3, 10, 100, 1000) if (kind, c) != (PLACES, 1000)],
)
def test_a_rounded_softmax_is_accepted_and_sums_to_one_again(tmp_path, rng, kind, c):
    names = tuple(f"c{k}" for k in range(c))
    n = 300
    wide = Pool(
        "test", "features", ArrayInputs(np.zeros((n, 1), "f4")), np.arange(n) % c, names, "f"
    )
    probs = softmax(rng.normal(0, 3, (n, c)))
    rounded = {
        "bfloat16": lambda p: bfloat16(p),
        "float16": lambda p: p.astype(np.float16),
        "3 decimal places": lambda p: np.round(p, 3),
    }[kind](probs)
    found = read_predictions(npz(tmp_path / "a.npz", probs=rounded), wide, names)
    np.testing.assert_allclose(found.values.sum(axis=1, dtype=np.float64), 1, atol=1e-6)
    assert any(NOTED[kind] in note for note in found.numerics[NOTES])


def test_too_few_decimal_places_for_so_many_classes_are_refused(tmp_path, rng):
    names = tuple(f"c{k}" for k in range(1000))
    inputs = ArrayInputs(np.zeros((50, 1), "f4"))
    wide = Pool("test", "features", inputs, np.arange(50), names, "f")
    probs = np.round(softmax(rng.normal(0, 3, (50, 1000))), 3)
    with pytest.raises(PredictionsError, match="too few for 1,000 classes: save float32"):
        read_predictions(npz(tmp_path / "a.npz", probs=probs), wide, names)


def test_bfloat16_does_not_excuse_sums_that_rounding_cannot_make(tmp_path, rng):
    names = tuple(f"c{k}" for k in range(10))
    wide = Pool(
        "test", "features", ArrayInputs(np.zeros((50, 1), "f4")), np.arange(50) % 10, names, "f"
    )
    probs = bfloat16(softmax(rng.normal(0, 3, (50, 10))) * 0.97)
    with pytest.raises(PredictionsError, match="probs rows must sum to 1"):
        read_predictions(npz(tmp_path / "a.npz", probs=probs), wide, names)


def test_one_hot_probabilities_are_noted(tmp_path, pool):
    found = read_predictions(npz(tmp_path / "a.npz", probs=np.eye(3)[LABELS]), pool, NAMES)
    assert "save them as 'pred'" in found.numerics[NOTES][0]


def test_labels_of_the_file_that_disagree_are_noted_and_not_used(tmp_path, pool):
    path = npz(tmp_path / "a.npz", pred=P.argmax(1), label=np.roll(LABELS, 1))
    found = read_predictions(path, pool, NAMES)
    assert "agrees with the suite's labels in 0 of 6 rows" in found.numerics[NOTES][0]


def auroc(labels: np.ndarray, values: np.ndarray, kind: str) -> float:
    make = Outputs.from_probs if kind == "probs" else Outputs.from_logits
    return measure(make(labels, values), ["auroc"])["auroc"].value


def test_two_class_probabilities_near_one_keep_the_order_of_float64(rng):
    from sklearn.metrics import roc_auc_score

    score = rng.normal(0, 1, 400)
    labels = (rng.random(400) < 1 / (1 + np.exp(-2 * score))).astype(int)
    p = 1 / (1 + np.exp(-(20 + 2 * score)))
    probs = np.c_[1 - p, p]
    kept = from_arrays({"probs": probs}).values
    assert kept.dtype == np.float64
    assert auroc(labels, kept, "probs") == pytest.approx(roc_auc_score(labels, p), abs=1e-12)
    assert auroc(labels, probs.astype("f4"), "probs") < 0.75


@pytest.mark.parametrize("constant", [0, 1e4, -1e6, 1e8])
def test_a_constant_added_to_float64_logits_changes_nothing(rng, constant):
    z = rng.normal(0, 1, (500, 4))
    labels = rng.integers(0, 4, 500)
    z[np.arange(500), labels] += 1.5
    keys = ["accuracy", "auroc", "nll"]
    expected = measure(Outputs.from_logits(labels, z), keys)
    found = measure(Outputs.from_logits(labels, from_arrays({"logits": z + constant}).values), keys)
    for key in keys:
        assert found[key].value == pytest.approx(expected[key].value, abs=1e-4)


def test_float64_that_loses_nothing_is_kept_as_float32():
    assert from_arrays({"probs": P.astype(np.float64)}).values.dtype == np.float32
    assert from_arrays({"logits": Z.astype(np.float64)}).values.dtype == np.float32


def test_logits_that_look_like_sigmoids_are_noted(tmp_path, pool):
    found = read_predictions(npz(tmp_path / "a.npz", logits=1 / (1 + np.exp(-Z))), pool, NAMES)
    assert "all logits lie in 0 … 1, as sigmoids do" in found.numerics[NOTES][0]
    fine = read_predictions(npz(tmp_path / "b.npz", logits=Z), pool, NAMES)
    assert not fine.numerics.get(NOTES)


def test_logits_so_large_that_float32_has_no_steps_are_noted(tmp_path, pool):
    z = (Z + np.float32(1e8)).astype(np.float32)
    found = read_predictions(npz(tmp_path / "a.npz", logits=z), pool, NAMES)
    assert "subtract the row's maximum" in found.numerics[NOTES][0]


ADVICE = {
    "subtract 1 from row": (
        {"probs": P, "row": np.arange(1, 7)}, lambda a: a | {"row": a["row"] - 1},
    ),
    "transposed": ({"probs": np.ascontiguousarray(P.T)}, lambda a: {"probs": a["probs"].T}),
    "squeeze": ({"logits": Z[None]}, lambda a: {"logits": a["logits"].squeeze(0)}),
    "percent": ({"probs": P * 100}, lambda a: {"probs": a["probs"] / 100}),
    "as logits": ({"probs": Z}, lambda a: {"logits": a["probs"]}),
    "divide rows": (
        {"probs": 1 / (1 + np.exp(-Z))},
        lambda a: {"probs": a["probs"] / a["probs"].sum(1, keepdims=True)},
    ),
    "clip": (
        {"probs": BELOW},
        lambda a: {"probs": (q := np.clip(a["probs"], 0, None)) / q.sum(1, keepdims=True)},
    ),
    "as probs": ({"logits": P}, lambda a: {"probs": a["logits"]}),
    "softmax": ({"probs": Z * 3 + 5}, lambda a: {"probs": softmax(a["probs"])}),
    "subtract 1 from pred": ({"pred": P.argmax(1) + 1}, lambda a: {"pred": a["pred"] - 1}),
    "as pred": ({"probs": np.eye(3, dtype=int)[LABELS]}, lambda a: {"pred": a["probs"].argmax(1)}),
    "leave pred out": ({"probs": P, "pred": LABELS[::-1]}, lambda a: {"probs": a["probs"]}),
    "divide features": (
        {"probs": P, "features": np.full((6, 2), 1e6)},
        lambda a: a | {"features": a["features"] / 1e3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ADVICE)
def test_the_advice_of_a_refusal_followed_to_the_letter_ends_well(tmp_path, pool, case):
    arrays, followed = ADVICE[case]
    with pytest.raises(PredictionsError):
        read_predictions(npz(tmp_path / "a.npz", **arrays), pool, NAMES)
    found = read_predictions(npz(tmp_path / "b.npz", **followed(arrays)), pool, NAMES)
    top = found.values if found.kind == "decisions" else found.values.argmax(1)
    wanted = LABELS if case == "as pred" else P.argmax(1)
    np.testing.assert_array_equal(top, wanted)
