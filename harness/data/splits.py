"""Splits: from a split id and a pool to the rows and labels that a model may train on.

Order is fixed: subsample first, flip labels second, set validation rows aside last.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.data.imbalance import (
    PROFILES,
    WITHOUT_FACTOR,
    WITHOUT_ORDER,
    class_counts,
    realised_imbalance_factor,
)
from harness.data.noise import NOISES, WITHOUT_RATE, observed_labels, transition
from harness.errors import SpecError
from harness.keys import content
from harness.lookup import unknown
from harness.streams import Draw, Stream, stream
from harness.types import Split, SplitSpec

_NUMBER = r"\d+(?:\.\d+)?"
_FORM = "<dataset>-<imbalance>[IF][~order]-<noise>[rate][~val0.1], e.g. digits-exp50-symmetric0.4"


def parse_split_id(text: str) -> SplitSpec:
    """Return the spec of a split id: the exact inverse of `SplitSpec.id`.

    Parameters
    ----------
    text : str
        Without a seed.

    Raises
    ------
    SpecError
        If it is not of that form, or a number is outside its range.
    UnknownNameError
        If profile, noise or option is in no table; with the closest name.

    Examples
    --------
    >>> parse_split_id("digits-exp50-symmetric0.4").imbalance_factor
    50.0
    """
    parts = text.split("-")
    if len(parts) != 3 or not all(parts):
        raise SpecError(f"A split id is {_FORM}; got {text!r}.")
    dataset, world, noise = parts
    profile, *world_options = world.split("~")
    kind, *noise_options = noise.split("~")
    spec = SplitSpec(dataset, **_profile(profile), **_noise(kind))
    for option in world_options:
        spec = replace(spec, **_option(option, _WORLD_OPTIONS))
    for option in noise_options:
        spec = replace(spec, **_option(option, {"val": "val_fraction"}))
    check_spec(spec)
    if spec.id != text:
        raise SpecError(f"Every split has one id; {text!r} is written {spec.id!r}.")
    return spec


_WORLD_OPTIONS = {"mu": "minority_share", "alpha": "alpha", "frac": "train_fraction"}
"""Options after the profile that take a number, and their fields."""


def _profile(text: str) -> dict[str, Any]:
    name, rest = _named("imbalance profile", text, PROFILES)
    if name == "counts":
        if not re.fullmatch(r"\d+(?:_\d+)*", rest):
            raise SpecError(f"Counts are written 'counts100_50_20'; got {text!r}.")
        return {"imbalance": name, "counts": tuple(map(int, rest.split("_")))}
    return {"imbalance": name, "imbalance_factor": float(rest) if rest else None}


def _noise(text: str) -> dict[str, Any]:
    name, rest = _named("kind of noise", text, NOISES)
    return {"noise": name, "noise_rate": float(rest) if rest else None}


def _named(kind: str, text: str, names: Collection[str]) -> tuple[str, str]:
    """Return the longest known name that `text` starts with, and the number after it."""
    for name in sorted(names, key=len, reverse=True):
        rest = text.removeprefix(name)
        listed = name == "counts" and re.fullmatch(r"[\d_]+", rest)
        if text.startswith(name) and (not rest or listed or re.fullmatch(_NUMBER, rest)):
            return name, rest
    raise unknown(kind, re.sub(r"[-\d._]+$", "", text) or text, names)


def _option(text: str, fields: Mapping[str, str]) -> dict[str, Any]:
    if text == "shuffled" and "val" not in fields:
        return {"order": text}
    for name, field in fields.items():
        if re.fullmatch(name + _NUMBER, text):
            return {field: float(text.removeprefix(name))}
    raise unknown("option of a split id", re.sub(r"[\d.]+$", "", text), [*fields, "shuffled"])


def check_spec(spec: SplitSpec) -> None:
    """Refuse a spec that means nothing or is out of range.

    Parameters
    ----------
    spec : SplitSpec
        Any; made by hand or from an id.

    Raises
    ------
    SpecError
        With what was expected, what was received and what to write instead.
    """
    _check_factor(spec)
    _check_rate(spec)
    if spec.order != "native" and spec.imbalance in WITHOUT_ORDER:
        raise SpecError(
            f"The profile {spec.imbalance!r} gives no class a rank, so its order cannot be "
            f"{spec.order}. Leave '~{spec.order}' out."
        )
    _check_share("train_fraction", spec.train_fraction, "~frac0.1", upper_allowed=True)
    if spec.val_fraction:
        _check_share("val_fraction", spec.val_fraction, "~val0.1", upper_allowed=False)
    if spec.minority_share is not None:
        if spec.imbalance != "step":
            raise SpecError(f"'~mu' belongs to the profile 'step'; got it with {spec.imbalance!r}.")
        _check_share("minority_share", spec.minority_share, "~mu0.5", upper_allowed=False)
    if (spec.alpha is not None) != (spec.imbalance == "pareto"):
        raise SpecError(
            "'~alpha' belongs to the profile 'pareto' and is needed there; got "
            f"{spec.id!r}. Write for example 'pareto100~alpha6'."
        )
    if spec.alpha is not None and spec.alpha <= 0:
        raise SpecError(f"alpha must be above 0; got {spec.alpha:g}. The literature uses 6.")


def _check_factor(spec: SplitSpec) -> None:
    factor = spec.imbalance_factor
    if spec.imbalance in WITHOUT_FACTOR:
        if factor is not None:
            raise SpecError(
                f"The profile {spec.imbalance!r} takes no imbalance factor; got {factor:g}. "
                f"Write '{spec.imbalance}', or 'exp{factor:g}' for a long tail."
            )
        return
    if factor is None:
        raise SpecError(
            f"The profile {spec.imbalance!r} needs an imbalance factor n_max / n_min; got none. "
            f"Write for example '{spec.imbalance}100'."
        )
    if factor < 1:
        hint = f" Did you mean {1 / factor:g}?" if factor > 0 else " Write for example 100."
        raise SpecError(
            f"imbalance_factor is n_max / n_min and so at least 1; got {factor:g}.{hint}"
        )


def _check_rate(spec: SplitSpec) -> None:
    rate = spec.noise_rate
    if spec.noise in WITHOUT_RATE:
        if rate is not None:
            raise SpecError(
                f"The noise {spec.noise!r} takes no rate; got {rate:g}. "
                f"Write '{spec.noise}', or for example 'symmetric0.4'."
            )
        return
    if rate is None:
        raise SpecError(
            f"The noise {spec.noise!r} needs a rate; got none. Write for example '{spec.noise}0.4'."
        )
    if not 0 <= rate < 1:
        percent = f" Did you mean {rate / 100:g}?" if 2 <= rate < 100 else ""
        raise SpecError(f"noise_rate is a share of flips in [0, 1); got {rate:g}.{percent}")


def _check_share(name: str, value: float, example: str, *, upper_allowed: bool) -> None:
    if not (0 < value < 1 or (upper_allowed and value == 1)):
        bound = "1]" if upper_allowed else "1)"
        raise SpecError(f"{name} is a share in (0, {bound}; got {value:g}. Write '{example}'.")


def make_split(
    spec: SplitSpec,
    labels: Int[np.ndarray, " p"],
    num_classes: int,
    seed: int,
    *,
    similar: Mapping[int, int] | None = None,
) -> Split:
    """Return a split of a training pool: subsampled, then mislabelled, then parted.

    Parameters
    ----------
    spec : SplitSpec
        What it is.
    labels : int array of shape (p,)
        Clean labels of the training pool.
    num_classes : int
        C.
    seed : int
        Seed of the job.
    similar : mapping of int to int, optional
        The data set's `asymmetric_map`.

    Returns
    -------
    Split
        Rows increasing.

    Raises
    ------
    SpecError
        If the spec is out of range or the pool cannot supply it.
    """
    check_spec(spec)

    def draw(step: str) -> Stream:
        # A smaller share of the same split draws from the same streams: it is nested.
        return stream(replace(spec, train_fraction=1.0).id, seed, step)

    rows = _subsample(spec, labels, num_classes, draw)
    clean = labels[rows].astype(np.int64)
    matrix = transition(spec, np.bincount(clean, minlength=num_classes), similar)
    observed = observed_labels(matrix, labels, rows, draw("flip"))
    whole = Split(spec, seed, rows, observed, clean, None, None, num_classes)
    return whole if not spec.val_fraction else _set_aside(whole, draw("val"))


def _subsample(
    spec: SplitSpec, labels: Int[np.ndarray, " p"], num_classes: int, draw: Draw
) -> Int[np.ndarray, " n"]:
    """Return the rows kept: of each class the first n_k in random order."""
    available = np.bincount(labels, minlength=num_classes)
    counts = class_counts(spec, available, draw("class-order"))
    order = draw("subsample").permutation(len(labels))
    return _first_of_each(labels, counts, order)


def _first_of_each(
    labels: Int[np.ndarray, " p"], counts: Int[np.ndarray, " c"], order: Int[np.ndarray, " p"]
) -> Int[np.ndarray, " n"]:
    """Return, increasing, the first `counts[k]` rows of each class k in the given order."""
    shuffled = labels[order]
    kept = [order[shuffled == k][:count] for k, count in enumerate(counts)]
    return np.sort(np.concatenate(kept))


def _set_aside(split: Split, draw: Stream) -> Split:
    """Return the split with a stratified share of its rows set aside for validation."""
    counts = np.floor(split.clean_counts * split.spec.val_fraction + 0.5).astype(np.int64)
    counts = np.minimum(counts, np.maximum(split.clean_counts - 1, 0))  # no class is emptied
    at = _first_of_each(split.clean, counts, draw.permutation(len(split.clean)))
    kept = np.ones(len(split.clean), dtype=bool)
    kept[at] = False
    return replace(
        split,
        indices=split.indices[kept],
        observed=split.observed[kept],
        clean=split.clean[kept],
        val_indices=split.indices[at],
        val_observed=split.observed[at],
        val_clean=split.clean[at],
    )


def manifest(split: Split) -> dict[str, Any]:
    """Return what identifies a split, as plain values (PROTOCOL section 1).

    Parameters
    ----------
    split : Split
        Any.

    Returns
    -------
    dict
        Spec, seed, hashes of rows and observed labels, counts, realised factor and noise rate.
    """
    factor = realised_imbalance_factor(split.clean_counts)
    return {
        "spec": split.spec.id,
        "seed": split.seed,
        "sha256": split.sha256,
        "indices_sha256": content({"indices": split.indices.astype(np.int64)}),
        "observed_sha256": content({"observed": split.observed.astype(np.int64)}),
        "clean_counts": split.clean_counts.tolist(),
        "observed_counts": split.observed_counts.tolist(),
        "realised_imbalance_factor": None if factor is None else float(f"{factor:.9g}"),
        "realised_noise_rate": float(f"{split.flipped.mean():.9g}"),
    }
