"""What is measured: cards, models, what trainers receive, and predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float16, Int
from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.keys import content
from harness.types.data import Inputs

OutputKind = Literal["logits", "probs"]
PredictionKind = Literal["logits", "probs", "decisions"]
"""What predictions can be: a model's outputs, or predicted classes alone."""


class Strict(BaseModel):
    """Root of everything written as JSON or TOML: frozen, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Side = Annotated[int, Field(ge=1, le=4096)]
"""Of an image, in pixels."""
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Preprocessing(Strict):
    """How uint8 images become what a model was trained with; applied by the harness."""

    size: tuple[Side, Side]
    """(height, width) in pixels of what the model receives."""
    channels: Literal[1, 3]
    """Grey images are repeated to 3, colour ones turned grey for 1."""
    mean: tuple[Finite, ...]
    """Per channel, of values in [0, 1]."""
    std: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
    """Per channel, of values in [0, 1]."""
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    """How sizes are changed, with antialiasing."""
    crop_pct: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the resized image that the centre crop keeps."""

    @model_validator(mode="after")
    def _per_channel(self) -> "Preprocessing":
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise ValueError(
                    f"{name} has {len(values)} values and the model takes {self.channels} "
                    f"channels. Write one value per channel"
                )
        return self


@dataclass(frozen=True)
class Output:
    """What a model returns for a batch.

    Logits are never made from probabilities; a model says which of the two it has.
    """

    kind: OutputKind
    """``logits`` or ``probs``."""
    values: Float[np.ndarray, "b c"]
    """One row per input."""
    features: Float[np.ndarray, "b d"] | None = None
    """Penultimate features, when the model has them."""
    statistics: Mapping[str, Float[np.ndarray, "b _"]] = field(default_factory=dict)
    """What scores of gradients and of intermediate layers read, reduced to a row an input; a model
    that has them hands them out (`harness.models.obtain.introspection`). ``odin`` (b, c): logits
    of the perturbed inputs; ``layer_<i>`` (b, d): means over places of an intermediate layer;
    ``gram_<i>`` (b, orders·d): row sums of its Gram matrices. ``certified_radius`` (b, 1): how far
    an input provably may move among the model's features without another prediction, at least 0,
    over the root mean square distance of training features from their mean."""


@runtime_checkable
class Model(Protocol):
    """Anything the harness can pass inputs through."""

    num_classes: int
    preprocessing: Preprocessing | None
    """None: the model takes the pool's arrays as they are."""

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return the outputs of one batch (b, …)."""
        ...


@runtime_checkable
class TrainedModel(Model, Protocol):
    """A model that a trainer returns: it can be kept and restored.

    ``head`` is the last linear layer as ``{"weight": (c, d), "bias": (c,)}`` or None; a trainer's
    module offers ``restore(state, meta)`` beside its fit function, which gives the same model.
    """

    meta: Mapping[str, Any]
    head: Mapping[str, np.ndarray] | None

    def state(self) -> dict[str, np.ndarray]:
        """Return all weights as named arrays."""
        ...


@runtime_checkable
class AdaptiveModel(Model, Protocol):
    """A transductive model: it adapts on unlabelled test inputs before it predicts them."""

    def adapt(self, inputs: Inputs) -> Model:
        """Return a model adapted on these inputs, made again from this one's weights.

        This model is not changed: every call starts from the same weights (PROTOCOL section 6).
        """
        ...


@dataclass(frozen=True)
class TrainingData:
    """What a trainer may see: inputs and observed labels, never clean ones."""

    inputs: Inputs
    """n inputs as the pool holds them (uint8 images, float32 features)."""
    observed: Int[np.ndarray, " n"]
    """Observed class indices."""
    num_classes: int
    """C, also when a class has no row."""
    val: tuple[Inputs, Int[np.ndarray, " m"]] | None = None
    """Validation inputs and their observed labels, where the split sets some aside."""
    unlabelled: Inputs | None = None
    """Inputs without labels, where the suite offers them."""
    known: Int[np.ndarray, " r"] | None = None
    """Rows that the trainer is told are corrupted, where the split reveals some."""
    auxiliary: Inputs | None = None
    """Outliers without labels to train against, where the card names such a pool."""


def _ignore(*_: Any, **__: Any) -> None:
    """Take anything and do nothing: the default of a context's callbacks."""


@dataclass(frozen=True)
class FitContext:
    """Everything a trainer needs besides data."""

    config: Mapping[str, Any]
    """The whole recipe, as the trainer's module ``configure`` returned it."""
    seed: int
    """Seed of the job: every random choice of the trainer depends on it."""
    device: str = "cpu"
    """``cpu`` or ``cuda``."""
    threads: int = 1
    """CPU threads: part of the identity, since another number gives other weights."""
    scratch: Path | None = None
    """Folder for checkpoints of this job alone; None: keep none."""
    report: Callable[[int, Mapping[str, float]], None] = _ignore
    """``report(epoch, losses)``: hands out training curves and moves the progress bar."""
    snapshot: Callable[..., None] = _ignore
    """``snapshot(epoch, train_logits, val_logits, state)``: hands outputs out, once per epoch."""
    parent: Mapping[str, np.ndarray] | None = None
    """Trained state of the entry that this one starts from (``init_from``)."""
    weights: Path | None = None
    """File of the weights that the card names (``method.weights``), its sha256 compared."""


