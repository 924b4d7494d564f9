"""Getting and checking data files: only when a user asks for it by name."""

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from harness.data.formats.files import first_existing, md5_of
from harness.data.sets.datasets import DATASETS, SETS, facts_of, load_part
from harness.data.sets.family import Download
from harness.data.sets.graded import GRADED, source_of
from harness.data.sets.image_files import FILE_SETS
from harness.data.sets.keel import INSTALL, KEEL, keel_path
from harness.data.sets.medmnist import FOLDERS as MEDMNIST
from harness.data.sets.medmnist import MEMBERS
from harness.data.sets.own import (
    SOURCES,
    Options,
    own_identity,
    own_name,
    refuse_other,
    write_own,
)
from harness.data.sets.own_options import refuse_unused, said
from harness.data.sets.prepared import FOLDER as PREPARED
from harness.data.sets.prepared import own_datasets, save_prepared
from harness.data.sets.tabular import FOLDERS as TABLE_FOLDERS
from harness.data.sets.tabular import TABLES, table_path
from harness.errors import DataError, DownloadError, HarnessError
from harness.lookup import lookup
from harness.types import ArrayInputs, DatasetSpec

COLUMNS = frozenset({"cifar10", "cifar100_lt"})
"""Data sets that are also read from another edition with the same content, without checksums."""

SLOW = frozenset({"cifar10", "cifar100"})
"""Data sets that are read faster from plain arrays than from their published files."""


@dataclass(frozen=True)
class Check:
    """What was found out about one file or part."""

    subject: str
    """File name or part."""
    good: bool
    """Whether it is what was published."""
    sentence: str
    """What to tell the user."""


def is_there(name: str, root: Path) -> bool:
    """Return whether a data set is embedded or has a folder below the root; reads nothing.

    Parameters
    ----------
    name : str
        Key of DATASETS, or of a data set that the user prepared.
    root : Path
        Data root.
    """
    spec = facts_of(name, root)
    if name in TABLES:
        return spec.embedded or table_path(name, root) is not None
    if name in GRADED:
        return table_path(source_of(name), root) is not None
    if name in KEEL:
        return keel_path(name) is not None
    if name in FILE_SETS:
        return (root / FILE_SETS[name].images).is_dir() and FILE_SETS[name].images != "."
    if spec.embedded or (root / PREPARED / name).is_dir():
        return True
    names = [n for file in spec.checksums for n in (file, file.removesuffix(".gz"))]
    if first_existing(root, SETS[name].folders, names) is not None:
        return True
    unsummed = (
        SETS[name].folders if not names else SETS[name].folders[1:] if name in COLUMNS else ()
    )
    return any((root / folder).is_dir() for folder in unsummed if folder != ".")


def verify(name: str, root: Path) -> Iterator[Check]:
    """Yield what is right and wrong with a data set's files and their content.

    Parameters
    ----------
    name : str
        Key of DATASETS, or of a data set that the user prepared.
    root : Path
        Data root.
    """
    spec = facts_of(name, root)
    for file, stated in spec.checksums.items():
        path = first_existing(root, SETS[name].folders if name in SETS else (), (file,))
        if path is not None:
            received = f"md5:{md5_of(path)}"
            good = received == stated
            words = "as published" if good else f"expected {stated}, got {received}; delete it"
            yield Check(str(path), good, words)
    for part in spec.parts:
        try:
            pool = load_part(name, part, root)
        except HarnessError as error:
            yield Check(part, False, str(error))
        else:
            known = "as published" if part in spec.contents else "not compared with any"
            yield Check(part, True, f"{len(pool):,} rows, content {pool.fingerprint[:12]}… {known}")


def prepare(
    name: str,
    root: Path,
    torchvision: Callable[[], ModuleType],
    options: Options | None = None,
) -> str:
    """Get a data set, check it and put it below the data root, whole or not at all.

    Parameters
    ----------
    name : str
        Key of DATASETS, or ``hf:``, ``openml:``, ``table:`` or ``folder:`` and what `own_sets`
        makes of the rest.
    root : Path
        Data root; made when it is not there.
    torchvision : callable
        Returns the torchvision module; called only when it must download something.
    options : Options, optional
        What the user says about a data set of their own.

    Returns
    -------
    str
        What was done, for the user.

    Raises
    ------
    UnknownNameError
        If there is no such data set and no such kind of source.
    DownloadError
        If it cannot be downloaded, or not by this project.
    DataError
        If the root cannot be written, or what came is not what was published.
    """
    if ":" in name:
        lookup("kind of data set", name.partition(":")[0], SOURCES)
        return _prepare_own(name, root, options or Options())
    spec = lookup("data set", name, DATASETS)
    if options is not None and (spoken := [*(["--name"] if options.name else []), *said(options)]):
        raise DataError(
            f"Expected no options for {name}, which is shipped as it was published; got "
            f"{', '.join(spoken)}. Leave them out; they are for data sets of your own."
        )
    if spec.embedded:
        return f"{name}: nothing to do, it is {spec.source}"
    if is_there(name, root):
        bad = [check for check in verify(name, root) if not check.good]
        if bad:
            raise DataError(f"{name} is there but not whole. {bad[0].subject}: {bad[0].sentence}")
        return _made_quick(name, root) or f"{name}: already there and as published"
    if name in KEEL:
        raise DownloadError(f"Expected {spec.source}; it is not installed. Run: {INSTALL}")
    if downloaded(name) is None and name not in MEMBERS:
        raise DownloadError(
            f"Expected {name} below {root}; it cannot be downloaded by this command. Get it from "
            f"{spec.source} and put it into {root / _home(name)}."
        )
    with _staging(root, name) as folder:
        if name in MEMBERS:
            _download_member(spec, folder)
        else:
            _download(spec, folder, torchvision())
        for part in spec.parts:
            load_part(name, part, folder)
        if name in MEMBERS:  # members lie side by side
            (root / MEDMNIST[0]).mkdir(exist_ok=True)
            _move_in(folder / MEDMNIST[0], root / MEDMNIST[0])
        else:
            _move_in(folder, root)
    return _made_quick(name, root) or f"{name}: downloaded, checked and put into {root}"


