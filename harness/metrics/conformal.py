"""Prediction sets that should hold the true class nine times in ten: whether they do, their size.

Split conformal: thresholds come from the calibration pool, whose images are like the test pool's;
the score is −ln p of a class, so that certain predictions still differ.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from harness.errors import Undefined
from harness.metrics.engine.outputs import Outputs
from harness.metrics.engine.softmax import TINY
from harness.metrics.groups import GROUPS, MEANING, NO_GROUP
from harness.metrics.metric import UNIT, Metric
from harness.metrics.weighted import Group

LEVEL = 90
"""Percent of images whose set is to hold the true class."""
LEAST_IMAGES = 9
"""Calibration images below which no threshold gives `LEVEL`: ⌈0.9·(n + 1)⌉ must not exceed n."""


def conformal_threshold(scores: Float[np.ndarray, " n"]) -> float:
    """Return the ⌈0.9·(n + 1)⌉-th smallest calibration score.

    Parameters
    ----------
    scores : float array of shape (n,)
        −ln p of the true class of each calibration image.

    Raises
    ------
    Undefined
        If there are fewer than nine: no finite threshold gives 90 %.

    Examples
    --------
    >>> conformal_threshold(np.arange(9.0))
    8.0
    """
    n = len(scores)
    place = -(-LEVEL * (n + 1) // 100)
    if place > n:
        raise Undefined(
            f"{n} calibration images are too few for sets at {LEVEL} %: they need {LEAST_IMAGES}"
        )
    return float(np.partition(scores, place - 1)[place - 1])


def class_thresholds(
    scores: Float[np.ndarray, " n"], y_true: Integer[np.ndarray, " n"], c: int
) -> Float64[np.ndarray, " c"]:
    """Return `conformal_threshold` of each class's own images.

    Raises
    ------
    Undefined
        If a class has fewer than nine calibration images; the first such class is named.
    """
    counts = np.bincount(y_true, minlength=c)
    few = np.flatnonzero(counts < LEAST_IMAGES)
    if len(few):
        raise Undefined(
            f"class {few[0]} has {counts[few[0]]} calibration images; sets at {LEVEL} % for every "
            f"class need {LEAST_IMAGES}"
        )
    return np.array([conformal_threshold(scores[y_true == k]) for k in range(c)])


class Sets:
    """Prediction sets of a test pool.

    Parameters
    ----------
    test : Outputs
        Predictions and labels of the test pool.
    calibration : Outputs
        Of the calibration pool, by the same model.
    by_class : bool
        Whether each class has a threshold of its own.
    """

    def __init__(self, test: Outputs, calibration: Outputs, *, by_class: bool) -> None:
        if test.c != calibration.c:
            raise Undefined(
                f"the calibration pool has {calibration.c} classes, the test pool {test.c}"
            )
        scores = -calibration.log_true
        limit: float | Float64[np.ndarray, " c"]
        if by_class:
            limit = class_thresholds(scores, calibration.y_true, calibration.c)
            own = limit[test.y_true]
        else:
            limit = conformal_threshold(scores)
            own = np.full(test.n, limit)
        self.y_true = test.y_true
        self.holds: Bool[np.ndarray, " n"] = -test.log_true <= own
        """Whether the set has the true class."""
        self.size: Float64[np.ndarray, " n"] = np.concatenate(
            [np.count_nonzero(block <= limit, axis=1) for block in _surprise(test)]
        ).astype(np.float64)
        """Number of classes in the set."""

    def coverage(self, group: Bool[np.ndarray, " c"] | None = None) -> float:
        """Return the share of images, of a group's classes or all, whose set has the true class."""
        return float(self.holds[self._rows(group)].mean())

    def mean_size(self, group: Bool[np.ndarray, " c"] | None = None) -> float:
        """Return the mean number of classes in a set."""
        return float(self.size[self._rows(group)].mean())

    def _rows(self, group: Bool[np.ndarray, " c"] | None) -> Bool[np.ndarray, " n"]:
        if group is None:
            return np.ones(len(self.y_true), dtype=bool)
        rows = group[self.y_true]
        if not rows.any():
            raise Undefined("no class of the group has test images")
        return rows


def _surprise(outputs: Outputs) -> Iterator[Float64[np.ndarray, "b c"]]:
    """Yield −ln p of every class, with all digits and with those of `Outputs.log_true`."""
    for rows, given in outputs.value_blocks():
        block = given.astype(np.float64)
        if outputs.kind == "probs":
            yield -np.log(np.maximum(block, TINY))
        else:
            block -= block.max(axis=1, keepdims=True)
            block -= np.log1p(np.exp(-outputs.rows.certainty[rows]))[:, None]
            yield -block


