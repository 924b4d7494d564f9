"""Other revisions of this repository: what changed since one of them, and its files."""

import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from harness.errors import SpecError, UnknownNameError

SECONDS = 120
"""How long git may take for one answer."""
MOST_BYTES = 1 << 30
"""What the files of one revision may add up to."""


@dataclass(frozen=True)
class Change:
    """A file that differs between a revision and the working tree."""

    path: Path
    """Below the repository's root."""
    kind: str
    """``A`` added, ``M`` modified, ``D`` gone, ``T`` of another type; as git calls them."""


@dataclass(frozen=True)
class Repository:
    """A git repository with a working tree."""

    root: Path
    """Its top folder."""

    @classmethod
    def around(cls, folder: Path) -> "Repository":
        """Return the repository that a folder lies in.

        Raises
        ------
        SpecError
            If it lies in none, or git is not installed.
        """
        here = folder if folder.is_dir() else folder.parent
        return cls(Path(_git(here, "rev-parse", "--show-toplevel").strip()))

    def resolved(self, revision: str) -> str:
        """Return the commit that a revision means.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        asked = f"{revision}^{{commit}}"
        try:
            return _git(self.root, "rev-parse", "--verify", "--end-of-options", asked).strip()
        except SpecError:
            raise UnknownNameError(
                f"No revision named {revision!r} in {self.root}. Name a branch, a tag or a "
                "commit; fetch it first if it is not on this machine."
            ) from None

    def parted(self, revision: str) -> str:
        """Return the commit at which the working tree's branch left a revision.

        Raises
        ------
        UnknownNameError
            If there is no such revision.
        SpecError
            If they have no commit in common, or too little of the history was fetched.
        """
        commit = self.resolved(revision)
        try:
            return _git(self.root, "merge-base", "HEAD", commit).strip()
        except SpecError:
            raise SpecError(
                f"The working tree and {revision} should have a commit in common; they have none. "
                "Fetch the whole history: git fetch --unshallow"
            ) from None

    def changes(self, commit: str, folder: Path) -> list[Change]:
        """Return the files below a folder that differ from a commit, new ones included.

        Parameters
        ----------
        commit : str
            As `resolved` or `parted` gave it.
        folder : Path
            Inside the repository.
        """
        told = _git(
            self.root, "diff", "--name-status", "--no-renames", "--no-ext-diff", "-z", commit,
            "--", str(folder),
        )  # fmt: skip
        words = told.split("\0")[:-1]
        found = {
            path: Change(Path(path), kind[:1])
            for kind, path in zip(words[::2], words[1::2], strict=True)
        }
        new = _git(self.root, "ls-files", "--others", "--exclude-standard", "-z", "--", str(folder))
        found |= {path: Change(Path(path), "A") for path in new.split("\0")[:-1]}
        return [found[path] for path in sorted(found)]

    def extract(self, commit: str, patterns: Sequence[str], goal: Path) -> None:
        """Write a commit's files below a folder.

        Parameters
        ----------
        commit : str
            As `resolved` or `parted` gave it.
        patterns : sequence of str
            Paths below the root, ``*`` for any part; those that match nothing are passed over.
        goal : Path
            Exists.

        Raises
        ------
        SpecError
            If they are too large.
        """
        listing = _git(self.root, "ls-tree", "-r", "-z", "--name-only", commit)
        there = [p for p in listing.split("\0") if any(Path(p).match(each) for each in patterns)]
        if not there:
            return
        data = _run(self.root, "archive", "--format=tar", commit, "--", *_literal(there))
        with tarfile.open(fileobj=BytesIO(data), mode="r:*", encoding="utf-8") as archive:
            if sum(member.size for member in archive) > MOST_BYTES:
                raise SpecError(
                    f"The records of {commit[:12]} have more than {MOST_BYTES:,} bytes. Review "
                    "fewer suites at once."
                )
            archive.extractall(goal, filter="data")


def _literal(paths: Sequence[str]) -> list[str]:
    return [f":(literal){path}" for path in paths]


def _git(folder: Path, *words: str) -> str:
    return _run(folder, *words).decode("utf-8", "surrogateescape")


def _run(folder: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, timeout=SECONDS, check=True
        )
    except FileNotFoundError:
        raise SpecError("This needs git; it is not installed. Install it.") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise SpecError(
            f"{folder} should be inside a git repository that answers; git said: {said[0][:200]}. "
            "Run it in a clone."
        ) from None
    except subprocess.TimeoutExpired:
        raise SpecError(
            f"git should answer within {SECONDS} s; it did not. Is the repository on a slow disk?"
        ) from None
    return done.stdout
