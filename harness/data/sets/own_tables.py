"""Tables of the user's own: from a file or from OpenML, brought into the prepared form."""

from dataclasses import replace
from pathlib import Path

from harness.data.formats.table_files import read_csv, read_openml, read_parquet
from harness.data.sets.own_options import Options
from harness.data.sets.prepared import save_table
from harness.errors import DataError
from harness.keys import sha256_file
from harness.types import DatasetSpec, Pool


def table_identity(what: str, options: Options) -> tuple[str, str]:
    """Return where a table in a file lies, and the sha256 of its bytes."""
    path = Path(what)
    if not path.is_file():
        raise DataError(
            f"Expected a table in a file at {path}; there is none. Write for example table:mine.csv"
        )
    return str(path.resolve()), sha256_file(path)


def openml_identity(what: str, options: Options) -> tuple[str, str]:
    """Return the address of a data set of OpenML, whose number never gets another content."""
    if not what.isdigit():
        raise DataError(
            f"Expected 'openml:' and a number; got 'openml:{what}'. Write for example openml:310"
        )
    return f"https://www.openml.org/d/{what}", ""


def write_openml(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a data set of OpenML and write its prepared form; return its facts."""
    source, _ = openml_identity(what, options)
    pool, said = read_openml(int(what), root, target=options.target, download=True)
    spec = _write_table(folder, name, f"{said.get('name', what)} (OpenML {what})", source, pool)
    licence = said.get("licence") or "none stated"
    citation = " ".join(said.get("citation", f"OpenML, data set {what}").split())
    return replace(spec, licence=licence, citation=citation)


def write_table(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a table in a file and write its prepared form; return its facts."""
    path = Path(what)
    if path.suffix == ".parquet":
        if not options.target:
            raise DataError(f"Expected the column to predict in {path}. Name it with --target.")
        pool = read_parquet(path, options.target)
    else:
        pool = read_csv(path, options.target or None, header=options.header)
    return _write_table(folder, name, path.name, str(path.resolve()), pool)


def _write_table(folder: Path, name: str, title: str, source: str, pool: Pool) -> DatasetSpec:
    save_table(folder, name, pool)
    return DatasetSpec(
        name=name,
        title=title,
        modality="table",
        class_names=pool.class_names,
        image_shape=None,
        source=source,
        licence="none stated",
        citation=title,
        parts=("all",),
        contents={"all": pool.fingerprint},
    )
