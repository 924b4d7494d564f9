"""Suites over data sets of the user's own: ``own-<data set>-v1``, made from the facts beside it."""

import re
from pathlib import Path

from harness.data.formats.files import data_root as rooted
from harness.data.sets.datasets import facts_of
from harness.data.sets.prepared import own_datasets
from harness.data.suites.catalogue import SUITES
from harness.data.suites.catalogue_published import ALL_FOLDS
from harness.data.suites.catalogue_worlds import VIEWS
from harness.errors import UnknownNameError
from harness.lookup import closest, lookup
from harness.types import DatasetSpec, Suite

NOISES = ("clean", "symmetric0.2", "symmetric0.4")
"""Noise of the cells."""
MOST_NOISY_FOLDS = 10
"""Folds up to which each has cells of its own, also mislabelled and under three seeds; beyond, all
are one cell, clean and once."""
_OWN = re.compile(r"own-([a-z0-9_]+)-v1")


def is_own(name: str) -> bool:
    """Return whether a suite's name says that it is over a data set of the user's own.

    Examples
    --------
    >>> is_own("own-table_mine-v1"), is_own("digits-v1")
    (True, False)
    """
    return _OWN.fullmatch(name) is not None


def suite_named(name: str, data_root: Path | None = None) -> Suite:
    """Return a shipped suite, or the one that every prepared data set has.

    That one takes the data as they are, and with a fifth and two fifths of the labels wrong. A
    tenth is held out for calibration, and a third for the test where there is no test part. Where
    the data have up to MOST_NOISY_FOLDS folds, each is the test of cells of its own; more of them,
    and single rows left out, are one cell in which each row is predicted without its fold.

    Parameters
    ----------
    name : str
        Key of SUITES, or ``own-<data set>-v1``.
    data_root : Path, optional
        Where prepared data sets lie.

    Raises
    ------
    UnknownNameError
        If there is no such suite, or no such data set.
    """
    own = _OWN.fullmatch(name)
    if own is None:
        return lookup("suite", name, SUITES)
    try:
        facts = facts_of(own[1], data_root)
    except UnknownNameError as error:
        nearest = closest(own[1], own_datasets(rooted(data_root)))
        raise UnknownNameError(
            f"Expected a prepared data set {own[1]!r} for {name}; there is none. "
            + (
                f"Did you mean own-{nearest}-v1?"
                if nearest
                else "Prepare it first, for example: tailmark data prepare table:mine.csv"
            )
        ) from error
    names = [facts.name]
    noises: tuple[str, ...] = NOISES
    seeds: tuple[int, ...] = (0, 1, 2)
    together = facts.folds > MOST_NOISY_FOLDS
    if together:
        noises, seeds = NOISES[:1], (0,)
    elif facts.folds:
        names = [fold_name(facts.name, fold) for fold in range(facts.folds)]
    near, far = own_ood(facts, "near"), own_ood(facts, "far")
    return Suite(
        id=name,
        title=f"{facts.title}, as it is and mislabelled",
        dataset=facts.name,
        classes=None,
        cells=tuple(f"{name}-natural-{noise}" for noise in noises for name in names),
        seeds=seeds,
        near=near,
        far=far,
        views=VIEWS,
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
        calibration_fraction=0.0 if together else 0.1,
        test_fraction=None if together or "test" in facts.parts else 1 / (facts.folds or 3),
        notes=(
            "Made from a data set of your own: no manifest is committed for it.",
            *((ALL_FOLDS,) if together else ()),
            "In the clean cell the training data are the same under every seed.",
            *(() if near or far else ("No OOD set is named.",)),
            *facts.findings,
        ),
        group=facts.group or None,
        crossfit={facts.name: facts.folds} if together else {},
        folds=None if together else facts.folds or None,
    )


def own_ood(facts: DatasetSpec, place: str) -> tuple[str, ...]:
    """Return the names of the OOD sets that a user prepared with a data set.

    Parameters
    ----------
    facts : DatasetSpec
        Of the data set: an OOD set is its part ``near_<name>`` or ``far_<name>``.
    place : {"near", "far"}
        Where the user says they are.
    """
    start = f"{place}_"
    return tuple(part.removeprefix(start) for part in facts.parts if part.startswith(start))


def fold_name(dataset: str, fold: int) -> str:
    """Return what the data set is called in the cells whose test is one of its folds.

    Examples
    --------
    >>> fold_name("table_mine", 0)
    'table_mine_fold1'
    """
    return f"{dataset}_fold{fold + 1}"
