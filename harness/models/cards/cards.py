"""Cards: ``submissions/<entry>/entry.toml``, read strictly, with a sentence for every mistake."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.data.suites.catalogue import SUITES
from harness.data.suites.own import is_own
from harness.errors import CardError, HarnessError
from harness.keys import sha256_of
from harness.lookup import closest, lookup
from harness.models.cards.files import check_files
from harness.models.cards.templates import card_text
from harness.models.cards.toml import check_plain, read_toml, toml_lines
from harness.models.methods.methods import BACKBONE, METHODS, trainer_of, trainer_problem
from harness.models.sandbox.backends import chosen, is_sandboxed
from harness.models.sandbox.view import is_foreign
from harness.types.models import EVERYTHING, NAME, EntryCard, MethodPart

CARD = "entry.toml"
"""File name of a card."""
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
_LATER = {
    *("suites", "augmentation", "resolution", "call", "inputs", "output", "classes", "auxiliary"),
    "weights",
}
"""Fields (also of facets, method and model) added to cards of format 1: no part of the identity
while unset."""
_LATER_OF_FILES = {"address", "beside"}
"""The same of files: where a file comes from never counts, what it reads besides does."""
_ARCH = re.compile(r"[a-z0-9_]+")


def read_card(folder: Path, *, trust: bool = False) -> EntryCard:
    """Return the card of an entry's folder, every rule of SPEC section 6 checked.

    Neither weights nor trainers are touched: `check_entry` looks at files.

    Parameters
    ----------
    folder : Path
        ``submissions/<entry>``.
    trust : bool, default=False
        True: allow a trainer from outside `baselines` also where there is no sandbox for it; its
        code will run as yours.

    Raises
    ------
    CardError
        If there is no card, it is not TOML, or a field is unknown, missing or out of range.
    """
    path, where = folder / CARD, f"{folder.name}/{CARD}"
    if not path.is_file():
        raise CardError(
            f"An entry is a folder with {CARD}; got {folder} without one. "
            f"Run: tailmark new {folder.name}"
        )
    raw = read_toml(path, CardError)
    check_plain(raw, where)
    card = _parse(raw, where)
    _check_rules(card, folder, where, trust=trust)
    return card


def check_entry(folder: Path, *, suite: Any = None, trust: bool = False) -> list[str]:
    """Return what is worth saying about an entry: its card, then every file that it names.

    No trainer is imported and no pickle is opened.

    Parameters
    ----------
    folder : Path
        ``submissions/<entry>``.
    suite : OpenSuite, optional
        Check cells, seeds, classes and rows against it as well.
    trust : bool, default=False
        Whether the user trusts a trainer from outside `baselines`; only a remark depends on it.

    Returns
    -------
    list of str
        One sentence a finding that does not forbid running, e.g. a cell without weights.

    Raises
    ------
    CardError, PredictionsError
        If something forbids running: a wrong sha256, a path outside the folder, unsafe arrays,
        a suite that the card is not meant for.
    UnknownNameError
        If the card is meant for a suite that does not exist.
    """
    card = read_card(folder, trust=True)
    for name in card.suites:
        if not is_own(name):
            lookup("suite", name, SUITES)
    if suite is not None:
        check_suite(card, suite.suite.id)
    return [*check_files(card, folder, suite), *([] if trust else _about_code(card))]


def _about_code(card: EntryCard) -> list[str]:
    """Return one sentence about where a trainer from outside runs."""
    trainer = "" if card.method is None else trainer_of(card.method)
    if not trainer or not is_foreign(trainer):
        return []
    if (name := chosen()) is not None:
        return [f"{trainer} is code from outside this project: it runs in a sandbox ({name})."]
    return [
        f"{trainer} is code from outside this project, and this machine has no sandbox for it: a "
        "run needs --trust, and the code then has your rights."
    ]


def check_suite(card: EntryCard, suite: str) -> None:
    """Refuse a suite that the card is not meant for; a card that names none is for all.

    A suite over a user's own data set is never refused: no card can know it.

    Parameters
    ----------
    card : EntryCard
        Its field ``suites`` decides.
    suite : str
        Suite id.

    Raises
    ------
    CardError
        If the card names suites and not this one.
    """
    if card.suites and suite not in card.suites and not is_own(suite):
        raise CardError(
            f"{card.name} is meant for {', '.join(card.suites)}; got {suite}. Choose --suite "
            f"{card.suites[0]}, or add {suite!r} to suites on its card."
        )


def card_sha256(card: EntryCard) -> str:
    """Return the sha256 of the card's canonical JSON: comments and order do not matter.

    A field that came after format 1 was settled counts only where a card sets it; what a card
    asks for beside the standard metrics never counts, nor where code of the authors lies, for
    neither changes a number.
    """
    facts = card.model_dump(mode="json", exclude={"extra", "code"})
    facts["facets"] = settled(facts["facets"])
    for name in ("method", "model"):
        if facts[name] is not None:
            facts[name] = settled(facts[name])
    for part in (facts["model"], facts["predictions"]):
        if part is not None:
            part["files"] = {key: _settled_file(file) for key, file in part["files"].items()}
    return sha256_of(settled(facts))


def settled(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card's table without the later fields that it does not set.

    Parameters
    ----------
    facts : mapping of str
        A card, its facets, its ``[method]`` or its ``[model]``, as plain JSON values.
    """
    return {k: v for k, v in facts.items() if v or k not in _LATER}


