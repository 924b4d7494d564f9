"""Data sets of the user's own choice, brought into the prepared form with facts beside it.

From the Hugging Face Hub (``hf:``), OpenML (``openml:``), a table in a file (``table:``) or a
folder of images with index lists (``folder:``). Each gets a name for split ids and is a data set
like those shipped from then on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.data.formats.table_files import read_csv, read_openml, read_parquet
from harness.data.pools.encoded import Encoded, decode_parts, encoded_files
from harness.data.pools.index_lists import check_present, read_index
from harness.data.pools.pools import fingerprint
from harness.data.sets.hub import read_hub, split_reference
from harness.data.sets.prepared import save_facts, save_prepared, save_table
from harness.errors import DataError
from harness.types import DatasetSpec, Pool


@dataclass(frozen=True)
class Options:
    """What a user may say about a data set of their own."""

    target: str = ""
    """Column to predict; empty: the one that the source names, the last one of a CSV file."""
    size: int | None = None
    """Side in pixels that images are scaled to; None: as they are."""
    header: bool = True
    """Whether the first line of a CSV file has names."""


def own_name(reference: str) -> str:
    """Return the name that a reference's data set has in split ids.

    Parameters
    ----------
    reference : str
        ``<kind>:<what>``, kind in SOURCES.

    Raises
    ------
    DataError
        If the name would be empty.

    Examples
    --------
    >>> own_name("hf:zh-plus/tiny-imagenet")
    'hf_zh_plus_tiny_imagenet'
    >>> own_name("table:/data/My Rows.csv.gz")
    'table_my_rows'
    """
    kind, _, what = reference.partition(":")
    if kind == "hf":
        name, config, _ = split_reference(what)
        folder = Path(name)
        what = folder.resolve().name if folder.is_dir() else name
        what += "" if config is None else f"_{config}"
    elif kind in ("table", "folder"):
        what = Path(what).resolve().name
        what = what.partition(".")[0] if kind == "table" else what
    slug = re.sub(r"[^a-z0-9]+", "_", what.lower()).strip("_")
    if not slug:
        raise DataError(
            f"Expected something to call the data set after {kind!r}; got {reference!r}. Write "
            f"for example {EXAMPLES[kind]}."
        )
    return f"{kind}_{slug}"


def write_own(reference: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a data set of the user's own and write its prepared form and facts.

    Parameters
    ----------
    reference : str
        ``<kind>:<what>``, kind in SOURCES.
    folder : Path
        Data root to write into: ``<folder>/prepared/<name>``.
    root : Path
        The user's data root, where OpenML's files are kept.
    options : Options
        What the user said.

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
    spec = SOURCES[kind](what, own_name(reference), folder, root, options)
    save_facts(folder, spec)
    return spec


def _from_hub(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    repository, config, _ = split_reference(what)
    local = Path(repository).is_dir()
    # a download stays in the library's own cache, so that another --size needs no second one
    found = read_hub(what, target=options.target, cache=folder / "hub" if local else None)
    title = Path(repository).resolve().name if local else repository
    source = str(Path(repository).resolve()) if local else f"https://huggingface.co/datasets/{what}"
    spec = _own(name, f"{title}, {config}" if config else title, found.class_names, source)
    spec = replace(spec, licence=found.licence, citation=found.citation, caveat=found.note)
    return _write_images(folder, spec, found.parts, options)


def _from_folder(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read ``train`` and ``test`` index lists (``.txt`` or ``.csv``) and the images they name.

    Class names are the lines of ``classes.txt``; without it, the indices.
    """
    home = Path(what)
    parts = {part: _listed(home, part) for part in ("train", "test")}
    labels = np.concatenate([part.labels for part in parts.values()])
    listed = home / "classes.txt"
    names = (
        listed.read_text().splitlines() if listed.is_file() else map(str, range(max(labels) + 1))
    )
    spec = _own(name, home.resolve().name, tuple(names), str(home.resolve()))
    if labels.min() < 0 or labels.max() >= spec.num_classes:
        raise DataError(
            f"Expected labels 0 … {spec.num_classes - 1} in the lists of {home}; got "
            f"{labels.min()} … {labels.max()}. Mend the lists or classes.txt."
        )
    return _write_images(folder, spec, parts, options)


def _listed(home: Path, part: str) -> Encoded:
    """Return the images that a part's index list names."""
    lists = [home / f"{part}{end}" for end in (".txt", ".csv")]
    index = next((path for path in lists if path.is_file()), None)
    if index is None:
        raise DataError(
            f"Expected an index list {part}.txt or {part}.csv in {home}; there is none. Write "
            "one line 'path label' an image."
        )
    paths, labels = read_index(index)
    check_present(home, paths, str(index))
    return encoded_files(home, paths, labels)


def _write_images(
    folder: Path, spec: DatasetSpec, parts: Mapping[str, Encoded], options: Options
) -> DatasetSpec:
    """Write parts of images; return the facts with what the arrays say."""
    images = decode_parts(parts, spec.source, size=options.size)
    for part, encoded in parts.items():
        save_prepared(folder, spec.name, part, images[part], encoded.labels)
    height, width, channels = images["train"].shape[1:]
    scaled = "" if options.size is None else f"Scaled to {options.size} pixels a side."
    return replace(
        spec,
        modality="image",
        image_shape=(height, width, channels),
        parts=tuple(parts),
        contents={p: fingerprint(images[p], encoded.labels) for p, encoded in parts.items()},
        caveat=" ".join(text for text in (spec.caveat, scaled) if text),
    )


def _from_openml(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    if not what.isdigit():
        raise DataError(
            f"Expected 'openml:' and a number; got 'openml:{what}'. Write for example openml:310"
        )
    pool, said = read_openml(int(what), root, target=options.target, download=True)
    source = f"https://www.openml.org/d/{what}"
    spec = _write_table(folder, name, f"{said.get('name', what)} (OpenML {what})", source, pool)
    licence = said.get("licence") or "none stated"
    citation = " ".join(said.get("citation", f"OpenML, data set {what}").split())
    return replace(spec, licence=licence, citation=citation)


def _from_table(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
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
    return replace(_own(name, title, pool.class_names, source), contents={"all": pool.fingerprint})


def _own(name: str, title: str, class_names: tuple[str, ...], source: str) -> DatasetSpec:
    """Return facts of a table; everything that its owner did not tell is said to be so."""
    return DatasetSpec(
        name=name,
        title=title,
        modality="table",
        class_names=class_names,
        image_shape=None,
        source=source,
        licence="none stated",
        citation=title,
        parts=("all",),
    )


Source = Callable[[str, str, Path, Path, Options], DatasetSpec]
SOURCES: dict[str, Source] = {
    "hf": _from_hub,
    "openml": _from_openml,
    "table": _from_table,
    "folder": _from_folder,
}
"""First word of a reference → what reads the rest of it and writes the parts."""
EXAMPLES = {
    "hf": "hf:zh-plus/tiny-imagenet",
    "openml": "openml:310",
    "table": "table:mine.csv",
    "folder": "folder:my-images",
}
"""One reference of each kind."""
