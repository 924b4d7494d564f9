"""The page docs/metrics.md, generated from the table: ``python -m harness.metrics.document``."""

import sys
from pathlib import Path

from harness.metrics.metric import Metric
from harness.metrics.table import EXTRA, SUBJECTS

PAGE = Path("docs/metrics.md")
ARROWS = {"higher": "higher is better", "lower": "lower is better", "none": "neither way is better"}
NEEDS = {
    "labels": "the predicted class",
    "probs": "logits or probabilities",
    "logits": "logits",
    "ood": "one score per image, larger for OOD",
    "train": "predictions on the training split, observed and clean labels",
    "groups": "the predicted class, and a group for each image",
    "truth": "logits or probabilities, and another truth of the same images",
    "repair": "the predicted class on corrupted training rows or patched test images",
    "structure": "the predicted class, and the order or the hierarchy of the classes",
    "conformal": "logits or probabilities, also on the calibration pool",
    "epochs": "a curve over the epochs of training",
    "certified": "the predicted class, and the radius within which the model proves it, handed "
    "out as the statistic `certified_radius`",
}
SCALES = {
    None: "",
    "logit": "; intervals on the logit scale",
    "log": "; intervals on the log scale",
}

HEAD = """\
# Metrics

Generated from `harness.metrics.table.METRICS` by `python -m harness.metrics.document`; a test \
compares the two. Change the table, not this page.

Every value is a fraction or in natural units, computed in float64. A metric that has no value is \
`None` with a reason, never NaN and never 0. Means over classes are over the classes that have \
test images; of equal maxima the lowest index is predicted. **Weights** says what a label-shift \
view (class weights on the test pool) does to a metric; **Elsewhere** says where other libraries \
compute something else. Every example there is measured by `tests/metrics`.

"""

LEGEND = """\
**always**: wherever the suite has what the metric needs. **extra**: where the card of an entry \
asks for it, `extra = ["top5_accuracy", "ash_s"]` with keys of this page and names of OOD scores, \
or `extra = ["all"]`. **Headline** metrics have their replicates stored in records; extra metrics \
that are asked for by name too, where they have some.

"""

REPLICATES = """\
## Uncertainty

Replicates under the pool's shared weightings exist for `accuracy`, `error`, `top5_accuracy`, \
`balanced_accuracy`, the recalls of groups, `tail_as_head`, `few_as_many`, \
`nll` and `brier` (exact, one matrix product), `gmean`, `hmean`, `macro_f1`, `specificity`, \
`iba`, `cohen_kappa` and `mcc` (exact, from what each weighting makes of a class), \
`auroc`, `ood_auroc`, `ood_auroc_right`, `ood_auroc_wrong` and `oscr` (to first order, by \
influence values), `average_precision` (to first order, where every class has 50 test images), \
`ece` (recomputed and recentred: its interval is for the expected error at this n, not for the \
true one), `ood_ap_out` and `ood_ap_in` (recomputed, from 50 images on either side), and \
`ood_fpr95`, `ccr_at_fpr10` (from 50 OOD images on) and `ccr_at_fpr1` (from 250), recomputed with \
thresholds in whole images.

Those that are no headline metrics are kept where a card names them, `extra = ["hmean"]`.

The others are ranked by value alone, and `tailmark rank` says why. Calibration errors but `ece` \
have none because resampling adds the noise of the images once more, and only `ece` is corrected \
for it; OOD metrics under published names because those that they are variants of have some. For \
`worst_class_recall`, `auroc_ovo`, selective prediction and the `ece` of groups no sum over images \
is worked out. Metrics of training rows, of groups of images, of prediction sets and of \
proved radii have none: weightings are of test images, and of OOD sets.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    parts = [HEAD, _overview(), *(_subject(title, ms) for title, ms in SUBJECTS.items())]
    return "".join(parts) + REPLICATES


def _overview() -> str:
    lines = ["| key | title | better | range | computed |\n|---|---|---|---|---|\n"]
    for metrics in SUBJECTS.values():
        lines += [
            f"| [`{m.key}`](#{m.key}) | {m.title} | {m.direction} | {_range(m)} "
            f"| {'extra' if m.key in EXTRA else 'always'} |\n"
            for m in metrics
        ]
    return "".join(lines) + "\n" + LEGEND


def _range(metric: Metric) -> str:
    low, high = ("∞" if b is None else f"{b:g}" for b in metric.bounds)
    return f"{low} … {high} ({metric.unit})"


def _subject(title: str, metrics: tuple[Metric, ...]) -> str:
    return f"## {title}\n\n" + "".join(_entry(m) for m in metrics)


def _entry(metric: Metric) -> str:
    headline = " Headline." if metric.headline else ""
    rows = {
        "Reading": f"{ARROWS[metric.direction]}, {_range(metric)}{SCALES[metric.scale]}.{headline}",
        "Needs": NEEDS[metric.needs] + ".",
        "Undefined": f"{metric.undefined_when or 'never'}.",
        "Weights": f"{metric.weighted}.",
        "Elsewhere": metric.differs,
        "Source": "" if metric.source == "—" else metric.source + ".",
    }
    body = "".join(f"- **{name}:** {text}\n" for name, text in rows.items() if text)
    return f"### {metric.key}\n\n{metric.title}. {metric.definition}\n\n{body}\n"


def main() -> None:
    """Write the page into the repository in the current folder."""
    if not PAGE.parent.is_dir():
        sys.exit(f"{PAGE.parent}/ should be here; got {Path.cwd()}. Run from the repository root.")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
