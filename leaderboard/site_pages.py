"""Pages of the static site beside the ranking: trade-offs, OOD, and entries held against one."""

from collections.abc import Mapping
from html import escape

import pandas as pd

from harness.errors import HarnessError
from harness.rankings.comparing import Comparison, compare, survival_text, surviving
from harness.rankings.display import difference_text, metric_definition, metric_title
from harness.rankings.field import DECLARED, stored_keys
from harness.rankings.ranking import rank
from harness.types import Ranking
from leaderboard.frames.compare import plainest, verdict_frame
from leaderboard.frames.cost import COSTS, not_counted
from leaderboard.frames.ranking import ranking_frame
from leaderboard.frames.trade import trade_frame, with_front
from leaderboard.markup.compare import verdicts_table
from leaderboard.markup.parts import linked
from leaderboard.markup.plain import plain_table
from leaderboard.markup.trade import trade_table
from leaderboard.reading import SuiteField

OOD_KEYS = tuple(f"ood/{place}/{DECLARED}/ood_auroc" for place in ("near", "far"))
"""What the OOD page ranks by: each entry under its own declared score."""


def trade_page(field: SuiteField, ranking: Ranking) -> str:
    """Return the suite's metric against each cost, with the rows that no other beats in both.

    Parameters
    ----------
    field : SuiteField
        What was read.
    ranking : Ranking
        By the suite's primary metric.

    Returns
    -------
    str
        Safe HTML; empty where no row has a value and a cost.
    """
    parts = []
    cells = list(range(len(ranking.cells)))
    for key, words in COSTS.items():
        frame = trade_frame(ranking, field.by_name, key, ranking.key, cells)
        if frame.empty:
            continue
        frame = with_front(frame, key, ranking.key).sort_values(
            ["front", "y"], ascending=[False, not ranking.higher_is_better], kind="stable"
        )
        titles = words, metric_title(ranking.key)
        table = trade_table(frame, suite=field.suite, titles=titles)
        parts.append(f"<h2>Against {escape(words)}</h2>{table}")
    if not parts:
        return ""
    lost = "".join(
        f"<li><b>{escape(why)}</b>: {escape(', '.join(names))}</li>"
        for why, names in not_counted(field.rows).items()
    )
    if lost:
        parts.append(f"<h2>Multiply-accumulates that are not counted</h2><ul>{lost}</ul>")
    return (
        "<p>Means over cells and seeds, without intervals. A row is on the front when no other is "
        "at least as good in both and better in one.</p>" + "".join(parts)
    )


def ood_page(field: SuiteField) -> str:
    """Return how well OOD inputs are told from test inputs, near and far, under declared scores.

    Parameters
    ----------
    field : SuiteField
        What was read.

    Returns
    -------
    str
        Safe HTML; empty where no record has replicates of these metrics.
    """
    stored, parts = stored_keys(field.rows), []
    for key in OOD_KEYS:
        if key not in stored:
            continue
        found = rank(field.rows, suite=field.suite, key=key)
        frame = ranking_frame(found)
        if frame.empty:
            continue
        shown = frame[["name", "value_text", "interval_text", "rank", "tie"]].set_axis(
            ["entry", "value", "95 % interval", "rank", "class"], axis=1
        )
        scores = {name: row.recorded.record.variants[row.variant].ood_score
                  for name, row in field.by_name.items()}  # fmt: skip
        shown.insert(1, "declared score", [scores[name] for name in frame["name"]])
        title = metric_title(key)
        parts.append(
            f"<h2>{escape(title)}</h2><p>{escape(metric_definition(key))}</p>"
            f"{plain_table(shown, caption=title, left=['declared score'])}<p>In a terminal: "
            f"<code>tailmark rank --suite {escape(field.suite)} --metric {escape(key)}</code></p>"
        )
    return "".join(parts)


def compare_page(field: SuiteField, ranking: Ranking) -> str:
    """Return every ranked row against one reference: cross-entropy, else the last of the ranking.

    Parameters
    ----------
    field : SuiteField
        What was read.
    ranking : Ranking
        By the suite's primary metric.

    Returns
    -------
    str
        Safe HTML; empty with fewer than two ranked rows.
    """
    names = [row.name for row in ranking.rows]
    if len(names) < 2:
        return ""
    reference = plainest(names) or names[-1]
    found: dict[str, Comparison] = {}
    lost: dict[str, str] = {}
    for name in names:
        if name == reference:
            continue
        try:
            found[name] = compare(field.rows, name, reference, key=ranking.key)
        except HarnessError as error:
            lost[name] = str(error)
    stands = dict(zip(found, surviving([*found.values()]), strict=True))
    told = {f"{name} {cell}": kept for name in stands for cell, kept in stands[name].items()}
    table = plain_table(_overall(found, stands), caption="Overall", left=["verdict"])
    parts = [
        f"<p>{escape(metric_title(ranking.key))}, paired with "
        f"{linked(field.suite, reference)}; positive is better. "
        f"{escape(survival_text(told, pairs=len(found)))} In a terminal: <code>tailmark compare "
        f"ENTRY {escape(reference)} --suite {escape(field.suite)}</code></p>",
        f"<div class='sortable'>{table}</div>",
    ]
    for name, each in found.items():
        table = verdicts_table(verdict_frame(each, stands[name]))
        parts.append(f"<details><summary>{escape(name)}, cell by cell</summary>{table}</details>")
    parts += [f"<p><b>{escape(name)}</b>: {escape(why)}</p>" for name, why in lost.items()]
    return "".join(parts)


def _overall(
    found: Mapping[str, Comparison], stands: Mapping[str, Mapping[str, bool]]
) -> pd.DataFrame:
    """Return each row's overall difference and how many cells are better or worse, as texts."""
    lines = []
    for name, each in found.items():
        frame = verdict_frame(each, stands[name])
        whole, cells = frame.iloc[0], frame.iloc[1:]
        judged = [cells["cell"][cells["verdict"] == word] for word in ("better", "worse")]
        counts = [f"{len(those)} ({sum(stands[name][c] for c in those)})" for those in judged]
        difference = difference_text(each.overall.difference, each.key)
        lines.append((name, difference, whole["interval_text"], whole["verdict"], *counts))
    heads = [
        "entry", "difference", "95 % interval", "verdict", "better in cells (stand)",
        "worse in cells (stand)",
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=heads)
