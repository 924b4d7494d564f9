"""Claims on records: the state follows from the interval, and no row vanishes."""

import csv
import io
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.data.suites.open import SUITES
from harness.errors import SpecError, UnknownNameError
from harness.models.cards.cards import read_card
from harness.models.methods.methods import METHODS
from harness.published.claims import (
    STATES,
    Check,
    Claim,
    Found,
    checked,
    claims_on_records,
    judged,
    load_claims,
    selected_rows,
    summary,
)
from harness.published.claims_text import (
    COLUMNS,
    cells_text,
    claim_rows,
    gap_text,
    measured_text,
    missing_records,
    not_run_text,
    sides_text,
    state_text,
    values_text,
)
from harness.rankings.comparing import compare
from harness.rankings.export import rows_text
from harness.rankings.field import candidates
from harness.records.records import write_record
from tests.runs.synthetic import KEY, recorded

ROOT = Path(__file__).resolve().parents[2]
SUBMISSIONS = ROOT / "submissions"
BARE = "train/memorised"
T_2 = 4.302652729911275
"""0.975 quantile of Student's t with 2 degrees of freedom, from a table."""


def claim(**changes):
    body = {
        "id": "a-claim",
        "sentence": "One beats two.",
        "source": "Somebody 2020",
        "metric": BARE,
        "cells": "*",
        "expected": "lower",
        "margin": 0.01,
        "check": (Check(suites=("digits-v1",), entries=("one",), against="two"),),
    }
    return Claim.model_validate(body | changes)


def bare(name, grid, key=BARE, **changes):
    """A record with one metric without replicates: [cell][seed]."""
    body = {"ood_score": "energy", "selection": "last", "metrics": {key: grid}}
    return recorded(name, 0.5, variants={"": body}, **changes)


def only(a_claim, *records):
    (row,) = checked([a_claim], {("digits-v1", r.record.entry): r for r in records})
    return row


def some_jobs(*cells):
    return [{"cell": c, "seed": s, "status": "done"} for c in cells for s in range(3)]


def test_a_claim_may_be_about_the_cells_that_both_records_have():
    one = bare("one", [[0.1, 0.2, 0.3], [None] * 3], jobs=some_jobs(0))
    two = bare("two", [[0.5, 0.61, 0.69], [0.9, 0.9, 0.9]])
    row = only(claim(shared=True), one, two)
    assert (row.state, row.cells) == ("holds", ("digits-balanced-clean",))
    assert row.found.difference == pytest.approx(-0.4)
    assert "* that both have" in measured_text(row.claim)
    assert only(claim(), one, two).state == "not run"
    other = bare("two", [[None] * 3, [0.9, 0.9, 0.9]], jobs=some_jobs(1))
    assert only(claim(shared=True), one, other).state == "not run"


def test_an_interval_over_seeds_is_the_paired_t_interval():
    one = bare("one", [[0.10, 0.20, 0.30], [0.20, 0.20, 0.20]])
    two = bare("two", [[0.30, 0.36, 0.42], [0.40, 0.44, 0.48]])
    row = only(claim(), one, two)
    # by cell −.20 −.16 −.12 and −.20 −.24 −.28: each seed's mean is −.20, so no spread at all
    assert row.found.difference == pytest.approx(-0.20)
    assert row.found.covers == "no interval: every seed gives the same value"
    assert row.state == "cannot tell"
    row = only(claim(cells="balanced-clean"), one, two)
    # −.20 −.16 −.12: mean −.16, sd .04, so t · .04/√3
    half = T_2 * 0.04 / 3**0.5
    assert row.found.low == pytest.approx(-0.16 - half)
    assert row.found.high == pytest.approx(-0.16 + half)
    assert (row.found.covers, row.found.seeds) == ("seeds only", 3)
    assert row.state == "holds"
    assert gap_text(row) == "−16.0 pp [−25.9, −6.1]"