@dataclass(frozen=True)
class Predictions:
    """Evidence: what one model said about one pool."""

    kind: PredictionKind
    """Whether `values` are logits, probabilities or predicted classes."""
    values: Float[np.ndarray, "n c"] | Int[np.ndarray, " n"]
    """One row per input, in the order of `row`. A pass gives float32; given float64 is kept where
    float32 would make equal what is not (SPEC section 3 has float32 alone: two-class probabilities
    near 1 then tie, and their AUROC falls from 0.865 to 0.718). Decisions: int64 (n,)."""
    row: Int[np.ndarray, " n"]
    """Row numbers in the pool, increasing."""
    features: Float16[np.ndarray, "n d"] | None = None
    """Penultimate features, when the model has them."""
    confidence: Float[np.ndarray, " n"] | None = None
    """Of decisions, when given: any score that is larger for a surer decision, e.g. OpenOOD's
    ``conf``. Only its order counts; it is not taken for a probability."""
    head: Mapping[str, np.ndarray] | None = field(default=None, compare=False)
    """Last linear layer (weight (c, d), bias (c,)): read beside the evidence, not hashed in it."""
    cost: Mapping[str, float] = field(default_factory=dict, compare=False)
    """What the pass took: seconds, images/s; recorded, never hashed."""
    numerics: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Device, dtype, memory format, batch size of the pass."""
    statistics: Mapping[str, Float[np.ndarray, "n _"]] = field(default_factory=dict, compare=False)
    """As in `Output`, float32; a cache like `features`, not hashed in the evidence."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays as they are stored: row and values, perhaps conf and features."""
        arrays = self._said()
        return arrays | self.cached()

    def cached(self) -> dict[str, np.ndarray]:
        """Return the arrays that may go: features, and statistics under their own names."""
        features = {} if self.features is None else {"features": self.features}
        return features | dict(self.statistics)

    @property
    def sha256(self) -> str:
        """Return the content address of row and values (features are a cache that may go)."""
        return content(self._said())

    def _said(self) -> dict[str, np.ndarray]:
        name = "pred" if self.kind == "decisions" else self.kind
        said: dict[str, np.ndarray] = {"row": self.row, name: self.values}
        if self.confidence is not None:
            said["conf"] = self.confidence
        return said


NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""What an entry may be called."""
Name = Annotated[str, Field(pattern=NAME)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Facets(Strict):
    """What a reader must know to compare fairly (PROTOCOL section 6).

    None stands for what nobody declared: it is never taken for "no". What the harness trains it
    knows itself (`KNOWN`).
    """

    backbone: str = "none"
    """Architecture in the field's name, or ``none``."""
    parameters: int | None = Field(default=None, ge=0)
    """Number of weights; None: measured by the harness where it can."""
    pretraining: str | None = None
    """``none`` or the name of weights and data, e.g. ``"imagenet-1k supervised"``."""
    extra_data: Literal["none", "unlabelled", "labelled"] | None = None
    """Data beyond the split."""
    saw_clean_labels: bool | None = None
    """Whether anything was fitted on clean labels of a noisy split (calibration counts)."""
    saw_ood_data: bool | None = None
    """Whether OOD data were used in any way before the test."""
    transductive: bool | None = None
    """Whether it adapts on unlabelled test inputs."""
    augmentation: str = ""
    """Augmentations that its suite's other entries do not have; empty: the same as theirs."""
    resolution: str = ""
    """What images are brought to for the backbone, and how, e.g. ``"64 px bicubic"``; empty: as
    the suite has them."""
    selection: Literal["last", "noisy_val", "clean_val"] | None = None
    """Which epoch is scored; ``best_on_test`` is refused."""


_LOADED: dict[str, Any] = {"transductive": False}
_TRAINED: dict[str, Any] = {
    "pretraining": "none",
    "extra_data": "none",
    "saw_clean_labels": False,
    "saw_ood_data": False,
    "transductive": False,
    "selection": "last",
}
KNOWN: dict[str, dict[str, Any]] = {"method": _TRAINED, "model": _LOADED, "predictions": {}}
"""Kind of entry → facets that hold where its card says nothing: a trainer is handed observed
labels of the split alone, and a model is passed as it is unless its card says that it adapts."""
DECLARED = tuple(_TRAINED)
"""Facets without which a row is not compared with others."""
ONE_MODEL = "one_model"
"""Facet that a record has where one and the same model served all cells of its suite."""


class WeightFile(Strict):
    """A file of the entry's folder: weights, a model of one cell and seed, or predictions."""

    path: str
    """Relative to the entry's folder; its suffix says what reads it."""
    sha256: Sha256
    """Of the file's bytes."""
    address: str = ""
    """Where a file that is not in the folder is fetched from (docs/loaders.md); empty: nowhere."""
    beside: dict[str, Sha256] = Field(default_factory=dict)
    """Files that it reads itself (external data of ONNX), by their path beside it."""


