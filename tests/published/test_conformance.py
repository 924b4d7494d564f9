import tomllib

import numpy as np
import pytest

from harness.errors import SpecError, UnknownNameError
from harness.models.cards.cards import card_sha256
from harness.models.methods.methods import METHODS
from harness.published.conformance import (
    VERDICTS,
    Ours,
    _verdict,
    conformance,
    misses,
    published_beside_ours,
    selected,
    summary,
)
from harness.published.conformance_text import (
    conformance_rows,
    covers_text,
    ours_text,
    published_protocol,
    published_text,
)
from harness.published.protocols import Part
from harness.published.references import MIN_BAND, Table, load_references
from harness.rankings.export import rows_text
from harness.records.records import write_record
from harness.types.models import EntryCard
from tests.runs.synthetic import KEY, SHA, recorded

CELLS = ("cifar10-exp100-clean", "cifar100-exp100-clean")
BAG = "Bag of Tricks for Long-Tailed Visual Recognition, trick_gallery.md"
CARD = """
format = 1
name = "{name}"
kind = "method"
title = "made up"
[method]
trainer = "{method}"
recipe = "{recipe}"
[method.overrides]
{overrides}
"""


@pytest.fixture(scope="module")
def references():
    return load_references()


def card(name, method="cross-entropy", recipe="cifar-lt", overrides=""):
    text = CARD.format(name=name, method=method, recipe=recipe, overrides=overrides)
    return EntryCard(**tomllib.loads(text))


def ours(a_card, level, cells=CELLS, **changes):
    stamp = {
        "id": "cifar10-v1",
        "sha256": SHA,
        "cells": cells,
        "seeds": [0, 1, 2],
        "primary": KEY,
        "tail_metric": "recall_few",
        "metrics_version": 1,
    }
    changes = {"card_sha256": card_sha256(a_card), "suite": stamp} | changes
    return recorded(a_card.name, level, **changes)


def compared(references, a_card, level, **changes):
    return conformance([ours(a_card, level, **changes)], references, {a_card.name: a_card})


def of_bag(rows, cell=CELLS[0]):
    """The one row beside 70.36 %: same network, epochs and augmentation as recipe cifar-lt."""
    found = [r for r in rows if (r.source, r.cell, r.method) == (BAG, cell, "cross-entropy")]
    assert len(found) == 1
    return found[0]


def test_without_records_every_published_number_is_not_run(references):
    rows = conformance([], references, {})
    counts = summary(rows)
    assert counts["not run"] == len(rows) > 200
    assert set(counts) == set(VERDICTS)


def test_one_cell_has_the_spread_that_its_sources_have(references):
    rows = [
        r
        for r in conformance([], references, {})
        if (r.cell, r.method) == ("cifar100-exp100-clean", "cross-entropy")
    ]
    values = [round(100 * r.published, 1) for r in rows]
    # 38.3 and 44.6 for the same cell: augmentation and selection differ
    assert min(values) < 38.4
    assert max(values) == 44.6


@pytest.mark.parametrize(("level", "verdict"), [(0.70, "inside"), (0.80, "above"), (0.60, "below")])
def test_ours_is_inside_above_or_below_what_was_published(references, level, verdict):
    # Bag of Tricks: 29.64 % error, so 0.7036 with a band of 0.02
    row = of_bag(compared(references, card("r32-ce"), level))
    assert row.verdict == verdict
    assert row.ours.low < row.ours.value < row.ours.high
    assert row.ours.seeds == 3


def test_an_interval_wider_than_the_band_confirms_nothing(references):
    row = of_bag(compared(references, card("r32-ce"), 0.70, spread=0.05))
    assert row.ours.high - row.ours.low > 2 * row.band
    assert row.verdict == "cannot tell"


