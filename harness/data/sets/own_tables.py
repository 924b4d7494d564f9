"""Tables of the user's own: from a file or from OpenML, brought into the prepared form."""

import unicodedata
from dataclasses import replace
from pathlib import Path

from harness.data.formats.raw_table import RawTable, Reading
from harness.data.formats.table_files import read_openml, read_table
from harness.data.formats.text_files import check_regular
from harness.data.pools.tables import make_table
from harness.data.sets.own_options import Options
from harness.data.sets.prepared import save_table
from harness.errors import DataError
from harness.keys import sha256_file
from harness.types import DatasetSpec


def table_identity(what: str, options: Options) -> tuple[str, str]:
    """Return where a table in a file lies, and the sha256 of its bytes."""
    path = Path(what)
    if not path.exists():
        raise DataError(
            f"Expected a table in a file at {path}; there is none. Write for example table:mine.csv"
        )
    check_regular(path)
    return str(path.resolve()), sha256_file(path)


def openml_identity(what: str, options: Options) -> tuple[str, str]:
    """Return the address of a data set of OpenML, whose number never gets another content."""
    if not (what.isascii() and what.isdigit()):
        raise DataError(
            f"Expected 'openml:' and a number; got 'openml:{what}'. Write for example openml:310"
        )
    return f"https://www.openml.org/d/{what}", ""


def write_openml(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a data set of OpenML and write its prepared form; return its facts."""
    source, _ = openml_identity(what, options)
    raw, said = read_openml(int(what), root, target=options.target, download=True)
    spec = _write_table(
        folder, name, f"{said.get('name', what)} (OpenML {what})", source, raw, options
    )
    licence = said.get("licence") or "none stated"
    citation = " ".join(said.get("citation", f"OpenML, data set {what}").split())
    return replace(spec, licence=licence, citation=citation)


def write_table(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a table in a file and write its prepared form; return its facts."""
    path = Path(what)
    raw = read_table(path, reading_of(options))
    return _write_table(folder, name, path.name, str(path.resolve()), raw, options)


def reading_of(options: Options) -> Reading:
    """Return how a table is to be read; names are compared in Unicode's composed form."""
    composed = {
        kind: tuple(unicodedata.normalize("NFC", name) for name in getattr(options, kind))
        for kind in ("missing", "text", "drop")
    }
    return Reading(
        header=options.header,
        separator={"tab": "\t", "\\t": "\t"}.get(options.separator, options.separator),
        decimal=options.decimal,
        encoding=options.encoding,
        force=options.force,
        **composed,
    )


def _write_table(
    folder: Path, name: str, title: str, source: str, raw: RawTable, options: Options
) -> DatasetSpec:
    target = unicodedata.normalize("NFC", options.target)
    table = make_table(raw, target, reading_of(options))
    save_table(folder, name, table.pool)
    return DatasetSpec(
        name=name,
        title=title,
        modality="table",
        class_names=table.pool.class_names,
        image_shape=None,
        source=source,
        licence="none stated",
        citation=title,
        parts=("all",),
        contents={"all": table.pool.fingerprint},
        findings=table.notes,
    )
