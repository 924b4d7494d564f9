"""How a model in a file is fed and what it returns: what its card says, else the file itself.

Neither is ever guessed. What both leave open is an error that says which line to write.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from pydantic import Field, ValidationError

from harness.errors import CardError, OpenCardError, PredictionsError
from harness.models.obtain.plain import PlainModel
from harness.models.safe.order import class_numbers
from harness.models.safe.predictions import place_columns
from harness.types.models import (
    EntryCard,
    Model,
    ModelPart,
    Output,
    OutputKind,
    Preprocessing,
    Strict,
)

KEY = "tailmark"
"""Under which a file's own metadata hold what `Said` describes, as one JSON text."""
CHUNK = 32
"""Inputs that a file's network gets at once, whatever the batch of a pass: kernels are chosen by
shape, so that the bits of an answer cannot depend on the batch size."""
MOST = 1 << 20
"""Longest metadata in bytes that are read."""


class Said(Strict):
    """What a file says of itself, under `KEY` of its metadata: the card's fields of these names."""

    arch: str = ""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    inputs: str | None = Field(default=None, pattern="^(images|rows|pool)$")
    output: OutputKind | None = None
    classes: tuple[str, ...] = ()


def said_in(text: str | bytes | None, what: str) -> Said:
    """Return what a file says of itself; nothing where it holds no such text.

    Parameters
    ----------
    text : str or bytes, optional
        JSON.
    what : str
        What sentences call the file.

    Raises
    ------
    CardError
        If it is no JSON, or has a field that there is not.
    """
    if not text:
        return Said()
    try:
        if len(text) > MOST:
            raise ValueError(f"{len(text):,} bytes")
        return Said.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        named = ".".join(map(str, first["loc"]))
        problem = f"{named}: {first['msg'][:120]}"
    except (ValueError, RecursionError) as error:
        problem = str(error)[:120]
    raise CardError(
        f"{what}: expected its metadata under {KEY!r} to be JSON with the fields "
        f"{', '.join(Said.model_fields)}; got {problem}. Write them again, see docs/loaders.md."
    )


def agreed(part: ModelPart, said: Said, what: str) -> ModelPart:
    """Return a card's ``[model]`` completed by what the file says of itself.

    Parameters
    ----------
    part : ModelPart
        Of the card.
    said : Said
        By the file.
    what : str
        What sentences call the file.

    Raises
    ------
    CardError
        If card and file contradict each other: one of them is wrong, and which is not known here.
    """
    completed = {}
    for name in Said.model_fields:
        mine, own = getattr(part, name), getattr(said, name)
        if mine and own and mine != own:
            raise CardError(
                f"{what} says {name} = {_short(own)}; the card says {_short(mine)}. Correct the "
                "one that is wrong, or take it off the card."
            )
        completed[name] = mine or own
    return part.model_copy(update=completed)


def _short(value: Any) -> str:
    if isinstance(value, Preprocessing):
        return str(value.model_dump(mode="json"))[:300]
    return repr(value)[:120]


@dataclass(frozen=True)
class Declared:
    """What a file declares of its one input and of the output that is read."""

    shape: tuple[int | None, ...]
    """Of the input; None: any size."""
    output: OutputKind | None = None
    """As the output is named or made; None: its name says nothing."""
    classes: tuple[Any, ...] = ()
    """Labels of its columns, where the file holds them; numbers or names."""


def fed(
    call: Callable[[np.ndarray], np.ndarray],
    declared: Declared,
    card: EntryCard,
    class_names: Sequence[str],
    what: str,
) -> Model:
    """Return a network behind one call as a model of the harness.

    Parameters
    ----------
    call : callable
        From float32 inputs, as `declared` says, to an array (b, C).
    declared : Declared
        By the file.
    card : EntryCard
        Its ``[model]`` completed by `agreed`.
    class_names : sequence of str
        The suite's.
    what : str
        What sentences call the file.

    Raises
    ------
    CardError
        If it is not known how the model is fed or what it returns, or the declared shape says
        otherwise than the card.
    """
    part = card.model
    assert part is not None
    inputs = _inputs(part, declared, what)
    if inputs == "images":
        _check_images(part.preprocessing, declared.shape, what)
    output = part.output or declared.output
    if output is None:
        raise OpenCardError(
            f"{what} does not say whether it returns logits or probabilities. Write output = "
            '"logits" or "probs" into [model] of the card.'
        )
    columns = columns_of(part.classes or declared.classes, class_names, what)
    size = _first(declared.shape) or CHUNK
    c = len(class_names)

    def answer(batch: np.ndarray) -> Output:
        values = _in_chunks(call, _form(batch, inputs, part, what), size, len(columns), what)
        return Output(output, place_columns(values, columns, c, output))

    return PlainModel(answer, c, part.preprocessing, what=what, rows_at_once=size)