def test_a_miss_stays_in_the_list_and_is_counted(references):
    rows = compared(references, card("r32-ce"), 0.2)
    assert of_bag(rows).verdict == "below"
    assert misses(rows) == summary(rows)["below"] > 0
    assert len(rows) == len(conformance([], references, {}))


def test_fewer_epochs_are_another_protocol_and_never_a_miss(references):
    short = card("r32-short-ce", overrides="epochs = 10")
    rows = compared(references, short, 0.4)
    assert misses(rows) == 0
    row = of_bag(rows)
    assert row.verdict == "protocol differs"
    assert "epochs 10 against 200" in row.differences
    assert not any(d.startswith(("backbone", "augmentation")) for d in row.differences)


def test_epochs_are_those_of_the_recipe(references):
    rows = compared(references, card("r32-short-ce", recipe="cifar-short"), 0.4)
    assert any(
        d.startswith("epochs ") and d.endswith("against 200") for d in of_bag(rows).differences
    )


def test_another_augmentation_is_another_protocol(references):
    rows = compared(references, card("r32-ce"), 0.785)
    found = [r for r in rows if r.source.startswith("DBM") and r.ours and r.cell == CELLS[0]]
    assert [r.verdict for r in found] == ["protocol differs"]
    assert "augmentation crop, flip against crop, flip, autoaugment, cutout" in found[0].differences


def test_settings_that_a_card_overrides_leave_the_protocol_unknown(references):
    row = of_bag(compared(references, card("r32-ce", overrides="lr = 0.01"), 0.70))
    assert row.verdict == "protocol unknown"
    assert "settings lr 0.01, not stated by the source" in row.differences


def test_what_a_source_leaves_unsaid_forbids_a_verdict(references):
    rows = compared(references, card("r32-ce"), 0.38)
    found = [r for r in rows if r.source.startswith("RIDE") and r.ours]
    assert [r.verdict for r in found] == ["protocol unknown"]
    assert "epochs 200, not stated by the source" in found[0].differences


def test_an_unsaid_choice_of_epoch_is_let_through_for_clean_labels_only(references):
    noisy = "cifar10-balanced-symmetric0.4"
    protocol = references.protocol["bag-of-tricks"].model_copy(
        update={"profile": ("exp", "balanced"), "noise": ("clean", "symmetric")}
    )
    table = references.table[0].model_copy(
        update={"values": {"cross-entropy": {CELLS[0]: 0.7, noisy: 0.7}}}
    )
    changed = references.model_copy(
        update={"table": (table,), "protocol": {"bag-of-tricks": protocol}}
    )
    rows = compared(changed, card("r32-ce"), 0.7, cells=(CELLS[0], noisy))
    assert {r.cell: r.verdict for r in rows} == {CELLS[0]: "inside", noisy: "protocol unknown"}


def test_a_card_that_changed_since_the_run_leaves_its_protocol_unknown(references):
    row = of_bag(compared(references, card("r32-ce"), 0.7, card_sha256=SHA))
    assert row.verdict == "protocol unknown"
    assert "the card changed since the run" in row.differences


@pytest.mark.parametrize(("last", "verdict"), [(200, "inside"), (10, "protocol unknown")])
def test_a_recipe_that_says_other_epochs_than_the_curves_is_not_believed(references, last, verdict):
    a_card = card("r32-ce")
    record = ours(a_card, 0.7)
    epochs = np.broadcast_to(np.arange(1.0, last + 1), (2, 3, last))
    record = type(record)(
        record.record, None, {**record.arrays, "detail/base/curve_loss@epoch": epochs}
    )
    row = of_bag(conformance([record], references, {"r32-ce": a_card}))
    assert row.verdict == verdict
    assert any("curves end at 10" in d for d in row.differences) == (last == 10)


def test_an_entry_without_a_card_stands_beside_nothing(references):
    rows = conformance([ours(card("r32-ce"), 0.7)], references, {})
    assert {r.verdict for r in rows} == {"not run"}


