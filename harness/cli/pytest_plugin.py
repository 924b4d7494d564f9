"""The fixture ``tailmark_regression``: a gate inside the tests of a method's own repository.

Installed with tailmark, pytest finds it by itself. Nothing of the harness is imported before a test
asks for it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from harness.rankings.regress import Regression

Check = Callable[..., "Regression"]


def check_regression(
    candidate: str,
    against: str,
    *,
    suite: str = "digits-v1",
    metrics: Sequence[str] = (),
    margin: float = 0.005,
    cells: Sequence[str] | None = None,
    undecided: Literal["fail", "skip", "pass"] = "fail",
    submissions: Path | None = None,
    store: Path | None = None,
) -> "Regression":
    """Fail the running test where a candidate is worse than a reference.

    Parameters
    ----------
    candidate, against : str
        What ``tailmark regress`` takes: entries, records, revisions, MLflow runs.
    suite : str, default="digits-v1"
        Suite id.
    metrics : sequence of str, optional
        Metric keys; default: the suite's primary metric.
    margin : float, default=0.005
        It may be worse by this much, natural units.
    cells : sequence of str, optional
        Cells that decide by themselves; default: all.
    undecided : {"fail", "skip", "pass"}
        What becomes of the test where it cannot be told.
    submissions, store : Path, optional
        Where things lie.

    Returns
    -------
    Regression
        What was found.
    """
    from harness.cli.comparing import named_row
    from harness.cli.rankings import metric_key
    from harness.rankings.regress import advice, regress

    pair = [
        (name, named_row(name, suite, submissions, store, local=False, with_local=True))
        for name in (candidate, against)
    ]
    keys: list[str | None] = [metric_key(name, [row for _, row in pair]) for name in metrics]
    found = regress(pair[0], pair[1], keys=keys or [None], margin=margin, cells=cells)
    first = found.findings[0].verdict
    said = (
        f"{candidate} against {against} on {suite}: {found.state}, difference "
        f"{first.difference:+.4f} [{first.low:+.4f}, {first.high:+.4f}], margin {margin:g}. "
        f"{advice(found)}"
    ).strip()
    if found.state == "regression" or (found.state == "cannot tell" and undecided == "fail"):
        pytest.fail(said, pytrace=False)
    if found.state == "cannot tell" and undecided == "skip":
        pytest.skip(said)
    return found


@pytest.fixture
def tailmark_regression() -> Check:
    """Return `check_regression`, which fails the test where a candidate is worse."""
    return check_regression
