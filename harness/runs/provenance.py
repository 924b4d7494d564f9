"""Who made a record: revision of the code, versions, host and time; never part of its identity."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import harness
from harness.errors import CardError
from harness.models.methods.code import code_sha256
from harness.models.methods.methods import trainer_of
from harness.models.obtain.work import version_of
from harness.runs.kept import evaluator_code
from harness.types import EntryCard

LIBRARIES = (
    "tailmark",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "torchvision",
    "timm",
    "safetensors",
    "pillow",
    "imbalanced-learn",
    "lightgbm",
    "xgboost",
    "catboost",
)
"""Packages whose version may move a number; those that are not installed are left out."""
LIMITS = (
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
)
"""Variables that keep a library from instructions that the processor has: results round otherwise.
That of torch shows in what torch says that it uses."""
_CODE = ("harness", "baselines", "pyproject.toml")
"""What of a checkout decides numbers: an edit elsewhere does not make it dirty."""


def provenance() -> dict[str, Any]:
    """Return who made a record, as plain JSON values.

    Returns
    -------
    dict of str
        ``git`` (``revision`` and ``dirty``, whether tracked code differs from it; None outside
        of a checkout), ``versions``, ``python``, ``platform``, ``cores``, ``host`` (processor,
        instruction set and memory: other processors round otherwise) and ``made``.
    """
    return {
        "git": git_state(),
        "versions": versions(),
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "cores": os.cpu_count(),
        "host": host(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def code_of(card: EntryCard) -> dict[str, str | None]:
    """Return the identity of the code behind an entry's numbers: jobs of one record share it.

    Parameters
    ----------
    card : EntryCard
        Of a method: its trainer's code counts, too.

    Returns
    -------
    dict of str
        ``trainer`` (None without one, or for a function in memory) and ``evaluation``.
    """
    trainer = None
    if card.method is not None:
        with suppress(CardError):
            trainer = code_sha256(trainer_of(card.method))
    return {"trainer": trainer, "evaluation": evaluator_code()}


def versions() -> dict[str, str]:
    """Return the versions of LIBRARIES that are installed."""
    found = {library: version_of(library) for library in LIBRARIES}
    return {library: version for library, version in found.items() if version}


@cache
def git_state(folder: Path | None = None) -> Mapping[str, Any] | None:
    """Return the revision of the checkout that our code runs from, read once per process.

    Parameters
    ----------
    folder : Path, optional
        Of the package ``harness``; default: the one that was imported.

    Returns
    -------
    mapping of str or None
        ``revision`` and ``dirty``; None where there is no git, or the code is not tracked, for
        example when it was installed into somebody else's checkout.
    """
    home = folder or Path(str(harness.__file__)).parent
    if _git(home, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    revision = _git(home, "rev-parse", "HEAD")
    if revision is None:
        return None
    tracked = _git(home.parent, "status", "--porcelain", "--untracked-files=no", "--", *_CODE)
    return {"revision": revision, "dirty": bool(tracked)}


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says in a folder, or None when it has nothing to say."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def host() -> dict[str, Any]:
    """Return facts of this machine that may move the last digits of a number; no names."""
    facts: dict[str, Any] = {"processor": _processor(), "memory_bytes": _memory()}
    capability = os.environ.get("ATEN_CPU_CAPABILITY")
    torch = sys.modules.get("torch")  # nothing is imported to fill in a record
    if torch is not None:
        capability = torch.backends.cpu.get_cpu_capability()
        if torch.cuda.is_available():
            facts["accelerator"] = torch.cuda.get_device_name(0)
    if capability:
        facts["instructions"] = capability
    limits = {name: os.environ[name] for name in LIMITS if os.environ.get(name)}
    if limits:
        facts["instruction_limits"] = limits
    return facts


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