def test_a_remembered_number_is_shown_and_never_judged(references):
    rows = compared(references, card("r32-mdcs", "mdcs"), 0.5)
    found = [r for r in rows if r.ours]
    assert [(r.trust, r.verdict) for r in found] == [("memory", "not judged")]


def test_one_seed_without_an_interval_is_not_judged(references):
    a_card = card("r32-ce")
    suite = ours(a_card, 0.7).record.suite.model_dump() | {"seeds": [0]}
    made = ours(a_card, 0.7, seeds=1, suite=suite)
    bare = type(made)(made.record, None, {})
    row = of_bag(conformance([bare], references, {"r32-ce": a_card}))
    assert (row.ours.covers, row.verdict) == (
        "no interval: one seed and no stored replicates",
        "not judged",
    )


def test_several_entries_of_ours_stand_beside_the_same_number(references):
    one, two = card("r32-ce"), card("r32-short-ce", overrides="epochs = 10")
    rows = conformance(
        [ours(one, 0.7), ours(two, 0.6)], references, {"r32-ce": one, "r32-short-ce": two}
    )
    found = [r for r in rows if (r.source, r.cell) == (BAG, CELLS[0]) and r.ours]
    assert {r.ours.entry: r.verdict for r in found} == {
        "r32-ce": "inside",
        "r32-short-ce": "protocol differs",
    }


def test_a_missing_seed_leaves_the_others_and_says_how_many(references):
    row = of_bag(compared(references, card("r32-ce"), 0.38, missing=True), CELLS[1])
    assert row.ours.seeds == 2
    assert "2 seeds" in covers_text(row)


def test_filters_meet_and_an_unknown_verdict_is_a_sentence(references):
    rows = compared(references, card("r32-ce"), 0.2)
    found = selected(rows, datasets=["cifar10"], verdicts=["below", "above"])
    assert found
    assert all(r.dataset == "cifar10" and r.verdict == "below" for r in found)
    with pytest.raises(UnknownNameError, match="Did you mean 'below'"):
        selected(rows, verdicts=["belo"])


def test_records_are_found_and_a_damaged_one_is_named(tmp_path):
    a_card = card("r32-ce")
    for folder in ("r32-ce", "r32-broken"):
        (tmp_path / folder / "results").mkdir(parents=True)
    write_record(ours(a_card, 0.7), tmp_path / "r32-ce" / "results")
    toml = CARD.format(name="r32-ce", method="cross-entropy", recipe="cifar-lt", overrides="")
    (tmp_path / "r32-ce" / "entry.toml").write_text(toml)
    (tmp_path / "r32-broken" / "results" / "cifar10-v1.json").write_text("{")
    found = published_beside_ours([tmp_path], submissions=tmp_path)
    assert of_bag(found.rows).verdict == "inside"
    assert len(found.damaged) == 1
    assert "r32-broken" in found.damaged[0]


def test_words_are_percent_and_csv_is_fractions(references):
    row = of_bag(compared(references, card("r32-ce"), 0.2))
    assert published_text(row) == "70.4 % ± 2.0 pp"
    assert ours_text(row).startswith("20.")
    assert "not stated: selection" in published_protocol(row.protocol)
    head, line = rows_text(conformance_rows([row]), "csv").splitlines()
    assert dict(zip(head.split(","), line.split(","), strict=False))["published"] == "0.7036"
    assert '"verdict": "below"' in rows_text(conformance_rows([row]), "json")
    with pytest.raises(SpecError, match="json, csv and markdown"):
        rows_text(conformance_rows([row]), "xml")


def test_a_part_says_how_ours_differs():
    assert Part("epochs", "10", "200").words == "epochs 10 against 200"
    assert Part("epochs", "10", None).words == "epochs 10, not stated by the source"
    assert Part("epochs", "10", "10").words == ""


