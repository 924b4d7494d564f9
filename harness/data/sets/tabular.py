"""Real imbalanced tables: facts, and loading below a data root or from scikit-learn."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.formats.files import data_root
from harness.data.formats.raw_table import RawTable, Reading, as_text, below
from harness.data.formats.table_files import read_sklearn, read_table
from harness.data.pools.tables import make_table, table_rows
from harness.errors import DataError
from harness.lookup import lookup
from harness.types import DatasetSpec, Pool

SOURCE = "https://github.com/jbrownlee/Datasets"
"""Where the CSV files come from; most are UCI's."""

FOLDERS = ("tabular", "tabular/uci")
"""Folders below a data root where the CSV files may lie, packed or not."""
_PACKED = ("", ".gz", ".xz")


def _table(
    name: str,
    title: str,
    class_names: tuple[str, ...],
    citation: str,
    fingerprint: str,
    *,
    embedded: bool = False,
    test: str = "",
) -> DatasetSpec:
    """Return the facts of a table; `test` is the fingerprint of its test part, where it has one."""
    return DatasetSpec(
        name=name,
        title=title,
        modality="table",
        class_names=class_names,
        image_shape=None,
        source="embedded in scikit-learn" if embedded else SOURCE,
        licence="BSD-3-Clause (scikit-learn)" if embedded else "none stated",
        citation=citation,
        contents={"train": fingerprint, "test": test} if test else {"all": fingerprint},
        embedded=embedded,
        parts=("train", "test") if test else ("all",),
        caveat="" if test else "There is no official test part.",
    )


