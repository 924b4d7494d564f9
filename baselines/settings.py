"""Settings, typed and checked: of the training loop, and what makes a function a method.

Recipes and cards are overrides of the defaults written here and in the methods' own settings.
"""

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from harness.errors import SpecError
from harness.lookup import closest
from harness.types.models import FitContext, TrainingData

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
"""In [0, 1]."""
Below1 = Annotated[float, Field(ge=0, lt=1)]
"""In [0, 1)."""
UpTo1 = Annotated[float, Field(gt=0, le=1)]
"""In (0, 1]."""
Inside = Annotated[float, Field(gt=0, lt=1)]
"""In (0, 1)."""
AtLeast1 = Annotated[float, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]


class Checked(BaseModel):
    """Settings whose names, types and ranges are checked; nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Settings(Checked):
    """Everything that a recipe may say about one training; methods add their own fields."""

    # network
    network: str = "small-cnn"
    """A name in `networks.build.NETWORKS`, or ``timm/<architecture>``."""
    width: Positive = 1.0
    """Multiplies the channels of the small CNN."""

    # optimisation
    epochs: Count = 40
    """Passes over the rows that the sampler hands out."""
    batch_size: Count = 64
    """Largest batch; an epoch is cut into batches of nearly equal size."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """``sgd`` or ``adamw``."""
    lr: Positive = 0.1
    """Peak learning rate."""
    momentum: Below1 = 0.9
    """Of SGD."""
    nesterov: bool = True
    """Nesterov's form of SGD's momentum."""
    weight_decay: NonNegative = 5e-4
    """Factor of the squared weights' gradient; `decay` says on which."""
    decay: Literal["all", "weights"] = "weights"
    """On ``all`` parameters, as most published code, or on ``weights`` of two or more axes."""
    schedule: Literal["constant", "step", "cosine", "restarts"] = "cosine"
    """``constant``, ``step`` (`milestones`, `gamma`), ``cosine`` (to `min_lr`), or ``restarts``:
    a cosine from the peak to `min_lr` every `restart_epochs`, one rate per epoch."""
    min_lr: NonNegative = 0.0
    """Where ``cosine`` and ``restarts`` end."""
    restart_epochs: Count = 10
    """Epochs of one cosine of ``restarts``."""
    milestones: tuple[int, ...] = ()
    """Epochs at which the step schedule multiplies the rate by `gamma`."""
    gamma: UpTo1 = 0.1
    """Factor of the step schedule."""
    warmup_epochs: NonNegative = 0.0
    """Epochs of linear growth to the peak rate."""
    warmup_start: Share = 0.0
    """Share of the peak rate at which that growth starts."""
    grad_noise: NonNegative = 0.0
    """η of annealed gradient noise, variance η/(1+t)^0.55 (Neelakantan et al. 2015); 0: none."""
    ema: Below1 = 0.0
    """Decay of the running mean of the weights, which then is the model; 0: none."""

    # data
    augment: tuple[str, ...] = ()
    """Names in `augment.AUGMENTATIONS`, applied in this order."""
    mean: tuple[float, ...] = ()
    """Per channel, of values in [0, 1]; empty: measured on the training images."""
    std: tuple[float, ...] = ()
    """Per channel, of values in [0, 1]; empty: measured on the training images."""
    val_fraction: Below1 = 0.0
    """Share of the rows set aside with their observed labels when the split sets none aside."""

    # numbers
    threads: Count = 1
    """CPU threads of the training: another number gives other bits."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """``float32`` (exact) or ``bfloat16`` (autocast)."""
    channels_last: bool = False
    """Memory format of images and weights."""
    compile: bool = False
    """torch.compile: 20–30 s at the start, worth it for long fp32 trainings only."""

    # what is kept
    select: Literal["last", "noisy_val", "noisy_val_loss"] = "last"
    """``last``, ``noisy_val``: the epoch of best accuracy on observed validation labels, or
    ``noisy_val_loss``: of least cross-entropy there."""
    snapshot_every: Annotated[int, Field(ge=0)] = 1
    """Epochs between two snapshots handed to the harness; 0: none."""
    checkpoint_seconds: NonNegative = 60.0
    """Least time between two checkpoints; they are written at the end of an epoch."""


S = TypeVar("S", bound=Checked)
Restore = Callable[..., Any]
"""(state, meta) → the model they describe."""


class Method(Generic[S]):
    """A fit function with its settings, as the harness calls it.

    Parameters
    ----------
    fit : callable
        (training data, context, settings) → trained model.
    settings : type
        Its settings.
    restore : callable
        From a trained model's state and meta to the model.
    """

    def __init__(
        self,
        fit: Callable[[TrainingData, FitContext, S], Any],
        settings: type[S],
        restore: Restore,
    ) -> None:
        self.fit, self.settings, self.restore = fit, settings, restore
        update_wrapper(self, fit)

    def configure(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return every setting, defaults filled in, as plain JSON values.

        Raises
        ------
        SpecError
            If a key is not a setting, or a value has the wrong type or range.
        """
        return checked(self.settings, overrides).model_dump(mode="json")

    def __call__(self, train: TrainingData, ctx: FitContext) -> Any:
        """Train under the settings that the context's `config` holds."""
        return self.fit(train, ctx, checked(self.settings, ctx.config))


