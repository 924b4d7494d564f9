"""The protocol behind a number, ours or published, and where two of them part.

A number is comparable only with its protocol: which training data, network, epochs, augmentation
and choice of epoch made it. Ours is what the record says was asked; a record of before that was
noted is read with the card that it was made from. What a published source leaves unsaid stays
unknown and is not guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.data.splits.ids import parse_split_id
from harness.errors import HarnessError
from harness.models.cards.cards import CARD, card_sha256, read_card
from harness.models.methods.methods import METHODS, settings_of
from harness.paths import entry_roots
from harness.published.references import Published
from harness.records.records import Recorded
from harness.types import EntryCard, RunRecord

Match = Literal["same", "differs", "unknown"]
NONE = "none"
"""Backbone and augmentation of a method that has no such setting; its epochs are 0."""
PAPER = "as in its paper"
"""What the settings of a method are said to be when a card overrides none."""
COMPARED = {"network", "epochs", "augment", "select", "val_fraction"}
"""Settings that are compared one by one, or change which epoch is scored."""


@dataclass(frozen=True)
class OurProtocol:
    """How an entry of ours was trained on one data set; None: not known."""

    method: str
    """Name in METHODS."""
    backbone: str | None
    epochs: int | None
    augmentation: str | None
    selection: str
    settings: str
    """PAPER, or what the card overrides besides the fields above."""
    problem: str = ""
    """Why something is not known."""


@dataclass(frozen=True)
class Part:
    """One field of two protocols."""

    name: str
    """Field, as people read it."""
    ours: str | None
    """None: not known, or nothing of ours was run."""
    published: str | None
    """None: the source does not say."""

    @property
    def match(self) -> Match:
        """Return whether the two are the same, differ, or cannot be compared."""
        if self.ours is None or self.published is None:
            return "unknown"
        return "same" if self.ours == self.published else "differs"

    @property
    def words(self) -> str:
        """Return how ours differs, e.g. ``epochs 20 against 200``; empty where it does not."""
        if self.match == "same":
            return ""
        if self.published is None:
            return f"{self.name} {self.ours or 'not known'}, not stated by the source"
        return f"{self.name} {self.ours or 'not known'} against {self.published}"


def method_of(card: EntryCard) -> str | None:
    """Return the name in METHODS of what a card trains, or None for models and predictions."""
    return None if card.method is None else _method_named(card.method.trainer)


def _method_named(trainer: str | None) -> str | None:
    """Return the name in METHODS of a trainer, given as this name or as ``module:function``."""
    return next((n for n, m in METHODS.items() if trainer in (n, m.trainer)), None)


def read_cards(names: Iterable[str], submissions: Path | None) -> dict[str, EntryCard]:
    """Return the cards of some entries; one that is not there or not valid is left out.

    Parameters
    ----------
    names : iterable of str
        Entries.
    submissions : Path or None
        Folder of entries; those of the installed release are found after it.
    """
    found: dict[str, EntryCard] = {}
    if submissions is None:
        return found
    for name in names:
        folders = [
            root / name for root in entry_roots(submissions) if (root / name / CARD).is_file()
        ]
        try:
            if folders:
                found[name] = read_card(folders[0], trust=True)
        except HarnessError:
            continue  # `tailmark check` says what is wrong with it
    return found


def our_protocol(
    recorded: Recorded, cards: Mapping[str, EntryCard], dataset: str
) -> OurProtocol | None:
    """Return how a record was trained, or None when that was with no method of METHODS.

    The record's own configuration is read where it has one. Without it card and recipe tell, as
    they are today: a card that changed since the run, or a training curve that ends at another
    epoch than the recipe says, leaves what they would tell unknown.

    Parameters
    ----------
    recorded : Recorded
        What was run.
    cards : mapping of str to EntryCard
        Entry → its card; of the entry's parent, too, where it starts from one.
    dataset : str
        Name in DATASETS: recipes have tables of their own for some.
    """
    record = recorded.record
    selection = record.variants[""].selection
    if record.asked is not None:
        return _as_asked(record, dataset, selection)
    card = cards.get(record.entry)
    method = None if card is None else method_of(card)
    if card is None or card.method is None or method is None:
        return None
    parent = cards.get(card.method.init_from or "")
    try:
        _, settings = settings_of(parent or card, dataset)
    except HarnessError as error:
        return OurProtocol(method, None, None, None, selection, PAPER, str(error))
    problem = _problem(recorded, card, settings)
    if problem:
        return OurProtocol(method, None, None, None, selection, PAPER, problem)
    return _protocol(method, settings, card.method.overrides, selection)


def _as_asked(record: RunRecord, dataset: str, selection: str) -> OurProtocol | None:
    """Return the protocol of the configuration that a record holds for cells of one data set."""
    here = {m for m, cell in enumerate(record.suite.cells) if cell.partition("-")[0] == dataset}
    asked = next((each for each in record.asked or () if here & set(each.cells)), None)
    method = None if asked is None else _method_named(asked.trainer)
    if asked is None or method is None:
        return None
    return _protocol(method, asked.parent or asked.settings, asked.overrides, selection)


def _protocol(
    method: str, settings: Mapping[str, Any], overrides: Mapping[str, Any], selection: str
) -> OurProtocol:
    special = {k: v for k, v in overrides.items() if k not in COMPARED}
    augment = settings.get("augment", ())
    return OurProtocol(
        method,
        settings.get("network", NONE),
        settings.get("epochs", 0),
        ", ".join(augment) or NONE,
        selection,
        ", ".join(f"{k} {v}" for k, v in sorted(special.items())) or PAPER,
    )


def _problem(recorded: Recorded, card: EntryCard, settings: Mapping[str, Any]) -> str:
    if card_sha256(card) != recorded.record.card_sha256:
        return "the card changed since the run"
    curve = recorded.detail("", "curve_loss@epoch")
    # A second stage has epochs of its own; the field compares those of the first.
    second_stage = card.method is not None and card.method.init_from is not None
    if curve is None or second_stage or "epochs" not in settings:
        return ""
    last = float(np.nanmax(curve))
    if last == settings["epochs"]:
        return ""
    return f"the recipe says {settings['epochs']} epochs, the record's curves end at {last:.0f}"


def parts_of(cell: str, published: Published, ours: OurProtocol | None) -> tuple[Part, ...]:
    """Return two protocols field by field.

    Parameters
    ----------
    cell : str
        Split id without a seed: it is our profile and noise.
    published : Published
        Theirs.
    ours : OurProtocol or None
        None: nothing of ours was run.
    """
    spec = parse_split_id(cell)
    profile = spec.imbalance if spec.order == "native" else f"{spec.imbalance} {spec.order}"
    ran = ours is not None
    epochs = None if published.epochs is None else str(published.epochs)
    own = (None,) * 5 if ours is None else _texts(ours)
    return (
        Part("profile", profile if ran else None, _among(profile, published.profile)),
        Part("noise", spec.noise if ran else None, _among(spec.noise, published.noise)),
        Part("backbone", own[0], published.backbone),
        Part("epochs", own[1], epochs),
        Part("augmentation", own[2], published.augmentation),
        Part("selection", own[3], published.selection),
        Part("settings", own[4], _settings(own[4], published.settings)),
    )


def _settings(ours: str | None, published: str | None) -> str | None:
    """Return the method's own values in a source; None: unsaid, where a card sets others."""
    if published is not None:
        return published
    return PAPER if ours in (None, PAPER) else None


def _texts(ours: OurProtocol) -> tuple[str | None, ...]:
    epochs = None if ours.epochs is None else str(ours.epochs)
    return ours.backbone, epochs, ours.augmentation, ours.selection, ours.settings


def _among(word: str, known: tuple[str, ...]) -> str | None:
    """Return the cell's own word where a generator makes it, else what it makes; None: unsaid."""
    return (word if word in known else ", ".join(known)) or None


def verdict_of_parts(parts: Iterable[Part]) -> Literal["", "protocol differs", "protocol unknown"]:
    """Return what forbids a comparison, or an empty string.

    An unsaid choice of epoch is let through where the training labels are clean: the band of a
    reference holds what it moves there. With wrong labels the best epoch and the last one lie
    many points apart.
    """
    by_name = {part.name: part for part in parts}
    if any(part.match == "differs" for part in by_name.values()):
        return "protocol differs"
    clean = by_name["noise"].ours == "clean"
    unknown = [n for n, part in by_name.items() if part.match == "unknown"]
    return "protocol unknown" if [n for n in unknown if n != "selection" or not clean] else ""
