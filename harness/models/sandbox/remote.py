"""A model that lives in a sandboxed process: called as any other, its answers checked first."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from harness.errors import PredictionsError, SandboxError
from harness.models.passes.numerics import Numerics
from harness.models.sandbox.process import Process, printable
from harness.models.sandbox.wire import STATISTIC
from harness.types.data import Inputs
from harness.types.models import Output, OutputKind, Preprocessing

READ = re.compile(r"certified_radius|odin|(layer|gram)_\d{1,4}")
"""Statistics that a score or a metric reads."""

MAX_META = 1 << 20
"""Characters of what a model says about itself."""
_CHUNK = 512


class Rows:
    """Inputs of a pool as pieces, so that a file is filled without holding all of them."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def take_rows(self) -> Iterator[np.ndarray]:
        """Yield the rows in order."""
        n = len(self._inputs)
        for first in range(0, max(n, 1), _CHUNK):
            yield self._inputs.take(np.arange(first, min(first + _CHUNK, n)))


class RemoteModel:
    """A model by its number in a process.

    Parameters
    ----------
    process : Process
        Where it lives.
    described : mapping
        What the process says of it.
    head : mapping of str to array
        Its last linear layer, or empty.
    numerics : Numerics
        How batches are computed.
    num_classes : int
        C that it must have.

    Attributes
    ----------
    declared : object
        What a reader of ours says of the file, as JSON; whoever uses it checks it.

    Raises
    ------
    SandboxError
        If the description is not one.
    """

    def __init__(
        self,
        process: Process,
        described: Any,
        head: Mapping[str, np.ndarray],
        numerics: Numerics,
        num_classes: int | None = None,
    ) -> None:
        try:
            self._number = _whole(described["model"])
            self.num_classes = _whole(described["num_classes"])
            self.declared = described.get("declared")
            given = described["preprocessing"]
            self.preprocessing = None if given is None else Preprocessing.model_validate(given)
        except (KeyError, TypeError, ValidationError):
            raise SandboxError(f"{process.what} does not describe its model as agreed.") from None
        if num_classes is not None and self.num_classes != num_classes:
            raise PredictionsError(
                f"The suite has {num_classes} classes; {process.what} gives a model of "
                f"{self.num_classes}. Use one with one output for each class of the suite."
            )
        self._process, self._numerics = process, numerics
        self._kind: OutputKind | None = None
        self.head = _head(head, self.num_classes)

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return what the model says of one batch.

        Raises
        ------
        PredictionsError
            If that is not one finite row an input, or the code fails.
        SandboxError
            If the process had to be ended.
        """
        reply, arrays = self._process.ask(
            "call",
            {"model": self._number, "numerics": self._numerics.recorded()},
            {"inputs": inputs},
            seconds=self._process.limits.call_seconds,
        )
        kind = reply.get("kind") if isinstance(reply, dict) else None
        if kind not in ("logits", "probs") or self._kind not in (None, kind):
            raise SandboxError(
                f"{self._process.what} should return logits or probs, one of them for all; it "
                f"said {printable(str(kind))[:40]!r}."
            )
        self._kind = kind
        values = self._checked(arrays.get("values"), len(inputs), self.num_classes)
        features = arrays.get("features")
        if features is not None:
            features = self._checked(features, len(inputs), None)
        return Output(kind, values, features, self._statistics(arrays, len(inputs)))

    def _statistics(self, arrays: Mapping[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
        """Return what the model hands out beside its outputs, under the names that are read."""
        found = {}
        for name, array in arrays.items():
            if not name.startswith(STATISTIC):
                continue
            name = name.removeprefix(STATISTIC)
            if not READ.fullmatch(name):
                raise PredictionsError(
                    f"{self._process.what} hands out a statistic that nothing reads, "
                    f"{printable(name)[:40]!r}. Those that are read: certified_radius, odin, "
                    "layer_0, gram_0 and so on."
                )
            found[name] = self._checked(array, n, None)
        return found

    def _checked(self, found: np.ndarray | None, n: int, columns: int | None) -> np.ndarray:
        wanted = f"({n:,}, {'d' if columns is None else f'{columns:,}'})"
        if found is None or found.dtype.kind != "f" or found.ndim != 2:
            got = "none" if found is None else f"{found.dtype} of shape {found.shape}"
            raise PredictionsError(
                f"{self._process.what} should return floating-point numbers {wanted}, one row an "
                f"input; got {got}."
            )
        if len(found) != n or columns not in (None, found.shape[1]):
            raise PredictionsError(
                f"{self._process.what} should return {wanted}, one row per input; got shape "
                f"{found.shape}."
            )
        wrong = np.flatnonzero(np.isnan(found).any(axis=1))
        if len(wrong):
            raise PredictionsError(
                f"{self._process.what} returns NaN for {len(wrong):,} of {n:,} inputs, first in "
                f"row {int(wrong[0])} of its batch. Look at its weights and its preprocessing."
            )
        return found


class RemoteTrained(RemoteModel):
    """A model that can be kept: it hands its weights out and says how it is made again."""

    def __init__(
        self,
        process: Process,
        described: Any,
        head: Mapping[str, np.ndarray],
        numerics: Numerics,
        num_classes: int | None = None,
    ) -> None:
        super().__init__(process, described, head, numerics, num_classes)
        self.meta = plain_settings(described.get("meta"), process.what)

    def state(self) -> dict[str, np.ndarray]:
        """Return all weights as named arrays."""
        _, arrays = self._process.ask(
            "state", {"model": self._number}, seconds=self._process.limits.call_seconds
        )
        return arrays


class _Adapting(RemoteModel):
    """A transductive model."""

    def adapt(self, inputs: Inputs) -> RemoteModel:
        """Return a model adapted on inputs without labels, made inside from this one."""
        described, head = self._process.ask(
            "adapt",
            {"model": self._number, "numerics": self._numerics.recorded()},
            {"inputs": Rows(inputs)},
            seconds=self._process.limits.fit_seconds,
        )
        return RemoteModel(self._process, described, head, self._numerics, self.num_classes)


class _AdaptingTrained(_Adapting, RemoteTrained):
    """A transductive model that can be kept."""


def model_of(
    process: Process,
    described: Any,
    head: Mapping[str, np.ndarray],
    numerics: Numerics,
    num_classes: int | None = None,
    *,
    kept: bool = False,
) -> Any:
    """Return a model by its description: one that can be kept, one that adapts, or both.

    Parameters
    ----------
    process, described, head, numerics, num_classes
        As of `RemoteModel`.
    kept : bool, default=False
        Whether it can be kept: `RemoteTrained`.
    """
    adapts = isinstance(described, dict) and described.get("adapts") is True
    kinds: dict[tuple[bool, bool], type[RemoteModel]] = {
        (False, False): RemoteModel,
        (False, True): _Adapting,
        (True, False): RemoteTrained,
        (True, True): _AdaptingTrained,
    }
    return kinds[kept, adapts](process, described, head, numerics, num_classes)


def plain_settings(given: Any, what: str) -> dict[str, Any]:
    """Return settings that foreign code made, if they are plain JSON values of moderate size.

    Raises
    ------
    SandboxError
        If they are something else.
    """
    text = json.dumps(given)
    if not isinstance(given, dict) or len(text) > MAX_META or not all(map(_plain, given.values())):
        raise SandboxError(
            f"{what} should give plain settings: names with numbers, texts and lists, at most "
            f"{MAX_META:,} characters of JSON without NaN; got {printable(text)[:80]}."
        )
    return given


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return not isinstance(value, float) or math.isfinite(value)


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise TypeError("no count")
    return value


def _head(given: Mapping[str, np.ndarray], classes: int) -> dict[str, np.ndarray] | None:
    """Return the last linear layer, or None where what is given is none."""
    weight, bias = given.get("weight"), given.get("bias")
    if weight is None or bias is None or set(given) != {"weight", "bias"}:
        return None
    fits = weight.ndim == 2 and len(weight) == classes and bias.shape == (classes,)
    numbers = weight.dtype.kind == "f" and bias.dtype.kind == "f"
    if not (fits and numbers and np.isfinite(weight).all() and np.isfinite(bias).all()):
        return None
    return {"weight": weight, "bias": bias}