def _settled_file(file: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in file.items() if k not in _LATER_OF_FILES or (v and k == "beside")}


def _parse(raw: Mapping[str, Any], where: str) -> EntryCard:
    if isinstance(raw.get("format"), bool):  # which Python takes for the number 1
        raise CardError(f"{where}: format: expected 1; got a truth value. Write format = 1.")
    try:
        return EntryCard.model_validate(raw)
    except ValidationError as error:
        # a misspelt field is also a missing one: what to change comes first
        details = sorted(error.errors(), key=lambda detail: detail["type"] == "missing")
        sentences = [_sentence(detail, raw) for detail in details]
        raise CardError("\n".join(f"{where}: {text}" for text in sentences)) from None


def _sentence(detail: ErrorDetails, raw: Mapping[str, Any]) -> str:
    """Return expected / received / do this for one finding of pydantic."""
    path = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        known = _fields_at(detail["loc"][:-1])
        near = closest(str(detail["loc"][-1]), known)
        hint = f"Did you mean {near!r}?" if near else f"Known here: {', '.join(known)}."
        return f"unknown field {path!r}. {hint}"
    if detail["type"] == "missing":
        return f"the field {path!r} is missing. Add it."
    if path == "facets.selection" and detail["input"] == "best_on_test":
        return (
            "facets.selection is 'best_on_test': an epoch chosen by its test score makes the "
            "test set a training set. Choose 'last', 'noisy_val' or 'clean_val'."
        )
    if path == "code":
        return (
            "code: expected the address of a public repository with https:// and without spaces "
            f"or quotes; got {repr(detail['input'])[:80]}. Write it whole, or leave the line out."
        )
    if path == "name":
        return _name_sentence(detail["input"])
    if detail["type"] == "value_error":
        return f"{path}: {detail['ctx']['error']}."
    message = f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
    return f"{path}: {message}; got {repr(detail['input'])[:80]}. Correct it."


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    """Return the fields a table of the card has, following `loc` through the model's types."""
    model: type[BaseModel] = EntryCard
    for step in loc:
        field = model.model_fields.get(str(step))
        if field is None:  # a key of a mapping: stay at its value's type
            continue
        inner = _model_in(field.annotation)
        model = inner if inner is not None else model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (found := _model_in(part)) is not None:
            return found
    return None


def _check_rules(card: EntryCard, folder: Path, where: str, *, trust: bool) -> None:
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


def write_card(folder: Path, card: EntryCard) -> Path:
    """Write a card as TOML that `read_card` reads back as the same card; return its path.

    Fields at their defaults are left out.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    card : EntryCard
        What to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CARD
    data = card.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    data.setdefault(card.kind, {})
    path.write_text("\n".join(toml_lines(data)) + "\n", encoding="utf-8")
    return path


def new_home(folder: Path, name: str) -> Path:
    """Return the folder of a new entry, refusing a name that is not allowed or taken.

    Raises
    ------
    CardError
        If the name is not allowed, or the entry has a card.
    """
    if re.fullmatch(NAME, name) is None:
        raise CardError(_name_sentence(name))
    home = folder / name
    if (home / CARD).exists():
        raise CardError(f"{home / CARD} exists and is not overwritten. Choose another name.")
    return home


def _name_sentence(name: object) -> str:
    return (
        "name must be lower-case letters, digits and hyphens, at most 63 of them; "
        f"got {str(name)[:80]!r}."
    )


def new_entry(
    folder: Path,
    name: str,
    kind: str,
    *,
    trainer: str = "cross-entropy",
    recipe: str | None = None,
    arch: str = "resnet18",
) -> Path:
    """Write a commented card for a new entry; return its path.

    Parameters
    ----------
    folder : Path
        The folder of all entries; the card goes to ``<folder>/<name>/entry.toml``.
    name : str
        The entry's name.
    kind : {"method", "model", "predictions"}
        What the entry hands over.
    trainer, recipe : str
        Of a method.
    arch : str
        Of a model.

    Raises
    ------
    CardError
        If the kind is unknown, the name is not allowed or the entry exists.
    """
    if kind not in PARTS:
        near = closest(kind, PARTS)
        raise CardError(
            f"kind must be one of {', '.join(PARTS)}; got {kind!r}."
            + (f" Did you mean {near!r}?" if near else "")
        )
    home = new_home(folder, name)
    text = card_text(name, kind, trainer=trainer, recipe=recipe, arch=arch)
    fresh = not home.exists()
    home.mkdir(parents=True, exist_ok=True)
    (home / CARD).write_text(text, encoding="utf-8")
    try:
        read_card(home)
    except CardError:
        (home / CARD).unlink()
        if fresh:
            home.rmdir()
        raise
    return home / CARD