def test_published_numbers_are_fractions_with_a_source_and_a_fair_band(references):
    for table in references.table:
        assert table.source
        assert table.band >= MIN_BAND == 0.015
        values = [v for cells in table.values.values() for v in cells.values()]
        assert all(0.05 < v < 1 for v in values)


def test_every_referenced_method_is_one_of_ours(references):
    assert {m for table in references.table for m in table.values} <= set(METHODS)


HEAD = "[protocol.a]\nprofile = ['exp']\nnoise = ['clean']\n"
TABLE = "[[table]]\nsource = 's'\nprotocol = '{}'\ntrust = 'read'\nband = 0.02\nkey = 'k'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + TABLE.format("b") + "values = {}\n", r"protocol 'b', which is not described. Add"),
        (
            HEAD + TABLE.format("a") + "[table.values.m]\ncifar10-balanced-clean = 0.5\n",
            r"makes exp, not balanced\. Correct",
        ),
        (
            HEAD + TABLE.format("a") + '[table.values.m]\n"cifar10-exp10-symmetric0.2" = 0.5\n',
            r"makes clean, not symmetric\. Correct",
        ),
        (HEAD + "[[table]]\nsource = 'x'\n", r"published numbers; reading it says: [^:]*protocol"),
        ("[[table", r"published numbers; reading it says"),
    ],
)
def test_a_reference_that_contradicts_its_protocol_is_refused(tmp_path, text, message):
    (tmp_path / "references.toml").write_text(text)
    with pytest.raises(SpecError, match=message):
        load_references(tmp_path / "references.toml")


def asked(**changes):
    settings = {"network": "resnet32", "epochs": 200, "augment": ["crop", "flip"]}
    body = {
        "cells": (0, 1),
        "trainer": METHODS["cross-entropy"].trainer,
        "settings": settings | changes.pop("settings", {}),
    }
    return {"asked": (body | changes,)}


def test_a_record_that_says_what_was_asked_needs_no_card(references):
    found = ours(card("mine"), 0.7036, card_sha256=SHA, **asked())
    row = of_bag(conformance([found], references, {}))
    assert row.verdict == "inside"
    assert not any(word.startswith(("epochs", "backbone")) for word in row.differences)


def test_the_records_own_configuration_wins_over_todays_recipe(references):
    """The recipe says 200 epochs today; the run had 20."""
    found = ours(card("mine"), 0.7036, **asked(settings={"epochs": 20}))
    row = of_bag(conformance([found], references, {"mine": card("mine")}))
    assert row.verdict == "protocol differs"
    assert "epochs 20 against 200" in row.differences


def test_a_second_stage_is_compared_by_the_first_ones_settings(references):
    first = {"network": "resnet32", "epochs": 20, "augment": ["crop", "flip"]}
    found = ours(card("mine"), 0.7036, **asked(parent=first))
    assert "epochs 20 against 200" in of_bag(conformance([found], references, {})).differences


def test_what_the_card_set_itself_is_read_from_the_record(references):
    found = ours(card("mine"), 0.7036, **asked(overrides={"lr": 0.01, "epochs": 200}))
    row = of_bag(conformance([found], references, {}))
    assert "settings lr 0.01, not stated by the source" in row.differences


NATURAL = ("mnist-natural-clean", "wine-natural-clean")
TABLE_3 = "Xiao et al. 2017, arXiv:1708.07747, table 3"


def probe(name, method, overrides):
    text = CARD.format(name=name, method=method, recipe="", overrides=overrides)
    return EntryCard(**tomllib.loads(text.replace('recipe = ""\n', "")))