def conformal_coverage(
    test: Outputs,
    calibration: Outputs,
    *,
    by_class: bool = False,
    group: Bool[np.ndarray, " c"] | None = None,
) -> float:
    """Return the share of test images whose prediction set holds the true class.

    Parameters
    ----------
    test, calibration : Outputs
        Predictions and labels of both pools by one model.
    by_class : bool, default=False
        Whether each class has a threshold of its own, from its own calibration images: then every
        class is covered, not only the average image.
    group : bool array of shape (c,), optional
        Only images of these classes; default all.

    Returns
    -------
    float
        Fraction in [0, 1]; 0.9 is wanted, and neither more nor less is better.

    Raises
    ------
    Undefined
        If the calibration pool is too small, or the group has no test image.

    References
    ----------
    Sadinle, Lei and Wasserman 2019, "Least Ambiguous Set-Valued Classifiers With Bounded Error
    Levels" (class-specific coverage); Papadopoulos et al. 2002 for the split.
    """
    return Sets(test, calibration, by_class=by_class).coverage(group)


def conformal_set_size(
    test: Outputs,
    calibration: Outputs,
    *,
    by_class: bool = False,
    group: Bool[np.ndarray, " c"] | None = None,
) -> float:
    """Return the mean number of classes in a prediction set.

    Parameters
    ----------
    test, calibration : Outputs
        Predictions and labels of both pools by one model.
    by_class : bool, default=False
        Whether each class has a threshold of its own.
    group : bool array of shape (c,), optional
        Only images of these classes; default all.

    Returns
    -------
    float
        Classes in [0, c]; smaller is better at equal coverage. A set may be empty.

    Raises
    ------
    Undefined
        If the calibration pool is too small, or the group has no test image.

    References
    ----------
    Sadinle, Lei and Wasserman 2019 (ambiguity).
    """
    return Sets(test, calibration, by_class=by_class).mean_size(group)


SADINLE = "Sadinle, Lei and Wasserman 2019, Least Ambiguous Set-Valued Classifiers"
TOO_SMALL = f"the calibration pool is not there or has fewer than {LEAST_IMAGES} images"
FOR_CLASSES = f"the calibration pool is not there or has fewer than {LEAST_IMAGES} of a class"


def _rows_of(
    prefix: str, where: str, title: str, thresholds: str, undefined_when: str
) -> tuple[Metric, Metric]:
    """Return the rows of coverage and of set size of one kind of set over some images."""
    coverage, size = f"{prefix}coverage{where}", f"{prefix}set_size{where}"
    return (
        Metric(
            key=coverage,
            title=f"Coverage of prediction sets{title}",
            definition=f"Share of images whose set has the true class; {thresholds}.",
            function=conformal_coverage,
            evaluate=conformal_coverage,
            direction="none",
            bounds=UNIT,
            unit="fraction",
            needs="conformal",
            source=SADINLE,
            weighted="not weighted",
            undefined_when=undefined_when,
            differs="MAPIE and torchcp call the score LAC or THR and agree where no two "
            "probabilities are equal; adaptive sets (APS, RAPS) are larger."
            if prefix == "conformal_" and not where
            else "",
        ),
        Metric(
            key=size,
            title=f"Size of prediction sets{title}",
            definition=f"Mean number of classes in a set; {thresholds}.",
            function=conformal_set_size,
            evaluate=conformal_set_size,
            direction="lower",
            bounds=(0.0, None),
            unit="classes",
            needs="conformal",
            source=SADINLE,
            weighted="not weighted",
            undefined_when=undefined_when,
            differs="",
        ),
    )


WHOLE = "sets aim at 90 % over all images (split conformal, score −ln p)"
CONFORMAL_METRICS: tuple[Metric, ...] = (
    *_rows_of("conformal_", "", "", WHOLE, TOO_SMALL),
    *_rows_of(
        "class_conformal_",
        "",
        ", by class",
        "sets aim at 90 % within every class, each with a threshold of its own",
        FOR_CLASSES,
    ),
    *(
        metric
        for scheme, names in GROUPS.items()
        for group in names
        for metric in _rows_of(
            "conformal_",
            f"_{group}",
            f", {group}",
            f"{WHOLE}, here of `{group}` only ({MEANING[group]})",
            f"{TOO_SMALL}; {NO_GROUP[scheme]}",
        )
    ),
)
"""Rows of both kinds of sets, and of the first over groups of classes."""


def conformal_results(
    test: Outputs, calibration: Outputs, groups: Mapping[str, Group]
) -> dict[str, Callable[[], float]]:
    """Return how each metric of prediction sets is computed; thresholds are found once.

    Parameters
    ----------
    test, calibration : Outputs
        Predictions and labels of both pools by one model.
    groups : mapping of str to bool array of shape (c,) or str
        Of `class_groups`.
    """
    whole = cache(partial(Sets, test, calibration, by_class=False))
    by_class = cache(partial(Sets, test, calibration, by_class=True))

    def of_group(name: str) -> Bool[np.ndarray, " c"]:
        group = groups[name]
        if isinstance(group, str):
            raise Undefined(group)
        return group

    computed: dict[str, Callable[[], float]] = {
        "conformal_coverage": lambda: whole().coverage(),
        "conformal_set_size": lambda: whole().mean_size(),
        "class_conformal_coverage": lambda: by_class().coverage(),
        "class_conformal_set_size": lambda: by_class().mean_size(),
    }
    for name in groups:
        computed[f"conformal_coverage_{name}"] = lambda g=name: whole().coverage(of_group(g))  # type: ignore[misc]
        computed[f"conformal_set_size_{name}"] = lambda g=name: whole().mean_size(of_group(g))  # type: ignore[misc]
    return computed
