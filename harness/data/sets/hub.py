"""Image classification sets of the Hugging Face Hub, read with its own library `datasets`.

A repository's parquet files are data: no code of a repository is ever run. Versions of the library
that could run some are refused. Classes are known by name: parts that number them differently are
numbered as the training part is.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.pools.encoded import Encoded
from harness.data.pools.file_pools import file_digests, fingerprint_files
from harness.data.sets.hub_labels import (
    Labelled,
    check_train,
    image_columns,
    label_column,
    labels_of,
    numbered,
)
from harness.errors import DataError, DownloadError
from harness.keys import sha256_of

OLDEST = 4
"""First major version of `datasets` that cannot run a repository's script at all."""
TEST_PARTS = ("test", "validation", "valid", "val")
"""Parts that may be the test part, the first with labels taken."""
_REPOSITORY = re.compile(r"(?:[\w.-]+/)?[\w.-]+")


@dataclass(frozen=True)
class HubSet:
    """What a repository holds, in its own encoding."""

    parts: dict[str, Encoded]
    """``train`` and ``test``, or ``all`` where no part to test on has labels."""
    class_names: tuple[str, ...]
    """As its features name them."""
    licence: str
    """As it states it, or ``none stated``."""
    citation: str
    """One line; the repository's name where it gives none."""
    findings: tuple[str, ...]
    """Where its parts number classes differently."""
    note: str
    """Which part is the test part, when it is not its own."""


def read_hub(reference: str, *, target: str = "", cache: Path | None = None) -> HubSet:
    """Return an image classification set of the Hub, downloaded or from a folder.

    Parameters
    ----------
    reference : str
        ``owner/name``, ``owner/name:config`` or a folder with a snapshot; ``@revision`` at the
        end names a commit or tag.
    target : str, optional
        The column of labels; empty: the only one of classes.
    cache : Path, optional
        Where the library keeps what it read; None: its own cache.

    Raises
    ------
    DataError
        If the library is missing or too old, or this is not an image classification set with a
        training part.
    DownloadError
        If it cannot be had.
    """
    name, config, revision = split_reference(reference)
    loaded = _loaded(name, config, revision, cache)
    if "train" not in loaded:
        raise DataError(
            f"Expected a part 'train' in {name}; it has {', '.join(loaded)}. Name another "
            "configuration, as in hf:owner/name:config."
        )
    image, label = label_column(loaded["train"].features, name, target)
    files = data_files(name, config, revision, cache)
    said = {
        part: labels_of(loaded[part], label, files.get(part, ()), f"part {part!r} of {name}")
        for part in loaded
        if part in ("train", *TEST_PARTS)
    }
    test, note = _test_part(said)
    classes = check_train(said["train"], label, name)
    found = {"all": ("train", said["train"])}
    if test is not None:
        found = {"train": found["all"], "test": (test, said[test])}
    info = loaded["train"].info
    return HubSet(
        {
            part: _encoded(loaded[at], image, numbered(labels, classes, name), f"{at} of {name}")
            for part, (at, labels) in found.items()
        },
        classes,
        str(info.license or "none stated"),
        " ".join(str(info.citation or name).split()),
        () if test is None else _renumbered(said[test], classes, test),
        note,
    )


def snapshot_digest(name: str, config: str | None, revision: str | None) -> str:
    """Return the sha256 of a set's files: their bytes in a folder, else their addresses.

    Parameters
    ----------
    name : str
        Repository or folder.
    config, revision : str or None
        As in the reference.

    Returns
    -------
    str
        Empty where a repository's files cannot be listed. Addresses name the commit.
    """
    home = Path(name)
    if not home.is_dir():
        files = sorted(f for part in data_files(name, config, revision).values() for f in part)
        return sha256_of(files) if files else ""
    found = sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file())
    paths = [path.as_posix() for path in found if not any(p.startswith(".") for p in path.parts)]
    return fingerprint_files(paths, file_digests(home, paths), None)


def hub_pictures(reference: str, *, cache: Path | None = None) -> Encoded:
    """Return the images of a set of the Hub, whatever its labels: an OOD set.

    Parameters
    ----------
    reference : str
        As in `read_hub`.
    cache : Path, optional
        Where the library keeps what it read; None: its own cache.

    Returns
    -------
    Encoded
        Of the first part there is of test, validation, valid, val and train; labels are 0.

    Raises
    ------
    DataError
        If it has no part, or not one column of images.
    DownloadError
        If it cannot be had.
    """
    name, config, revision = split_reference(reference)
    loaded = _loaded(name, config, revision, cache)
    part = next((part for part in (*TEST_PARTS, "train") if part in loaded), next(iter(loaded)))
    rows = loaded[part]
    images = image_columns(rows.features)
    if len(images) != 1:
        raise DataError(
            f"Expected one column of images in {part} of {name}; it has {len(images)}. Name "
            "another set."
        )
    return _encoded(rows, images[0], np.zeros(len(rows), dtype=np.int64), f"{part} of {name}")


def _renumbered(labels: Labelled, classes: tuple[str, ...], part: str) -> tuple[str, ...]:
    if labels.names in (None, classes):
        return ()
    return (
        f"The part {part!r} numbers {len(labels.names or ())} classes in its own way; they are "
        "matched by name to those of the training part.",
    )


