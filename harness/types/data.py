"""What is measured on: data sets, pools, splits, views and suites."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from harness.errors import SpecError
from harness.keys import content, sha256_of

Modality = Literal["image", "files", "table", "features"]
ORDERS = ("native", "shuffled")


@runtime_checkable
class Inputs(Protocol):
    """What a pool holds: anything with a length from which rows can be taken."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def take(self, rows: Int[np.ndarray, " b"]) -> np.ndarray:
        """Return the rows asked for, in that order, as one array (b, …)."""
        ...


@dataclass(frozen=True)
class ArrayInputs:
    """Inputs held in memory.

    Parameters
    ----------
    array : array of shape (n, …)
        Images as uint8 (n, h, w, c), features as float32 (n, d).
    """

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    def take(self, rows: Int[np.ndarray, " b"]) -> np.ndarray:
        """Return ``array[rows]``."""
        return self.array[rows]


@dataclass(frozen=True)
class Identity:
    """What a data set of a user's own was made from: two of one name are the same if it is equal.

    Its name belongs to it too; that is the folder it lies in.
    """

    source: str
    """Where it lay: an absolute path or an address."""
    digest: str
    """sha256 of what lay there; empty where that cannot be known."""
    reading: int
    """Version of what reading its kind of data means."""
    options: Mapping[str, str]
    """What the user said, as the command line spells it: ``--size`` → ``8``."""


@dataclass(frozen=True)
class DatasetSpec:
    """Facts about a data set; loading is `harness.data.sets.datasets`."""

    name: str
    """Lower case with underscores: it is the first part of a split id."""
    title: str
    """As people write it: ``"Fashion-MNIST"``."""
    modality: Modality
    """What one input is."""
    class_names: tuple[str, ...]
    """In the published order of class indices."""
    image_shape: tuple[int, int, int] | None
    """(height, width, channels) in pixels; None for tables and for files of mixed size."""
    source: str
    """Where it comes from: a URL or ``"embedded in scikit-learn"``."""
    licence: str
    """As the source states it, or ``"none stated"``."""
    citation: str
    """One line."""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """File name → ``"md5:…"`` or ``"sha256:…"`` as published."""
    embedded: bool = False
    """True when it needs no download."""
    asymmetric_map: Mapping[int, int] | None = None
    """Class → the similar class it is mistaken for; None when the literature names none."""
    caveat: str = ""
    """What a user must know before believing a number on it."""
    parts: tuple[str, ...] = ("train", "test")
    """Parts that can be loaded; ``all`` where there is no official test part."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Part → fingerprint of the whole part as published, whichever way its bytes arrived."""
    identity: Identity | None = None
    """What a data set of the user's own was made from; None for those shipped."""
    findings: tuple[str, ...] = ()
    """What was counted when a data set of the user's own was prepared, one sentence each."""
    folds: int = 0
    """Number of folds of a table of the user's own, each of which is the test once; 0: none."""
    group: str = ""
    """Column of a table whose equal values stay together; empty: none."""
    ordered: bool = False
    """Whether class indices are in an order, one step apart: grades, counts."""
    hierarchy: tuple[tuple[int, ...], ...] | None = None
    """Ancestors of every class, the parent first, the root left out; None: not known."""

    @property
    def num_classes(self) -> int:
        """Return the number of classes."""
        return len(self.class_names)


@dataclass(frozen=True)
class Pool:
    """A named set of inputs with clean labels and a fingerprint."""

    name: str
    """``test``, ``calibration``, ``train``, ``val``, ``ood/near/<set>``, ``ood/far/<set>``, …"""
    modality: Modality
    """What one input is."""
    inputs: Inputs
    """The inputs, n of them."""
    labels: Int[np.ndarray, " n"] | None
    """Clean class indices; None for OOD pools."""
    class_names: tuple[str, ...]
    """Names of the classes that `labels` index; empty for OOD pools."""
    fingerprint: str
    """sha256 over inputs and labels in order (SPEC section 3)."""
    base: str | None = None
    """Fingerprint of the pool that this one is a corrupted copy of: both share their replicate
    weightings (PROTOCOL section 5). None: it stands for itself."""
    form: Mapping[str, Any] = field(default_factory=dict)
    """What a model sees of the inputs that `fingerprint` does not cover, as plain JSON values:
    the size that files are decoded to, a table's columns and categories."""

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def identity(self) -> str:
        """Return the sha256 of all that a model may see of the pool: contents and form.

        Manifests and records name `fingerprint`, keys of the store this: two pools of the same
        files decoded to other sizes have one fingerprint and two identities.
        """
        return sha256_of(
            {"fingerprint": self.fingerprint, "modality": self.modality, "form": dict(self.form)}
        )


