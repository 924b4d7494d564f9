"""Where a card's model files are: in the entry's folder, or at an address, kept once verified."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp

from harness.atomic import locked
from harness.errors import CardError, DownloadError
from harness.keys import sha256_file, sha256_of
from harness.models.loaders.download import download
from harness.models.loaders.hub import fetch_hub
from harness.models.loaders.registry import fetch_artifact
from harness.models.safe.weights import checked_file, inside
from harness.paths import weights_folder
from harness.types.models import WeightFile

Fetch = Callable[[str, Path, str], None]
"""``fetch(address, target, sha256)`` writes the file to `target`."""
ADDRESSES: Mapping[str, Fetch] = {
    "https": download,
    "http": download,
    "hf": fetch_hub,
    "models": fetch_artifact,
    "runs": fetch_artifact,
}
"""Scheme → what fetches it. ``file://`` needs no fetching: the file is read where it lies."""


def model_file(folder: Path, file: WeightFile) -> Path:
    """Return where a card's file lies, its sha256 compared, fetched first where it must be.

    Parameters
    ----------
    folder : Path
        The entry's folder; a file in it comes before its address.
    file : WeightFile
        On the card.

    Raises
    ------
    CardError
        If it is neither in the folder nor has an address, or is another file.
    DownloadError
        If its address does not give it.
    """
    if not file.address or _there(folder, file):
        return checked_file(folder, file)
    if file.address.startswith("file://"):
        return _local(folder, file)
    name = Path(file.path).name
    home = weights_folder() / sha256_of({"file": file.sha256, "beside": dict(file.beside)})
    with locked(home.with_name(f"{home.name}.lock")):
        path = _fetched(file.address, home, name, file.sha256)
        for other, sha256 in file.beside.items():
            address = f"{file.address.rpartition('/')[0]}/{other}"
            _fetched(address, home, _plain(other), sha256)
    return path


def _there(folder: Path, file: WeightFile) -> bool:
    try:
        return (folder / file.path).is_file()
    except (OSError, ValueError):
        return False


def _local(folder: Path, file: WeightFile) -> Path:
    path = Path(file.address.removeprefix("file://"))
    if not path.is_absolute() or not path.is_file():
        raise CardError(
            f"{folder.name}: {file.address[:200]} is no file here. Write file:// and the whole "
            "path of one."
        )
    received = sha256_file(path)
    if received != file.sha256:
        raise CardError(
            f"{folder.name}: {file.address[:200]} should have sha256 {file.sha256[:16]}… and has "
            f"{received[:16]}…. Restore the file, or write its new sha256 on the card: {received}"
        )
    return path


def _plain(name: str) -> str:
    if Path(name).is_absolute() or ".." in Path(name).parts or "\\" in name:
        raise CardError(
            f"Files beside a model lie in its folder; got {name[:80]!r}. Write a path below it."
        )
    return name


def _fetched(address: str, home: Path, name: str, sha256: str) -> Path:
    """Return a file of the cache; what is there is compared again before it is used."""
    scheme = address.partition(":")[0]
    if scheme not in ADDRESSES:
        raise DownloadError(
            f"An address begins with one of {', '.join(ADDRESSES)} or file; got {address[:80]!r}. "
            "Correct it on the card."
        )
    path = home / name
    if path.is_file():
        if sha256_file(path) == sha256:
            return inside(home, name)
        path.unlink()  # damaged since it was fetched
    path.parent.mkdir(parents=True, exist_ok=True)
    ADDRESSES[scheme](address, path, sha256)
    received = sha256_file(path)
    if received != sha256:
        path.unlink()
        raise DownloadError(
            f"{address[:200]} should have sha256 {sha256[:16]}… and has {received[:16]}…. Correct "
            "the address or the sha256 on the card; nothing of it was kept."
        )
    return inside(home, name)


def keep(folder: Path, name: str, beside: Mapping[str, str]) -> tuple[str, Path]:
    """Put a file that was fetched to learn its sha256, with files beside it, into the cache.

    Parameters
    ----------
    folder : Path
        Where it lies now.
    name : str
        Its name there.
    beside : mapping of str to str
        Files beside it → sha256.

    Returns
    -------
    str, Path
        Its sha256, and where it lies now.
    """
    sha256 = sha256_file(folder / name)
    home = weights_folder() / sha256_of({"file": sha256, "beside": dict(beside)})
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(dir=home.parent, prefix=".fetched-"))
    try:
        for each in (name, *beside):
            (fresh / _plain(each)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / each, fresh / each)
        with locked(home.with_name(f"{home.name}.lock")):
            shutil.rmtree(home, ignore_errors=True)
            fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return sha256, home / name
