"""A gate for continuous integration: is a candidate worse than a reference by more than a margin?

The answer is one of three: no regression, regression, or cannot tell, which is not a pass. Overall
values decide, and single cells beside them, held to the level that their number asks for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Literal
from xml.sax.saxutils import quoteattr

import numpy as np

from harness.lookup import unknown
from harness.rankings.comparing import Comparison, compare_pair
from harness.rankings.export import Rows
from harness.rankings.field import Candidate
from harness.rankings.html_table import Column, html_table, text
from harness.stats.intervals import LEVEL, Interval
from harness.types import Verdict

State = Literal["no regression", "regression", "cannot tell"]
EXIT_CODES: dict[State, int] = {"no regression": 0, "regression": 1, "cannot tell": 3}
"""What a command that gates ends with; 2 is kept for mistakes."""
ALPHA = 0.05
"""Chance of a regression said of equal entries, over all cells and metrics of a gate together."""
COSTS = {
    "train_seconds": "training seconds",
    "parameters": "parameters",
    "peak_memory_bytes": "peak memory in bytes",
    "inputs_per_second": "inputs per second",
}
"""Costs that records hold → as people write them."""


@dataclass(frozen=True)
class Finding:
    """What one metric says, overall or in one cell."""

    metric: str
    """Metric key."""
    cell: str | None
    """Cell; None: the mean over cells."""
    state: State
    """What it comes to."""
    verdict: Verdict
    """The paired difference; positive: the candidate is better."""


@dataclass(frozen=True)
class Regression:
    """What a gate found."""

    candidate: str
    """As it was asked for."""
    reference: str
    """The same of what it is held against."""
    suite: str
    """Suite id."""
    margin: float
    """A candidate may be worse by this much, in units of the metric."""
    state: State
    """Regression if any finding is one; cannot tell if any overall value cannot be told."""
    findings: tuple[Finding, ...]
    """Overall values first, then cells."""
    costs: tuple[tuple[str, float, float], ...]
    """Name, candidate's mean over jobs, reference's; never part of the state."""


def regress(
    candidate: tuple[str, Candidate],
    reference: tuple[str, Candidate],
    *,
    keys: Sequence[str | None] = (None,),
    margin: float = 0.005,
    cells: Sequence[str] | None = None,
    share: float = 1.0,
) -> Regression:
    """Hold a candidate against a reference.

    An overall value is a regression when it is worse and its 95 % interval reaches no further
    than 0, and none when the whole interval lies above −margin. A single cell is a regression
    only when p is at most 0.05 divided by the number of cells and metrics.

    Parameters
    ----------
    candidate, reference : (str, Candidate)
        What it is called, and the row.
    keys : sequence of str or None, optional
        Metric keys with stored replicates; None is the suite's primary metric.
    margin : float, default=0.005
        At least 0, natural units.
    cells : sequence of str, optional
        Cells that may decide by themselves; default: all that both have.
    share : float, default=1.0
        Share of the error of 5 % that this look has (`harness.stats.spending`).

    Raises
    ------
    SpecError
        If the two cannot be compared.
    """
    upper = 1 - (1 - LEVEL) * share
    found = [
        compare_pair(candidate, reference, key=key, margin=margin, upper=upper) for key in keys
    ]
    _check_cells(found[0], cells)
    judged = [
        (comparison, cell, verdict)
        for comparison in found
        for cell, verdict in comparison.cells
        if len(comparison.cells) > 1 and (cells is None or cell in cells)
    ]
    level = ALPHA * share / max(1, len(judged))
    findings = [Finding(c.key, None, _state(c.overall, margin), c.overall) for c in found]
    findings += [
        Finding(c.key, cell, _cell_state(verdict, margin, level), verdict)
        for c, cell, verdict in judged
    ]
    return Regression(
        candidate=candidate[0],
        reference=reference[0],
        suite=found[0].suite,
        margin=margin,
        state=_whole(findings),
        findings=tuple(findings),
        costs=_costs(candidate[1], reference[1]),
    )


def _check_cells(comparison: Comparison, cells: Sequence[str] | None) -> None:
    known = [cell for cell, _ in comparison.cells]
    for cell in cells or ():
        if cell not in known:
            raise unknown(f"cell that both have in {comparison.suite}", cell, known)


def _state(verdict: Verdict, margin: float) -> State:
    return "cannot tell" if verdict.reason is not None else state_of(verdict, margin)


def state_of(interval: Verdict | Interval, margin: float) -> State:
    """Return what the interval of a difference says; positive differences are better.

    Parameters
    ----------
    interval : Verdict or Interval
        Its ends decide.
    margin : float
        At least 0, natural units.
    """
    if interval.low > -margin:
        return "no regression"
    return "regression" if interval.high < 0 else "cannot tell"


def _cell_state(verdict: Verdict, margin: float, level: float) -> State:
    if verdict.p is not None and verdict.difference < 0 and verdict.p <= level:
        return "regression" if verdict.low <= -margin else "no regression"
    return "no regression" if verdict.reason is None and verdict.low > -margin else "cannot tell"


def _whole(findings: Sequence[Finding]) -> State:
    if any(f.state == "regression" for f in findings):
        return "regression"
    overall = [f.state for f in findings if f.cell is None]
    return "cannot tell" if "cannot tell" in overall else "no regression"


def _costs(candidate: Candidate, reference: Candidate) -> tuple[tuple[str, float, float], ...]:
    lines = []
    for key, title in COSTS.items():
        means = [_mean_cost(row, key) for row in (candidate, reference)]
        if means[0] is not None and means[1] is not None:
            lines.append((title, means[0], means[1]))
    return tuple(lines)


def _mean_cost(row: Candidate, key: str) -> float | None:
    found = [job[key] for job in row.recorded.record.cost if job.get(key) is not None]
    return float(np.mean(found)) if found else None


def advice(found: Regression) -> str:
    """Return in one sentence what would settle what cannot be told; empty when all is told."""
    open_ = [f for f in found.findings if f.cell is None and f.state == "cannot tell"]
    if not open_:
        return ""
    verdict = open_[0].verdict
    if verdict.reason is not None:
        return f"{verdict.reason[0].upper()}{verdict.reason[1:]}."
    if verdict.seeds_to_settle is None:
        return "No number of seeds would settle it: it needs test images."
    return f"About {verdict.seeds_to_settle} seeds would settle it."


def regression_rows(found: Regression) -> Rows:
    """Return what a gate found for the writer: overall values first, their cell an empty field."""
    head = "candidate reference suite metric cell state difference low high p detectable"
    lines = [
        (
            *(found.candidate, found.reference, found.suite, each.metric, each.cell, each.state),
            *(each.verdict.difference, each.verdict.low, each.verdict.high),
            *(each.verdict.p, each.verdict.detectable),
        )
        for each in found.findings
    ]
    return Rows(tuple(head.split()), lines, asdict(found))


def junit_text(found: Regression) -> str:
    """Return what a gate found as JUnit XML: a failure is a regression, an error cannot be told."""
    decided = [f for f in found.findings if f.cell is None or f.state == "regression"]
    failures = sum(f.state == "regression" for f in decided)
    errors = sum(f.state == "cannot tell" for f in decided)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="tailmark regress" tests="{len(decided)}" failures="{failures}" '
        f'errors="{errors}">',
    ]
    for each in decided:
        name = quoteattr(f"{each.metric} {each.cell or 'mean over cells'}")
        lines.append(f"  <testcase classname={quoteattr(found.candidate)} name={name}>")
        if each.state != "no regression":
            kind = "failure" if each.state == "regression" else "error"
            verdict = each.verdict
            said = (
                f"{each.state}: {verdict.difference:+.6f} [{verdict.low:+.6f}, "
                f"{verdict.high:+.6f}] against {found.reference}, margin {found.margin:g}"
            )
            lines.append(f"    <{kind} message={quoteattr(said)}/>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>"])


def html_text(found: Regression) -> str:
    """Return what a gate found as one HTML page, without scripts; names are text."""
    table = html_table(
        (
            Column[Finding]("Metric", lambda each: text(each.metric)),
            Column("Cell", lambda each: text(each.cell or "mean over cells")),
            Column("Difference", lambda each: f"{each.verdict.difference:+.4f}"),
            Column("95 % interval", lambda each: _interval(each.verdict)),
            Column("State", lambda each: each.state),
        ),
        found.findings,
        caption="What each metric says",
    )
    title = f"{escape(found.candidate)} against {escape(found.reference)}: {found.state}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<h1>{title}</h1><p>{escape(found.suite)}, margin {found.margin:g}. Positive: the "
        f"candidate is better. {escape(advice(found))}</p>{table}</html>"
    )


def _interval(verdict: Verdict) -> str:
    return f"{verdict.low:+.4f} … {verdict.high:+.4f}"
