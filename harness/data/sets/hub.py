"""Image classification sets of the Hugging Face Hub, read with its own library `datasets`.

A repository's parquet files are data: no code of a repository is ever run. Versions of the library
that could run some are refused.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.pools.encoded import Encoded
from harness.errors import DataError, DownloadError

OLDEST = 4
"""First major version of `datasets` that cannot run a repository's script at all."""
TEST_PARTS = ("test", "validation", "valid", "val")
"""Parts that may be the test part, the first with labels taken."""
_REPOSITORY = re.compile(r"(?:[\w.-]+/)?[\w.-]+")


@dataclass(frozen=True)
class HubSet:
    """What a repository holds, in its own encoding."""

    parts: dict[str, Encoded]
    """``train`` and ``test``."""
    class_names: tuple[str, ...]
    """As its features name them."""
    licence: str
    """As it states it, or ``none stated``."""
    citation: str
    """One line; the repository's name where it gives none."""
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
        If the library is missing or too old, or this is no image classification set with a
        training and a labelled test part.
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
    image, label = _columns(loaded["train"].features, name, target)
    test, note = _test_part(loaded, label, name)
    parts = {"train": loaded["train"], "test": loaded[test]}
    info = loaded["train"].info
    return HubSet(
        {part: _encoded(rows, image, label, f"{part} of {name}") for part, rows in parts.items()},
        tuple(map(str, loaded["train"].features[label].names)),
        str(info.license or "none stated"),
        " ".join(str(info.citation or name).split()),
        note,
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
    try:
        return datasets.load_dataset(
            name, config, revision=revision, cache_dir=None if cache is None else str(cache)
        )
    except (OSError, RuntimeError, ValueError, datasets.exceptions.DatasetsError) as error:
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


def _columns(features: Any, name: str, target: str) -> tuple[str, str]:
    """Return the names of the column of images and of the column of classes."""
    import datasets

    images = [key for key, kind in features.items() if isinstance(kind, datasets.Image)]
    classes = [key for key, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    if len(images) != 1 or not classes:
        kinds = ", ".join(f"{key} ({type(kind).__name__})" for key, kind in features.items())
        raise DataError(
            f"Expected one column of images and one of class labels in {name}; its columns are "
            f"{kinds}. Only image classification sets can be prepared."
        )
    wanted = [key for key in classes if target in ("", key)]
    if len(wanted) != 1:
        raise DataError(
            f"Expected the column of labels of {name}; it has {', '.join(classes)}"
            + (f", got {target!r}" if target else "")
            + f". Name one: --target {classes[0]}"
        )
    return images[0], wanted[0]


def _test_part(loaded: Any, label: str, name: str) -> tuple[str, str]:
    """Return the part to test on and what to tell the user when it is not ``test``."""
    for part in TEST_PARTS:
        if part in loaded and min(loaded[part][label], default=-1) >= 0:
            if part == "test":
                return part, ""
            why = "its test part has no labels" if "test" in loaded else "there is no test part"
            return part, f"The published part {part!r} is the test pool: {why}."
    raise DataError(
        f"Expected a labelled part to test on in {name}, one of {', '.join(TEST_PARTS)}; it has "
        f"{', '.join(loaded)}. Name another configuration, or split it into a folder of your own."
    )


def _encoded(rows: Any, image: str, label: str, source: str) -> Encoded:
    import datasets

    labels = np.asarray(rows[label], dtype=np.int64)
    if len(labels) == 0 or labels.min() < 0:
        raise DataError(
            f"Expected a class label in every row of {source}; "
            f"{int((labels < 0).sum()) if len(labels) else 'no row'} have none. Name another "
            "configuration."
        )
    raw = rows.select_columns([image]).cast_column(image, datasets.Image(decode=False))

    def read(row: int) -> bytes:
        found = raw[row][image]
        if found["bytes"] is not None:
            return bytes(found["bytes"])
        return Path(found["path"]).read_bytes()

    return Encoded(labels, read)