def test_each_seed_is_averaged_over_cells_before_its_spread_is_taken():
    one = bare("one", [[0.0, 0.0, 0.0], [0.1, 0.2, 0.6]])
    two = bare("two", [[0.2, 0.4, 0.6], [0.3, 0.4, 0.5]])
    found = only(claim(), one, two).found
    # (−.2 −.2)/2, (−.4 −.2)/2, (−.6 + .1)/2 = −.20 −.30 −.25: mean −.25, sd .05
    half = T_2 * 0.05 / 3**0.5
    assert (found.low, found.high) == pytest.approx((-0.25 - half, -0.25 + half))
    assert (found.first, found.second) == pytest.approx((0.15, 0.40))
    assert dict(found.by_cell) == pytest.approx(
        {"digits-balanced-clean": -0.4, "digits-exp10-clean": -0.1}
    )


@pytest.mark.parametrize(
    ("low", "high", "state", "reason"),
    [
        (0.02, 0.05, "holds", ""),
        (0.001, 0.05, "holds", ""),
        (-0.05, -0.02, "does not hold", "the opposite"),
        (-0.05, -0.001, "does not hold", "the opposite"),
        (-0.009, 0.009, "does not hold", "practically equal"),
        (0.001, 0.009, "does not hold", "practically equal"),
        (-0.001, 0.05, "cannot tell", ""),
        (-0.05, 0.001, "cannot tell", ""),
        (-0.01, 0.01, "cannot tell", ""),
    ],
)
def test_the_state_follows_from_the_interval_in_both_directions(low, high, state, reason):
    found = Found((low + high) / 2, 0.0, low, high, "seeds only", 3, ())
    assert judged(claim(expected="higher"), found) == (state, reason)
    mirrored = Found(-(low + high) / 2, 0.0, -high, -low, "seeds only", 3, ())
    assert judged(claim(expected="lower"), mirrored) == (state, reason)


def test_stored_replicates_give_the_interval_of_compare():
    one, two = recorded("one", 0.92), recorded("two", 0.90)
    found = only(claim(metric=KEY, expected="higher"), one, two).found
    told = compare(candidates([one, two]), "one", "two").overall
    assert found.covers == told.interval_kind == "seeds and test set"
    assert found.difference == pytest.approx(told.difference)
    assert (found.low, found.high) == pytest.approx((told.low, told.high))


def test_groups_of_cells_add_their_seed_variances():
    grid = [[0.90, 0.92, 0.94], [0.80, 0.80, 0.86]]
    body = {"ood_score": "energy", "selection": "last", "metrics": {KEY: grid}}
    entry = recorded("one", 0.9, spread=1e-6, variants={"": body})
    within = (Check(suites=("digits-v1",), entries=("one",)),)
    row = only(claim(metric=KEY, cells="exp*", against_cells="balanced-*", check=within), entry)
    # s² of .0004 and .0012 over 3 seeds each; df = 2 · (a + b)²/(a² + b²) of a = .0004, b = .0012
    se = ((0.0004 + 0.0012) / 3) ** 0.5
    df = 2 * 0.0016**2 / (0.0004**2 + 0.0012**2)
    t = stats.t.ppf(0.975, df)
    assert row.found.difference == pytest.approx(-0.10)
    assert row.found.high == pytest.approx(-0.10 + t * se, abs=1e-5)
    assert row.found.by_cell == ()
    assert sides_text(row) == ("exp*", "balanced-*")
    assert values_text(row) == ("82.0 %", "92.0 %")


def test_a_difference_of_changes_takes_both_metrics_in_both_groups_of_cells():
    keys = ("ood/near/mahalanobis/ood_auroc", "ood/near/msp/ood_auroc")
    grids = ([[0.90, 0.90, 0.90], [0.80, 0.84, 0.85]], [[0.95, 0.95, 0.95], [0.60, 0.60, 0.66]])
    body = {
        "ood_score": "energy",
        "selection": "last",
        "metrics": dict(zip(keys, grids, strict=True)),
    }
    entry = recorded("one", 0.5, variants={"": body})
    a_claim = claim(
        metric=keys[0],
        against_metric=keys[1],
        cells="exp10-clean",
        change_from="balanced-clean",
        expected="higher",
        check=(Check(suites=("digits-v1",), entries=("one",)),),
    )
    row = only(a_claim, entry)
    # changes −.10 −.06 −.05 against −.35 −.35 −.29: differences .25 .29 .24
    half = T_2 * np.std([0.25, 0.29, 0.24], ddof=1) / 3**0.5
    assert row.found.difference == pytest.approx(0.26)
    assert (row.found.low, row.found.high) == pytest.approx((0.26 - half, 0.26 + half))
    assert row.state == "holds"
    assert sides_text(row) == ("mahalanobis", "msp")
    assert values_text(row) == ("−7.0 pp", "−33.0 pp")
    assert "change from balanced-clean to exp10-clean" in measured_text(a_claim)


