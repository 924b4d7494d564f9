"""Image sets of the user's own: from the Hub or from folders, brought into the prepared form."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.pools.encoded import Encoded, decode_parts, encoded_files
from harness.data.pools.file_pools import file_digests, fingerprint_files
from harness.data.pools.index_lists import check_present, read_index
from harness.data.pools.pools import fingerprint
from harness.data.sets.hub import read_hub, split_reference
from harness.data.sets.own_options import Options
from harness.data.sets.prepared import save_prepared
from harness.errors import DataError
from harness.keys import sha256_text
from harness.types import DatasetSpec


def hub_identity(what: str, options: Options) -> tuple[str, str]:
    """Return where a set of the Hub lies, and the sha256 of a snapshot's files."""
    repository, _, _ = split_reference(what)
    home = Path(repository)
    if not home.is_dir():
        return f"https://huggingface.co/datasets/{what}", ""
    files = sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file())
    paths = [path.as_posix() for path in files if not any(p.startswith(".") for p in path.parts)]
    return str(home.resolve()), fingerprint_files(paths, file_digests(home, paths), None)


def folder_identity(what: str, options: Options) -> tuple[str, str]:
    """Return where a folder lies, and the sha256 of its lists and the images they name."""
    home = Path(what)
    sha = ""
    for part in ("train", "test"):
        paths, labels = _index(home, part)
        sha += fingerprint_files(paths, file_digests(home, paths), labels)
    listed = home / "classes.txt"
    sha += listed.read_text(encoding="utf-8-sig") if listed.is_file() else ""
    return str(home.resolve()), sha256_text(sha)


def write_hub(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a set of the Hub and write its prepared form; return its facts."""
    repository, config, _ = split_reference(what)
    local = Path(repository).is_dir()
    # a download stays in the library's own cache, so that another --size needs no second one
    found = read_hub(what, target=options.target, cache=folder / "hub" if local else None)
    title = Path(repository).resolve().name if local else repository
    source = str(Path(repository).resolve()) if local else f"https://huggingface.co/datasets/{what}"
    spec = _own(name, f"{title}, {config}" if config else title, found.class_names, source)
    spec = replace(spec, licence=found.licence, citation=found.citation, caveat=found.note)
    return _write_images(folder, spec, found.parts, options)


def write_folder(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read ``train`` and ``test`` index lists (``.txt`` or ``.csv``) and the images they name.

    Class names are the lines of ``classes.txt``; without it, the indices.
    """
    home = Path(what)
    parts = {part: _listed(home, part) for part in ("train", "test")}
    labels = np.concatenate([part.labels for part in parts.values()])
    listed = home / "classes.txt"
    names = (
        listed.read_text(encoding="utf-8-sig").splitlines()
        if listed.is_file()
        else map(str, range(max(labels) + 1))
    )
    spec = _own(name, home.resolve().name, tuple(names), str(home.resolve()))
    if labels.min() < 0 or labels.max() >= spec.num_classes:
        raise DataError(
            f"Expected labels 0 … {spec.num_classes - 1} in the lists of {home}; got "
            f"{labels.min()} … {labels.max()}. Correct the lists or classes.txt."
        )
    return _write_images(folder, spec, parts, options)


def _index(home: Path, part: str) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    """Return what a part's index list names, checked to be there."""
    lists = [home / f"{part}{end}" for end in (".txt", ".csv")]
    index = next((path for path in lists if path.is_file()), None)
    if index is None:
        raise DataError(
            f"Expected an index list {part}.txt or {part}.csv in {home}; there is none. Write "
            "one line 'path label' per image."
        )
    paths, labels = read_index(index)
    check_present(home, paths, str(index))
    return paths, labels


def _listed(home: Path, part: str) -> Encoded:
    """Return the images that a part's index list names."""
    return encoded_files(home, *_index(home, part))


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
        image_shape=(height, width, channels),
        parts=tuple(parts),
        contents={p: fingerprint(images[p], encoded.labels) for p, encoded in parts.items()},
        caveat=" ".join(text for text in (spec.caveat, scaled) if text),
    )


def _own(name: str, title: str, class_names: tuple[str, ...], source: str) -> DatasetSpec:
    """Return facts of an image set; what its owner did not tell is said to be so."""
    return DatasetSpec(
        name=name,
        title=title,
        modality="image",
        class_names=class_names,
        image_shape=None,
        source=source,
        licence="none stated",
        citation=title,
    )
