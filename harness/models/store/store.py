"""The store: trained states, evidence and job results under the keys of SPEC section 2.

One folder per thing, ``<room>/<first two digits>/<key>/``, written beside and renamed into place,
so that a reader sees all of it or nothing and several processes may write at once.
"""

import errno
import json
import os
import shutil
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from harness.atomic import locked, remove_abandoned, unfinished, write_folder, write_text
from harness.errors import CardError, PredictionsError, StoreError
from harness.keys import content, sha256_text
from harness.models.safe.weights import load_state, save_state
from harness.models.store.evidence import (
    FEATURES,
    VALUES,
    describe,
    load_npz,
    read_evidence,
    save_npz,
    write_evidence,
)
from harness.models.store.seal import sealed, unsealed
from harness.models.store.writable import HOME, writing
from harness.types.models import Predictions

ROOMS = ("models", "evidence", "jobs", "results")
"""What is kept: trained states and heads, predictions, what a job needed, what came of it."""
PARTS = "parts"
"""Room of unfinished passes: ``<evidence key>-<first row>``; they go when the evidence is there."""
COPIES = "copies"
"""Room of corrupted copies of pools; like features they may go, and are made again when needed."""
ARRAYS = "arrays.npz"
"""File of what was computed."""
DAMAGED = "damaged"
"""Folder of what was set aside: ``<room>-<first digits of the key>-<number>``."""
Told = Callable[[str], None]
"""Gets a sentence for the user."""
DROPPED = {"evidence": FEATURES, COPIES: ARRAYS}
"""Room → the file of a thing that a budget may drop."""
T = TypeVar("T")
LOOKS = 20
"""How often a thing that is there but misses a file is looked at, 0.01 s apart."""
_NO_DAMAGE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
)
"""What the system answers when a file may be whole and cannot be read now."""
_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, EOFError,
    NotImplementedError, RuntimeError, CardError, PredictionsError,
)  # fmt: skip
"""What reading a damaged file raises, by whichever reader."""


@dataclass(frozen=True)
class Kept:
    """One thing in the store, as a listing shows it."""

    room: str
    """``models``, ``evidence``, ``jobs``, ``results``, ``copies`` or ``parts``."""
    key: str
    """64 hexadecimal digits; of a part its first row follows."""
    note: str
    """What it is, in words: entry, cell, seed, pool."""
    bytes: int
    """Size on disk."""
    features: int
    """Part of it that a budget may drop: features of evidence, and corrupted copies."""
    written: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class State:
    """A trained model as the store keeps it."""

    arrays: Mapping[str, np.ndarray]
    """All weights."""
    meta: Mapping[str, Any]
    """Everything else that `restore` needs, and what the harness recorded."""
    head: Mapping[str, np.ndarray] | None
    """Last linear layer: weight (c, d), bias (c,)."""


