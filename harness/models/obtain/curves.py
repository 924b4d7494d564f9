"""What the harness learns from a running training: curves against clean labels, best states.

A trainer hands outputs out and never sees a clean label; here they meet.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from harness.atomic import replacing
from harness.errors import CardError, TrainingError, Undefined
from harness.keys import content
from harness.models.safe.weights import load_state, save_state
from harness.models.store.seal import sealed, unsealed
from harness.types.data import Split

SELECTIONS = ("noisy_val", "clean_val")
"""Rules of selection that need validation rows; ``last`` needs none."""
CURVES = "curves"
"""What the seal of the curves names as their place."""
State = Mapping[str, np.ndarray] | Callable[[], Mapping[str, np.ndarray]]


class Recorder:
    """Takes a trainer's ``report`` and ``snapshot`` and keeps curves and the best states.

    Everything is also written to `folder` at once, so that a resumed training goes on with what
    it had.

    Parameters
    ----------
    split : Split
        Holds observed and clean labels.
    folder : Path
        The job's scratch folder.
    epochs : int
        Of the whole training, for progress; 0 when unknown.
    progress : callable, optional
        Called with one mapping per epoch.
    """

    def __init__(
        self,
        split: Split,
        folder: Path,
        epochs: int = 0,
        progress: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.split = split
        self.folder = folder
        self.epochs = epochs
        self.progress = progress
        self._file = folder / "curves.json"
        kept = self._kept()
        self._points: dict[str, dict[str, float]] = kept.get("points", {})
        self._best: dict[str, dict[str, float]] = kept.get("best", {})
        self._states: dict[str, str] = kept.get("states", {})
        self._before = float(kept.get("seconds", 0.0))
        self._started = time.perf_counter()

    def _kept(self) -> dict[str, Any]:
        if not self._file.is_file():
            return {}
        try:
            return unsealed(self._file.read_text("utf-8"), CURVES)[0]
        except ValueError as error:
            raise self._damaged(self._file, error) from None

    def _damaged(self, path: Path, why: Exception) -> TrainingError:
        return TrainingError(
            f"{path} is not what was written ({why}). Remove {self.folder.parent}: the training "
            "then starts from the beginning."
        )

    @property
    def seconds(self) -> float:
        """Return the wall time of this training, sessions before an interruption included."""
        return self._before + time.perf_counter() - self._started

    def report(self, epoch: int, losses: Mapping[str, float]) -> None:
        """Keep an epoch's losses and move the progress bar."""
        self._add(epoch, losses)
        if self.progress is not None:
            self.progress(
                {"stage": "fit", "done": epoch, "total": self.epochs, "losses": dict(losses)}
            )

    def snapshot(
        self,
        epoch: int,
        train_logits: Float[np.ndarray, "n c"],
        val_logits: Float[np.ndarray, "m c"] | None,
        state: State,
    ) -> None:
        """Measure an epoch's outputs against clean labels; keep its state where it is the best.

        Parameters
        ----------
        epoch : int
            The epoch that ended.
        train_logits : float array of shape (n, c)
            On the training rows, in the order they were handed out.
        val_logits : float array of shape (m, c) or None
            On the validation rows.
        state : mapping of str to array, or callable returning one
            All weights.
        """
        if len(train_logits) == len(self.split.clean):
            self._add(epoch, noise_curves(np.asarray(train_logits), self.split))
        if val_logits is not None and self.split.val_observed is not None:
            self._select(epoch, np.asarray(val_logits), state)

    @property
    def curves(self) -> dict[str, list[float]]:
        """Return each curve over the epochs that have it, in order; ``<name>@epoch`` beside."""
        lines: dict[str, list[float]] = {}
        for name, points in sorted(self._points.items()):
            order = sorted(points, key=int)
            lines[name] = [points[epoch] for epoch in order]
            lines[f"{name}@epoch"] = [float(epoch) for epoch in order]
        return lines

    def selected(self) -> dict[str, tuple[dict[str, np.ndarray], int]]:
        """Return rule of selection → (state, epoch) for every rule that had validation rows."""
        return {rule: (self._state(rule), int(best["epoch"])) for rule, best in self._best.items()}

    def _state(self, rule: str) -> dict[str, np.ndarray]:
        path = self.folder / f"{rule}.safetensors"
        try:
            arrays = load_state(path)
            if content(arrays) != self._states.get(rule, content(arrays)):
                raise ValueError("weights with another sha256")
        except (OSError, ValueError, CardError) as error:
            raise self._damaged(path, error) from None
        return arrays

    def _select(self, epoch: int, val_logits: np.ndarray, state: State) -> None:
        labels = {"noisy_val": self.split.val_observed, "clean_val": self.split.val_clean}
        for rule in SELECTIONS:
            y_true = labels[rule]
            if y_true is None:
                continue
            score = _balanced_accuracy(y_true, val_logits.argmax(axis=1))
            if rule not in self._best or score > self._best[rule]["score"]:
                arrays = state() if callable(state) else state
                save_state(self.folder / f"{rule}.safetensors", arrays)
                self._states[rule] = content(arrays)
                self._best[rule] = {"score": score, "epoch": epoch}
            self._add(epoch, {f"{rule}_balanced_accuracy": score})

    def _add(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._points.setdefault(name, {})[str(epoch)] = float(value)
        kept = {
            "points": self._points,
            "best": self._best,
            "states": self._states,
            "seconds": self.seconds,
        }
        with replacing(self._file, durable=False) as partial:
            partial.write_text(json.dumps(sealed(kept, CURVES)), "utf-8")


def noise_curves(logits: Float[np.ndarray, "n c"], split: Split) -> dict[str, float]:
    """Return memorised share, clean accuracy and label-error AUROC of one epoch's outputs.

    Values that do not exist in this split (no flipped label) are left out.
    """
    from harness.metrics.engine.outputs import Outputs
    from harness.metrics.measure import measure_noise

    outputs = Outputs.from_logits(split.observed, logits)
    results = measure_noise(outputs, split.observed, split.clean, keys=NOISE_CURVES)
    found = {name: result.value for name, result in results.items()}
    return {name: value for name, value in found.items() if value is not None}


NOISE_CURVES = ("memorised", "clean_train_accuracy", "label_error_auroc_loss")
"""What is followed over the epochs."""


def _balanced_accuracy(y_true: Int[np.ndarray, " n"], y_pred: Int[np.ndarray, " n"]) -> float:
    """Return the mean recall over the classes that have a validation row."""
    totals = np.bincount(y_true)
    hits = np.bincount(y_true[y_true == y_pred], minlength=len(totals))
    present = totals > 0
    if not present.any():
        raise Undefined("no validation row")
    return float((hits[present] / totals[present]).mean())