def test_what_is_missing_is_named_and_stays_a_row():
    one = bare("one", [[0.1, 0.2, 0.3], [0.1, None, 0.3]])
    row = only(claim(), one)
    assert (row.state, row.found) == ("not run", None)
    assert row.reason == gap_text(row) == "no record of two"
    assert missing_records([row]) == {"digits-v1": ("two",)}
    nowhere = only(claim(cells="step*"), one, bare("two", [[0.1, 0.2, 0.3]] * 2))
    assert nowhere.reason == "digits-v1 has no cell like step*"
    assert not_run_text([nowhere]) == [
        "not run on digits-v1: one against two, digits-v1 has no cell like step*"
    ]
    other = only(claim(metric="test/ece"), one, bare("two", [[0.1, 0.2, 0.3]] * 2))
    assert other.reason == "one has no test/ece: not in this record"


def test_a_missing_seed_is_left_out_on_both_sides():
    one = bare("one", [[0.1, None, 0.3], [0.1, 0.2, 0.3]])
    two = bare("two", [[0.2, 0.9, 0.5], [0.2, 0.9, 0.5]])
    found = only(claim(), one, two).found
    assert found.seeds == 2
    assert (found.first, found.second) == pytest.approx((0.20, 0.35))


def test_an_undefined_cell_gives_the_records_reason():
    undefined = [
        {"variant": "", "key": BARE, "cell": 1, "seed": None, "reason": "no label is flipped"}
    ]
    one = bare("one", [[0.1, 0.2, 0.3], [None, None, None]], undefined=undefined)
    row = only(claim(), one, bare("two", [[0.1, 0.2, 0.3]] * 2))
    assert row.reason == "one has no train/memorised in digits-exp10-clean: no label is flipped"


def test_another_test_pool_is_not_compared():
    one = bare("one", [[0.1, 0.2, 0.3]] * 2)
    two = bare("two", [[0.2, 0.2, 0.3]] * 2, pools={"test": "cd" * 32})
    row = only(claim(), one, two)
    assert row.state == "not run"
    assert "same suite and test pool" in row.reason


def test_a_variant_that_was_not_made_is_named():
    one = bare("one", [[0.1, 0.2, 0.3]] * 2)
    check = (Check(suites=("digits-v1",), entries=("one+la",), against="one"),)
    assert only(claim(check=check), one).reason == "one has no variant 'la'"


def test_one_seed_without_replicates_has_no_interval():
    one, two = bare("one", [[0.1]] * 2, seeds=1), bare("two", [[0.9]] * 2, seeds=1)
    row = only(claim(), one, two)
    assert state_text(row) == "cannot tell: no interval: one seed and no stored replicates"


def test_every_entry_on_every_suite_is_a_row_and_filters_hide_only_what_they_name():
    check = (
        Check(suites=("digits-v1", "fashion-v1"), entries=("one", "three"), against="two"),
        Check(suites=("cifar10-v1",), entries=("four",), against="two"),
    )
    rows = checked([claim(check=check)], {})
    assert [(r.suite, r.entry) for r in rows] == [
        ("digits-v1", "one"),
        ("digits-v1", "three"),
        ("fashion-v1", "one"),
        ("fashion-v1", "three"),
        ("cifar10-v1", "four"),
    ]
    assert summary(rows) == {"holds": 0, "does not hold": 0, "cannot tell": 0, "not run": 5}
    assert selected_rows(rows) == rows
    assert len(selected_rows(rows, suites=["digits-v1"], states=["not run"])) == 2
    for wrong in ({"states": ["hold"]}, {"ids": ["b-claim"]}, {"suites": ["digits-v2"]}):
        with pytest.raises(UnknownNameError):
            selected_rows(rows, **wrong)