class Store:
    """A folder of things under their keys.

    Parameters
    ----------
    root : Path, optional
        Default: the environment's ``TAILMARK_HOME``, else ``.tailmark`` in the working folder.
    budget : int, optional
        Largest size of all features and corrupted copies in bytes; beyond it the oldest of them go
        first, and nothing else ever does. None: no limit.
    told : callable, optional
        Told of each damaged thing: it is set aside below ``damaged`` and counts as not there, so
        that it is made again. None: a damaged thing is an error.
    """

    def __init__(
        self, root: Path | None = None, *, budget: int | None = None, told: Told | None = None
    ) -> None:
        self.root = Path(root or os.environ.get(HOME) or ".tailmark")
        self.budget = budget
        self.told = told

    def folder(self, room: str, key: str) -> Path:
        """Return where a thing lies, whether or not it is there."""
        return self.root / room / key[:2] / key

    def has(self, room: str, key: str) -> bool:
        """Return whether a thing is there."""
        return (self.folder(room, key) / "meta.json").is_file()

    def save_state(self, key: str, state: State) -> str:
        """Keep a trained state; return the sha256 of its weights.

        A key that is there already is left as it is: equal keys mean equal contents.
        """
        sha256 = content(state.arrays)
        meta = {**state.meta, "weights_sha256": sha256, "head_sha256": _head_sha256(state.head)}

        def write(folder: Path) -> None:
            save_state(folder / "state.safetensors", state.arrays)
            if state.head is not None:
                save_npz(folder / "head.npz", state.head)

        self._write("models", key, meta, write)
        return sha256

    def load_state(self, key: str) -> State | None:
        """Return a trained state, its content checked, or None when there is none.

        Raises
        ------
        StoreError
            If the files are not those that were written.
        """

        def read(folder: Path, meta: Mapping[str, Any]) -> State:
            arrays = load_state(folder / "state.safetensors")
            if content(arrays) != meta["weights_sha256"]:
                raise ValueError("weights with another sha256")
            return State(arrays, meta, _read_head(folder, meta))

        return self._load("models", key, read, needs="weights_sha256")

    def save_head(self, model_id: str, head: Mapping[str, np.ndarray] | None, note: str) -> None:
        """Keep the last linear layer of a loaded model, once."""
        meta = {"note": note, "head_sha256": _head_sha256(head)}
        heads = {} if head is None else dict(head)
        self._write(
            "models",
            model_id,
            meta,
            lambda folder: save_npz(folder / "head.npz", heads) if heads else None,
        )

    def load_head(self, model_id: str) -> dict[str, np.ndarray] | None:
        """Return the last linear layer of a model, content checked, or None."""
        return self._load("models", model_id, _read_head)

    def save_evidence(self, key: str, predictions: Predictions, note: Mapping[str, Any]) -> None:
        """Keep predictions under their evidence key; features beside them, for they may go."""
        meta = {**note, **describe(predictions)}
        self._write(
            "evidence",
            key,
            meta,
            lambda folder: write_evidence(folder, predictions),
            replace=predictions.features is not None and self._was_dropped(key),
        )
        if self.budget is not None and predictions.features is not None:
            self.drop_features(self.budget)

    def _was_dropped(self, key: str) -> bool:
        meta = self.folder("evidence", key) / "meta.json"
        return meta.is_file() and not (meta.parent / FEATURES).is_file()

    def load_evidence(self, key: str, *, features: bool = True) -> Predictions | None:
        """Return predictions, content checked, or None when they are not there.

        Parameters
        ----------
        key : str
            Evidence key.
        features : bool, default=True
            True: predictions whose features were dropped count as not there. False: do not
            read features.

        Raises
        ------
        StoreError
            If the arrays are not those that were written.
        """

        def read(folder: Path, meta: Mapping[str, Any]) -> Predictions | None:
            wanted = features and meta["features_sha256"] is not None
            try:
                return read_evidence(folder, meta, features=wanted)
            except FileNotFoundError:
                if wanted and not (folder / FEATURES).is_file() and (folder / VALUES).is_file():
                    return None  # they were dropped
                raise

        return self._load("evidence", key, read, needs="sha256")

    def save_json(self, room: str, key: str, value: Mapping[str, Any], *, note: str) -> None:
        """Keep a JSON value, in place of an older one under the same key."""
        self._write(room, key, {"note": note, "value": dict(value)}, replace=True)

    def load_json(self, room: str, key: str) -> dict[str, Any] | None:
        """Return a JSON value or None."""
        return self._load(room, key, lambda folder, meta: dict(meta["value"]))

    def save_result(
        self,
        key: str,
        value: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        *,
        note: str,
        room: str = "results",
    ) -> None:
        """Keep what was computed, from evidence or so far: a JSON value and arrays beside it."""
        meta = {"note": note, "value": dict(value), "sha256": content(arrays)}
        self._write(room, key, meta, lambda folder: save_npz(folder / ARRAYS, arrays))
        if self.budget is not None and room == COPIES:
            self.drop_features(self.budget)

    def load_result(
        self, key: str, *, room: str = "results"
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Return what was computed, content checked, or None."""

        def read(
            folder: Path, meta: Mapping[str, Any]
        ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
            arrays = load_npz(folder / ARRAYS)
            if content(arrays) != meta["sha256"]:
                raise ValueError("arrays with another sha256")
            return dict(meta["value"]), arrays

        return self._load(room, key, read)

    def beginning(self, room: str, start: str) -> list[str]:
        """Return the keys in a room that begin with `start`, its first two digits at least."""
        folder = self.root / room / start[:2]
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if path.name.startswith(start))

    def remove(self, room: str, key: str) -> None:
        """Remove one thing; nothing happens when it is not there."""
        shutil.rmtree(self.folder(room, key), ignore_errors=True)

    def drop_features(self, budget: int) -> int:
        """Remove the oldest features and corrupted copies until all fit into `budget` bytes.

        Returns
        -------
        int
            Bytes freed. Logits and probabilities are never dropped.
        """
        files = []
        for room, name in DROPPED.items():
            for path in self.root.glob(f"{room}/*/*/{name}"):
                with suppress(FileNotFoundError):  # another process dropped it meanwhile
                    stat = path.stat()
                    files.append((stat.st_mtime, path, stat.st_size))
        total = sum(size for *_, size in files)
        freed = 0
        for _, path, size in sorted(files):
            if total - freed <= budget:
                break
            with self._writing():
                if path.name == FEATURES:
                    path.unlink(missing_ok=True)
                else:
                    self._drop(path.parent)
            freed += size
        return freed

    def _drop(self, folder: Path) -> None:
        """Remove a thing so that a reader sees all of it or nothing."""
        gone = self.root / "tmp" / unfinished(folder.name)
        gone.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another process was first
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def listing(self) -> Iterator[Kept]:
        """Yield everything in the store, room by room."""
        for room in (*ROOMS, COPIES, PARTS):
            for path in sorted(self.root.glob(f"{room}/*/*/meta.json")):
                try:
                    note = str(json.loads(path.read_text(encoding="utf-8"))["note"])
                except (OSError, ValueError, LookupError, TypeError):
                    note = ""  # damaged, or without one; whoever needs it says so
                sizes = {file.name: file.stat().st_size for file in path.parent.iterdir()}
                yield Kept(
                    room=room,
                    key=path.parent.name,
                    note=note,
                    bytes=sum(sizes.values()),
                    features=sizes.get(DROPPED.get(room, ""), 0),
                    written=path.stat().st_mtime,
                )

    @contextmanager
    def scratch(self, key: str) -> Iterator[Path]:
        """Yield a folder for one job's checkpoints, held by one process at a time.

        It stays when the block ends by an exception, so that the job can resume, and goes when
        the block ends well.
        """
        folder = self.root / "scratch" / key
        with self._writing():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.with_suffix(".lock").touch()
        with locked(folder.with_suffix(".lock")):
            folder.mkdir(exist_ok=True)
            yield folder
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Hold the lock of one piece of work: another process that wants it waits.

        Parameters
        ----------
        what : str
            Names the work, such as a job on a suite.
        """
        path = self.root / "locks" / f"{sha256_text(what)[:32]}.lock"
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        with locked(path):
            yield

    def _write(
        self,
        room: str,
        key: str,
        meta: Mapping[str, Any],
        write: Callable[[Path], Any] = lambda folder: None,
        *,
        replace: bool = False,
    ) -> None:
        """Write files and a sealed meta.json into a fresh folder, fsync, rename into place."""
        whole = sealed({**meta, "written": time.time()}, f"{room}/{key}")
        with self._writing():
            write_folder(self.folder(room, key), self.root / "tmp", whole, write, replace=replace)

    def _load(
        self,
        room: str,
        key: str,
        read: Callable[[Path, Mapping[str, Any]], T | None],
        *,
        needs: str | None = None,
    ) -> T | None:
        """Return what lies under a key, all of it verified, or None when it is not there.

        Parameters
        ----------
        room, key : str
            Where.
        read : callable
            Makes it of the folder and its metadata.
        needs : str, optional
            A name that the metadata of the wanted kind of thing have; without it: not there.
        """
        folder, text, looks = self.folder(room, key), None, 0
        while True:
            before, looks = text, looks + 1
            try:
                text = (folder / "meta.json").read_bytes()
                meta, was_sealed = unsealed(text.decode(), f"{room}/{key}")
                if not was_sealed and room == "results":
                    self._outdated(room, key)
                    return None
                if needs is not None and needs not in meta:
                    return None
                found = read(folder, meta)
            except _DAMAGE as error:
                if isinstance(error, OSError) and error.errno in _NO_DAMAGE:
                    raise StoreError(
                        f"The store {self.root} must be a folder that can be read; got "
                        f"{error.strerror}: {error.filename}. Change its permissions, or close "
                        "what holds many files open."
                    ) from None
                gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
                if gone and not self.has(room, key):
                    return None
                if gone and looks < LOOKS:  # another process stands between its two renames
                    time.sleep(0.01)
                    continue
                if text != before:
                    continue  # another process may have replaced it meanwhile: look once more
                self._damaged(room, key, error)
                return None
            if not was_sealed:
                self._adopt(room, key, meta)
            return found

    def _adopt(self, room: str, key: str, meta: Mapping[str, Any]) -> None:
        """Seal a thing of an earlier version; its arrays were compared with their sha256."""
        whole = json.dumps(sealed(meta, f"{room}/{key}"), sort_keys=True, indent=1)
        with suppress(OSError):  # in a store that is only read it stays as it is
            write_text(self.folder(room, key) / "meta.json", whole)

    def _outdated(self, room: str, key: str) -> None:
        """Remove results of an earlier version, whose numbers nothing covered."""
        if self.told is not None:
            self.told("Results of an earlier version had no checksum: they are computed again.")
            self.remove(room, key)

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self.root)

    def _damaged(self, room: str, key: str, why: Exception) -> None:
        """Set a damaged thing aside and tell of it; without anybody to tell it is an error."""
        folder = self.folder(room, key)
        if self.told is None:
            raise StoreError(
                f"{folder} is not what was written ({why}). Remove that folder and run again: it "
                "will be computed again."
            ) from None
        aside = self.root / DAMAGED / f"{room}-{key[:12]}-{uuid.uuid4().hex[:8]}"
        with self._writing():
            aside.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.rename(aside)
            except FileNotFoundError:
                return  # another process was first
        self.told(f"{folder} was damaged ({why}): it is set aside as {aside} and made again.")

    def tidy(self) -> int:
        """Remove what killed processes left and nobody needs; return how many things.

        Of a pass that was not finished the parts stay, for it goes on there.
        """
        rooms = ("tmp", "records", "index", "scratch")
        removed = sum(remove_abandoned(self.root / room) for room in rooms)
        for part in self.root.glob(f"{PARTS}/*/*/meta.json"):
            whole = self.folder("evidence", part.parent.name.partition("-")[0]) / "meta.json"
            with suppress(FileNotFoundError):
                if whole.stat().st_mtime >= part.stat().st_mtime:
                    self.remove(PARTS, part.parent.name)
                    removed += 1
        return removed


def _read_head(folder: Path, meta: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    if meta["head_sha256"] is None:
        return None
    head = load_npz(folder / "head.npz")
    if content(head) != meta["head_sha256"]:
        raise ValueError("a last layer with another sha256")
    return head


def _head_sha256(head: Mapping[str, np.ndarray] | None) -> str | None:
    return None if head is None else content(head)
