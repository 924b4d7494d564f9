"""Table rows of metrics under shift: groups of images, other truths, repair, familiarity."""

from collections.abc import Callable
from typing import Literal

from harness.metrics import subgroups
from harness.metrics.classification import accuracy
from harness.metrics.metric import Metric

UNIT = (0.0, 1.0)


def _shift(
    key: str,
    title: str,
    definition: str,
    function: Callable[..., float],
    *,
    needs: Literal["groups", "truth", "repair"],
    undefined_when: str,
    source: str,
    direction: Literal["higher", "lower"] = "higher",
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
        needs=needs,
        source=source,
        weighted="not weighted",
        undefined_when=undefined_when,
        differs="",
        scale="logit",
    )


SHIFT_METRICS = (
    _shift(
        "worst_group_accuracy",
        "Worst-group accuracy",
        "Lowest accuracy of any group of test images with at least ten of them.",
        subgroups.worst_group_accuracy,
        needs="groups",
        undefined_when="no group has ten images",
        source="Sagawa et al. 2020, Distributionally Robust Neural Networks for Group Shifts",
    ),
    _shift(
        "subgroup_gap",
        "Subgroup gap",
        "Accuracy of the best-served group minus that of the worst, of groups with ten images.",
        subgroups.subgroup_gap,
        needs="groups",
        direction="lower",
        undefined_when="no group has ten images",
        source="Buolamwini and Gebru 2018, Gender Shades",
    ),
    _shift(
        "agreement",
        "Agreement with another truth",
        "Mean share that another truth (corrected labels, people's votes) gives the predicted "
        "class, over images that have an answer; for corrected labels the accuracy.",
        subgroups.agreement,
        needs="truth",
        undefined_when="no image has an answer",
        source="Northcutt et al. 2021, Pervasive Label Errors in Test Sets",
    ),
    _shift(
        "published_accuracy",
        "Accuracy on the same images as published",
        "Accuracy against the published labels over the images that another truth answers: what "
        "`agreement` is to be compared with.",
        accuracy,
        needs="truth",
        undefined_when="no image has an answer",
        source="Northcutt et al. 2021, Pervasive Label Errors in Test Sets",
    ),
    Metric(
        key="soft_nll",
        title="Cross-entropy to people's labels",
        definition="Mean −Σ_c share_c · ln p_c over images that have an answer.",
        function=subgroups.soft_nll,
        evaluate=subgroups.soft_nll,
        direction="lower",
        bounds=(0.0, None),
        unit="nats",
        needs="truth",
        source="Peterson et al. 2019, Human Uncertainty Makes Classification More Robust",
        weighted="not weighted",
        undefined_when="no image has an answer",
        differs="",
        scale="log",
    ),
    _shift(
        "corrected",
        "Corrected training rows",
        "Share of corrupted training rows, known and unknown ones, predicted as they truly are.",
        subgroups.corrected,
        needs="repair",
        undefined_when="no training row is corrupted",
        source="Goel et al. 2024, Corrective Machine Unlearning, section 4",
    ),
    _shift(
        "attack_success",
        "Attack success",
        "Share of patched test images of other classes that are called the attacker's class.",
        subgroups.attack_success,
        needs="repair",
        direction="lower",
        undefined_when="every test image is of the attacker's class",
        source="Gu et al. 2019, BadNets",
    ),
)