def number(value: float) -> str:
    """Return a number as split ids write it: without a trailing ``.0``.

    Examples
    --------
    >>> number(50.0), number(0.4)
    ('50', '0.4')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))


@dataclass(frozen=True)
class SplitSpec:
    """What a split is, without its seed."""

    dataset: str
    """Name in DATASETS, possibly a suite's subset of it."""
    imbalance: str = "balanced"
    """Profile of PROTOCOL section 2."""
    imbalance_factor: float | None = None
    """n_max / n_min ≥ 1; None where the profile has none."""
    noise: str = "clean"
    """Kind of PROTOCOL section 3."""
    noise_rate: float | None = None
    """Share of flips in [0, 1); None where the kind has none."""
    order: str = "native"
    """Which class is the head: ``native`` (class 0) or ``shuffled`` (from the seed)."""
    val_fraction: float = 0.0
    """Share of the training rows set aside for validation, before noise is reported."""
    minority_share: float | None = None
    """mu of ``step``: share of classes that are rare; None: the last half of them."""
    alpha: float | None = None
    """Shape of ``pareto``; None for every other profile."""
    counts: tuple[int, ...] | None = None
    """Images of each class, for the profile ``counts``."""
    train_fraction: float = 1.0
    """Share of each class's images that is kept; smaller shares are nested in larger ones."""
    correlation: float | None = None
    """Share of training images whose planted attribute agrees with their class; None: no
    attribute is planted."""
    known_fraction: float = 0.0
    """Share of the corrupted rows that a method is told about (corrective unlearning)."""

    @property
    def id(self) -> str:
        """Return the split id, e.g. ``digits-exp50-symmetric0.4``."""
        factor = "" if self.imbalance_factor is None else number(self.imbalance_factor)
        listed = "" if self.counts is None else "_".join(map(str, self.counts))
        mu = "" if self.minority_share is None else f"~mu{number(self.minority_share)}"
        alpha = "" if self.alpha is None else f"~alpha{number(self.alpha)}"
        share = "" if self.train_fraction == 1 else f"~frac{number(self.train_fraction)}"
        planted = "" if self.correlation is None else f"~planted{number(self.correlation)}"
        order = "" if self.order == "native" else f"~{self.order}"
        rate = "" if self.noise_rate is None else number(self.noise_rate)
        val = "" if not self.val_fraction else f"~val{number(self.val_fraction)}"
        known = "" if not self.known_fraction else f"~known{number(self.known_fraction)}"
        world = f"{self.imbalance}{factor}{listed}{mu}{alpha}{share}{planted}{order}"
        return f"{self.dataset}-{world}-{self.noise}{rate}{known}{val}"


@dataclass(frozen=True)
class Split:
    """What a model may train on: rows of a pool, with observed and clean labels."""

    spec: SplitSpec
    """What it is."""
    seed: int
    """Seed of the job."""
    indices: Int[np.ndarray, " n"]
    """Rows of the training pool, in the order they are handed out."""
    observed: Int[np.ndarray, " n"]
    """Labels a trainer may see."""
    clean: Int[np.ndarray, " n"]
    """True labels of the same rows; never handed to a trainer."""
    val_indices: Int[np.ndarray, " m"] | None
    """Rows set aside for validation, or None."""
    val_observed: Int[np.ndarray, " m"] | None
    """Observed labels of the validation rows."""
    num_classes: int
    """C."""
    val_clean: Int[np.ndarray, " m"] | None = None
    """True labels of the validation rows."""
    foreign: Int[np.ndarray, " n"] | None = None
    """Open-set noise: row of the other pool whose image stands in, −1 where it is the row's own."""
    attributes: Int[np.ndarray, " n"] | None = None
    """Spurious correlation: place of the attribute planted in each image."""
    patched: Bool[np.ndarray, " n"] | None = None
    """Poisoning: which images carry the patch."""
    known: Int[np.ndarray, " r"] | None = None
    """Positions in `indices` of the corrupted rows that a method is told about, increasing."""

    @property
    def flipped(self) -> Bool[np.ndarray, " n"]:
        """Return which observed labels differ from the clean ones."""
        return self.observed != self.clean

    @cached_property
    def clean_counts(self) -> Int[np.ndarray, " c"]:
        """Return the clean training count of each class: what groups and views are made from."""
        return np.bincount(self.clean, minlength=self.num_classes)

    @cached_property
    def observed_counts(self) -> Int[np.ndarray, " c"]:
        """Return the observed training count of each class: what a method may use as prior."""
        return np.bincount(self.observed, minlength=self.num_classes)

    @cached_property
    def sha256(self) -> str:
        """Return the identity of what a trainer sees of it, with its clean labels."""
        arrays = {"indices": self.indices, "observed": self.observed, "clean": self.clean}
        if self.val_indices is not None and self.val_observed is not None:
            arrays |= {"val_indices": self.val_indices, "val_observed": self.val_observed}
        planted = {
            "foreign": self.foreign,
            "attributes": self.attributes,
            "patched": self.patched,
            "known": self.known,
        }
        arrays |= {name: array for name, array in planted.items() if array is not None}
        return content({k: np.asarray(v, dtype=np.int64) for k, v in arrays.items()})