def test_csv_and_json_say_the_same(tmp_path):
    one = bare("one", [[0.10, 0.20, 0.31], [0.1, 0.2, 0.3]])
    rows = [only(claim(), one, bare("two", [[0.5, 0.5, 0.5]] * 2)), only(claim(), one)]
    lines = list(csv.DictReader(io.StringIO(rows_text(claim_rows(rows), "csv"))))
    told = json.loads(rows_text(claim_rows(rows), "json"))
    assert list(lines[0]) == list(COLUMNS) == list(told[0])
    assert float(lines[0]["difference"]) == told[0]["difference"] == rows[0].found.difference
    assert (lines[1]["low"], told[1]["low"], told[1]["state"]) == ("", None, "not run")
    assert cells_text(rows[0]) == "balanced · clean: −29.7 pp; exp 10 · clean: −30.0 pp"
    with pytest.raises(SpecError, match="json, csv and markdown"):
        rows_text(claim_rows(rows), "xml")


def test_records_are_read_from_the_first_folder_and_damaged_ones_named(tmp_path):
    near, far = tmp_path / "near", tmp_path / "far"
    write_record(bare("one", [[0.1, 0.2, 0.33]] * 2), near / "one" / "results")
    write_record(bare("one", [[0.9, 0.9, 0.9]] * 2), far / "one" / "results")
    write_record(bare("two", [[0.5, 0.5, 0.5]] * 2), far / "two" / "results")
    found = claims_on_records([near, far], [claim()])
    assert found.rows[0].found.first == pytest.approx(0.21)
    (far / "two" / "results" / "digits-v1.json").write_text("{")
    found = claims_on_records([near, far], [claim()])
    assert found.rows[0].reason == "no record of two"
    assert len(found.damaged) == 1


CLAIMS = load_claims()


@pytest.mark.parametrize("shipped", CLAIMS, ids=lambda c: c.id)
def test_shipped_claims_name_what_exists(shipped):
    for check in shipped.check:
        for suite in check.suites:
            cells = [cell.partition("-")[2] for cell in SUITES[suite].cells]
            patterns = (shipped.cells, shipped.against_cells, shipped.change_from)
            for pattern in filter(None, patterns):
                assert any(Path(cell).match(pattern) for cell in cells), (suite, pattern)
        for name in filter(None, (*check.entries, check.against)):
            entry, _, variant = name.partition("+")
            card = read_card(SUBMISSIONS / entry)
            assert card.method is None or card.method.trainer in METHODS
            assert not variant or variant in ("la", "ts", "la+ts")
    assert shipped.sentence.endswith(".")
    assert any(year in shipped.source for year in map(str, range(1990, 2027)))


def test_shipped_claims_have_values_wherever_both_records_are_committed():
    rows = claims_on_records([SUBMISSIONS]).rows
    assert {r.claim.id for r in rows} == {c.id for c in CLAIMS}
    assert all(r.missing or "not in this record" in r.reason for r in rows if r.state == "not run")
    assert sum(r.found is not None for r in rows) > 25
    assert set(summary(rows)) == set(STATES)


def test_a_claim_that_compares_nothing_or_stands_twice_is_refused(tmp_path):
    shipped = (ROOT / "harness" / "published" / "claims.toml").read_text("utf-8")
    assert tomllib.loads(shipped)
    path = tmp_path / "claims.toml"
    text = claim_toml(against="")
    path.write_text(text)
    with pytest.raises(SpecError, match="two entries, two metrics or two groups of cells"):
        load_claims(path)
    path.write_text(claim_toml() * 2)
    with pytest.raises(SpecError, match="stands twice"):
        load_claims(path)
    path.write_text(claim_toml().replace("test/ece", "test/ecee"))
    with pytest.raises(UnknownNameError, match="Did you mean 'ece'"):
        load_claims(path)
    path.write_text(claim_toml().replace("margin", "marginn"))
    with pytest.raises(SpecError, match="marginn"):
        load_claims(path)


def claim_toml(against='against = "two"'):
    return f"""
[[claim]]
id = "x"
sentence = "X."
source = "Y 2020"
metric = "test/ece"
cells = "*"
expected = "lower"
margin = 0.01
[[claim.check]]
suites = ["digits-v1"]
entries = ["one"]
{against}
"""