def checked(kind: type[S], values: Mapping[str, Any]) -> S:
    """Return settings of one kind.

    Parameters
    ----------
    kind : type
        Settings of one method.
    values : mapping
        From recipe and card, or a context's `config`; what is left out is at its default.

    Raises
    ------
    SpecError
        If a key is not a setting, or a value has the wrong type or range.
    """
    try:
        return kind.model_validate({k: _tuples(v) for k, v in values.items()})
    except ValidationError as error:
        raise SpecError(_sentence(kind, error.errors(include_url=False)[0])) from None


def changed(settings: S, **values: Any) -> S:
    """Return the same settings with other values of some, checked like any."""
    return checked(type(settings), {**settings.model_dump(), **values})


def _tuples(value: Any) -> Any:  # TOML and JSON have lists
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _sentence(kind: type[Checked], detail: ErrorDetails) -> str:
    """Return expected / received / do this for one finding of pydantic."""
    key, found = str(detail["loc"][0]) if detail["loc"] else "", detail["input"]
    if detail["type"] == "extra_forbidden":
        near = closest(key, kind.model_fields)
        known = ", ".join(sorted(kind.model_fields)) or "none"
        hint = f"Did you mean {near!r}?" if near else f"Known: {known}."
        return f"A recipe of {kind.__name__} has no setting {key!r}. {hint}"
    if detail["type"] == "value_error":  # a method's own rule says it in a sentence
        return str(detail["ctx"]["error"])
    rule = _rule(kind.model_fields[key])
    return f"Setting {key!r} must be {rule}; got {found!r}. Change it in recipe or card."


def _rule(field: FieldInfo) -> str:
    """Return in words what a setting may be: its type and range."""
    kind = field.annotation
    if getattr(kind, "__origin__", None) is Literal:
        return "one of " + ", ".join(map(repr, kind.__args__))  # type: ignore[union-attr]
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    text = names.get(kind)  # type: ignore[arg-type]
    if text is None:
        return f"a list of {names[kind.__args__[0]].split(maxsplit=1)[1]}s"  # type: ignore[union-attr]
    return f"{text}{_range(field)}"


def _range(field: FieldInfo) -> str:
    low: Any = next((m for m in field.metadata if isinstance(m, Ge | Gt)), None)
    high: Any = next((m for m in field.metadata if isinstance(m, Le | Lt)), None)
    if low is None:
        return "" if high is None else f" below {high.lt}"
    least = low.ge if isinstance(low, Ge) else low.gt
    if high is None:
        return f" at least {least}" if isinstance(low, Ge) else f" above {least}"
    most = high.le if isinstance(high, Le) else high.lt
    left = "[" if isinstance(low, Ge) else "("
    right = "]" if isinstance(high, Le) else ")"
    return f" in {left}{least}, {most}{right}"


def method(
    settings: type[S], restore: Restore
) -> Callable[[Callable[[TrainingData, FitContext, S], Any]], Method[S]]:
    """Make a method of a fit function: its settings and how its models come back.

    `model.neural` and `probe.probing` are this with the one way in which networks and probes
    come back.
    """
    return lambda fit: Method(fit, settings, restore)
