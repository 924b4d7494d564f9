"""What came out: metric results, records, verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8
from pydantic import Field

from harness.types.models import Sha256, Strict


@dataclass(frozen=True)
class MetricResult:
    """A value, or None with the reason."""

    value: float | None
    """In natural units; None when undefined."""
    reason: str | None = None
    """Why there is no value; None when there is one."""


@dataclass(frozen=True)
class Weightings:
    """Stratified resampling weights of a pool, shared by every entry (PROTOCOL section 5).

    The weight of image i in replicate b is ``counts[b, i] * scale[i]``; within each class the
    weights of a replicate add up to the class's number of images.
    """

    counts: UInt8[np.ndarray, "replicates n"]
    """How often each image was drawn."""
    scale: Float[np.ndarray, " n"]
    """n_k / (n_k − 1) of the image's class."""
    sha256: str
    """Content of counts and scale: unequal means unpaired."""
    undefined: str | None = None
    """Why replicates of this pool have no value (a class with one image); None when they do."""

    @cached_property
    def by_image(self) -> UInt8[np.ndarray, "n replicates"]:
        """Return the counts with the replicates of an image side by side, for sums over images."""
        return np.ascontiguousarray(self.counts.T)


class SuiteStamp(Strict):
    """What the suite was when the record was made, so that a reader need not look it up."""

    id: str
    """Suite id."""
    sha256: Sha256
    """Identity of the suite."""
    cells: tuple[str, ...]
    """Cells, in the order of every metric's first axis."""
    seeds: tuple[int, ...]
    """Seeds, in the order of every metric's second axis."""
    primary: str
    """Metric key that orders the ranking."""
    tail_metric: str
    """Headline recall of rare classes, e.g. ``recall_tail``."""
    metrics_version: int
    """Version of the meaning of metrics."""


class JobRecord(Strict):
    """One job: entry × cell × seed."""

    cell: int
    """Index into ``suite.cells``."""
    seed: int
    """Index into ``suite.seeds``."""
    status: Literal["done", "failed"]
    """What became of it."""
    error: str | None = None
    """What went wrong, in a sentence; None when it was done."""
    split_sha256: Sha256 | None = None
    """What it trained on."""
    model_id: Sha256 | None = None
    """train_key, or content of weights, or content of predictions."""
    weights_sha256: Sha256 | None = None
    """Content of the weights; None for given predictions."""
    evidence: dict[str, Sha256] = Field(default_factory=dict)
    """Pool → content of its predictions."""
    numerics: dict[str, Any] = Field(default_factory=dict)
    """Device, dtype, memory format."""


Grid = list[list[float | None]]


class VariantRecord(Strict):
    """Metrics of the entry itself (variant ``""``) or of a post-hoc variant of it."""

    ood_score: str
    """The declared OOD score."""
    selection: str
    """Selection rule."""
    facets: dict[str, Any] = Field(default_factory=dict)
    """Facets that differ from the entry's."""
    metrics: dict[str, Grid] = Field(default_factory=dict)
    """Metric key → [cell][seed]."""


class UndefinedValue(Strict):
    """Why a metric has no value."""

    variant: str
    """Variant's name; empty for the entry itself."""
    key: str
    """Metric key."""
    cell: int
    """Index into ``suite.cells``."""
    seed: int | None
    """Index into ``suite.seeds``; None: every seed."""
    reason: str
    """One clause."""


class ArraysStamp(Strict):
    """The NPZ beside the record."""

    file: str
    """File name in the same folder."""
    sha256: Sha256
    """Content of its arrays."""


class EvidenceStamp(Strict):
    """Where the predictions are."""

    sha256: Sha256
    """Over all jobs' evidence."""
    bytes: int
    """Size of row and values of all predictions."""
    url: str | None = None
    """Where anyone can fetch them; None: only by running again."""


class Asked(Strict):
    """What was asked in some cells: every setting, defaults and overrides filled in."""

    cells: tuple[int, ...]
    """Indices into ``suite.cells``."""
    trainer: str | None = None
    """``module:function``; None for loaded models."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Of a trainer: its whole configuration. Of a loaded model: architecture, its arguments, and
    the preprocessing that it was fed with."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Those of the settings that the card itself sets, beside its recipe."""
    parent: dict[str, Any] | None = None
    """Whole configuration of the entry whose trained state this one started from, else of the one
    whose features it read."""


