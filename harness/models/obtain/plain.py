"""What people have, as models of the harness: modules, estimators, functions, arrays.

A model of ours says how many classes it has, how its inputs are prepared and whether it returns
logits or probabilities. Who hands in a torch module, a scikit-learn estimator or a function need
not: all three follow from what it is and from what it returns.
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.errors import PredictionsError, SpecError
from harness.models.safe.kept import as_kept
from harness.models.safe.order import class_numbers
from harness.models.safe.predictions import place_columns
from harness.types.models import Model, Output, OutputKind, Preprocessing

NEEDED = (
    "a torch module, a fitted or unfitted scikit-learn estimator, a function of a batch of inputs "
    "that returns an array (rows, classes), a trainer fit(train, ctx) that returns one of these, "
    "or an object with num_classes, preprocessing and __call__(inputs) -> Output"
)
"""What may be handed in, for sentences."""


class PlainModel:
    """A model of which only one thing is known: what it returns for a batch.

    Parameters
    ----------
    call : callable
        From a batch of inputs, prepared or as the pool holds them, to an `Output`, or to an array
        (b, C) of logits or of probabilities.
    num_classes : int
        C.
    preprocessing : Preprocessing, optional
        Applied by the harness; None: `call` gets the pool's arrays as they are.
    what : str
        What sentences call it.
    original : object, optional
        What was handed in: its weights, where it has any.
    rows_at_once : int, default=1
        Inputs that `call` passes on together: batches are whole groups of them.

    Notes
    -----
    Rows without a negative value that sum to 1 are probabilities, everything else is logits: what
    the first batch is taken for holds for all.
    """

    def __init__(
        self,
        call: Callable[[np.ndarray], Any],
        num_classes: int,
        preprocessing: Preprocessing | None = None,
        *,
        what: str = "model",
        original: Any = None,
        rows_at_once: int = 1,
    ) -> None:
        self._call, self._what, self.original = call, what, original
        self.rows_at_once = rows_at_once
        self.num_classes = num_classes
        self.preprocessing = preprocessing
        self._kind: OutputKind | None = None

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return what the model says of one batch.

        Raises
        ------
        PredictionsError
            If that is not an array of one row per input and one column per class.
        """
        found = self._call(inputs)
        if isinstance(found, Output):
            return found
        values = self._checked(found, len(inputs))
        if self._kind is None:
            self._kind = "probs" if _are_probabilities(values) else "logits"
        return Output(self._kind, as_kept(values, self._kind))

    def _checked(self, found: Any, n: int) -> np.ndarray:
        if hasattr(found, "detach"):  # a tensor, without importing torch to ask
            found = found.detach().float().cpu().numpy()
        wanted = f"({n:,}, {self.num_classes:,}): one row per input, one column per class"
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
            what = f"an array of {found.dtype}" if isinstance(found, np.ndarray) else _name(found)
            raise PredictionsError(
                f"The {self._what} should return an array of numbers {wanted}; it returned {what}. "
                "Return logits or probabilities as one array."
            )
        if found.shape != (n, self.num_classes):
            remedy = "Return one row per input and one column per class of the suite."
            if found.ndim == 1:
                remedy = "Return scores of all classes, not the predicted class."
            raise PredictionsError(
                f"The {self._what} should return an array {wanted}; it returned shape "
                f"{found.shape}. {remedy}"
            )
        return np.asarray(found, dtype=np.float64 if found.dtype.kind in "iu" else found.dtype)


def _are_probabilities(values: np.ndarray) -> bool:
    sums = values.sum(axis=1, dtype=np.float64)
    return bool((values >= 0).all() and (np.abs(sums - 1) <= 1e-3).all())


def _name(thing: Any) -> str:
    top = type(thing).__module__.split(".")[0]
    return type(thing).__name__ if top == "builtins" else f"{top}.{type(thing).__name__}"


def is_module(thing: Any) -> bool:
    """Return whether something is a torch module; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def is_estimator(thing: Any) -> bool:
    """Return whether something is a scikit-learn estimator that classifies."""
    return not isinstance(thing, type) and callable(getattr(thing, "fit", None)) and (
        callable(getattr(thing, "predict", None))
    )  # fmt: skip


def is_fitted(estimator: Any) -> bool:
    """Return whether an estimator was fitted."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def is_trainer(thing: Any) -> bool:
    """Return whether something is a function of two arguments: ``fit(train, ctx)``.

    Raises
    ------
    SpecError
        If it is a function that no call of ours fits.
    """
    if isinstance(thing, type) or not callable(thing) or hasattr(thing, "num_classes"):
        return False
    if is_module(thing) or is_estimator(thing):
        return False
    names = required(thing)
    if len(names) in (1, 2):
        return len(names) == 2
    raise SpecError(
        f"{getattr(thing, '__name__', _name(thing))} takes {len(names)} arguments; a trainer takes "
        "two, fit(train, ctx), and a model one, a batch of inputs. Give the others defaults."
    )