TABLES: dict[str, DatasetSpec] = {
    "breast_cancer": _table(
        "breast_cancer",
        "Breast cancer Wisconsin (diagnostic)",
        ("benign", "malignant"),
        "Street et al. 1993, Nuclear feature extraction for breast tumor diagnosis",
        "0ec4ceac731ca1d6a409be74d7ad1409809762c6824c73120ccecfb9801abd03",
        embedded=True,
    ),
    "wine": _table(
        "wine",
        "Wine recognition",
        ("class_0", "class_1", "class_2"),
        "Aeberhard et al. 1992, Comparison of classifiers in high dimensional settings",
        "9a799f57491a40742d99b399ff984c6a3608bdbac716f5a9a8aecdce47f20195",
        embedded=True,
    ),
    "mammography": _table(
        "mammography",
        "Mammography: microcalcifications",
        ("-1", "1"),
        "Woods et al. 1993, Comparative evaluation of pattern recognition techniques",
        "7977d82e2325ff1491878070c915d1aeeedd0bbff140281e8291e0a76fd30cf3",
    ),
    "oil_spill": _table(
        "oil_spill",
        "Oil spills in radar images",
        ("0", "1"),
        "Kubat et al. 1998, Machine learning for the detection of oil spills",
        "ea2fcf8c5527324971fefafd141659f7cfa2a12d1fbe127a1c9b9d7ccf72dcdb",
    ),
    "abalone": _table(
        "abalone",
        "Abalone: rings as classes",
        tuple(str(k) for k in (*range(1, 28), 29)),
        "Nash et al. 1994, The population biology of abalone",
        "df0559b46ff11f1eed5acbf73ce582e84c2d11da21772ba7a45264aca631feca",
    ),
    "ecoli": _table(
        "ecoli",
        "E. coli: protein localisation",
        ("cp", "im", "imL", "imS", "imU", "om", "omL", "pp"),
        "Horton and Nakai 1996, A probabilistic classification system",
        "ccc0c47ef2c874628b0bd6666eb20011c4c43e4d0515b1ab6082541dc7fe0976",
    ),
    "glass": _table(
        "glass",
        "Glass identification",
        ("1", "2", "3", "5", "6", "7"),
        "Evett and Spiehler 1987, Rule induction in forensic science",
        "e1d1e83f611fb002fc1c0e0ac8229622dae9b6704755c53bc58f2953135f6485",
    ),
    "new_thyroid": _table(
        "new_thyroid",
        "Thyroid gland",
        ("1", "2", "3"),
        "Coomans et al. 1983, Comparison of multivariate discriminant techniques",
        "aa050cee38de8085fe047094783d6ff3abc2c068a25e9f16c0a72778e5a1ec72",
    ),
    "haberman": _table(
        "haberman",
        "Haberman: survival after surgery",
        ("1", "2"),
        "Haberman 1976, Generalized residuals for log-linear models",
        "eb1c4cd7b9b560795c33bf633a86f52fe3305373160d5a975b857b753776e54a",
    ),
    "german": _table(
        "german",
        "German credit",
        ("1", "2"),
        "Hofmann 1994, Statlog (German credit data), UCI",
        "0f479ab264e6ecea8c5b9b7e784d47f95f8ec9ae3f5a8e02061c72df577247ea",
    ),
    "pima": _table(
        "pima",
        "Pima Indians diabetes",
        ("0", "1"),
        "Smith et al. 1988, Using the ADAP learning algorithm to forecast diabetes",
        "562b56e04f4072aba507a74988c35940481c3b1c7406d4c3804f3931245f9861",
    ),
    "phoneme": _table(
        "phoneme",
        "Phoneme: nasal and oral sounds",
        ("0", "1"),
        "Alinat 1993, Periodic progress report 4, ROARS project ESPRIT II",
        "09c23cfc53e01ab7e89ff3015d74f6e20fc85a8ae6e6903f54dfb7d20297b281",
    ),
    "winequality_red": _table(
        "winequality_red",
        "Wine quality, red",
        ("3", "4", "5", "6", "7", "8"),
        "Cortez et al. 2009, Modeling wine preferences by data mining",
        "4118d366a9d0dad0efbcdb98b424fcfb48a4bc659703b6428f1765e84134a50d",
    ),
    "winequality_white": _table(
        "winequality_white",
        "Wine quality, white",
        ("3", "4", "5", "6", "7", "8", "9"),
        "Cortez et al. 2009, Modeling wine preferences by data mining",
        "395daa151ecda213225d3cd346abdda143cf1887edb68477dd58b71a8072a160",
    ),
    "adult": _table(
        "adult",
        "Adult census income, official training part",
        ("<=50K", ">50K"),
        "Kohavi 1996, Scaling up the accuracy of naive-Bayes classifiers",
        "f8b23826874c5d53f149f163ff9a19f2458d4f6feb6155afbe02772678ac73dd",
    ),
    "sonar": _table(
        "sonar",
        "Sonar returns of rocks and mines",
        ("M", "R"),
        "Gorman and Sejnowski 1988, Analysis of hidden units in a layered network",
        "ac07193202ec990f952b6ec7b36f298eb96398b2d4a903f8db82e9cec7238f6f",
    ),
    "ionosphere": _table(
        "ionosphere",
        "Ionosphere: radar returns, the first 200 for training",
        ("b", "g"),
        "Sigillito et al. 1989, Classification of radar returns from the ionosphere",
        "952943a0d53ed3987b5eff3e1b1c97dcdda828569927c196b33992c3ad7adab4",
        test="e6265111f00cde5bcfc4b0160f4485d4537fb78800c0981860f90c031b6e946b",
    ),
    "adult_census": _table(
        "adult_census",
        "Adult census income, both official parts, rows without a missing value",
        ("<=50K", ">50K"),
        "Kohavi 1996, Scaling up the accuracy of naive-Bayes classifiers",
        "2b99e8b701b64e64be88c404abd696a7be362ba1846678275feafdb66cb4312b",
        test="1875db2702073c0a09a113767576093740dbf96c5e56cd26f40e99fec851019b",
    ),
}
"""Every table by its name in split ids."""