class MethodPart(Strict):
    """``[method]``: the harness trains it, per cell and seed."""

    trainer: str
    """A name in METHODS, or ``module:function`` in ``baselines``."""
    recipe: str | None = None
    """Name of a recipe file of the trainer's package."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Settings that differ from the recipe."""
    init_from: Name | None = None
    """Entry whose trained state this one starts from."""
    features_from: Name | None = None
    """Entry whose cached features are this one's inputs."""
    auxiliary: str = ""
    """Outliers to train against: a name in AUXILIARY_SETS or a data set; empty: none. No row of
    the suite's test or OOD pools may be among them."""
    weights: WeightFile | None = None
    """Own weights (safetensors) that a frozen backbone has; their sha256 becomes the trainer's
    setting of this name, and so a part of its key."""


ALL_CELLS = "*"
"""Key of a model that is the same in every cell and seed."""


class ModelPart(Strict):
    """``[model]``: trained models, one per cell and seed or one for all."""

    arch: str = ""
    """Of weights (safetensors): a name in ``timm.list_models()``. Other files hold their network
    themselves."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the architecture, from an allow-list."""
    files: dict[str, WeightFile] = Field(default_factory=dict)
    """``"<cell>-s<seed>"`` → file; ``"*"``: one file for all cells and seeds."""
    preprocessing: Preprocessing | None = None
    """What it was trained with; None: what the file or the architecture itself says."""
    call: str = ""
    """``module:function`` of the entry's folder or a package, called in the sandbox with the
    folder of the file and what is beside it; it returns a model."""
    inputs: Literal["images", "rows", "pool"] | None = None
    """``images``: float32 (b, channels, height, width); ``rows``: float32 (b, numbers), images
    flattened; ``pool``: the pool's arrays as they are. None: by the number of dimensions that the
    file declares."""
    output: OutputKind | None = None
    """Whether it returns logits or probabilities; None: what the file itself says."""
    classes: tuple[str, ...] = ()
    """Names of its classes in the order of its outputs; empty: the file's own, else the suite's."""

    def file(self, cell: str, seed: int) -> WeightFile | None:
        """Return the file of a cell and seed, or the one for all; None where there is neither."""
        return self.files.get(f"{cell}-s{seed}") or self.files.get(ALL_CELLS)


class PredictionsPart(Strict):
    """``[predictions]``: arrays made elsewhere."""

    files: dict[str, WeightFile] = Field(default_factory=dict)
    """``"<cell>-s<seed>/<pool>"`` → npz, npy, CSV or Parquet (docs/predictions.md)."""


EVERYTHING = "all"
"""Among what a card or a suite asks for beside the standard: every metric and every OOD score."""


class EntryCard(Strict):
    """``submissions/<entry>/entry.toml``."""

    format: Literal[1]
    """Version of this form."""
    name: Name
    """Equals the folder's name."""
    kind: Literal["method", "model", "predictions"]
    """Which of the three parts below it has."""
    title: str = ""
    """As people write it; the name when empty."""
    summary: str = ""
    """One or two sentences: what it is."""
    paper: str = ""
    """Citation or URL."""
    code: str = Field(default="", max_length=300, pattern=r"^(https://[^\s<>\"'`]+)?$")
    """Where the authors of the method publish theirs: an address with https."""
    authors: str = ""
    """Who submits."""
    licence: str = ""
    """Of weights or predictions."""
    ood_score: str = "energy"
    """The declared OOD score, a name in OOD_SCORES; ``given``: the ``conf`` of given decisions."""
    rank_variants: tuple[str, ...] = ()
    """Post-hoc variants that get a row of their own by default, e.g. ``["la"]``."""
    deterministic: bool = False
    """True: equal numbers over seeds are expected, no flag."""
    extra: tuple[str, ...] = ()
    """Metrics and OOD scores beside those that every record has, e.g. ``["top5_accuracy",
    "ash_s"]``; ``["all"]``: every one (``tailmark list metrics`` says which are extra). Metrics
    that are named have their replicates kept."""
    suites: tuple[str, ...] = ()
    """Suites that it is meant for, e.g. ``["cifar10-v1"]``; empty: all. Others refuse it."""
    method: MethodPart | None = None
    model: ModelPart | None = None
    predictions: PredictionsPart | None = None
    facets: Facets = Facets()

    @model_validator(mode="after")
    def _known_facets(self) -> "EntryCard":
        held = self.facets
        lacking = {k: v for k, v in KNOWN[self.kind].items() if getattr(held, k) is None}
        object.__setattr__(self, "facets", held.model_copy(update=lacking))
        return self


@dataclass(frozen=True)
class Job:
    """One entry in one cell with one seed."""

    card: EntryCard
    """What is measured."""
    folder: Path
    """The entry's folder: paths on the card are relative to it."""
    cell: str
    """Split id without the seed."""
    seed: int
    """Seed of the split and of the training."""

    @property
    def name(self) -> str:
        """Return how the job is written: ``cnn-ce digits-exp50-clean-s0``."""
        return f"{self.card.name} {self.cell}-s{self.seed}"
