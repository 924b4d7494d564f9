"""Test data unlike the training data: corrupted copies, other priors, other truths, groups.

Everything is read from records: a field is the mean over seeds of one metric key in one cell.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.metric_keys import MetricKey
from harness.rankings.display import difference_text, value_text
from harness.rankings.field import Candidate
from leaderboard.frames.trade import mean_over

WORLDS = {
    "covariate": "corrupted copies of the test pool",
    "subsampled": "label shift by throwing images away, as published",
    "truth": "other people's labels of the test pool",
    "groups": "groups of images that cut across classes",
}
"""First part of a metric key → what it is."""
BASES = {
    "covariate": "test/{metric}",
    "subsampled": "{place}/{metric}",
    "truth": "truth/{place}/published_accuracy",
    "groups": "test/accuracy",
}
"""World → the key that a value is held against."""
MEANS = "means by severity"
UNCHANGED = "test pool as it is"
"""First column where all others are held against the same key."""
_SEVERITY = re.compile(r"-(\d+)$")


@dataclass(frozen=True)
class World:
    """The metric keys of one world that records hold."""

    name: str
    """In WORLDS."""
    metrics: Mapping[str, tuple[str, ...]]
    """Metric → places, the middle part of its keys; an empty one for groups."""

    def key(self, place: str, metric: str) -> str:
        """Return a metric key."""
        return "/".join(part for part in (self.name, place, metric) if part)

    def base(self, place: str, metric: str) -> str:
        """Return the key that a value is held against."""
        return BASES[self.name].format(place=place, metric=metric)


def worlds_of(keys: Iterable[str]) -> dict[str, World]:
    """Return the worlds that metric keys speak of, in the order of WORLDS."""
    found: dict[str, dict[str, list[str]]] = {}
    for key in sorted(set(keys)):
        parsed = MetricKey.parse(key)
        if parsed.root in WORLDS and len(parsed.place) <= 2:
            places = found.setdefault(parsed.root, {}).setdefault(parsed.metric, [])
            places.append("".join(parsed.place[1:]))
    return {
        name: World(name, {metric: tuple(places) for metric, places in found[name].items()})
        for name in WORLDS
        if name in found
    }


def severities(places: Sequence[str]) -> list[str]:
    """Return what a visitor can choose of the corrupted copies: their means, or one severity."""
    numbers = sorted({m[1] for p in places if (m := _SEVERITY.search(p))}, key=int)
    return [MEANS, *(f"severity {n}" for n in numbers)]


def places_shown(places: Sequence[str], choice: str) -> list[str]:
    """Return the places of a choice: ``mean`` and ``severity-k``, or one severity's kinds."""
    means = [p for p in places if p == "mean" or p.startswith("severity-")]
    if choice == MEANS:
        return [*means, *(p for p in places if p not in means and not _SEVERITY.search(p))]
    ending = f"-{choice.removeprefix('severity ')}"
    return [p for p in places if p.endswith(ending) and p not in means]


def _as_it_is(world: World) -> tuple[str, ...]:
    return () if "{place}" in BASES[world.name] else (UNCHANGED,)


def world_frame(
    world: World,
    metric: str,
    places: Sequence[str],
    rows: Sequence[str],
    candidates: Mapping[str, Candidate],
    cell: int,
    *,
    higher_is_better: bool,
) -> pd.DataFrame:
    """Return every row's value in every place, and its change from the test pool as it is.

    Parameters
    ----------
    world, metric : World and str
        What is read.
    places : sequence of str
        Columns.
    rows : sequence of str
        ``entry`` or ``entry+variant``, in the order shown; rows without any value are left out.
    candidates : mapping of str to Candidate
        Row's name → row.
    cell : int
        Of the suite.
    higher_is_better : bool
        Direction of the metric.

    Returns
    -------
    DataFrame
        Columns as `leaderboard.markup.cells.heat_table` reads them, and ``key``.
    """
    sign = 1 if higher_is_better else -1
    lines = []
    for row in rows:
        one = candidates.get(row)
        if one is None:  # left out of the field: nothing of it was read
            continue
        found = []
        for place in (*_as_it_is(world), *places):
            key = world.base("", metric) if place == UNCHANGED else world.key(place, metric)
            value = mean_over(one.recorded, one.variant, key, [cell])
            before = mean_over(one.recorded, one.variant, world.base(place, metric), [cell])
            change = None if value is None or before is None else value - before
            text, moved = value_text(value, key, unit=False), difference_text(change, key)
            kind, _, level = place.rpartition("-") if _SEVERITY.search(place) else (place, "", "")
            found.append(
                {
                    "name": row,
                    "cell": key,
                    "label": place,
                    "dataset": "",
                    "imbalance": kind.replace("_", " ").replace("-", " ") or metric,
                    "noise": level,
                    "value": value,
                    "text": text,
                    "interval_text": "",
                    "difference": change,
                    "difference_text": moved.removesuffix(" pp"),
                    "good": None if change is None else sign * change,
                    "tie": "",
                    "tie_class": 0,
                    "about": f"{row} · {key}: {text}; {moved} from {world.base(place, metric)}",
                }
            )
        shifted = [line["value"] for line in found if line["label"] != UNCHANGED]
        lines += found if any(value is not None for value in shifted) else []
    return pd.DataFrame(lines)
