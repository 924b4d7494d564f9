"""How results are written for people: percent, intervals, ranks, labels.

Files and code keep fractions and full precision; everything that a person reads (command line,
board, plots) goes through here, so that the same number never looks like two.
"""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.metric_keys import MetricKey, RowName, metric_name
from harness.rankings.declared import undeclared
from harness.types import RankedRow
from harness.types.models import ONE_MODEL

if TYPE_CHECKING:
    from harness.metrics.table import Metric

NONE = "–"
"""What stands where there is no value; the reason is listed elsewhere."""
PLACES = {"near": "near OOD", "far": "far OOD", "train": "training split"}
"""How the first parts of metric keys are written."""
VARIANTS = {"la": "prior-adjusted", "ts": "temperature-scaled"}
"""Post-hoc variants in words."""
INTERVAL = "95 % interval over {kind}"
"""How an interval is announced; never print one without saying what it covers."""


def metric_spec(key: str) -> "Metric | None":
    """Return the METRICS item behind a metric key, or None for a count that is not a metric.

    Parameters
    ----------
    key : str
        Metric key such as ``test/balanced_accuracy``; the name is its last part.
    """
    from harness.metrics.table import METRICS

    return METRICS.get(metric_name(key))


def is_fraction(key: str) -> bool:
    """Return whether a metric is a share, which people read in percent."""
    spec = metric_spec(key)
    return spec is not None and spec.unit == "fraction"


def metric_title(key: str) -> str:
    """Return a metric key in words.

    Examples
    --------
    >>> metric_title("ood/near/energy/ood_auroc")
    'OOD AUROC (near OOD, energy)'
    """
    parsed = MetricKey.parse(key)
    spec = metric_spec(key)
    title = spec.title if spec is not None else parsed.metric.replace("_", " ")
    where = _where(parsed)
    return f"{title} ({where})" if where else title


def _where(key: MetricKey) -> str:
    """Return the first parts of a metric key in words; empty for the test pool as it is."""
    place = list(key.place)
    words = [PLACES.get(part, part.replace("_", " ").replace("-", " ")) for part in place]
    match place:
        case [] | ["test"] | ["groups"]:
            return ""
        case [root, _, _] if key.is_ood:
            named = "declared score" if key.is_declared else words[2]
            return f"{words[1]}, {named}" + (", full spectrum" if root == "fsood" else "")
        case ["covariate", copy]:
            kind, _, severity = copy.rpartition("-")
            if copy == "mean":
                return "mean over shifted test pools"
            if kind == "severity":
                return f"mean over shifts of severity {severity}"
            return f"{kind.replace('_', ' ')}, severity {severity}" if kind else words[1]
        case ["subsampled", _]:
            return f"{words[1]}, subsampled"
        case ["truth", _]:
            return words[1]
        case _:
            return words[0]


def metric_definition(key: str) -> str:
    """Return what a metric is, in a sentence or two; empty for a count that is not a metric."""
    spec = metric_spec(key)
    return "" if spec is None else spec.definition


def value_text(value: float | None, key: str, *, unit: bool = True) -> str:
    """Return a value as people read it: percent with one decimal, other units with three digits.

    Squared errors of rare probabilities are smaller than that: powers of ten, with two digits.

    Parameters
    ----------
    value : float or None
        In natural units; None and NaN become a dash.
    key : str
        Metric key: its unit decides the form.
    unit : bool, default=True
        Whether to write the percent sign; leave it out where a heading has it.

    Examples
    --------
    >>> value_text(0.9731, "test/balanced_accuracy")
    '97.3 %'
    >>> value_text(0.0000186, "truth/drawn/rare_probability_error")
    '1.9e-05'
    >>> value_text(None, "test/nll")
    '–'
    """
    if value is None or not math.isfinite(value):
        return NONE
    if is_fraction(key):
        return f"{100 * value:.1f}{' %' if unit else ''}"
    if float(value).is_integer() and abs(value) >= 10:
        return f"{value:.0f}"
    return _decimal(value, key)


def _decimal(value: float, key: str) -> str:
    spec = metric_spec(key)
    tiny = spec is not None and spec.unit == "squared error" and 0 < abs(value) < 0.0005
    return f"{value:.1e}" if tiny else f"{value:.3f}"


def difference_text(difference: float | None, key: str) -> str:
    """Return a signed difference: percentage points for shares, natural units otherwise.

    Examples
    --------
    >>> difference_text(-0.021, "test/balanced_accuracy")
    '−2.1 pp'
    """
    if difference is None or not math.isfinite(difference):
        return NONE
    share = is_fraction(key)
    digits = f"{abs(100 * difference):.1f}" if share else _decimal(abs(difference), key)
    sign = "" if float(digits) == 0 else "−" if difference < 0 else "+"
    return f"{sign}{digits}{' pp' if share else ''}"


def interval_text(low: float | None, high: float | None, key: str) -> str:
    """Return the two ends of an interval, a dash for none; the heading says which interval.

    Examples
    --------
    >>> interval_text(0.961, 0.982, "test/balanced_accuracy")
    '[96.1, 98.2]'
    """
    if low is None or high is None:
        return NONE
    ends = (value_text(low, key, unit=False), value_text(high, key, unit=False))
    return f"[{ends[0]}, {ends[1]}]"