def _inputs(part: ModelPart, declared: Declared, what: str) -> str:
    by_rank = {4: "images", 2: "rows"}
    if not declared.shape:  # code declares nothing
        if part.inputs is None and part.preprocessing is None:
            raise OpenCardError(
                f"It is not known how {what} is fed. Write [model.preprocessing] of its training "
                'into the card, or inputs = "rows" or "pool" for numbers as they are.'
            )
        return part.inputs or "images"
    found = part.inputs or by_rank.get(len(declared.shape))
    if found is None or by_rank.get(len(declared.shape), found) != found:
        raise CardError(
            f"{what} takes inputs of shape {_shown(declared.shape)}; expected (batch, channels, "
            f"height, width) for images or (batch, numbers) for rows"
            f"{f', the card says {part.inputs}' if part.inputs else ''}. Export the network with "
            "one such input."
        )
    return found


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"


def _check_images(how: Preprocessing | None, shape: Sequence[int | None], what: str) -> None:
    if how is None:
        raise OpenCardError(
            f"{what} does not say how its images were prepared. Write [model.preprocessing] with "
            "size, channels, mean, std (and interpolation, crop_pct) of its training into the card."
        )
    wanted = (how.channels, *how.size)
    if len(shape) == 4 and shape[3] in (1, 3) and shape[1] != how.channels == shape[3]:
        raise CardError(
            f"{what} takes images {_shown(shape)}, channels last; expected (batch, channels, "
            "height, width). Export it with channels first: of a torch module, around "
            "images.permute(0, 2, 3, 1); with tf2onnx, --inputs-as-nchw and the input's name."
        )
    for name, mine, own in zip(("channels", "height", "width"), wanted, shape[1:], strict=False):
        if own is not None and own != mine:
            raise CardError(
                f"{what} takes images {_shown(shape)}; preprocessing has {name} {mine}. Set it to "
                f"{own}, what the network was trained with."
            )


def columns_of(
    classes: Sequence[Any], class_names: Sequence[str], what: str
) -> Int[np.ndarray, " k"]:
    """Return the suite's class of each column of a model.

    Parameters
    ----------
    classes : sequence
        What the card or the file calls the k columns; empty: the suite's classes in order.
    class_names : sequence of str
        The suite's C classes.
    what : str
        The file, for messages.

    Raises
    ------
    CardError
        If a name is none of the suite's, or is there twice.
    """
    if not classes:
        return np.arange(len(class_names))
    try:
        columns = class_numbers(np.asarray(classes), "classes", list(class_names), what)
    except PredictionsError as error:
        raise CardError(str(error)) from None
    if len(set(columns.tolist())) != len(columns):
        raise CardError(f"{what}: classes names a class twice. Name each once.")
    return columns


def _form(batch: np.ndarray, inputs: str, part: ModelPart, what: str) -> np.ndarray:
    """Return a batch as the network takes it, float32 but for ``pool``."""
    if inputs == "pool":
        return np.ascontiguousarray(batch)
    if inputs == "images":
        return np.ascontiguousarray(batch, dtype=np.float32)  # prepared: (b, k, y, x)
    pixels = batch.dtype == np.uint8 and batch.ndim == 4
    if pixels and part.preprocessing is None and part.inputs is None:
        raise OpenCardError(
            f"{what} takes rows of numbers and the suite has images. Write [model.preprocessing] "
            'if it was trained on scaled pixels, or inputs = "rows" for pixels 0 to 255.'
        )
    return np.ascontiguousarray(batch.reshape(len(batch), -1), dtype=np.float32)


def _first(shape: Sequence[int | None]) -> int | None:
    return shape[0] if shape else None


def _in_chunks(
    call: Callable[[np.ndarray], np.ndarray], batch: np.ndarray, size: int, k: int, what: str
) -> np.ndarray:
    """Return the answers to a batch, asked for `size` inputs at once, the last filled up."""
    parts = []
    for start in range(0, len(batch), size):
        some = batch[start : start + size]
        filled = np.concatenate([some, np.repeat(some[-1:], size - len(some), axis=0)])
        found = np.asarray(call(filled))
        if found.dtype.kind != "f" or found.shape != (size, k):
            raise PredictionsError(
                f"{what} should return floating-point numbers ({size}, {k}), one row per input and "
                f"one column for each of {k} classes; it returned {found.dtype} {found.shape}. "
                "Export it up to its logits or probabilities, trained on the suite's classes."
            )
        parts.append(found[: len(some)])
    return np.concatenate(parts)


def versions(packages: Sequence[str]) -> Mapping[str, str]:
    """Return the installed versions of packages that compute; empty where one is missing."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found
