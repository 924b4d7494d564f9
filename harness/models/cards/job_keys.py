"""Names of jobs and pools on cards and in folders: ``digits-exp10-clean-s0/ood/near/digits89``."""

import re
from collections.abc import Iterable
from pathlib import Path

from harness.errors import HarnessError
from harness.models.safe.given import FORMATS

SCHEME = "<cell>-s<seed>/<pool>.npz"
"""How files are named; ``<cell>-s<seed>-<pool>.npz`` with dashes for the pool's slashes will do."""
POOL = re.compile(r"test|calibration|train|val|test@[^/]+|ood/(near|far)/[^/]+")
"""Names of pools that predictions can be about."""
_FLAT = re.compile(
    r"(?P<job>.+-s\d+)-(?P<pool>test|calibration|train|val|test@.+|ood-(near|far)-.+)"
)
_JOB = re.compile(r"(.+)-s\d+")


def wrong_key(keys: Iterable[str], *, pools: bool) -> str | None:
    """Return the first key of a card that names no job, or no pool where it should; else None.

    Parameters
    ----------
    keys : iterable of str
        Of ``[model.files]`` or ``[predictions.files]``.
    pools : bool
        Whether a pool follows the job.
    """
    for key in keys:
        job, slash, pool = key.partition("/")
        fits = POOL.fullmatch(pool) is not None if pools else not slash
        if not (is_job(job) and fits):
            return key
    return None


def key_of(short: Path) -> str | None:
    """Return ``"<cell>-s<seed>/<pool>"`` of a file's path below its folder, or None.

    Parameters
    ----------
    short : Path
        Relative to the folder.

    Examples
    --------
    >>> key_of(Path("digits-exp10-clean-s0/ood/near/digits89.csv"))
    'digits-exp10-clean-s0/ood/near/digits89'
    >>> key_of(Path("digits-exp10-clean-s0-ood-near-digits89.npz"))
    'digits-exp10-clean-s0/ood/near/digits89'
    """
    if short.suffix.lower() not in FORMATS:
        return None
    whole = short.with_suffix("").as_posix()
    parts = whole.split("/")
    for at in range(len(parts) - 1):
        pool = "/".join(parts[at + 1 :])
        if is_job(parts[at]) and POOL.fullmatch(pool):
            return f"{parts[at]}/{pool}"
    flat = _FLAT.fullmatch(parts[-1])
    if flat is not None and is_job(flat["job"]):
        pool = flat["pool"]
        if pool.startswith("ood-"):
            place, _, name = pool.removeprefix("ood-").partition("-")
            pool = f"ood/{place}/{name}"
        return f"{flat['job']}/{pool}"
    return None


def is_job(word: str) -> bool:
    """Return whether a word is a split id with a seed, such as ``digits-exp10-clean-s0``."""
    from harness.data.splits.make import parse_split_id  # listing cards needs no splits

    match = _JOB.fullmatch(word)
    if match is None:
        return False
    try:
        parse_split_id(match[1])
    except HarnessError:
        return False
    return True
