"""METRICS: every metric under its key, with direction, bounds, unit, source and caveats.

A row stands below its function, in the file of its subject; here is their order on pages.
"""

from harness.metrics import (
    binless_calibration,
    calibration,
    certified,
    classification,
    classwise_calibration,
    conformal,
    contingency,
    distances,
    groups,
    label_errors,
    memorisation,
    ood,
    ood_published,
    open_set,
    probability,
    ranking,
    rejection,
    repair,
    selective,
    squared_calibration,
    subgroups,
    top_k,
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
        classification.ERROR,
        top_k.TOP5_ACCURACY,
        classification.HMEAN,
        contingency.SPECIFICITY,
        contingency.IBA,
        contingency.COHEN_KAPPA,
        distances.MACRO_MAE,
        distances.HIERARCHICAL_ERROR,
    ),
    "Ranking": (ranking.AUROC, ranking.AUROC_OVO, ranking.AVERAGE_PRECISION),
    "Probability": (probability.NLL, probability.BRIER),
    "Calibration": (
        calibration.ECE,
        calibration.ECE_NULL,
        calibration.ECE_MASS,
        classwise_calibration.CLASSWISE_ECE,
        calibration.MCE,
        squared_calibration.RMS_CE,
        classwise_calibration.ACE,
        classwise_calibration.TACE,
        binless_calibration.KS_CE,
        binless_calibration.SMOOTH_ECE,
        squared_calibration.DEBIASED_CE,
        squared_calibration.GROUPING_LOSS,
    ),
    "Selective prediction": (
        selective.AURC,
        selective.AUGRC,
        selective.EAURC,
        rejection.RISK_AT_80_COVERAGE,
        rejection.ACCURACY_AFTER_REJECTION,
        rejection.COVERAGE_AT_5_RISK,
    ),
    "Prediction sets": conformal.CONFORMAL_METRICS,
    "Proved predictions": certified.CERTIFIED_METRICS,
    "Groups of classes": (*groups.GROUP_METRICS, *groups.CONFUSION_METRICS),
    "Out of distribution": (
        ood.OOD_AUROC,
        ood.OOD_AP_OUT,
        ood.OOD_AP_IN,
        ood.OOD_FPR95,
        ood_published.OOD_FPR95_ID_POSITIVE,
        ood_published.OOD_AUPR_TRAPEZOID_OUT,
        ood_published.OOD_AUPR_TRAPEZOID_IN,
        *open_set.OPEN_SET,
    ),
    "Wrong training labels": (
        memorisation.MEMORISED,
        memorisation.MEMORISED_CHANCE,
        memorisation.CLEAN_TRAIN_ACCURACY,
        *label_errors.LABEL_ERRORS,
        *label_errors.LABEL_ERROR_LIFT,
        label_errors.LABEL_ERROR_F1,
        label_errors.TRANSITION_ERROR,
        memorisation.BEST_LAST_GAP,
    ),
    "Shifted worlds": (
        subgroups.WORST_GROUP_ACCURACY,
        subgroups.SUBGROUP_GAP,
        truths.AGREEMENT,
        truths.PUBLISHED_ACCURACY,
        truths.SOFT_NLL,
        truths.RARE_PROBABILITY_ERROR,
        repair.CORRECTED,
        repair.ATTACK_SUCCESS,
    ),
}
"""The table by subject, in the order in which pages show it."""

METRICS: dict[str, Metric] = {m.key: m for metrics in SUBJECTS.values() for m in metrics}
"""Key → metric."""

EXTRA: tuple[str, ...] = tuple(
    metric.key
    for metric in (
        classification.ERROR,
        top_k.TOP5_ACCURACY,
        classification.HMEAN,
        contingency.SPECIFICITY,
        contingency.IBA,
        contingency.COHEN_KAPPA,
        squared_calibration.RMS_CE,
        classwise_calibration.ACE,
        classwise_calibration.TACE,
        binless_calibration.KS_CE,
        binless_calibration.SMOOTH_ECE,
        squared_calibration.DEBIASED_CE,
        squared_calibration.GROUPING_LOSS,
        selective.EAURC,
        rejection.RISK_AT_80_COVERAGE,
        rejection.ACCURACY_AFTER_REJECTION,
        rejection.COVERAGE_AT_5_RISK,
        *conformal.CONFORMAL_METRICS,
        *certified.CERTIFIED_METRICS,
        *groups.CONFUSION_METRICS,
        *(metric for metric in open_set.OPEN_SET if metric is not open_set.OSCR),
        *(m for m in label_errors.LABEL_ERRORS if m.key.endswith("normalized_margin")),
        *label_errors.LABEL_ERROR_LIFT,
        label_errors.LABEL_ERROR_F1,
        label_errors.TRANSITION_ERROR,
    )
)
"""Metrics that are computed where a card or a suite asks for them; the others always are, where
the suite has what they need."""