def checked(references, level, *cards, **changes):
    """Records with plain accuracy and no replicates of it, as the published suites have."""
    found = []
    for each in cards:
        grid = [[level], [level]]
        variants = {"": {"ood_score": "msp", "selection": "last"}}
        variants[""]["metrics"] = {"test/accuracy": grid, KEY: grid}
        jobs = [{"cell": m, "seed": 0, "status": "done"} for m in range(2)]
        stamp = {"id": "published-v1", "sha256": SHA, "cells": NATURAL, "seeds": [0]}
        stamp |= {"primary": KEY, "tail_metric": "recall_tail", "metrics_version": 1}
        made = {"card_sha256": card_sha256(each), "suite": stamp, "variants": variants}
        found.append(recorded(each.name, level, seeds=1, **(made | {"jobs": jobs} | changes)))
    return conformance(found, references, {each.name: each for each in cards})


def beside(rows, source, cell, published):
    return [
        (r.ours.entry, r.verdict)
        for r in rows
        if (r.source, r.cell, r.published) == (source, cell, published) and r.ours
    ]


def test_of_several_entries_of_a_method_the_one_with_the_numbers_own_values_stands_for_it(
    references,
):
    five = probe("five", "neighbours", 'k = 5\nscale = "standard"')
    nine = probe("nine", "neighbours", 'k = 9\nscale = "standard"')
    rows = checked(references, 0.9443, five, nine, deterministic=True)
    assert beside(rows, TABLE_3, NATURAL[0], 0.944) == [("five", "inside")]
    # No entry has k = 1: both are shown, and neither is judged.
    one = beside(rows, TABLE_3, NATURAL[0], 0.839) + beside(rows, TABLE_3, NATURAL[0], 0.943)
    assert ("five", "protocol differs") in one
    assert all(verdict != "inside" for name, verdict in one if name == "five")


@pytest.mark.parametrize(
    ("deterministic", "level", "verdict"),
    [(True, 0.955, "inside"), (False, 0.955, "not judged"), (True, 0.93, "below")],
)
def test_on_the_same_rows_one_run_is_judged_only_without_chance(
    references, deterministic, level, verdict
):
    nearest = probe("nearest", "neighbours", "k = 1")
    rows = checked(references, level, nearest, deterministic=deterministic)
    wine = "Aeberhard et al. 1992, wine.names (UCI)"
    assert beside(rows, wine, NATURAL[1], 0.961) == [("nearest", verdict)]


def test_at_least_fourteen_published_numbers_need_two_cores_only(references):
    light = [t for t in references.table if references.protocol[t.protocol].epochs == 0]
    numbers = [v for t in light for cells in t.values.values() for v in cells.values()]
    assert len(numbers) >= 14
    assert all(t.trust == "read" and references.protocol[t.protocol].same_rows for t in light)


SAME = (Part("noise", "clean", "clean"),)


# Published 0.70 with a band of 0.02: ours is judged by both its mean and its ends.
@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [
        (0.7199, 0.73, 0.74, "cannot tell"),  # reaches the band from above
        (0.7201, 0.73, 0.74, "above"),
        (0.66, 0.67, 0.6801, "cannot tell"),  # reaches it from below
        (0.66, 0.67, 0.6799, "below"),
        (0.681, 0.70, 0.719, "inside"),
        (0.69, 0.719, 0.729, "inside"),
        (0.69, 0.721, 0.729, "cannot tell"),  # its mean lies outside
        (0.6801, 0.70, 0.72, "inside"),  # as wide as the band
        (0.6799, 0.70, 0.7201, "cannot tell"),  # wider than the band
    ],
)
def test_the_band_counts_on_both_sides_and_once_for_the_width(low, value, high, verdict):
    ours = Ours("mine", "cifar10-v1", value, low, high, "seeds and test set", 3)
    table = Table(source="s", protocol="p", trust="read", band=0.02, key="k", values={})
    assert _verdict(0.70, table, ours, SAME) == verdict


def test_a_number_from_memory_is_never_judged():
    ours = Ours("mine", "cifar10-v1", 0.9, 0.89, 0.91, "seeds and test set", 3)
    table = Table(source="s", protocol="p", trust="memory", band=0.02, key="k", values={})
    assert _verdict(0.70, table, ours, SAME) == "not judged"
