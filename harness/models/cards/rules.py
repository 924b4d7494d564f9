"""What fields of a card mean together: its kind and parts, scores, trainer, architecture."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.errors import CardError, HarnessError
from harness.lookup import closest, lookup
from harness.models.methods.methods import BACKBONE, METHODS, trainer_problem
from harness.models.sandbox.backends import is_sandboxed
from harness.types.models import EVERYTHING, EntryCard, MethodPart

PARTS = ("method", "model", "predictions")
"""Kinds of entries; each has the part of its own name and no other."""
ARCH_KWARGS = {
    "class_token", "depth", "depths", "dims", "drop_path_rate", "drop_rate", "dynamic_img_size",
    "embed_dim", "global_pool", "img_size", "in_chans", "mlp_ratio", "num_heads",
    "output_stride", "patch_size", "reg_tokens", "stem_type", "stem_width", "window_size",
}  # fmt: skip
"""Arguments of timm architectures that a card may set: sizes and rates, nothing that loads."""
MAX_KWARG = 8192
"""Largest number of an architecture's arguments: widths and sizes beyond fill any memory."""
_ARCH = re.compile(r"[a-z0-9_]+")


def check_rules(card: EntryCard, folder: Path, where: str, *, trust: bool) -> None:
    """Refuse a card whose fields do not go together, or that names what there is not.

    Parameters
    ----------
    card : EntryCard
        Each field in range by itself.
    folder : Path
        Of the entry.
    where : str
        What sentences call the card.
    trust : bool
        Whether a trainer from outside `baselines` may be named where no sandbox is.

    Raises
    ------
    CardError
        With the field, what was expected and what it holds.
    """
    if card.name != folder.resolve().name:
        raise CardError(
            f"{where}: name is {card.name!r} and the folder {folder.resolve().name!r}; they are "
            "equal. Rename one of them."
        )
    for part in PARTS:
        if (getattr(card, part) is not None) != (part == card.kind):
            verb = "is missing" if part == card.kind else "does not belong here"
            raise CardError(
                f"{where}: a card of kind {card.kind!r} has the part [{card.kind}] and no other; "
                f"[{part}] {verb}."
            )
    try:
        _check_scores(card)
    except HarnessError as error:
        raise CardError(f"{where}: {error}") from None
    if card.method is not None:
        allowed = trust or is_sandboxed(card.method.trainer)
        problem = trainer_problem(card.method.trainer, trust=allowed)
        if problem is not None:
            raise CardError(f"{where}: method.trainer: {problem}")
        _check_auxiliary(card, card.method, where)
        _check_backbone(card, card.method, where)
    if card.model is not None and (card.model.arch or card.model.kwargs):
        _check_arch(card.model.arch, card.model.kwargs, where)


def _check_auxiliary(card: EntryCard, part: MethodPart, where: str) -> None:
    """Refuse outliers that are not declared, not used, or missing where the method needs them."""
    row = METHODS.get(part.trainer)
    if row is not None and row.auxiliary and not part.auxiliary:
        raise CardError(
            f"{where}: {part.trainer} trains against outliers and the card names none. Write "
            'auxiliary = "generated-textures" below [method], or the name of a data set.'
        )
    if not part.auxiliary:
        return
    if row is not None and not row.auxiliary:
        able = ", ".join(sorted(name for name, other in METHODS.items() if other.auxiliary))
        raise CardError(
            f"{where}: method.auxiliary names outliers and {part.trainer} does not train against "
            f"any. Leave it out, or use one of: {able}."
        )
    if part.features_from is not None:
        raise CardError(
            f"{where}: method.auxiliary names images and features_from turns inputs into features. "
            "Leave one of them out."
        )
    if not card.facets.saw_ood_data:
        raise CardError(
            f"{where}: facets.saw_ood_data must be true, because method.auxiliary names outliers "
            "to train against; got false. Change it."
        )


def _check_backbone(card: EntryCard, part: MethodPart, where: str) -> None:
    """Refuse weights that nothing reads, and a frozen backbone that does not say what it is."""
    row = METHODS.get(part.trainer)
    if part.weights is not None and (row is None or not row.weights):
        able = ", ".join(sorted(name for name, other in METHODS.items() if other.weights))
        raise CardError(
            f"{where}: method.weights names a file and {part.trainer} reads none. Leave it out, or "
            f"use one of: {able}."
        )
    if row is None or row.family != BACKBONE:
        return
    said = card.facets
    open_ = [
        f'{name} = "{example}"'
        for name, value, example in (
            ("backbone", said.backbone, "resnet18"),
            ("pretraining", said.pretraining, "imagenet-1k supervised"),
            ("resolution", said.resolution, "64 px bicubic"),
        )
        if value in ("none", "")
    ]
    if open_:
        raise CardError(
            f"{where}: [facets] of a pre-trained backbone say what it is, what it was trained on "
            f"and at which size it sees images; missing here: {', '.join(open_)} (examples). "
            "Write what is true of yours."
        )


def _check_scores(card: EntryCard) -> None:
    """Look declared names up where they are defined; imported here, for listing needs no scores."""
    table = import_module("harness.scores.ood")
    brought = {table.GIVEN: None} if card.kind == "predictions" else {}
    lookup("OOD score", card.ood_score, table.OOD_SCORES | brought)
    corrections = import_module("harness.scores.posthoc").corrections
    for variant in card.rank_variants:
        corrections(variant)
    known = table.OOD_SCORES | import_module("harness.metrics.table").METRICS | {EVERYTHING: None}
    for name in card.extra:
        lookup("metric or OOD score", name, known)


def _check_arch(arch: str, kwargs: Mapping[str, Any], where: str) -> None:
    if not _ARCH.fullmatch(arch):
        raise CardError(
            f"{where}: model.arch must be the plain name of a timm architecture, without "
            f"a pretrained tag or a source such as 'hf-hub:'; got {arch!r}. Weights come from "
            "[model.files] only."
        )
    for name, value in kwargs.items():
        if name not in ARCH_KWARGS:
            near = closest(name, ARCH_KWARGS)
            hint = f"Did you mean {near!r}?" if near else f"Allowed: {sorted(ARCH_KWARGS)}."
            raise CardError(f"{where}: model.kwargs: {name!r} may not be set on a card. {hint}")
        if not _plain(value):
            raise CardError(
                f"{where}: model.kwargs.{name} must be a number, a text or a list of numbers, "
                f"none beyond {MAX_KWARG:,}; got {str(value)[:80]!r}. Use what it was trained with."
            )


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 64 and all(not isinstance(i, str) and _plain(i) for i in value)
    if isinstance(value, int | float):
        return abs(value) <= MAX_KWARG
    return isinstance(value, str)
