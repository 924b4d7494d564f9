"""Suites that repeat the protocols of published numbers, so that these can be checked."""

from harness.data.suites.catalogue_worlds import VIEWS
from harness.types import Suite

ALL_FOLDS = (
    "Each row is predicted by a model that was trained without its fold; intervals take rows for "
    "independent, though models of different folds share training rows."
)
"""What is said of a cell whose rows are all tested."""
_OLD = "Published figures of thirty years: a check of the harness, not a field to compete in."

PUBLISHED_SUITES: dict[str, Suite] = {
    "published-v1": Suite(
        id="published-v1",
        title="Images and tables under their sources' own protocol: published numbers to check",
        dataset="mnist",
        classes=None,
        cells=(
            "mnist-natural-clean",
            "fashion_mnist-natural-clean",
            "ionosphere-natural-clean",
            "adult_census-natural-clean",
            "wine-natural-clean",
        ),
        seeds=(0,),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(
            _OLD,
            "Cells are about different data sets. In wine-natural-clean every row is left out "
            f"once. {ALL_FOLDS}",
        ),
        crossfit={"wine": 0},
    ),
    "published-folds-v1": Suite(
        id="published-folds-v1",
        title="Sonar in thirteen folds, dealt out by the seed: published numbers to check",
        dataset="sonar",
        classes=None,
        cells=("sonar-natural-clean",),
        seeds=(0, 1, 2, 3, 4),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(_OLD, ALL_FOLDS),
        crossfit={"sonar": 13},
    ),
    "published-abalone-v1": Suite(
        id="published-abalone-v1",
        title="Abalone in three ages, parted as published: published numbers to check",
        dataset="abalone_thirds",
        classes=None,
        cells=("abalone_thirds-natural-clean",),
        seeds=(0,),
        near=(),
        far=(),
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        notes=(_OLD, "The last 1,044 of 4,177 rows are the test, in the order of the file."),
    ),
}
"""Suite id → suite; `catalogue.SUITES` holds them with the others."""
