"""Settings of the training loop: one frozen dataclass; recipes and cards are overrides of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar, get_args, get_origin

from harness.errors import SpecError
from harness.lookup import closest, lookup

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "step", "cosine")
DTYPES = ("float32", "bfloat16")
SELECTIONS = ("last", "noisy_val")
S = TypeVar("S")


@dataclass(frozen=True)
class Settings:
    """Everything that a recipe may say about one training; methods add their own fields."""

    # network
    network: str = "small-cnn"
    """A name in `networks.build.NETWORKS`, or ``timm/<architecture>``."""
    width: float = 1.0
    """Multiplies the channels of the small CNN; > 0."""

    # optimisation
    epochs: int = 40
    """Passes over the rows that the sampler hands out; ≥ 1."""
    batch_size: int = 64
    """Largest batch; an epoch is cut into batches of nearly equal size. ≥ 1."""
    optimizer: str = "sgd"
    """``sgd`` or ``adamw``."""
    lr: float = 0.1
    """Peak learning rate; > 0."""
    momentum: float = 0.9
    """Of SGD, in [0, 1)."""
    nesterov: bool = True
    """Nesterov's form of SGD's momentum."""
    weight_decay: float = 5e-4
    """On weights of two or more axes only; ≥ 0."""
    schedule: str = "cosine"
    """``constant``, ``step`` (`milestones`, `gamma`) or ``cosine`` (to zero)."""
    milestones: tuple[int, ...] = ()
    """Epochs at which the step schedule multiplies the rate by `gamma`."""
    gamma: float = 0.1
    """Factor of the step schedule, in (0, 1]."""
    warmup_epochs: float = 0.0
    """Epochs of linear growth to the peak rate; ≥ 0."""
    grad_noise: float = 0.0
    """η of annealed gradient noise, variance η/(1+t)^0.55 (Neelakantan et al. 2015); 0: none."""
    ema: float = 0.0
    """Decay of the running mean of the weights, which then is the model; 0: none."""

    # data
    augment: tuple[str, ...] = ()
    """Names in `augment.AUGMENTATIONS`, applied in this order."""
    mean: tuple[float, ...] = ()
    """Per channel, of values in [0, 1]; empty: measured on the training images."""
    std: tuple[float, ...] = ()
    """Per channel, of values in [0, 1]; empty: measured on the training images."""
    val_fraction: float = 0.0
    """Share of the rows set aside with their observed labels when the split sets none aside."""

    # numbers
    threads: int = 1
    """CPU threads of the training: another number gives other bits. ≥ 1."""
    dtype: str = "float32"
    """``float32`` (exact) or ``bfloat16`` (autocast)."""
    channels_last: bool = False
    """Memory format of images and weights."""
    compile: bool = False
    """torch.compile: 20–30 s at the start, worth it for long fp32 trainings only."""

    # what is kept
    select: str = "last"
    """``last``, or ``noisy_val``: the epoch best on observed validation labels."""
    snapshot_every: int = 1
    """Epochs between two snapshots handed to the harness; 0: none."""
    checkpoint_seconds: float = 60.0
    """Least time between two checkpoints; they are written at the end of an epoch."""


def configure(kind: type, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of `kind`, defaults filled in, as plain JSON values.

    Parameters
    ----------
    kind : dataclass
        Settings of one method.
    overrides : mapping
        From recipe and card.

    Raises
    ------
    SpecError
        If a key is no setting, or a value has the wrong type or range.
    """
    known = {field.name: field.type for field in fields(kind)}
    for key, value in overrides.items():
        if key not in known:
            near = closest(key, known)
            hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(sorted(known))}."
            raise SpecError(f"A recipe of {kind.__name__} has no setting {key!r}. {hint}")
        _check_type(key, value, known[key])
    made = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in overrides.items()})
    if isinstance(made, Settings):
        _check_ranges(made)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(made).items()}


def configure_one(
    table: Mapping[str, type], function: str, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `configure` of the settings that `table` names for a trainer function."""
    return configure(lookup("trainer function", function, table), overrides)


def settings_from(kind: type[S], config: Mapping[str, Any]) -> S:
    """Return the settings that a context's `config` holds."""
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in config.items()})


def _check_type(key: str, value: Any, kind: Any) -> None:
    expected = get_origin(kind) or kind
    if expected is tuple:
        inner = get_args(kind)[0]
        good = isinstance(value, (list, tuple)) and all(_is(v, inner) for v in value)
    else:
        good = _is(value, expected)
    if not good:
        name = getattr(kind, "__name__", str(kind)) if get_origin(kind) is None else str(kind)
        raise SpecError(f"Setting {key!r} is a {name}; got {value!r}. Change it in recipe or card.")


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


_RANGES: dict[str, tuple[str, Any]] = {
    "width": ("above 0", lambda v: v > 0),
    "epochs": ("at least 1", lambda v: v >= 1),
    "batch_size": ("at least 1", lambda v: v >= 1),
    "lr": ("above 0", lambda v: v > 0),
    "momentum": ("in [0, 1)", lambda v: 0 <= v < 1),
    "weight_decay": ("at least 0", lambda v: v >= 0),
    "gamma": ("in (0, 1]", lambda v: 0 < v <= 1),
    "warmup_epochs": ("at least 0", lambda v: v >= 0),
    "grad_noise": ("at least 0", lambda v: v >= 0),
    "ema": ("in [0, 1)", lambda v: 0 <= v < 1),
    "val_fraction": ("in [0, 1)", lambda v: 0 <= v < 1),
    "snapshot_every": ("at least 0", lambda v: v >= 0),
    "checkpoint_seconds": ("at least 0", lambda v: v >= 0),
    "optimizer": (f"one of {OPTIMIZERS}", lambda v: v in OPTIMIZERS),
    "schedule": (f"one of {SCHEDULES}", lambda v: v in SCHEDULES),
    "threads": ("at least 1", lambda v: v >= 1),
    "dtype": (f"one of {DTYPES}", lambda v: v in DTYPES),
    "select": (f"one of {SELECTIONS}", lambda v: v in SELECTIONS),
}


def _check_ranges(settings: Settings) -> None:
    for key, (rule, holds) in _RANGES.items():
        value = getattr(settings, key)
        if not holds(value):
            raise SpecError(f"Setting {key!r} must be {rule}; got {value!r}. Change the recipe.")
