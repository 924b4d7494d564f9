"""Data sets of the user's own choice, brought into the prepared form with facts beside it.

From the Hugging Face Hub (``hf:``), OpenML (``openml:``), a table in a file (``table:``) or a
folder of images with index lists (``folder:``). Each gets a name for split ids and is a data set
like those shipped from then on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harness.data.pools.doubles import double_findings
from harness.data.sets.own_images import folder_identity, hub_identity, write_folder, write_hub
from harness.data.sets.own_ood import ood_digest
from harness.data.sets.own_options import Options, check_name, differences, identity, named
from harness.data.sets.own_tables import (
    openml_identity,
    table_identity,
    write_openml,
    write_table,
)
from harness.data.sets.prepared import read_prepared, save_facts
from harness.errors import DataError
from harness.keys import sha256_of
from harness.types import DatasetSpec, Identity

__all__ = ["SOURCES", "Options", "own_identity", "own_name", "refuse_other", "write_own"]


@dataclass(frozen=True)
class Source:
    """A kind of place that data sets of the user's own come from."""

    modality: Literal["image", "table"]
    """What one input is."""
    identity: Callable[[str, Options], tuple[str, str]]
    """From the rest of the reference to where it lies, and the sha256 of what lies there."""
    write: Callable[[str, str, Path, Path, Options], DatasetSpec]
    """From the rest, a name, the folder to write into and the data root to the facts."""
    example: str
    """A reference of this kind."""


def own_name(reference: str, options: Options | None = None, taken: Mapping[str, Any] = {}) -> str:
    """Return the name that a reference's data set has in split ids.

    Parameters
    ----------
    reference : str
        ``<kind>:<what>``, kind in SOURCES.
    options : Options, optional
        Their `name` is taken where there is one.
    taken : mapping, optional
        Names of shipped data sets.

    Raises
    ------
    DataError
        If the name would be empty, or the one given will not do.

    Examples
    --------
    >>> own_name("hf:zh-plus/tiny-imagenet")
    'hf_zh_plus_tiny_imagenet'
    >>> own_name("table:/data/My Rows.csv.gz")
    'table_my_rows'
    >>> own_name("table:/data/My Rows.csv.gz", Options(name="rows_of_may"))
    'rows_of_may'
    """
    if options is not None and options.name:
        return check_name(options.name, taken)
    return named(reference)


def own_identity(reference: str, options: Options) -> Identity:
    """Return what a data set of the user's own would be made from now.

    Parameters
    ----------
    reference : str
        ``<kind>:<what>``, kind in SOURCES.
    options : Options
        What the user said.

    Raises
    ------
    DataError
        If there is nothing where it says.
    """
    kind, _, what = reference.partition(":")
    source, digest = SOURCES[kind].identity(what, options)
    modality = SOURCES[kind].modality
    ood = ood_digest(options, modality)
    return identity(source, sha256_of([digest, *ood]) if ood else digest, modality, options)


def refuse_other(there: DatasetSpec, asked: Identity, folder: Path) -> None:
    """Refuse to call a data set prepared when what is there was made from something else.

    Parameters
    ----------
    there : DatasetSpec
        Facts of what is prepared under the name.
    asked : Identity
        What is to be prepared.
    folder : Path
        Where the prepared one lies.

    Raises
    ------
    DataError
        With every difference, and how to keep both.
    """
    name = there.name
    found = (
        ["it was prepared by an earlier version, which did not note its source and options"]
        if there.identity is None
        else differences(there.identity, asked)
    )
    if found:
        raise DataError(
            f"Expected {name} to be prepared from the same source with the same options; it is "
            f"there with others: {'; '.join(found)}. Give this one a name of its own, for example "
            f"--name {_free(name, folder.parent)}, or delete {folder} to prepare {name} from it."
        )


def _free(name: str, home: Path) -> str:
    """Return the name with the first number that no prepared set has."""
    number = 2
    while (home / f"{name}_{number}").exists():
        number += 1
    return f"{name}_{number}"


def write_own(
    reference: str, name: str, folder: Path, root: Path, options: Options, asked: Identity
) -> DatasetSpec:
    """Read a data set of the user's own and write its prepared form and facts.

    Parameters
    ----------
    reference : str
        ``<kind>:<what>``, kind in SOURCES.
    name : str
        From `own_name`.
    folder : Path
        Data root to write into: ``<folder>/prepared/<name>``.
    root : Path
        The user's data root, where OpenML's files are kept.
    options : Options
        What the user said.
    asked : Identity
        From `own_identity`; noted in the facts.

    Returns
    -------
    DatasetSpec
        Its facts; fingerprints of its parts among them.

    Raises
    ------
    DataError
        If it cannot be read, or is nothing that can be classified.
    DownloadError
        If it cannot be had.
    """
    kind, _, what = reference.partition(":")
    spec = SOURCES[kind].write(what, name, folder, root, options)
    doubles = double_findings({part: read_prepared(folder, spec, part) for part in spec.parts})
    spec = replace(spec, identity=asked, findings=(*spec.findings, *doubles))
    save_facts(folder, spec)
    return spec


SOURCES: dict[str, Source] = {
    "hf": Source("image", hub_identity, write_hub, "hf:zh-plus/tiny-imagenet"),
    "openml": Source("table", openml_identity, write_openml, "openml:310"),
    "table": Source("table", table_identity, write_table, "table:mine.csv"),
    "folder": Source("image", folder_identity, write_folder, "folder:my-images"),
}
"""First word of a reference → how the rest of it is read."""