def required(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's arguments that have no default; two where nobody can say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["inputs"]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


def as_model(given: Any, class_names: Sequence[str], *, source: str = "") -> Model:
    """Return what was handed in, or what a trainer returned, as a model of the harness.

    Parameters
    ----------
    given : object
        A torch module gets float32 images in [0, 1] as (b, channels, height, width), tables as
        they are, and is put on no other device; one with a `preprocessing` of ours gets what that
        makes. A fitted estimator gets rows (b, d): the pool's numbers, images flattened. A
        function gets the pool's arrays as they are. Objects with ``num_classes``,
        ``preprocessing`` and ``__call__`` are taken as they are; they may return arrays.
    class_names : sequence of str
        The suite's C classes.
    source : str
        What sentences call it; default: its type.

    Raises
    ------
    SpecError
        If it is none of these, or lacks something; the sentence says what.
    """
    what = source or _name(given)
    c = len(class_names)
    if isinstance(given, type):
        raise SpecError(f"Expected a model; got the class {given.__name__}. Hand in an instance.")
    if isinstance(given, np.ndarray):
        raise SpecError(
            f"Expected a model; got an array of shape {given.shape}. Predictions are handed in "
            "as files: tailmark new NAME --kind predictions"
        )
    if is_module(given):
        return _of_module(given, c, what)
    if is_estimator(given) and not hasattr(given, "preprocessing"):
        return _of_estimator(given, class_names, what)
    if not callable(given):
        raise SpecError(f"Expected {NEEDED}; got {what}, which cannot be called.")
    if hasattr(given, "num_classes"):
        return _of_object(given, c, what)
    if len(required(given)) != 1:
        raise SpecError(
            f"Expected a model: a function of one argument, a batch of inputs; {what} takes "
            f"{', '.join(required(given)) or 'none'}. Return {NEEDED.partition(', a trainer')[0]}."
        )
    return PlainModel(given, c, what="function", original=given)


def _of_object(given: Any, c: int, what: str) -> Model:
    """Take an object that says what it is, and complete what it returns."""
    if given.num_classes != c:
        raise SpecError(
            f"The suite has {c} classes; the model has {given.num_classes}. Hand in a model with "
            "one output for each class of the suite."
        )
    if not hasattr(given, "preprocessing"):
        raise SpecError(
            f"Expected an attribute preprocessing of {what}, None where it takes the pool's arrays "
            "as they are; it has none. Set it."
        )
    if hasattr(given, "state") and hasattr(given, "meta"):
        model: Model = given
        return model
    plain = PlainModel(given, c, given.preprocessing, what=what, original=given)
    plain.head = getattr(given, "head", None)  # type: ignore[attr-defined]
    if hasattr(given, "adapt"):
        plain.adapt = given.adapt  # type: ignore[attr-defined]
    return plain


def _of_module(module: Any, c: int, what: str) -> Model:
    """Pass batches through a torch module where it lies, without gradients."""
    import torch

    by_mode = [m for m in module.modules() if isinstance(m, _by_mode()) and m.training]
    if by_mode:
        raise SpecError(
            f"{what} is in training mode, in which its {type(by_mode[0]).__name__} answers "
            "differently each time or by the other inputs of the batch. Call .eval() on it first."
        )
    preprocessing = getattr(module, "preprocessing", None)
    first = next(module.parameters(), None)
    device = torch.device("cpu") if first is None else first.device

    def call(inputs: np.ndarray) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(tensor_form(inputs)).to(device))

    return PlainModel(call, c, preprocessing, what=what, original=module)


def _by_mode() -> tuple[Any, ...]:
    """Return the layers of torch that answer otherwise in training mode."""
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.dropout import _DropoutNd

    return (_BatchNorm, _DropoutNd)


def tensor_form(inputs: np.ndarray) -> np.ndarray:
    """Return inputs as torch modules are used to them.

    Parameters
    ----------
    inputs : array of shape (b, …)
        uint8 images (b, height, width, channels), or anything else.

    Returns
    -------
    float32 array
        Images as (b, channels, height, width) in [0, 1]; everything else in its own shape.
    """
    if inputs.dtype == np.uint8 and inputs.ndim == 4:
        scaled = inputs.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(scaled)
    return np.ascontiguousarray(inputs, dtype=np.float32)


def _of_estimator(estimator: Any, class_names: Sequence[str], what: str) -> Model:
    """Ask an estimator for probabilities, or for its decision function; place columns by class."""
    if not is_fitted(estimator):
        raise SpecError(f"Expected a fitted estimator; {what} was not fitted. Call its fit first.")
    ask = next((n for n in ("predict_proba", "decision_function") if hasattr(estimator, n)), None)
    classes = getattr(estimator, "classes_", None)
    if ask is None or classes is None:
        lacking = "predict_proba or decision_function" if ask is None else "classes_"
        raise SpecError(
            f"Expected a classifier that scores every class; {what} has no {lacking}. Use one that "
            "has, such as a CalibratedClassifierCV around it."
        )
    columns = class_numbers(np.asarray(classes), "classes_", list(class_names), what)
    kind: OutputKind = "probs" if ask == "predict_proba" else "logits"

    def call(inputs: np.ndarray) -> Output:
        values = np.asarray(getattr(estimator, ask)(rows_of(inputs)))
        if values.ndim == 1:  # of two classes only the second one's margin is returned
            values = np.stack([-values, values], axis=1) / 2
        return Output(kind, place_columns(values, columns, len(class_names), kind))

    return PlainModel(call, len(class_names), what=what, original=estimator)


def rows_of(inputs: np.ndarray) -> np.ndarray:
    """Return inputs as rows (b, d): images flattened, numbers as the pool holds them."""
    return inputs.reshape(len(inputs), -1)
