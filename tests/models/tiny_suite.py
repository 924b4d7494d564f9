"""A suite of a few hundred small images, opened without the data room: fast and offline."""

from dataclasses import dataclass, field

import numpy as np

from harness.keys import content
from harness.types import ArrayInputs, DatasetSpec, Pool, Split, SplitSpec, Suite, TrainingData

CLASSES = ("zero", "one", "two")
CELL, VAL_CELL = "tiny-balanced-symmetric0.2", "tiny-balanced-symmetric0.2~val0.1"


def images(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Stripes whose position is the class, with noise: learnable, not trivial."""
    pixels = rng.integers(0, 60, (len(labels), 6, 6, 1))
    pixels[np.arange(len(labels)), labels * 2] += 120
    return pixels.astype(np.uint8)


def pool(name: str, array: np.ndarray, labels: np.ndarray | None) -> Pool:
    arrays = {"inputs": array} | ({} if labels is None else {"labels": labels})
    return Pool(name, "image", ArrayInputs(array), labels, CLASSES, content(arrays))


@dataclass
class TinySuite:
    """The part of an opened suite that obtaining predictions uses."""

    suite: Suite
    dataset: DatasetSpec
    train: Pool
    test: Pool
    calibration: Pool | None
    ood: dict[str, Pool] = field(default_factory=dict)
    covariate: dict[str, Pool] = field(default_factory=dict)
    folds: None = None

    def subsampled(self, split: Split, view: str) -> Pool:
        """Every third test image, whatever the view: what matters is that inputs differ."""
        rows = np.arange(0, len(self.test), 3) if view == "uniform" else np.arange(10)
        return pool(f"test@{view}", self.test.inputs.take(rows), self.test.labels[rows])

    def auxiliary_pool(self, name: str, split: Split) -> Pool:
        """Return noise, other noise under another name."""
        rng = np.random.default_rng(len(name))
        return pool(f"auxiliary/{name}", rng.integers(0, 256, (8, 6, 6, 1), dtype=np.uint8), None)

    def at(self, cell: str) -> "TinySuite":
        return self

    def split(self, cell: str, seed: int) -> Split:
        rng = np.random.default_rng(seed)
        clean = self.train.labels
        flipped = rng.random(len(clean)) < 0.2
        observed = np.where(flipped, (clean + 1) % len(CLASSES), clean)
        rows = np.arange(len(clean))
        spec = SplitSpec("tiny", "balanced", None, "symmetric", 0.2)
        if "val" not in cell:
            return Split(spec, seed, rows, observed, clean, None, None, len(CLASSES))
        return Split(
            spec, seed, rows[30:], observed[30:], clean[30:], rows[:30], observed[:30],
            len(CLASSES), clean[:30],
        )  # fmt: skip

    def _rows(self, name: str, rows: np.ndarray) -> Pool:
        return pool(name, self.train.inputs.take(rows), self.train.labels[rows])

    def train_pool(self, split: Split) -> Pool:
        return self._rows("train", split.indices)

    def val_pool(self, split: Split) -> Pool | None:
        return None if split.val_indices is None else self._rows("val", split.val_indices)

    def unlabelled_pool(self, split: Split) -> Pool | None:
        return None

    def training_data(self, split: Split) -> TrainingData:
        val = self.val_pool(split)
        return TrainingData(
            self.train_pool(split).inputs,
            split.observed,
            len(CLASSES),
            None if val is None else (val.inputs, split.val_observed),
        )


def open_tiny(seed: int = 0) -> TinySuite:
    """Return the tiny suite; another seed gives other pools of the same shape."""
    rng = np.random.default_rng(seed)

    def labelled(name: str, n: int) -> Pool:
        labels = np.arange(n) % len(CLASSES)
        return pool(name, images(rng, labels), labels)

    suite = Suite(
        "tiny-v1", "Tiny", "tiny", None, (CELL, VAL_CELL), (0, 1), ("noise",), (),
        ("uniform", "forward-5"),
        "test/balanced_accuracy", "terciles", "recall_tail",
    )  # fmt: skip
    dataset = DatasetSpec("tiny", "Tiny", "image", CLASSES, (6, 6, 1), "made here", "none", "none")
    noise = rng.integers(0, 255, (20, 6, 6, 1)).astype(np.uint8)
    return TinySuite(
        suite, dataset, labelled("train", 120), labelled("test", 70), labelled("calibration", 15),
        {"ood/near/noise": pool("ood/near/noise", noise, None)},
    )  # fmt: skip
