"""Tables: columns typed by their values, holes kept as they are, and a sentence for bad files."""

import gzip

import numpy as np
import pytest

from harness.data.formats.raw_table import RawTable, Reading
from harness.data.formats.table_files import read_openml, read_sklearn, read_table
from harness.data.pools.pools import rows_of
from harness.data.pools.tables import TableInputs, make_table, table_rows
from harness.errors import DataError, DownloadError

TEXT = """age, job, income, ok
30, clerk, 1.5, yes
?, farmer, 2, no
50, clerk, 3, yes
70, ?, 4, yes
"""


def pool_of(path, target="", **options):
    """The pool of a table in a file."""
    reading = Reading(**options)
    return make_table(read_table(path, reading), target, reading).pool


@pytest.fixture
def table(tmp_path):
    (tmp_path / "t.csv").write_text(TEXT)
    return pool_of(tmp_path / "t.csv", "ok")


def test_numbers_and_categories_by_hand(table):
    assert isinstance(table.inputs, TableInputs)
    assert table.inputs.names == ("age", "income", "job")
    assert table.inputs.categories == (("clerk", "farmer"),)
    found = table.inputs.take(np.arange(4))
    assert found.dtype == np.float64
    expected = [[30, 1.5, 0], [np.nan, 2, 1], [50, 3, 0], [70, 4, np.nan]]
    np.testing.assert_array_equal(found, expected)
    assert table.class_names == ("no", "yes") and table.labels.tolist() == [1, 0, 1, 1]
    assert table.modality == "table"


def test_rows_keep_columns_and_get_their_own_fingerprint(table):
    some = table_rows(table, np.array([1, 3]), "train")
    expected = [[np.nan, 2, 1], [70, 4, np.nan]]
    np.testing.assert_array_equal(some.inputs.take(np.arange(2)), expected)
    assert some.inputs.names == table.inputs.names
    assert some.fingerprint != table.fingerprint
    assert table_rows(table, np.arange(4), "x").fingerprint == table.fingerprint


def test_some_rows_of_a_table_are_a_table(table):
    some = rows_of(table, np.array([3, 0]), "some").inputs
    assert isinstance(some, TableInputs) and some.categorical[:, 0].tolist() == [-1, 0]


def test_packed_headless_and_semicolon_files_are_the_same_table(table, tmp_path):
    lines = TEXT.splitlines()[1:]
    with gzip.open(tmp_path / "t.csv.gz", "wt") as handle:
        handle.write("\n".join(lines))
    headless = pool_of(tmp_path / "t.csv.gz", header=False)
    (tmp_path / "s.csv").write_text(TEXT.replace(", ", ";"))
    assert headless.fingerprint == pool_of(tmp_path / "s.csv").fingerprint == table.fingerprint


def test_numeric_classes_are_in_order_of_size():
    pool = make_table(RawTable("t", {"x": ["1", "2", "3"], "y": ["10", "9", "10"]}), "y").pool
    assert pool.class_names == ("9", "10") and pool.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("column", "gives_away"),
    [
        (["p", "q", "r"] * 3, True), (["7", "5", "6"] * 3, True),
        (["p", "q", "q"] * 3, False), (["p", "q", "r"] * 2 + ["p", "q", "q"], False),
    ],
)  # fmt: skip
def test_a_column_that_holds_the_class_under_other_names_is_named(column, gives_away):
    raw = RawTable("t", {"x": list("123456789"), "z": column, "y": ["a", "b", "c"] * 3})
    said = [note for note in make_table(raw, "y").notes if "gives the class away" in note]
    assert bool(said) is gives_away
    assert all("Column 'z'" in note and "--drop z" in note for note in said)


def test_parquet_is_read_as_csv_is(table, tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = {"age": [30, None, 50, 70], "job": ["clerk", "farmer", "clerk", None]}
    frame |= {"income": [1.5, 2, 3, 4], "ok": ["yes", "no", "yes", "yes"]}
    pd.DataFrame(frame).to_parquet(tmp_path / "t.parquet")
    assert pool_of(tmp_path / "t.parquet", "ok").fingerprint == table.fingerprint
    (tmp_path / "bad.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(DataError, match="Expected a file in the form of Parquet at"):
        read_table(tmp_path / "bad.parquet")


BAD = {
    "a,label\n1,x\n2,y\n": "Expected a target column 'lable'.*Did you mean 'label'",
    "a,lable\n1,x\n2,x\n": "at least two classes in the target 'lable' .*; got 'x'",
    "a,lable\n1,x\n2,\n": r"'lable' is missing in 1, first in row 1 \(line 3\)",
    "a,lable\n1,x\n2,y,z\n": "Expected 2 values in line 3 .*; got 3",
    "lable\nx\ny\n": "Expected columns beside the target",
    "a,lable\n": "Expected rows of values",
    "<!DOCTYPE html><html>": "got a web page",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_csv_gets_one_sentence(text, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=BAD[text]):
        pool_of(tmp_path / "t.csv", "lable")


def test_a_truncated_or_missing_file_is_named(tmp_path):
    packed = gzip.compress(TEXT.encode())
    (tmp_path / "t.csv.gz").write_bytes(packed[: len(packed) // 2])
    for name in ("t.csv.gz", "none.csv"):
        with pytest.raises(DataError, match=f"Expected a whole CSV file at .*{name}"):
            read_table(tmp_path / name)


def test_scikit_learns_tables_have_their_published_sizes():
    pools = {name: make_table(read_sklearn(name)).pool for name in ("breast_cancer", "wine")}
    counts = {name: np.bincount(pool.labels).tolist() for name, pool in pools.items()}
    assert counts == {"breast_cancer": [357, 212], "wine": [59, 71, 48]}
    assert pools["breast_cancer"].class_names == ("benign", "malignant")
    assert pools["wine"].inputs.take(np.arange(1)).shape == (1, 13)


def test_openml_is_read_from_its_files_without_network(openml, table):
    pytest.importorskip("pandas")
    raw, said = read_openml(7, openml)
    assert make_table(raw).pool.fingerprint == table.fingerprint and said["name"] == "r"
    with pytest.raises(DataError, match="data set 8 in .*; there is none. Run: tailmark data prep"):
        read_openml(8, openml)


@pytest.mark.filterwarnings("ignore:Invalid cache:RuntimeWarning", "ignore:A network error")
def test_a_damaged_openml_file_is_said(openml):
    pytest.importorskip("pandas")
    path = openml / "openml/openml.org/api/v1/json/data/features/7.gz"
    path.write_bytes(b"<html>")
    with pytest.raises(DownloadError, match="Expected OpenML's data set 7; got: "):
        read_openml(7, openml)
