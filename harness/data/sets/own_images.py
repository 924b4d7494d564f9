"""Image sets of the user's own: from the Hub or from folders, brought into the prepared form."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.data.pools.encoded import Encoded, decode_part, encoded_files, form_of, look
from harness.data.pools.file_pools import file_digests, fingerprint_files
from harness.data.pools.pools import fingerprint
from harness.data.sets.class_checks import occurring
from harness.data.sets.hub import read_hub, snapshot_digest, split_reference
from harness.data.sets.image_folders import read_image_folder
from harness.data.sets.own_ood import with_ood_images
from harness.data.sets.own_options import Options
from harness.data.sets.prepared import save_prepared
from harness.keys import sha256_of
from harness.types import DatasetSpec


def hub_identity(what: str, options: Options) -> tuple[str, str]:
    """Return where a set of the Hub lies, and the sha256 of its files.

    Of a snapshot, of their bytes; of a repository, of their addresses, which name the commit.
    """
    repository, config, revision = split_reference(what)
    home = Path(repository)
    address = f"https://huggingface.co/datasets/{what}"
    place = _place(home, config) if home.is_dir() else address
    return place, snapshot_digest(repository, config, revision)


def _place(home: Path, config: str | None) -> str:
    return str(home.resolve()) + ("" if config is None else f":{config}")


def folder_identity(what: str, options: Options) -> tuple[str, str]:
    """Return where a folder lies, and the sha256 of its images with their parts and classes."""
    found = read_image_folder(Path(what))
    parts = {
        part: fingerprint_files(paths, file_digests(found.home, paths), labels)
        for part, (paths, labels) in found.parts.items()
    }
    return str(found.home.resolve()), sha256_of({"parts": parts, "classes": found.class_names})


def write_hub(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a set of the Hub and write its prepared form; return its facts."""
    repository, config, _ = split_reference(what)
    home = Path(repository)
    local = home.is_dir()
    # a download stays in the library's own cache, so that another --size needs no second one
    found = read_hub(what, target=options.target, cache=folder / "hub" if local else None)
    title = home.resolve().name if local else repository
    source = _place(home, config) if local else f"https://huggingface.co/datasets/{what}"
    spec = _own(name, f"{title}, {config}" if config else title, found.class_names, source)
    spec = replace(spec, licence=found.licence, citation=found.citation, caveat=found.note)
    return _write_images(folder, spec, found.parts, options, found.findings)


def write_folder(what: str, name: str, folder: Path, root: Path, options: Options) -> DatasetSpec:
    """Read a folder of images in one of its layouts and write its prepared form; return its facts.

    See `harness.data.sets.image_folders.read_image_folder`.
    """
    found = read_image_folder(Path(what))
    spec = _own(name, found.home.resolve().name, found.class_names, str(found.home.resolve()))
    parts = {part: encoded_files(found.home, *rows) for part, rows in found.parts.items()}
    return _write_images(folder, spec, parts, options, found.findings)


def _write_images(
    folder: Path,
    spec: DatasetSpec,
    parts: Mapping[str, Encoded],
    options: Options,
    findings: Sequence[str] = (),
) -> DatasetSpec:
    """Write parts of images; return the facts with what the files and arrays say."""
    given = {part: encoded.labels for part, encoded in parts.items()}
    classes = occurring(given, spec.class_names, spec.source)
    seen = look(parts)
    form = form_of(seen, spec.source, size=options.size, background=options.background)
    contents = {}
    for part, encoded in parts.items():
        images = decode_part(encoded, spec.source, form)
        save_prepared(folder, spec.name, part, images, classes.labels[part])
        contents[part] = fingerprint(images, classes.labels[part])
    scaled = "" if options.size is None else f"Scaled to {options.size} pixels a side."
    spec = replace(
        spec,
        class_names=classes.names,
        image_shape=(*form.size, 1 if form.grey else 3),
        parts=tuple(parts),
        contents=contents,
        caveat=" ".join(text for text in (spec.caveat, scaled) if text),
        findings=(*findings, *classes.findings, *seen.findings(form)),
    )
    return with_ood_images(folder, spec, options, form)


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
