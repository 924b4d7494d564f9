"""The suites, as plain facts: listing them needs no data."""

from harness.types import Suite

VIEWS = ("uniform", "forward-5", "forward-25", "backward-5", "backward-25")
"""Views of the small suites."""


def _cells(dataset: str, mild: int, strong: int) -> tuple[str, ...]:
    """Return the eight cells that the small suites share the shape of."""
    worlds = (
        "balanced-clean",
        f"exp{mild}-clean",
        f"exp{strong}-clean",
        "balanced-symmetric0.2",
        "balanced-symmetric0.4",
        f"exp{mild}-symmetric0.2",
        f"exp{mild}-symmetric0.4",
        f"exp{strong}-symmetric0.4",
    )
    return tuple(f"{dataset}-{world}" for world in worlds)


SUITES: dict[str, Suite] = {
    "digits-v1": Suite(
        id="digits-v1",
        title="Handwritten digits 0–7, 8×8: needs no download, minutes on two cores",
        dataset="digits",
        classes=tuple(range(8)),
        cells=_cells("digits", 10, 50),
        seeds=(0, 1, 2),
        near=("digits89",),
        far=("photo_patches",),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        calibration_fraction=0.1,
        test_fraction=1 / 3,
        notes=(
            "A few hundred test images: only large differences can be told apart.",
            "Images of 8×8 pixels say little about large images.",
        ),
        parts={"photo_patches": 600},
    ),
    "fashion-v1": Suite(
        id="fashion-v1",
        title="Fashion-MNIST, long-tailed and mislabelled; near OOD MNIST, far photographs",
        dataset="fashion_mnist",
        classes=None,
        cells=_cells("fashion_mnist", 10, 100),
        seeds=(0, 1, 2),
        near=("mnist",),
        far=("photo_patches",),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        calibration_fraction=0.1,
        notes=("Near OOD is MNIST: grey digits of the same size, not other clothes.",),
        parts={"photo_patches": 660},
    ),
}
"""Every suite by its id."""
