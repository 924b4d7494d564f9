"""Parquet and Arrow files: every type of column as numbers, words, several columns, or refused."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest

from harness.data.formats.raw_table import Reading
from harness.data.formats.table_files import from_frame, read_table
from harness.data.pools.tables import make_table
from harness.errors import DataError

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
from pyarrow import feather, parquet  # noqa: E402

LABELS = ["a", "b", "a"]


def written(tmp_path, columns, name="t.parquet"):
    """The path of a file with columns and a label."""
    path = tmp_path / name
    table = pa.table({**columns, "label": LABELS})
    (feather.write_feather if name.endswith("feather") else parquet.write_table)(table, path)
    return path


def pool_of(path, target="label", **options):
    reading = Reading(**options)
    return make_table(read_table(path, reading), target, reading).pool


def array(values, kind):
    return pa.array(values, type=kind)


DAY = dt.date(1970, 1, 2)
MOMENT = dt.datetime(1970, 1, 2, 0, 0, 1)
NUMBERS = {
    "int8": (array([1, None, 3], pa.int8()), [1, np.nan, 3]),
    "uint64": (array([1, 2, 2**60], pa.uint64()), [1, 2, 2.0**60]),
    "float16": (pa.array(np.array([1.5, 2, 3], np.float16)), [1.5, 2, 3]),
    "float32": (array([1.5, None, 3], pa.float32()), [1.5, np.nan, 3]),
    "float64": (array([0.1, 1e300, 3], pa.float64()), [0.1, 1e300, 3]),
    "decimal": (array([Decimal("1.5"), None, Decimal(3)], pa.decimal128(9, 2)), [1.5, np.nan, 3]),
    "date32": (array([DAY, None, DAY], pa.date32()), [86400, np.nan, 86400]),
    "date64": (array([DAY, None, DAY], pa.date64()), [86400, np.nan, 86400]),
    "time32": (array([dt.time(0, 1), None, dt.time(1)], pa.time32("s")), [60, np.nan, 3600]),
    "time64": (array([dt.time(0, 1), None, dt.time(1)], pa.time64("us")), [60, np.nan, 3600]),
    "timestamp": (array([MOMENT, None, MOMENT], pa.timestamp("ns")), [86401, np.nan, 86401]),
    "timestamp with a zone": (
        array([MOMENT, None, MOMENT], pa.timestamp("us", tz="Asia/Tokyo")),
        [86401, np.nan, 86401],
    ),
    "duration": (array([dt.timedelta(hours=1)] * 3, pa.duration("ms")), [3600] * 3),
    "text that is numbers": (array(["1.5", None, "3"], pa.string()), [1.5, np.nan, 3]),
    "dictionary of numbers": (array([7, 8, 7], pa.int64()).dictionary_encode(), [7, 8, 7]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_columns_that_are_numbers(kind, tmp_path):
    column, expected = NUMBERS[kind]
    pool = pool_of(written(tmp_path, {"x": column}))
    assert pool.inputs.names == ("x",) and pool.inputs.numeric.dtype == np.float64
    np.testing.assert_array_equal(pool.inputs.numeric[:, 0], expected)


WORDS = {
    "bool": (array([True, False, None], pa.bool_()), ("False", "True"), [1, 0, -1]),
    "string": (array(["u", None, "v"], pa.string()), ("u", "v"), [0, -1, 1]),
    "large string": (array(["u", "u", "v"], pa.large_string()), ("u", "v"), [0, 0, 1]),
    "dictionary": (
        array(["v", None, "u"], pa.string()).dictionary_encode(),
        ("u", "v"),
        [1, -1, 0],
    ),
}


@pytest.mark.parametrize("kind", WORDS)
def test_columns_that_are_words(kind, tmp_path):
    column, kinds, codes = WORDS[kind]
    inputs = pool_of(written(tmp_path, {"x": column})).inputs
    assert inputs.categories == (kinds,) and inputs.categorical[:, 0].tolist() == codes


NESTED = {
    "list": (array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int64())), ("x[0]", "x[1]")),
    "large list": (array([[1, 2], [3, 4], [5, 6]], pa.large_list(pa.float32())), ("x[0]", "x[1]")),
    "fixed list": (array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int8(), 2)), ("x[0]", "x[1]")),
    "struct": (
        array(
            [{"u": 1, "v": 2}, {"u": 3, "v": 4}, {"u": 5, "v": 6}],
            pa.struct({"u": pa.int64(), "v": pa.float64()}),
        ),
        ("x.u", "x.v"),
    ),
    "list of structs": (
        array(
            [[{"u": 1}, {"u": 2}], [{"u": 3}, {"u": 4}], [{"u": 5}, {"u": 6}]],
            pa.list_(pa.struct({"u": pa.int64()})),
        ),
        ("x[0].u", "x[1].u"),
    ),
}


@pytest.mark.parametrize("kind", NESTED)
def test_nested_columns_are_spread(kind, tmp_path):
    """Case 18: a column of vectors was printed as text, another category in every row."""
    column, names = NESTED[kind]
    table = make_table(read_table(written(tmp_path, {"x": column})), "label")
    assert table.pool.inputs.names == names
    assert table.pool.inputs.numeric.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert "Column 'x' holds 2 values; each is a column." in table.notes


def test_an_arrow_file_is_read_as_parquet_is(tmp_path):
    columns = {"x": [1.5, 2, 3], "y": ["u", "v", "u"]}
    one, two = (pool_of(written(tmp_path, columns, f"t.{end}")) for end in ("parquet", "feather"))
    assert one.fingerprint == two.fingerprint


def test_the_index_of_a_frame_is_no_input(tmp_path):
    frame = pd.DataFrame({"x": [1.5, 2, 3], "label": LABELS}, index=[7, 3, 5])
    frame.to_parquet(tmp_path / "t.parquet")
    assert pool_of(tmp_path / "t.parquet").inputs.names == ("x",)
    named = frame.set_index(
        pd.MultiIndex.from_tuples([(1, "u"), (2, "v"), (3, "w")], names=["i", "j"])
    )
    named.to_parquet(tmp_path / "n.parquet")
    table = make_table(read_table(tmp_path / "n.parquet"), "label")
    assert table.pool.inputs.names == ("x",)
    assert "Column 'i' is the index of the data frame and no input." in table.notes


def test_a_column_that_counts_the_rows_is_no_input(tmp_path):
    columns = {"Unnamed: 0": [0, 1, 2], "n": [1, 2, 3], "x": [5.5, 7, 6]}
    table = make_table(read_table(written(tmp_path, columns)), "label")
    assert table.pool.inputs.names == ("n", "x")
    assert any("'Unnamed: 0' counts the rows: it is an index" in note for note in table.notes)
    assert any("'n' counts the rows and is an input" in note for note in table.notes)


def test_nullable_columns_of_pandas_are_numbers_with_holes():
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "f": pd.array([1.5, None, 3], dtype="Float64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "c": pd.Categorical(["u", None, "v"]),
            "label": LABELS,
        }
    )
    inputs = make_table(from_frame(frame, "a frame"), "label").pool.inputs
    assert inputs.names == ("n", "f", "b", "c")
    np.testing.assert_array_equal(inputs.numeric, [[1, 1.5], [np.nan, np.nan], [3, 3]])
    assert inputs.categorical.tolist() == [[1, 0], [-1, -1], [0, 1]]


def test_an_empty_column_is_left_out(tmp_path):
    table = make_table(
        read_table(written(tmp_path, {"x": [1, 2, 3], "none": pa.nulls(3)})), "label"
    )
    assert table.pool.inputs.names == ("x",)
    assert "Column 'none' has no value in any row; it is left out." in table.notes


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([1.0, 2.0, 1.0], ("1", "2")),
        ([0.5, 1.5, 0.5], ("0.5", "1.5")),
        ([True, False, True], ("False", "True")),
        ([-1, 1, -1], ("-1", "1")),
        (["NA", "none", "NA"], ("NA", "none")),
    ],
)
def test_targets_of_every_type(column, expected, tmp_path):
    parquet.write_table(pa.table({"x": [1, 2, 3], "y": column}), tmp_path / "t.parquet")
    assert pool_of(tmp_path / "t.parquet", "y").class_names == expected


REFUSED = {
    "ragged lists": ([[1], [1, 2], [1]], "lists of 1 items in column 'x' .*; row 1 has 2"),
    "lists with a hole": ([[1], None, [1]], "row 1 has none"),
    "empty lists": ([[], [], []], "columns with values|columns beside"),
    "bytes": (
        [b"u", b"v", b"\xff"],
        "numbers, words, dates or lists in column 'x' .*; it holds bytes that are no text.*--drop",
    ),
    "a map": (
        pa.array([[("u", 1)]] * 3, type=pa.map_(pa.string(), pa.int64())),
        r"column 'x' .*; it holds map<string, int64",
    ),
    "large numbers": (
        [2**53, 2**53 + 1, 1],
        r"column 'x' .* beyond 2\^53 in it would become equal",
    ),
    "nanoseconds": (
        pa.array([1_700_000_000_000_000_001, 1_700_000_000_000_000_002, 0], pa.timestamp("ns")),
        "column 'x' .* to keep its times as 64-bit seconds",
    ),
    "an infinite value": ([1.0, float("inf"), 2.0], "column 'x' .*; row 1 is infinite"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_columns_that_are_no_values_are_refused_by_name(kind, tmp_path):
    column, words = REFUSED[kind]
    with pytest.raises(DataError, match=words):
        pool_of(written(tmp_path, {"x": column}))


@pytest.mark.parametrize("kind", ["bytes", "a map", "large numbers", "lists with a hole"])
def test_a_column_of_any_kind_can_be_left_out(kind, tmp_path):
    """The advice of the refusal, followed."""
    path = written(tmp_path, {"x": REFUSED[kind][0], "z": [1.5, 2.5, 3.5]})
    assert pool_of(path, drop=("x",)).inputs.names == ("z",)


def test_numbers_named_as_missing_are_missing_in_columns_of_numbers(tmp_path):
    inputs = pool_of(written(tmp_path, {"x": [-999, 2, 3]}), missing=("-999",)).inputs
    np.testing.assert_array_equal(inputs.numeric[:, 0], [np.nan, 2, 3])


def test_bytes_and_views_of_text_are_text(tmp_path):
    """Spark stores words as bytes, Polars as views."""
    for name, column in {
        "t.parquet": [b"u", None, b"w"],
        "t.feather": array(["u", None, "w"], pa.string_view()),
    }.items():
        table = pa.table({"x": column, "label": LABELS})
        if name.endswith("feather"):
            feather.write_feather(table, tmp_path / name, compression="uncompressed")
        else:
            parquet.write_table(table, tmp_path / name)
        inputs = pool_of(tmp_path / name).inputs
        assert inputs.categories == (("u", "w"),) and inputs.categorical[:, 0].tolist() == [
            0,
            -1,
            1,
        ]


def test_what_a_file_is_decides_its_content_and_not_its_name(tmp_path):
    """Streams of Arrow are what `datasets` keeps; their name ends as that of files does."""
    table = pa.table({"x": [1.5, 2.5, 3.5], "label": LABELS})
    with pa.ipc.new_stream(tmp_path / "s.arrow", table.schema) as writer:
        writer.write_table(table)
    parquet.write_table(table, tmp_path / "p.csv")
    feather.write_feather(table, tmp_path / "f.parquet")
    for name in ("s.arrow", "p.csv", "f.parquet"):
        assert pool_of(tmp_path / name).inputs.numeric[:, 0].tolist() == [1.5, 2.5, 3.5]


def test_an_item_with_the_name_of_a_column_is_refused(tmp_path):
    """The later of the two was lost without a word."""
    path = written(tmp_path, {"e": [[1, 2]] * 3, "e[0]": [4, 5, 6]})
    with pytest.raises(DataError, match=r"'e\[0\]' is a column and an item of column 'e'"):
        read_table(path)


def test_files_that_are_no_tables_are_refused(tmp_path):
    empty = pa.table({"x": pa.array([], pa.int64()), "label": pa.array([], pa.string())})
    parquet.write_table(empty, tmp_path / "e.parquet")
    with pytest.raises(DataError, match="Expected rows of values in .*e.parquet; there is none"):
        read_table(tmp_path / "e.parquet")
    whole = written(tmp_path, {"x": [1, 2, 3]}).read_bytes()
    for name in ("cut.parquet", "cut.feather"):
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(
            DataError, match="Expected a file in the form of (Parquet|Arrow) at .*cut"
        ):
            read_table(tmp_path / name)
    with pytest.raises(DataError, match="Expected the column to predict in .* --target: x, label"):
        make_table(read_table(written(tmp_path, {"x": [1, 2, 3]})), "", Reading())