def split_reference(reference: str) -> tuple[str, str | None, str | None]:
    """Return repository (or folder), configuration and revision of a reference.

    Raises
    ------
    DataError
        If it is neither a folder nor a repository's name.

    Examples
    --------
    >>> split_reference("zh-plus/tiny-imagenet")
    ('zh-plus/tiny-imagenet', None, None)
    >>> split_reference("owner/set:small@v1")
    ('owner/set', 'small', 'v1')
    """
    if reference and Path(reference).is_dir():
        return reference, None, None
    rest, _, revision = reference.partition("@")
    name, _, config = rest.partition(":")
    if not (name and Path(name).is_dir()) and _REPOSITORY.fullmatch(name) is None:
        raise DataError(
            f"Expected 'hf:owner/name', 'hf:owner/name:config' or 'hf:' and a folder; got "
            f"'hf:{reference}'. Write for example hf:zh-plus/tiny-imagenet"
        )
    return name, config or None, revision or None


def _loaded(name: str, config: str | None, revision: str | None, cache: Path | None) -> Any:
    """Return the repository's parts."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise DataError(
            "Data sets of the Hub need the library 'datasets', which is not installed. Run: "
            "pip install 'tailmark[hub]'"
        ) from None
    if int(datasets.__version__.split(".")[0]) < OLDEST:
        raise DataError(
            f"Expected 'datasets' of version {OLDEST} or later, which runs no code of a "
            f"repository; got {datasets.__version__}. Run: pip install -U 'tailmark[hub]'"
        )
    if not sys.stderr.isatty():  # its bars would fill a log with half lines
        datasets.disable_progress_bars()
    try:
        if (Path(name) / "state.json").is_file():  # one part, as `Dataset.save_to_disk` leaves it
            return {"train": datasets.load_from_disk(name)}
        return datasets.load_dataset(
            name, config, revision=revision, cache_dir=None if cache is None else str(cache)
        )
    except Exception as error:  # whatever its libraries say of files that somebody else wrote
        said = " ".join(str(error).split())[:300]
        if "script" in said.lower():
            raise DataError(
                f"{name} is a data set with a script of its own, which is never run: {said} "
                "Look for a parquet copy of it (often the revision refs/convert/parquet)."
            ) from error
        raise DownloadError(
            f"Expected the data set {name} of the Hugging Face Hub; got: {said} Check name, "
            "configuration and network, or name the folder of a snapshot: hf:FOLDER"
        ) from error


def data_files(
    name: str, config: str | None, revision: str | None, cache: Path | None = None
) -> dict[str, tuple[str, ...]]:
    """Return part → addresses of its data files, in which the commit of a repository stands.

    Parameters
    ----------
    name : str
        Repository or folder.
    config, revision : str or None
        As in the reference.
    cache : Path, optional
        Where the library keeps what it read; None: its own cache.

    Returns
    -------
    dict of str to tuple of str
        Empty where the library is missing, or cannot list them without a network.
    """
    try:
        import datasets
    except ModuleNotFoundError:
        return {}
    try:
        builder = datasets.load_dataset_builder(
            name, config, revision=revision, cache_dir=None if cache is None else str(cache)
        )
    except Exception:  # what is wrong is said by `_loaded`
        return {}
    return {
        str(part): tuple(map(str, files))
        for part, files in (builder.config.data_files or {}).items()
    }


def _test_part(said: dict[str, Labelled]) -> tuple[str | None, str]:
    """Return the part to test on, None without one, and what to tell when it is not ``test``."""
    there = [part for part in TEST_PARTS if part in said]
    for part in there:
        if len(said[part].values) and not said[part].missing:
            others = [other for other in there if other not in (part, "test")]
            unused = f" {' and '.join(map(repr, others))} is in no pool." if others else ""
            if part == "test":
                return part, f"The published part{unused}" if unused else ""
            why = "its test part has no labels" if "test" in said else "there is no test part"
            return part, f"The published part {part!r} is the test pool: {why}.{unused}"
    unlabelled = f" ({', '.join(map(repr, there))} has no labels)" * bool(there)
    return None, (
        f"There is no labelled part to test on{unlabelled}: test rows are drawn from the training "
        "part."
    )


def _encoded(rows: Any, image: str, labels: np.ndarray, source: str) -> Encoded:
    import datasets

    part, _, home = source.partition(" of ")
    source = f"{part} of {Path(home).name}" if Path(home).is_dir() else source
    raw = rows.select_columns([image]).cast_column(image, datasets.Image(decode=False))

    def read(row: int) -> tuple[Path | bytes, str]:
        found = raw[row][image]
        if found is None or (found["bytes"] is None and found["path"] is None):
            raise DataError(
                f"Expected an image in row {row:,} of {source}; there is none. Take the row out."
            )
        name = f"row {row:,} of {source}" + (f", {found['path']}" if found["path"] else "")
        if found["bytes"] is not None:
            return bytes(found["bytes"]), name
        return Path(found["path"]), name

    return Encoded(labels, read)
