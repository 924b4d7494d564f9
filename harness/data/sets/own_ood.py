"""OOD sets of the user's own, prepared with the data set they are out of: ``--near``, ``--far``.

They take the form of the ID data: images its size and channels, tables its columns and categories.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.data.formats.raw_table import RawTable, Reading, below
from harness.data.formats.table_files import read_table
from harness.data.pools.encoded import Encoded, Form, decode_part, encoded_files, look
from harness.data.pools.file_pools import file_digests, fingerprint_files
from harness.data.pools.pools import fingerprint
from harness.data.pools.table_columns import stacked, typed_columns
from harness.data.pools.tables import TableInputs, table_pool
from harness.data.sets.hub import hub_pictures, snapshot_digest, split_reference
from harness.data.sets.image_folders import images_of
from harness.data.sets.own_options import Options, named
from harness.data.sets.prepared import save_prepared, save_table
from harness.errors import DataError
from harness.keys import sha256_file
from harness.types import DatasetSpec, Pool

KINDS: Mapping[str, tuple[str, ...]] = {"image": ("folder", "hf"), "table": ("table",)}
"""Modality of the ID data → kinds of source that its OOD sets may come from."""


def ood_sources(options: Options, modality: str) -> dict[str, tuple[str, str]]:
    """Return part → kind and place of each OOD set that a user names.

    Parameters
    ----------
    options : Options
        Its `near` and `far` are references such as ``folder:textures``.
    modality : {"image", "table"}
        Of the ID data.

    Raises
    ------
    DataError
        If one is of another kind, or two would have one name.
    """
    found: dict[str, tuple[str, str]] = {}
    for place in ("near", "far"):
        for reference in getattr(options, place):
            kind, _, what = reference.partition(":")
            if kind not in KINDS[modality] or not what:
                kinds = " or ".join(f"{each}:…" for each in KINDS[modality])
                raise DataError(
                    f"Expected an OOD set of {modality}s, {kinds}, as --{place}; got "
                    f"{reference!r}. Name a source of the same kind as the data set."
                )
            part = f"{place}_{named(reference)}"
            twice = [p for p in found if p.partition("_")[2] == part.partition("_")[2]]
            if twice:
                raise DataError(
                    f"Expected OOD sets with names of their own; {reference!r} would be "
                    f"{part.partition('_')[2]!r} like another. Rename its folder or file."
                )
            found[part] = (kind, what)
    return found


def ood_digest(options: Options, modality: str) -> list[str]:
    """Return the sha256 of what lies where each OOD set is read from."""
    digests = []
    for kind, what in ood_sources(options, modality).values():
        if kind == "table":
            digests.append(sha256_file(_file(what)))
        elif kind == "folder":
            home, paths = Path(what), images_of(Path(what))
            digests.append(fingerprint_files(paths, file_digests(home, paths), None))
        else:
            digests.append(snapshot_digest(*split_reference(what)))
    return digests


def _file(what: str) -> Path:
    path = Path(what)
    if not path.is_file():
        raise DataError(
            f"Expected a table in a file at {path}; there is none. Name another one with --near "
            "or --far."
        )
    return path


def with_ood_images(folder: Path, spec: DatasetSpec, options: Options, form: Form) -> DatasetSpec:
    """Write the OOD images that a user names; return the facts with them.

    Parameters
    ----------
    folder : Path
        Data root to write into.
    spec : DatasetSpec
        Facts of the ID data.
    options : Options
        What the user said.
    form : Form
        Of the ID images.
    """
    for part, (kind, what) in ood_sources(options, "image").items():
        if kind == "folder":
            paths = images_of(Path(what))
            encoded = encoded_files(Path(what), paths, np.zeros(len(paths), dtype=np.int64))
        else:
            encoded = hub_pictures(what, cache=folder / "hub" if Path(what).is_dir() else None)
        seen = look({part: encoded})
        own = replace(form, depth=max(form.depth, seen.depth))
        images = decode_part(encoded, what, own)
        save_prepared(folder, spec.name, part, images, encoded.labels)
        notes = [
            f"{part}: {finding}"
            for finding in (*_resized(encoded, seen.sizes, form), *seen.findings(own))
        ]
        spec = _with(spec, part, fingerprint(images, encoded.labels), notes)
    return spec


def _resized(encoded: Encoded, sizes: set[tuple[int, int]], form: Form) -> Iterator[str]:
    if sizes != {form.size}:
        yield (
            f"{len(encoded):,} images of {len(sizes):,} sizes are scaled to the "
            f"{form.size[1]}×{form.size[0]} pixels of the ID data; a detector may see that."
        )


def _with(spec: DatasetSpec, part: str, content: str, notes: list[str]) -> DatasetSpec:
    return replace(
        spec,
        parts=(*spec.parts, part),
        contents={**spec.contents, part: content},
        findings=(*spec.findings, *notes),
    )


def with_ood_tables(
    folder: Path, spec: DatasetSpec, options: Options, rest: RawTable, pool: Pool, reading: Reading
) -> DatasetSpec:
    """Write the OOD tables that a user names; return the facts with them.

    Parameters
    ----------
    folder : Path
        Data root to write into.
    spec : DatasetSpec
        Facts of the ID data.
    options : Options
        What the user said.
    rest : RawTable
        The ID data's columns without the target.
    pool : Pool
        The ID data.
    reading : Reading
        How tables are read.

    Raises
    ------
    DataError
        If an OOD table lacks a column, or one of its columns reads as another kind.
    """
    known = pool.inputs
    assert isinstance(known, TableInputs), "ID data of tables are a table"
    for part, (_, what) in ood_sources(options, "table").items():
        other = read_table(_file(what), reading)
        other = other.without([name for name in other.columns if name not in rest.columns])
        typed = typed_columns(below(rest, other), reading)
        if (*typed.numeric, *typed.categorical) != known.names:
            odd = sorted({*typed.numeric, *typed.categorical} ^ {*known.names})
            kinds = [n for n in typed.categorical if n in known.names[: known.numeric.shape[1]]]
            raise DataError(
                f"Expected the columns of {rest.source} with values of the same kinds in {what}; "
                f"{', '.join(kinds or odd)} reads otherwise. Correct the file, or leave the column "
                "out of both with --drop."
            )
        rows = np.arange(len(rest), len(rest) + len(other))
        codes, unseen = {}, 0
        for (name, (indices, kinds_)), ours in zip(
            typed.categorical.items(), known.categories, strict=True
        ):
            number = {kind: k for k, kind in enumerate(ours)}
            mapped = np.array([number.get(kind, -1) for kind in kinds_] + [-1], dtype=np.int32)
            codes[name] = mapped[indices[rows]]
            unseen += int(((indices[rows] >= 0) & (codes[name] < 0)).sum())
        n = len(rows)
        inputs = TableInputs(
            stacked(
                {name: v[rows] for name, v in typed.numeric.items()}, n, known.numeric.dtype.type
            ),
            stacked(codes, n, np.int32),
            known.names,
            known.categories,
        )
        ood = table_pool(part, inputs, np.zeros(n, dtype=np.int64), pool.class_names)
        save_table(folder, spec.name, ood)
        notes = (
            [f"{part}: {unseen:,} values of categories that the ID data lack count as missing."]
            if unseen
            else []
        )
        spec = _with(spec, part, ood.fingerprint, notes)
    return spec