def estimate_text(
    value: float, low: float | None, high: float | None, kind: str | None, key: str
) -> str:
    """Return a value with its interval and what the interval covers, as one sentence part.

    Examples
    --------
    >>> estimate_text(0.973, 0.961, 0.982, "test-set only", "test/balanced_accuracy")
    '97.3 % [96.1, 98.2] (95 % interval over the test set only)'
    """
    interval = interval_text(low, high, key)
    return f"{value_text(value, key)} {interval} ({interval_title(kind)})"


def cells_text(cells: int) -> str:
    """Return what a value is taken over, in words.

    Examples
    --------
    >>> cells_text(8), cells_text(1)
    ('mean of 8 cells', 'one cell')
    """
    return "one cell" if cells == 1 else f"mean of {cells} cells"


def interval_title(kind: str | None) -> str:
    """Return what an interval covers, in words; None: no replicates are stored.

    Examples
    --------
    >>> interval_title("seeds and test set")
    '95 % interval over seeds and test set'
    """
    if kind is None or kind.startswith("no interval"):
        return kind or "no interval"
    return INTERVAL.format(kind="the test set only" if kind == "test-set only" else kind)


def rank_text(row: RankedRow) -> str:
    """Return the ranks that the data allow: ``2–5``, ``2`` when there is one, a dash for none."""
    if row.rank_low is None:
        return NONE
    if row.rank_low == row.rank_high:
        return str(row.rank_low)
    return f"{row.rank_low}–{row.rank_high}"


def tie_letter(tie_class: int | None) -> str:
    """Return a tie class as a letter, A being the best; AA follows Z, a dash stands for none.

    Examples
    --------
    >>> tie_letter(1), tie_letter(27)
    ('A', 'AA')
    """
    if tie_class is None:
        return NONE
    letters = ""
    while tie_class > 0:
        tie_class, place = divmod(tie_class - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def cell_label(cell: str) -> str:
    """Return a cell without its data set, as people write it.

    Examples
    --------
    >>> cell_label("digits-exp50-symmetric0.4")
    'exp 50 · symmetric 0.4'
    """
    return " · ".join(cell_parts(cell))


def cell_parts(cell: str) -> tuple[str, str]:
    """Return imbalance and noise of a cell as people write them.

    Examples
    --------
    >>> cell_parts("fashion_mnist-step100~shuffled-clean~val0.1")
    ('step 100 shuffled', 'clean, 0.1 held out')
    """
    _, imbalance, noise = cell.split("-", 2)
    profile, _, order = imbalance.partition("~")
    kind, _, val = noise.partition("~val")
    held_out = f", {val} held out" if val else ""
    return f"{_spaced(profile)}{' ' + order if order else ''}", f"{_spaced(kind)}{held_out}"


def _spaced(word: str) -> str:
    """Put a space before the number that ends a word."""
    return re.sub(r"(?<=[a-z])(?=[\d.]+$)", " ", word).replace("_", " ")


def variant_name(entry: str, variant: str) -> str:
    """Return how a row is called: the entry, or ``entry+variant``."""
    return str(RowName(entry, variant))


def count_text(count: int | None) -> str:
    """Return a number of weights or images in three digits.

    Examples
    --------
    >>> count_text(23_512), count_text(11_173_962), count_text(640)
    ('23.5 k', '11.2 M', '640')
    """
    if count is None:
        return NONE
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)


def facet_labels(facets: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a reader must know to compare fairly, as short labels.

    Facets that say "nothing special" (no extra data, last epoch) give no label: what is shown is
    what differs from the plainest entry, and what nobody declared.

    Examples
    --------
    >>> facet_labels({"extra_data": None})
    ('not declared: extra data',)
    >>> facet_labels({"backbone": "cnn", "parameters": 23512, "transductive": True})
    ('cnn', '23.5 k parameters', 'transductive')
    """
    labels = []
    if facets.get("backbone") not in (None, "none"):
        labels.append(str(facets["backbone"]))
    if facets.get("parameters"):
        labels.append(f"{count_text(facets['parameters'])} parameters")
    if facets.get("pretraining") not in (None, "none"):
        labels.append(f"pretrained: {facets['pretraining']}")
    if facets.get("resolution"):
        labels.append(f"images at {facets['resolution']}")
    if facets.get("extra_data") not in (None, "none"):
        labels.append(f"extra data: {facets['extra_data']}")
    if facets.get("augmentation"):
        labels.append(f"augmentation: {facets['augmentation']}")
    told = {
        "saw_clean_labels": "saw clean labels",
        "worse_out_of_fold": "correction worse out of fold",
        "saw_ood_data": "saw OOD data",
        "transductive": "transductive",
        ONE_MODEL: "one model for all cells",
    }
    labels += [words for facet, words in told.items() if facets.get(facet)]
    if facets.get("selection") not in (None, "last"):
        labels.append(f"selected on {facets['selection'].replace('_', ' ')}")
    if lacking := undeclared(facets):
        labels.append(f"not declared: {', '.join(lacking)}")
    return tuple(labels)
