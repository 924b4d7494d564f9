"""Evidence by address: fetched to this machine, its sha256 compared before anything is opened.

An address ends in ``#sha256=…``. Where it leads may change or be somebody else's by now; what comes
back is the file that the record was made with, or it is refused.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from harness.atomic import locked, replacing
from harness.errors import DownloadError, StoreError
from harness.keys import sha256_file
from harness.models.loaders.download import download
from harness.paths import store_folder
from harness.runs.archive import archived_evidence, unpack
from harness.runs.evidence import Evidence
from harness.types import RunRecord

MARK = "#sha256="
"""What stands between an address and the sha256 of what lies there."""
SCHEMES = ("https", "http", "file", "hf", "runs")
"""What an address may begin with: ``hf`` is the hub's, ``runs`` an MLflow server's, ``http`` this
machine's alone."""
MOST_BYTES = 4 << 30
"""Largest archive that is fetched when the caller names no limit."""
_HUB = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?/(?P<path>.+)")


def addressed(url: str) -> tuple[str, str]:
    """Return an address and the sha256 of what lies there.

    Raises
    ------
    DownloadError
        If it has no sha256, or no scheme that is known.

    Examples
    --------
    >>> addressed("https://a.org/e.zip#sha256=" + "ab" * 32)[0]
    'https://a.org/e.zip'
    """
    address, mark, sha = url.rpartition(MARK)
    if not mark or not re.fullmatch(r"[0-9a-f]{64}", sha):
        raise DownloadError(
            f"An address of evidence ends in {MARK}<64 hex digits>; got {url[:120]!r}. Submit it "
            "again: tailmark submit --evidence"
        )
    scheme = urlsplit(address).scheme
    if scheme not in SCHEMES:
        raise DownloadError(
            f"An address begins with {', '.join(SCHEMES)}; got {address[:120]!r}. Publish the "
            "evidence at one of these."
        )
    return address, sha


def fetch(url: str, store: Path | None = None, *, most: int = MOST_BYTES) -> Path:
    """Return the file at an address, from the store where it was fetched before.

    Parameters
    ----------
    url : str
        With its sha256: `addressed`.
    store : Path, optional
        This machine's; the file is kept in its ``archives``.
    most : int
        Bytes above which it is refused.

    Raises
    ------
    DownloadError
        If it cannot be fetched, is too large, or has another sha256; nothing is kept then.
    """
    address, sha = addressed(url)
    goal = store_folder(store) / "archives" / f"{sha}.zip"
    if goal.is_file() and sha256_file(goal) == sha:
        return goal
    goal.parent.mkdir(parents=True, exist_ok=True)
    if urlsplit(address).scheme in ("https", "http", "hf"):
        with locked(goal.parent.with_name("archives.lock")):
            download(_web(address), goal, sha, most)
        return goal
    with replacing(goal) as temporary:
        try:
            _copied(address, temporary, most, store_folder(store))
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise DownloadError(
                f"The evidence at {address} could not be fetched: {reason}. Try again, or ask its "
                "authors."
            ) from None
        found = sha256_file(temporary)
        if found != sha:
            raise DownloadError(
                f"The evidence at {address} should have sha256 {sha[:12]}…; it has {found[:12]}…. "
                "It was changed after the record was made: ask its authors."
            )
    return goal


def _copied(address: str, goal: Path, most: int, store: Path) -> None:
    """Copy from a tracking server or from a folder of this machine."""
    parts = urlsplit(address)
    if parts.scheme == "runs":
        from harness.tracking.artifacts import download as from_run

        from_run(address, goal, most, store)
        return
    with Path(parts.path).open("rb") as source, goal.open("wb") as handle:
        left = most
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise ValueError(f"it has more than {most:,} bytes; allow more with --max-bytes")
            handle.write(block)


def _web(address: str) -> str:
    """Return the web address of a file, also where it is named by its place on the hub."""
    if not address.startswith("hf:"):
        return address
    found = _HUB.fullmatch(address)
    if found is None:
        raise DownloadError(
            "An address on the hub is hf://datasets/<owner>/<name>@<revision>/<path>; got "
            f"{address[:120]!r}. Publish the evidence at such an address."
        )
    hub = environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    revision = found["revision"] or "main"
    return f"{hub}/datasets/{found['repo']}/resolve/{revision}/{found['path']}"


@contextmanager
def fetched_evidence(
    record: RunRecord, store: Path | None = None, *, most: int = MOST_BYTES
) -> Iterator[Evidence]:
    """Yield the reader of a record's published predictions, unpacked for as long as the block runs.

    Parameters
    ----------
    record : RunRecord
        Says where its evidence lies.
    store, most
        As in `fetch`.

    Raises
    ------
    StoreError
        If the record names no address.
    DownloadError, PredictionsError
        If what lies there is not its evidence.
    """
    url = None if record.evidence is None else record.evidence.url
    if url is None:
        raise StoreError(
            f"{record.entry} on {record.suite.id} names no address of its evidence. Without "
            "--fetch it is recomputed from this machine's store; its authors publish it with: "
            "tailmark submit --evidence"
        )
    path = fetch(url, store, most=most)
    with TemporaryDirectory(dir=path.parent, prefix="unpacked-") as folder:
        unpack(path, Path(folder), most=most)
        yield archived_evidence(Path(folder))


def publish(path: Path, address: str, store: Path | None = None) -> tuple[str, str]:
    """Put an archive where an address says, or say what its author has to do.

    Parameters
    ----------
    path : Path
        The archive.
    address : str
        Folder that it will lie in: ``file:///…``, ``https://…``, ``hf://datasets/…``, or of MLflow
        ``runs:/<run>/<folder>``.
    store : Path, optional
        This machine's, whose MLflow is used where no server is named.

    Returns
    -------
    (str, str)
        Its address with sha256, and the step that is left; empty when it is there already.

    Raises
    ------
    DownloadError
        If the address is of no kind that is known.
    StoreError
        If a folder cannot be written.
    """
    url = f"{address.rstrip('/')}/{path.name}{MARK}{sha256_file(path)}"
    scheme = urlsplit(addressed(url)[0]).scheme
    if scheme == "file":
        folder = Path(urlsplit(address).path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path.name)
        except OSError as error:
            raise StoreError(
                f"The evidence should be copied to {folder}; it answered: {error.strerror}. Name "
                "another folder with --evidence."
            ) from None
        return url, ""
    if scheme == "runs":
        from harness.tracking.artifacts import upload

        upload(path, address, store_folder(store))
        return url, ""
    if scheme == "hf":
        return url, f"Upload it: hf upload --repo-type dataset <owner>/<name> {path} {path.name}"
    return url, f"Upload {path} so that it lies at {addressed(url)[0]}"
