"""Table rows of group metrics, OOD metrics and metrics of wrong training labels."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from harness.metrics import calibration as cal
from harness.metrics import classification as cls
from harness.metrics import memorisation, ood
from harness.metrics.groups import GROUPS
from harness.metrics.metric import Metric
from harness.metrics.weighted import Weighted

UNIT = (0.0, 1.0)
MEANING = {
    "many": "more than 100 clean training images",
    "medium": "20 to 100 clean training images",
    "few": "fewer than 20 clean training images",
    "head": "the first third of classes by clean training count",
    "body": "the classes between head and tail",
    "tail": "the last third of classes by clean training count",
}
NO_GROUP = {
    "shots": "no class is in the group, or none of them has test images",
    "terciles": "the realised imbalance factor is below 1.5, or no class has test images",
}


def _group_recall(pool: Weighted, group: str) -> float:
    return cls.group_recall_of(pool.confusion, pool.group(group))


def _group_ece(pool: Weighted, group: str) -> float:
    return cal.ece_of(*pool.part(group))


def _group_null(pool: Weighted, group: str) -> float:
    part = pool.part(group)
    return cal.ece_null_of(part.confidence, part.weights)


def _of_group(scheme: str, group: str) -> tuple[Metric, Metric, Metric]:
    """Return recall, calibration error and its null of one group."""
    where, why = f"classes of `{group}` ({MEANING[group]})", NO_GROUP[scheme]
    return (
        Metric(
            key=f"recall_{group}",
            title=f"Recall, {group}",
            definition=f"Mean recall over the {where}.",
            function=cls.group_recall,
            evaluate=partial(_group_recall, group=group),
            direction="higher",
            bounds=UNIT,
            unit="fraction",
            needs="labels",
            source="Liu et al. 2019, Large-Scale Long-Tailed Recognition in an Open World"
            if scheme == "shots"
            else "PROTOCOL section 2",
            weighted="does not change",
            undefined_when=why,
            differs="Published code prints 0 or NaN for an empty group." if group == "few" else "",
            headline=group in ("few", "tail"),
            scale="logit",
        ),
        Metric(
            key=f"ece_{group}",
            title=f"Expected calibration error, {group}",
            definition=f"`ece` over the images of the {where}.",
            function=cal.expected_calibration_error,
            evaluate=partial(_group_ece, group=group),
            direction="lower",
            bounds=UNIT,
            unit="fraction",
            needs="probs",
            source="Guo et al. 2017, section 2, on a part of the images",
            weighted="plug-in value",
            undefined_when=why,
            differs="",
            scale="logit",
        ),
        Metric(
            key=f"ece_null_{group}",
            title=f"Expected calibration error of a perfect model, {group}",
            definition=f"`ece_null` over the images of the {where}.",
            function=cal.calibration_error_null,
            evaluate=partial(_group_null, group=group),
            direction="none",
            bounds=UNIT,
            unit="fraction",
            needs="probs",
            source="own derivation",
            weighted="the closed form with w²",
            undefined_when=why,
            differs="",
        ),
    )


GROUP_METRICS = tuple(
    metric
    for scheme, names in GROUPS.items()
    for group in names
    for metric in _of_group(scheme, group)
)


def _ood(
    key: str,
    title: str,
    definition: str,
    function: Callable[..., float],
    evaluate: Callable[..., float],
    *,
    direction: Literal["higher", "lower"] = "higher",
    source: str,
    differs: str,
    headline: bool = False,
) -> Metric:
    return Metric(
        key=key,
        title=title,
        definition=definition,
        function=function,
        evaluate=evaluate,
        direction=direction,
        bounds=UNIT,
        unit="fraction",
        needs="ood",
        source=source,
        weighted="reweights ID only, their total weight unchanged",
        undefined_when="the score is not defined for this entry",
        differs=differs,
        headline=headline,
        scale="logit",
    )


OOD_METRICS = (
    _ood(
        "ood_auroc",
        "OOD AUROC",
        "Chance that an OOD image scores above an ID image, ties one half.",
        ood.ood_auroc,
        ood.auroc_of,
        source="Hendrycks and Gimpel 2017, A Baseline for Detecting Misclassified and "
        "Out-of-Distribution Examples, section 2",
        differs="torchmetrics applies a sigmoid to all scores when one lies outside [0, 1]: 0.807 "
        "stays 0.807 on scores around 0 and becomes 0.500 when 100 is added to every one.",
        headline=True,
    ),
    _ood(
        "ood_ap_out",
        "OOD average precision, OOD positive",
        "Precision at the threshold of each OOD image, averaged.",
        ood.ood_ap_out,
        ood.ap_out_of,
        source="Davis and Goadrich 2006",
        differs="pytorch-ood's AUPR-OUT and most tables hold the trapezoid area (0.830 for 0.824 "
        "on 90 scores with ties).",
    ),
    _ood(
        "ood_ap_in",
        "OOD average precision, ID positive",
        "Scores negated, precision at the threshold of each ID image, averaged. Depends on the "
        "ratio ID : OOD, which is to be printed beside it.",
        ood.ood_ap_in,
        ood.ap_in_of,
        source="Davis and Goadrich 2006",
        differs="pytorch-ood's AUPR-IN and most tables hold the trapezoid area.",
    ),
    _ood(
        "ood_fpr95",
        "FPR at 95 % OOD caught",
        "Share of ID flagged at the first threshold that catches at least 95 % of OOD.",
        ood.ood_fpr95,
        ood.fpr95_of,
        direction="lower",
        source="Liang et al. 2018, Enhancing The Reliability of Out-of-distribution Image "
        "Detection, section 4, with OOD as the positive class",
        differs="Many tables take ID as the positive class (`ood_fpr95_id_positive`): 0.44 and "
        "0.70 on the same 90 scores. scikit-learn's `roc_curve` drops points by default, which "
        "moves it (0.67 to 1.0 on 26 tied scores).",
    ),
    _ood(
        "ood_fpr95_id_positive",
        "FPR at 95 % ID accepted",
        "Share of OOD accepted at the first threshold that accepts at least 95 % of ID.",
        ood.ood_fpr95_id_positive,
        ood.fpr95_id_positive_of,
        direction="lower",
        source="Liang et al. 2018, section 4",
        differs="Compatibility name for published tables.",
    ),
    _ood(
        "ood_aupr_trapezoid_out",
        "OOD AUPR by trapezoids, OOD positive",
        "Area under straight lines between the points of the precision-recall curve.",
        ood.ood_aupr_trapezoid_out,
        ood.trapezoid_out_of,
        source="Yang et al. 2022, OpenOOD (its evaluator)",
        differs="Compatibility name for published tables; the lines are too optimistic.",
    ),
    _ood(
        "ood_aupr_trapezoid_in",
        "OOD AUPR by trapezoids, ID positive",
        "As `ood_aupr_trapezoid_out` with ID positive and scores negated.",
        ood.ood_aupr_trapezoid_in,
        ood.trapezoid_in_of,
        source="Yang et al. 2022, OpenOOD (its evaluator)",
        differs="Compatibility name for published tables; the lines are too optimistic.",
    ),
    _ood(
        "oscr",
        "Open-set classification rate",
        "Mean over pairs of an ID and an OOD image of: class right, and OOD score larger for the "
        "OOD image; ties one half.",
        ood.oscr,
        ood.oscr_of,
        source="Dhamija, Günther and Boult 2018, Reducing Network Agnostophobia, section 3",
        differs="Code that sums over a grid of thresholds depends on the grid.",
    ),
)


def _noise(
    key: str,
    title: str,
    definition: str,
    function: Callable[..., float],
    *,
    direction: Literal["higher", "lower", "none"],
    undefined_when: str,
    source: str = "PROTOCOL section 4",
) -> Metric:
    return Metric(
        key=key,
        title=title,
        definition=definition,
        function=function,
        evaluate=function,
        direction=direction,
        bounds=UNIT,
        unit="fraction",
        needs="train",
        source=source,
        weighted="not weighted",
        undefined_when=undefined_when,
        differs="",
        scale="logit" if direction != "none" else None,
    )


NO_FLIPS = "no training label is flipped; open_set and complementary noise"
SUSPICION = {
    "loss": "the loss under the observed label",
    "margin": "ln of the largest other probability minus ln of the observed label's",
}

NOISE_METRICS = (
    _noise(
        "memorised",
        "Memorised wrong labels",
        "Share of flipped training labels that the model predicts as observed.",
        memorisation.memorised,
        direction="lower",
        undefined_when=NO_FLIPS,
        source="Liu et al. 2020, Early-Learning Regularization, figure 1",
    ),
    _noise(
        "memorised_chance",
        "Memorised wrong labels by chance",
        "1/(c − 1) for symmetric noise, else the mean transition probability of the observed "
        "label over flipped labels.",
        memorisation.memorised_chance,
        direction="none",
        undefined_when=NO_FLIPS + "; noise without a transition matrix",
    ),
    _noise(
        "clean_train_accuracy",
        "Accuracy on true training labels",
        "Accuracy on the whole training split against its true labels.",
        memorisation.clean_train_accuracy,
        direction="higher",
        undefined_when="",
    ),
    *(
        _noise(
            f"label_error_{kind}_{by}",
            f"Label-error {'AUROC' if kind == 'auroc' else 'average precision'} by {by}",
            f"How well {what} finds flipped training labels.",
            function,
            direction="higher",
            undefined_when="no training label is flipped, or every one",
            source="Pleiss et al. 2020, Area Under the Margin, here of the last epoch"
            if by == "margin"
            else "Northcutt et al. 2021, Confident Learning, for the task",
        )
        for by, what in SUSPICION.items()
        for kind, function in (
            ("auroc", memorisation.label_error_auroc),
            ("ap", memorisation.label_error_ap),
        )
    ),
)