def downloaded(name: str) -> Download | None:
    """Return the class of torchvision that downloads a data set and its arguments, or None.

    Parameters
    ----------
    name : str
        Key of DATASETS.
    """
    found = SETS.get(name) or FILE_SETS.get(name)
    return None if found is None else found.torchvision


def _prepare_own(reference: str, root: Path, options: Options) -> str:
    """Bring a data set of the user's own into the prepared form."""
    name = own_name(reference, options, DATASETS)
    refuse_unused(reference.partition(":")[0], options)
    final = root / PREPARED / name
    asked = own_identity(reference, options)
    there = own_datasets(root).get(name)
    if there is not None:
        refuse_other(there, asked, final)
        return f"{name}: already there, from the same source with the same options ({final})"
    with _staging(root, name) as folder:
        spec = write_own(reference, name, folder, root, options, asked)
        (root / PREPARED).mkdir(exist_ok=True)
        _move_in(folder / PREPARED, root / PREPARED)
    caveat = f" {spec.caveat}" if spec.caveat else ""
    told = "".join(f"\n{finding}" for finding in spec.findings)
    return (
        f"{name}: {spec.num_classes} classes, prepared in {final} from {spec.source}. Its name in "
        f"split ids is {name}, its suite own-{name}-v1.{caveat}{told}"
    )


def _home(name: str) -> str:
    if name in TABLES or name in GRADED:
        return TABLE_FOLDERS[0]
    return FILE_SETS[name].images if name in FILE_SETS else SETS[name].folders[0]


def _made_quick(name: str, root: Path) -> str | None:
    """Write the prepared form of a data set that is slow to read; None when there is no need."""
    if name not in SLOW or (root / PREPARED / name).is_dir():
        return None
    with _staging(root, name) as folder:
        for part in DATASETS[name].parts:
            pool = load_part(name, part, root)
            assert isinstance(pool.inputs, ArrayInputs) and pool.labels is not None
            save_prepared(folder, name, part, pool.inputs.array, pool.labels)
        (root / PREPARED).mkdir(exist_ok=True)
        _move_in(folder / PREPARED, root / PREPARED)
    return f"{name}: checked, and prepared for quick reading in {root / PREPARED / name}"


def _download(spec: DatasetSpec, folder: Path, torchvision: ModuleType) -> None:
    """Let torchvision download every part into a folder."""
    found = downloaded(spec.name)
    assert found is not None, "only called for what torchvision has"
    kind, calls = found
    make = getattr(torchvision.datasets, kind)
    try:
        for arguments in calls:
            make(folder, download=True, **arguments)
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        raise _no_download(spec, error) from error


def _download_member(spec: DatasetSpec, folder: Path) -> None:
    """Let the package `medmnist` download a member's one file."""
    try:
        import medmnist
    except ModuleNotFoundError:
        raise DownloadError(
            f"Expected {spec.name} below the data root; the package that downloads it is not "
            f"installed. Run: pip install medmnist, or put {spec.name}.npz from {spec.source} "
            f"into the folder {MEDMNIST[0]}."
        ) from None
    home = folder / MEDMNIST[0]
    home.mkdir()
    kind = getattr(medmnist, medmnist.INFO[spec.name]["python_class"])
    try:
        kind(split="train", root=str(home), download=True)
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        raise _no_download(spec, error) from error


def _no_download(spec: DatasetSpec, error: Exception) -> DownloadError:
    said = " ".join(str(error).split())
    return DownloadError(
        f"Expected to download {spec.name} from {spec.source}; got: {said} Check the network, or "
        "copy the files from a machine that has them."
    )


@contextmanager
def _staging(root: Path, name: str) -> Iterator[Path]:
    """Give a folder beside the final place; whatever happens, it is gone afterwards."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    except OSError as error:
        raise DataError(
            f"Expected a data root that can be written; {root} cannot ({error.strerror}). Name "
            "another with --data-root or TAILMARK_DATA."
        ) from error
    try:
        yield folder
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(
                f"The disk of {root} is full; nothing of {name} was kept. Free some space and run "
                "the same command again."
            ) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move_in(folder: Path, root: Path) -> None:
    """Move every entry of a finished folder to the root, replacing what is not whole there.

    Hidden ones stay: caches that another data set's must not be replaced by.
    """
    for entry in [found for found in folder.iterdir() if not found.name.startswith(".")]:
        final = root / entry.name
        if final.is_dir():
            shutil.rmtree(final)
        entry.replace(final)