class RunRecord(Strict):
    """``results/<suite>.json``: everything one entry did on one suite."""

    format: Literal[1] = 1
    entry: str
    """Entry's name."""
    card_sha256: Sha256
    """Of the card's canonical JSON."""
    produced_by: Literal["trained", "loaded", "given"]
    """What the harness did: trained it, loaded weights, or read predictions."""
    suite: SuiteStamp
    facets: dict[str, Any]
    """From the card."""
    rank_variants: tuple[str, ...] = ()
    """From the card: variants that get a row of their own by default."""
    deterministic: bool = False
    """From the card: equal numbers over seeds are expected."""
    pools: dict[str, Sha256]
    """Pool → fingerprint, for pools that do not depend on the split."""
    jobs: list[JobRecord]
    """In the order of cells, then seeds."""
    asked: tuple[Asked, ...] | None = None
    """What was asked, one item for all cells where it is equal; None: not noted, as in
    records made before this field and in those of given predictions."""
    variants: dict[str, VariantRecord]
    """``""`` and the post-hoc variants."""
    undefined: list[UndefinedValue]
    """Why values are missing."""
    arrays: ArraysStamp | None = None
    evidence: EvidenceStamp | None = None
    record_sha256: Sha256 | None = None
    """Over everything but itself, cost and provenance."""
    cost: list[dict[str, Any]] = Field(default_factory=list)
    """Per job: seconds, images/s, parameters, device, threads."""
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Versions, host, git revision, time: who made it, not what it says."""


@dataclass(frozen=True)
class Verdict:
    """What can be said of a candidate against a reference."""

    verdict: Literal["same", "better", "worse", "cannot tell"]
    """In this order of precedence (PROTOCOL section 5)."""
    difference: float
    """Candidate minus reference, signed so that positive is better."""
    low: float
    """Lower end of the 95 % interval of the difference."""
    high: float
    """Upper end."""
    margin: float
    """m: differences inside (−m, m) count as the same."""
    p: float | None
    """Two-sided, of no difference; None where the spread over seeds is not known."""
    interval_kind: Literal["seeds and test set", "test-set only"]
    """What the interval covers."""
    detectable: float | None
    """Smallest true difference that this comparison would find with 80 % power, which allows for
    the spread being an estimate; None where it is not known."""
    seeds_to_settle: int | None
    """Seeds that would settle it; None: not by seeds, needs test images."""
    reason: str | None = None
    """Why nothing can be told whatever the numbers, such as too few seeds; None: judged."""


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of a model for one input."""

    count: int | float | None
    """Their number, a mean over cells where data sets differ; None: not counted."""
    why: str = ""
    """Why they are not counted; empty where they are."""

    def after(self, first: "Macs") -> "Macs":
        """Return the sum with a model whose features this one reads."""
        lacking = next((part for part in (first, self) if part.count is None), None)
        if lacking is not None:
            return Macs(None, lacking.why if lacking is self else f"backbone: {first.why}")
        return Macs((first.count or 0) + (self.count or 0))

    @property
    def cost(self) -> dict[str, Any]:
        """Return it as two fields of a job's cost."""
        return {"macs": self.count, "no_macs": self.why} if self.why else {"macs": self.count}

    @classmethod
    def of_cost(cls, cost: Mapping[str, Any]) -> "Macs | None":
        """Return what a job's cost says; None where it says nothing."""
        if "macs" not in cost:
            return None
        count, why = cost["macs"], cost.get("no_macs", "")
        return cls(count, str(why)) if isinstance(count, int | float) else cls(None, str(why))


STATISTICS_VERSION = 2
"""Raised when the meaning of intervals, tie classes or verdicts changes (PROTOCOL section 5)."""


@dataclass(frozen=True)
class RankedRow:
    """One row of a ranking: an entry, or a post-hoc variant of one."""

    name: str
    """Entry, or ``entry+variant``."""
    title: str
    """As people write it."""
    value: float
    """Overall value in natural units."""
    low: float | None
    """Lower end of the 95 % interval; None where no replicates of the metric are stored."""
    high: float | None
    """Upper end."""
    interval_kind: Literal["seeds and test set", "test-set only"] | None
    """What the interval covers; None: there is none."""
    rank_low: int | None
    """Best rank that the data allow; None without an interval."""
    rank_high: int | None
    """Worst rank that the data allow; None without an interval."""
    tie_class: int | None
    """1 is the best class; rows of one class cannot be told apart from its first. None without
    an interval, and with fewer than three seeds: nothing is told apart then."""
    cells: tuple[float | None, ...]
    """Mean over seeds in each of the ranking's cells."""
    tier: Literal["claimed", "rescored", "rerun"]
    """Trust, computed by the reader."""
    facets: dict[str, Any]
    """Facets, those of the variant included."""
    flags: tuple[str, ...] = ()
    """Review flags, one sentence each."""
    local: bool = False
    """True for a row of the store that was not submitted."""


@dataclass(frozen=True)
class MissingRow:
    """An entry without an overall value, listed below the ranking."""

    name: str
    """Entry, or ``entry+variant``."""
    missing: str
    """What is missing, in words."""
    cells: tuple[float | None, ...]
    """Mean over seeds in each cell; None where it is missing."""


@dataclass(frozen=True)
class Ranking:
    """A suite's table: what the command line prints and the board draws."""

    suite: str
    """Suite id."""
    key: str
    """Metric key that orders the rows."""
    higher_is_better: bool
    """Direction of the metric."""
    track: str
    """Which entries were let in."""
    cells: tuple[str, ...]
    """Cells that the overall value averages."""
    seeds: tuple[int, ...]
    """Seeds of every cell."""
    rows: tuple[RankedRow, ...]
    """Best first; ties by name."""
    beside: tuple[RankedRow, ...] = ()
    """Rows that are shown beside, not among, the others: transductive entries, placed as if they
    were among them, and entries of which a facet is not declared, with no place at all."""
    missing: tuple[MissingRow, ...] = ()
    """Entries without an overall value."""
    notes: tuple[str, ...] = ()
    """What the numbers do not cover."""
    statistics: int = STATISTICS_VERSION
    """Which edition of intervals and tie classes."""

    @property
    def by_value(self) -> bool:
        """Return whether rows are ordered by value alone, for no replicates are stored."""
        return any(row.interval_kind is None for row in (*self.rows, *self.beside))
