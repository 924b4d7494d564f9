"""METRICS: every metric under its key, with direction, bounds, unit, source and caveats.

A row stands below its function, in the file of its subject; here is their order on pages.
"""

from harness.metrics import (
    calibration,
    classification,
    classwise_calibration,
    contingency,
    groups,
    label_errors,
    memorisation,
    ood,
    ood_published,
    open_set,
    probability,
    ranking,
    repair,
    selective,
    subgroups,
    truths,
)
from harness.metrics.metric import Metric

__all__ = ["METRICS", "SUBJECTS", "Metric"]

SUBJECTS: dict[str, tuple[Metric, ...]] = {
    "Classification": (
        classification.ACCURACY,
        classification.BALANCED_ACCURACY,
        classification.WORST_CLASS_RECALL,
        classification.GMEAN,
        contingency.MACRO_F1,
        contingency.MCC,
        classification.CLASSES_SCORED,
    ),
    "Ranking": (ranking.AUROC, ranking.AUROC_OVO, ranking.AVERAGE_PRECISION),
    "Probability": (probability.NLL, probability.BRIER),
    "Calibration": (
        calibration.ECE,
        calibration.ECE_NULL,
        calibration.ECE_MASS,
        classwise_calibration.CLASSWISE_ECE,
        calibration.MCE,
    ),
    "Selective prediction": (selective.AURC, selective.AUGRC),
    "Groups of classes": groups.GROUP_METRICS,
    "Out of distribution": (
        ood.OOD_AUROC,
        ood.OOD_AP_OUT,
        ood.OOD_AP_IN,
        ood.OOD_FPR95,
        ood_published.OOD_FPR95_ID_POSITIVE,
        ood_published.OOD_AUPR_TRAPEZOID_OUT,
        ood_published.OOD_AUPR_TRAPEZOID_IN,
        open_set.OSCR,
    ),
    "Wrong training labels": (
        memorisation.MEMORISED,
        memorisation.MEMORISED_CHANCE,
        memorisation.CLEAN_TRAIN_ACCURACY,
        *label_errors.LABEL_ERRORS,
    ),
    "Shifted worlds": (
        subgroups.WORST_GROUP_ACCURACY,
        subgroups.SUBGROUP_GAP,
        truths.AGREEMENT,
        truths.PUBLISHED_ACCURACY,
        truths.SOFT_NLL,
        repair.CORRECTED,
        repair.ATTACK_SUCCESS,
    ),
}
"""The table by subject, in the order in which pages show it."""

METRICS: dict[str, Metric] = {m.key: m for metrics in SUBJECTS.values() for m in metrics}
"""Key → metric."""
