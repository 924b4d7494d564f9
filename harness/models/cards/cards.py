"""Cards: ``submissions/<entry>/entry.toml``, read strictly, with a sentence for every mistake."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.data.suites.catalogue import SUITES
from harness.data.suites.own import is_own
from harness.errors import CardError
from harness.keys import sha256_of
from harness.lookup import closest, lookup
from harness.models.cards.files import check_files
from harness.models.cards.rules import check_rules
from harness.models.cards.toml import check_plain, read_toml
from harness.models.methods.methods import trainer_of
from harness.models.sandbox.backends import chosen
from harness.models.sandbox.view import is_foreign
from harness.types.models import EntryCard

CARD = "entry.toml"
"""File name of a card."""
_LATER = {
    *("suites", "augmentation", "resolution", "call", "inputs", "output", "classes", "auxiliary"),
    "weights",
}
"""Fields (also of facets, method and model) added to cards of format 1: no part of the identity
while unset."""
_LATER_OF_FILES = {"address", "beside"}
"""The same of files: where a file comes from never counts, what it reads besides does."""


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
    check_rules(card, folder, where, trust=trust)
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
        if place := _place_of(detail["loc"], near):
            return (
                f"unknown field {path!r}. Where it is one of [{place}], write it below that line."
            )
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
        return name_sentence(detail["input"])
    if detail["type"] == "value_error":
        return f"{path}: {detail['ctx']['error']}."
    message = f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
    message = _PYDANTIC.sub(lambda said: _TOML[said[1]], message)
    return f"{path}: {message}; got {repr(detail['input'])[:80]}. Correct it."


_TOML = {"tuple": "a list", "list": "a list", "dictionary": "a table"}
"""Words of pydantic → what a card's reader calls it."""
_PYDANTIC = re.compile(rf"a valid ({'|'.join(_TOML)})(?: or instance of \w+)?")


def _place_of(loc: tuple[int | str, ...], near: str | None) -> str:
    """Return the table in which an unknown field belongs; empty where none is known.

    What is like no field of ``[method]`` is a setting of its trainer.
    """
    if loc[0] == "method" and len(loc) == 2 and near is None:
        return "method.overrides"
    tables = ["method", "model", "predictions", "facets"] if len(loc) == 1 else []
    return next((table for table in tables if loc[0] in _fields_at((table,))), "")


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


def name_sentence(name: object) -> str:
    """Return what a name must be, and what this one is."""
    return (
        "name must be lower-case letters, digits and hyphens, at most 63 of them; "
        f"got {str(name)[:80]!r}."
    )