FILES: dict[str, str] = {
    "mammography": "mammography",
    "oil_spill": "oil-spill",
    "abalone": "abalone",
    "ecoli": "ecoli",
    "glass": "glass",
    "new_thyroid": "new-thyroid",
    "haberman": "haberman",
    "german": "german",
    "pima": "pima-indians-diabetes",
    "phoneme": "phoneme",
    "winequality_red": "winequality-red",
    "winequality_white": "winequality-white",
    "adult": "adult-train",
    "sonar": "sonar",
    "ionosphere": "ionosphere",
    "adult_census": "adult-train",
}
"""Table → its file without ``.csv``: no header, the target last."""
TEST_FILES: dict[str, str] = {"adult_census": "adult-test"}
"""Table → the file of its test part, where that is a file of its own."""
TRAINING_ROWS: dict[str, int] = {"ionosphere": 200}
"""Table → how many rows its source trained on, from the first; the others are its test part."""
COMPLETE = frozenset({"adult_census"})
"""Tables of which their source leaves rows with a missing value out."""


def load_table(name: str, root: Path | None = None, part: str = "all") -> Pool:
    """Return a part of a table as a pool, checked against its published content.

    Parameters
    ----------
    name : str
        Key of TABLES.
    root : Path, optional
        Data root; see `harness.data.formats.files.data_root`.
    part : str, default="all"
        One of the table's `parts`.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    DataError
        If its file is missing, damaged or another edition.
    """
    where = data_root(root)
    table = lookup("table", name, TABLES)
    reading = Reading(header=False, force=True)
    raw = read_sklearn(name) if table.embedded else read_table(_path(name, where), reading)
    training = TRAINING_ROWS.get(name, len(raw))
    if name in TEST_FILES:
        raw = below(raw, _undotted(read_table(_path(name, where, TEST_FILES), reading)))
    pool = make_table(raw, reading=reading, dtype=np.float32).pool
    if part != "all":
        rows = rows_of_part(part, training, len(pool))
        pool = table_rows(pool, _complete(pool, rows) if name in COMPLETE else rows, part)
    if pool.fingerprint != table.contents[part]:
        raise DataError(
            f"Expected {name} with fingerprint {table.contents[part][:12]}…; what lies below "
            f"{where} gives {pool.fingerprint[:12]}…. It is damaged or another edition. Fetch it "
            f"again from {table.source}."
        )
    return pool


def rows_of_part(part: str, training: int, total: int) -> Int[np.ndarray, " m"]:
    """Return the rows of a table's part ``train`` (its first rows) or ``test`` (the others).

    Parameters
    ----------
    part : {"train", "test"}
        Which.
    training, total : int
        Rows for training, and of the whole table.
    """
    return np.arange(training) if part == "train" else np.arange(training, total)


def _undotted(raw: RawTable) -> RawTable:
    """Return a table without the full stop that the test file of adult has after each class."""
    classes = [word.removesuffix(".") for word in as_text(raw.columns[raw.last])]
    return replace(raw, columns={**raw.columns, raw.last: classes})


def _complete(pool: Pool, rows: Int[np.ndarray, " m"]) -> Int[np.ndarray, " k"]:
    """Return those of some rows that have every value."""
    return rows[~np.isnan(pool.inputs.take(rows)).any(axis=1)]


def table_path(name: str, root: Path, files: Mapping[str, str] = FILES) -> Path | None:
    """Return where the CSV file of a table lies below a data root, None when it is not there.

    Parameters
    ----------
    name : str
        Key of `files`.
    root : Path
        Data root.
    files : mapping of str to str, default=FILES
        Table → its file.
    """
    tried = (root / folder / f"{files[name]}.csv{end}" for folder in FOLDERS for end in _PACKED)
    return next((path for path in tried if path.is_file()), None)


def _path(name: str, root: Path, files: Mapping[str, str] = FILES) -> Path:
    found = table_path(name, root, files)
    if found is not None:
        return found
    raise DataError(
        f"Expected {files[name]}.csv (or .csv.gz) of {name} in {root / FOLDERS[0]}; there is none. "
        f"Get it from {SOURCE}, or name another data root with --data-root or TAILMARK_DATA."
    )