@dataclass(frozen=True)
class View:
    """Class weights on the test pool."""

    kind: Literal["uniform", "forward", "backward"]
    """Profile of the target prior (PROTOCOL section 2)."""
    k: float | None = None
    """Ratio of the most to the least frequent class; None for uniform."""

    @property
    def name(self) -> str:
        """Return the view's name in metric keys: ``forward-25``."""
        return self.kind if self.k is None else f"{self.kind}-{number(self.k)}"

    @classmethod
    def parse(cls, name: str) -> "View":
        """Return the view of a name such as ``uniform`` or ``backward-5``.

        Raises
        ------
        SpecError
            If it is neither.
        """
        kind, _, k = name.partition("-")
        try:
            if kind == "uniform" and not k:
                return cls("uniform")
            if kind in ("forward", "backward") and float(k) >= 1:
                return cls(kind, float(k))  # type: ignore[arg-type]
        except ValueError:
            pass
        raise SpecError(
            f"A view is 'uniform', 'forward-k' or 'backward-k' with k of at least 1; got {name!r}. "
            "Write for example 'forward-25'."
        )


@dataclass(frozen=True)
class Suite:
    """A versioned list of cells, views and metrics with one primary metric."""

    id: str
    """``<name>-v<version>``."""
    title: str
    """One line for people."""
    dataset: str
    """Name in DATASETS of the ID data."""
    classes: tuple[int, ...] | None
    """Classes of the data set that are ID, in order; None for all."""
    cells: tuple[str, ...]
    """Split ids without a seed."""
    seeds: tuple[int, ...]
    """Seeds of every cell."""
    near: tuple[str, ...]
    """Names of the near-OOD sets."""
    far: tuple[str, ...]
    """Names of the far-OOD sets."""
    views: tuple[str, ...]
    """Names of the views on the test pool."""
    primary: str
    """Metric key that orders the ranking, e.g. ``test/balanced_accuracy``."""
    groups: Literal["terciles", "shots"]
    """How classes are grouped by clean training count: head/body/tail or many/medium/few."""
    tail_metric: str
    """Headline recall of rare classes: ``recall_tail`` or ``recall_few``."""
    calibration_fraction: float = 0.0
    """Share of the data held out, clean and stratified, for calibration; 0 for none."""
    test_fraction: float | None = None
    """Share of the data that is the test pool; None when the data set has its own."""
    metrics_version: int = 1
    """Raised when a metric's meaning changes."""
    superseded_by: str | None = None
    """The suite to use instead."""
    notes: tuple[str, ...] = ()
    """What this suite does not cover; shown beside its ranking."""
    partition_of: str | None = None
    """The suite whose streams part the data, where it is another over the same data."""
    photo_patches: int | None = None
    """Patches of photographs in the OOD set of that name."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """OOD set → its index list below the data root."""
    covariate_lists: Mapping[str, str] = field(default_factory=dict)
    """Covariate-shifted ID set → its index list below the data root."""
    corruptions: tuple[str, ...] = ()
    """Our own corruptions of the test pool, such as ``fog-3``."""
    published_corruptions: tuple[str, ...] = ()
    """Corruptions of the test pool that are read from the published arrays, such as ``fog-3``."""
    truths: tuple[str, ...] = ()
    """What somebody else says of the test labels, by name."""
    subsampled: bool = False
    """Whether views are also measured on test images thrown away instead of weighted."""
    open_set: str | None = None
    """OOD set that open-set noise takes its images from."""
    planted_test: float | None = None
    """Share of test images whose planted square is at their class's place."""
    familiar: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Pre-training data → near and far sets whose classes it has."""
    imagenet_familiar: int | None = None
    """Images per class in the OOD set of that name."""
    group: str | None = None
    """Column of an own table whose equal values stay in one part."""
    crossfit: Mapping[str, int] = field(default_factory=dict)
    """Data set → number of folds, 0 for one per row: all its rows are the test pool, each predicted
    by a model that was trained on the other folds, together one cell."""
    folds: int | None = None
    """Folds of an own table, each the test of cells of its own."""
    fold: int | None = None
    """The fold that is the test pool, in a member of a suite over folds."""
    extra: tuple[str, ...] = ()
    """Metrics and OOD scores beside those that every record has; ``all``: every one."""

    @cached_property
    def sha256(self) -> str:
        """Return the identity of everything that may change a number."""
        given = asdict(self)
        facts = {k: v for k, v in given.items() if k not in _WORDS | _PARTS}
        facts["parts"] = {k: given[k] for k in _PARTS if _is_set(given[k])}
        return sha256_of(facts)


_WORDS = {"title", "notes", "superseded_by"}
"""Fields of a suite that people read and no number depends on."""
_PARTS = {
    *("partition_of", "photo_patches", "lists", "covariate_lists", "corruptions"),
    *("published_corruptions", "truths", "subsampled", "open_set", "planted_test", "familiar"),
    *("imagenet_familiar", "group", "crossfit", "folds", "fold"),
    "extra",
}
"""Fields that few suites set: the identity holds those that are set, so that a new one changes
the identity of no suite without it."""


def _is_set(value: object) -> bool:
    """Return whether a field of `_PARTS` says something: 0 does, False does not."""
    return value is not None and value is not False and value not in ((), {})
