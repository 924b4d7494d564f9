"""What the table says of a metric: the type of its row, and words that many rows share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

UNIT = (0.0, 1.0)
"""Bounds of a share."""
UNBIASED = "unbiased for the target population"
UNCHANGED = "does not change"
PLUG_IN = "plug-in value: read it with n_eff = (Σw)²/Σw²"
ONE_CLASS = "only one class has test images"


@dataclass(frozen=True)
class Metric:
    """One metric: how to compute it and how to read it."""

    key: str
    """Last part of metric keys in records: ``ece``."""
    title: str
    """As people write it: ``"Expected calibration error"``."""
    definition: str
    """One or two sentences or a formula."""
    function: Callable[..., float]
    """The plain public function, arrays in, number out."""
    evaluate: Callable[..., float]
    """The same from shared intermediates: of a `Weighted` pool, or of OOD `Levels`."""
    direction: Literal["higher", "lower", "none"]
    """Which way is better."""
    bounds: tuple[float | None, float | None]
    """Smallest and largest value; None: unbounded."""
    unit: str
    """``fraction``, ``nats``, ``classes`` or ``squared error``."""
    needs: Literal[
        "labels",
        "probs",
        "logits",
        "ood",
        "train",
        "groups",
        "truth",
        "repair",
        "structure",
        "conformal",
        "epochs",
        "certified",
    ]
    """Predicted classes, probabilities, OOD scores, predictions on the training split, groups of
    test images, another truth, what was corrupted, order or hierarchy of the classes, predictions
    on the calibration pool, a training curve, or a proved radius of each image."""
    source: str
    """Paper and place."""
    weighted: str
    """What class weights (label-shift views) do to it."""
    undefined_when: str
    """When there is no value; empty: never."""
    differs: str
    """Where other libraries compute something else, with a measured example."""
    headline: bool = False
    """Whether its replicates are stored with every record."""
    scale: Literal["logit", "log"] | None = None
    """On which its intervals are symmetric; None: as it is."""
