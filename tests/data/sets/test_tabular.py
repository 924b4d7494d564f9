"""Real tables: class counts as their sources state them, content as committed."""

import numpy as np
import pytest

from harness.data.formats.raw_table import Reading
from harness.data.formats.table_files import read_sklearn, read_table
from harness.data.pools.tables import make_table
from harness.data.sets.tabular import FILES, TABLES, load_table, table_path
from harness.errors import DataError, UnknownNameError

COUNTS = {
    "breast_cancer": [357, 212],
    "wine": [59, 71, 48],
    "mammography": [10923, 260],
    "oil_spill": [896, 41],
    "ecoli": [143, 77, 2, 2, 35, 20, 5, 52],
    "glass": [70, 76, 17, 13, 9, 29],
    "new_thyroid": [150, 35, 30],
    "haberman": [225, 81],
    "german": [700, 300],
    "pima": [500, 268],
    "phoneme": [3818, 1586],
    "winequality_red": [10, 53, 681, 638, 199, 18],
    "winequality_white": [20, 163, 1457, 2198, 880, 175, 5],
    "adult": [24720, 7841],
    "sonar": [111, 97],
}
WITH_HOLES = {"adult"}
"""Tables with values that their file marks as missing."""


@pytest.mark.parametrize("name", sorted(set(COUNTS) - {"breast_cancer", "wine"}))
def test_a_table_has_its_published_class_counts(name, data_root):
    pool = load_table(name, data_root)
    assert np.bincount(pool.labels).tolist() == COUNTS[name]
    assert pool.class_names == TABLES[name].class_names
    holes = np.isnan(pool.inputs.take(np.arange(len(pool))))
    assert holes.any() == (name in WITH_HOLES)


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_an_embedded_table_needs_no_data_root(name, tmp_path):
    assert np.bincount(load_table(name, tmp_path).labels).tolist() == COUNTS[name]


def test_abalone_has_28_classes_from_689_to_one(data_root):
    counts = np.bincount(load_table("abalone", data_root).labels)
    assert (len(counts), counts.max(), counts.min()) == (28, 689, 1)


def test_at_least_eight_tables_are_imbalanced():
    assert sum(max(n) / min(n) >= 1.5 for n in COUNTS.values()) >= 8
    assert set(FILES) == {name for name, spec in TABLES.items() if not spec.embedded}


def test_a_changed_or_missing_table_is_named(tmp_path):
    (tmp_path / "tabular").mkdir()
    (tmp_path / "tabular" / "haberman.csv").write_text("30,64,1,1\n30,62,3,2\n")
    with pytest.raises(DataError, match="Expected haberman with fingerprint eb1c4cd7b9b5"):
        load_table("haberman", tmp_path)
    with pytest.raises(DataError, match="Expected glass.csv .* of glass in .*there is none"):
        load_table("glass", tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'glass'"):
        load_table("glas", tmp_path)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_no_column_loses_a_value_as_float32(name, data_root):
    """They are kept so, because `tabular-v1` was committed so; a user's own tables are float64."""
    reading = Reading(header=False, force=True)
    path = table_path(name, data_root) if name in FILES else None
    raw = read_sklearn(name) if path is None else read_table(path, reading)
    exact = make_table(raw, reading=reading).pool.inputs.numeric
    kept = make_table(raw, reading=reading, dtype=np.float32).pool.inputs.numeric
    assert load_table(name, data_root, TABLES[name].parts[0]).inputs.numeric.dtype == np.float32
    assert (exact.dtype, kept.dtype) == (np.float64, np.float32)
    for column, less in zip(exact.T, kept.T, strict=True):
        assert len(np.unique(column)) == len(np.unique(less))


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("ionosphere", [99, 101], [27, 124]), ("adult_census", [22654, 7508], [11360, 3700])],
)
def test_a_table_with_two_parts_has_the_rows_that_its_source_names(name, train, test, data_root):
    parts = {part: load_table(name, data_root, part) for part in ("train", "test")}
    assert np.bincount(parts["train"].labels).tolist() == train
    assert np.bincount(parts["test"].labels).tolist() == test
    assert parts["train"].inputs.categories == parts["test"].inputs.categories
    for pool in parts.values():
        assert not np.isnan(pool.inputs.take(np.arange(len(pool)))).any()
