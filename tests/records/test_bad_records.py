"""Bad records: each is left out by name with its reason, and the others are ranked as before."""

import json
import os
import zipfile

import numpy as np
import pytest

from harness.data.suites.catalogue import SUITES
from harness.errors import SpecError, UnknownNameError
from harness.published.claims import claims_on_records
from harness.published.conformance import published_beside_ours
from harness.rankings import kept
from harness.rankings.comparing import compare
from harness.rankings.field import suite_rows
from harness.rankings.ranking import rank
from harness.records.reading import load_records
from harness.records.records import read_record, sealed, write_record
from harness.records.trust import (
    LIST,
    RESCORED,
    add_to_list,
    add_to_rerun_list,
    note_rescored,
)
from harness.types import RunRecord
from harness.types.results import SuiteStamp
from tests.runs.synthetic import KEY, recorded

GOOD = {"best": 0.9, "worst": 0.5}
CARD = 'format = 1\nname = "{name}"\nkind = "method"\n[method]\ntrainer = "prior"\n'


@pytest.fixture
def field(tmp_path, monkeypatch):
    """Two good entries that a maintainer has listed, and the folder of a third."""
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "store"))
    root = tmp_path / "submissions"
    for name, level in GOOD.items():
        made = recorded(name, level)
        write_record(made, root / name / "results")
        (root / name / "entry.toml").write_text(CARD.format(name=name))
        add_to_rerun_list(root, made.record)
    (root / "bad").mkdir()
    (root / "bad" / "entry.toml").write_text(CARD.format(name="bad"))
    return root


def ranked(root):
    return rank(suite_rows("digits-v1", roots=[root]), suite="digits-v1")


def left_out(root):
    found = ranked(root)
    assert [row.name for row in found.rows] == ["best", "worst"]
    assert all(row.tier == "rerun" for row in found.rows)
    (lost,) = (row for row in found.missing if "left out" in row.missing)
    return lost.name, lost.missing


def forged(change):
    """A record of ``bad`` with its JSON changed and sealed again, as a forger would."""
    made = recorded("bad", 0.7)
    body = made.record.model_dump(mode="json")
    change(body)
    return sealed(RunRecord.model_validate(body), made.arrays)


def grid(body):
    return body["variants"][""]["metrics"]


def put(*path):
    """Return a change of a record's JSON: the value at the end of a path."""

    def change(body):
        *steps, last, value = path
        for step in steps:
            body = body[step]
        body[last] = value

    return change


def reversed_cells(body):
    body["suite"]["cells"] = body["suite"]["cells"][::-1]


def twice(body):
    body["jobs"].append(body["jobs"][0])


FORGED = {
    "value of 7.5": (lambda b: grid(b)[KEY][0].__setitem__(0, 7.5), r"lie in \[0, 1\]; got 7.5"),
    "value below 0": (lambda b: grid(b)[KEY][0].__setitem__(1, -0.2), r"lie in \[0, 1\]; got -0.2"),
    "mcc of 3": (put("variants", "", "metrics", "test/mcc", [[3.0] * 3] * 2), r"lie in \[-1, 1\]"),
    "nll below 0": (put("variants", "", "metrics", "test/nll", [[-1.0] * 3] * 2), "lie in"),
    "empty jobs": (put("jobs", []), "at least one job"),
    "cell 999": (put("jobs", 0, "cell", 999), "cell 999"),
    "cell -1": (put("jobs", 0, "cell", -1), "cell -1"),
    "seed 7": (put("jobs", 0, "seed", 7), "seed 7"),
    "duplicate job": (twice, "recorded once"),
    "value of a failed job": (put("jobs", 0, "status", "failed"), "no job was done"),
    "value without a job": (lambda b: b["jobs"].pop(), "no job was done"),
    "ragged grid": (lambda b: grid(b)[KEY][0].pop(), "2 cells × 3 seeds"),
    "a cell too few": (lambda b: grid(b)[KEY].pop(), "2 cells × 3 seeds"),
    "a cell too many": (lambda b: grid(b)[KEY].append([0.1] * 3), "2 cells × 3 seeds"),
    "no base variant": (lambda b: b["variants"].update(la=b["variants"].pop("")), "variant"),
    "a ranked variant that is not there": (put("rank_variants", ["la"]), "'la'"),
    "a variant of odd name": (
        lambda b: b["variants"].update({"[x]": b["variants"][""]}),
        "entry or entry",
    ),
    "a metric key with spaces": (put("variants", "", "metrics", "a b", [[0.1] * 3] * 2), "metric"),
    "a metric key that climbs": (put("variants", "", "metrics", "../x", [[0.1] * 3] * 2), "metric"),
    "a primary that is no key": (put("suite", "primary", "<img>"), "metric key"),
    "reordered cells": (reversed_cells, "another version of digits-v1: its cells"),
    "other suite hash": (put("suite", "sha256", "cd" * 32), "another version"),
    "other seeds": (put("suite", "seeds", [0, 1, 9]), "another version"),
    "other primary": (put("suite", "primary", "test/mcc"), "another version"),
    "seeds that repeat": (put("suite", "seeds", [0, 0, 1]), "each once"),
    "cells that repeat": (put("suite", "cells", ["digits-balanced-clean"] * 2), "each once"),
    "a cell of markup": (put("suite", "cells", ["<b>", "![x](http://x)"]), "A cell is"),
    "another entry's name": (put("entry", "best"), "its folder says 'bad'"),
    "a name of markup": (put("entry", "[/nope]"), "entry or entry"),
    "a name with an escape": (put("entry", "bad\x1b[31m"), "entry or entry"),
    "a name that climbs": (put("entry", "../best"), "entry or entry"),
    "a reason of cell 999": (
        put("undefined", [{"variant": "", "key": KEY, "cell": 999, "seed": None, "reason": "r"}]),
        "cell 999",
    ),
    "a reason of no variant": (
        put("undefined", [{"variant": "x", "key": KEY, "cell": 0, "seed": None, "reason": "r"}]),
        "variants",
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_record_is_left_out_by_name(field, what):
    change, words = FORGED[what]
    made = forged(change)
    path = write_record(made, field / "bad" / "results")
    add_to_rerun_list(field, made.record.model_copy(update={"entry": "bad"}))
    assert path.name == "digits-v1.json"
    name, reason = left_out_or_alone(field)
    assert name == "bad"
    import re

    assert re.search(words, reason), reason


def left_out_or_alone(root):
    found = ranked(root)
    assert [row.name for row in found.rows] == ["best", "worst"]
    (lost,) = (row for row in found.missing if row.name == "bad")
    assert lost.missing.startswith("left out: ")
    return lost.name, lost.missing


def damage(path, how):
    text = path.read_text()
    npz = path.with_suffix(".npz")
    data = npz.read_bytes()
    match how:
        case "truncated json":
            path.write_text(text[: len(text) // 2])
        case "empty json":
            path.write_text("")
        case "a list":
            path.write_text("[]")
        case "not utf-8":
            path.write_bytes(b"\xff\xfe{}")
        case "nested without end":
            path.write_text("[" * 100_000)
        case "a number of 6,000 digits":
            path.write_text(text.replace('"cell": 0', f'"cell": {"9" * 6000}', 1))
        case "NaN":
            path.write_text(text.replace(_first_value(text), "NaN", 1))
        case "infinity":
            path.write_text(text.replace(_first_value(text), "Infinity", 1))
        case "a digit changed":
            path.write_text(text.replace(_first_value(text), "0.999", 1))
        case "no hash":
            body = json.loads(text)
            path.write_text(json.dumps(body | {"record_sha256": None}))
        case "an unknown field":
            path.write_text(json.dumps(json.loads(text) | {"tier": "rerun"}))
        case "a pipe":
            path.unlink()
            os.mkfifo(path)
        case "a folder":
            path.unlink()
            path.mkdir()
        case "json gone":
            path.unlink()
        case "a link to nothing":
            path.unlink()
            npz.unlink()
            path.symlink_to("nowhere.json")
        case "npz truncated":
            npz.write_bytes(data[: len(data) // 2])
        case "npz missing":
            npz.unlink()
        case "npz a pipe":
            npz.unlink()
            os.mkfifo(npz)
        case "npz no zip":
            npz.write_bytes(b"hello")
        case "npz of objects":
            np.savez(npz, a=np.array([{}], dtype=object))
        case "npz of another record":
            np.savez(npz, **{f"replicates/base/{KEY}": np.ones((2, 3, 5), np.float16)})
        case "npz bomb":
            with zipfile.ZipFile(npz, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a.npy", bytes(300 << 20))
        case "card of another":
            (path.parents[1] / "entry.toml").write_text(CARD.format(name="best"))
        case "card cut off":
            (path.parents[1] / "entry.toml").write_text("format = ")
        case "card a pipe":
            (path.parents[1] / "entry.toml").unlink()
            os.mkfifo(path.parents[1] / "entry.toml")
        case "card a link to a device":
            (path.parents[1] / "entry.toml").unlink()
            (path.parents[1] / "entry.toml").symlink_to("/dev/zero")


def _first_value(text):
    return str(json.loads(text)["variants"][""]["metrics"][KEY][0][0])


DAMAGED = {
    "truncated json": "should be a record",
    "empty json": "should be a record",
    "a list": "should be a record",
    "not utf-8": "should be a record",
    "nested without end": "should be a record",
    "a number of 6,000 digits": "should be a record",
    "NaN": "NaN is not a number",
    "infinity": "Infinity is not a number",
    "a digit changed": "edited or damaged",
    "no hash": "edited or damaged",
    "an unknown field": "should be a record",
    "a pipe": "plain file",
    "a folder": "plain file",
    "json gone": "there is none",
    "a link to nothing": "there is none",
    "npz truncated": "npz of plain arrays",
    "npz missing": "there is none",
    "npz a pipe": "plain file",
    "npz no zip": "npz of plain arrays",
    "npz of objects": "npz of plain arrays",
    "npz of another record": "should be numbers of shape",
    "npz bomb": "unpacks to",
    "card of another": "the card beside it says 'best'",
    "card cut off": "card beside it cannot be read",
    "card a pipe": "card beside it is no plain file",
    "card a link to a device": "card beside it is no plain file",
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_record_is_left_out_by_name(field, how):
    made = recorded("bad", 0.7)
    path = write_record(made, field / "bad" / "results")
    add_to_rerun_list(field, made.record)
    assert len(ranked(field).rows) == 3
    damage(path, how)
    name, reason = left_out(field)
    assert name == "bad" and DAMAGED[how] in reason


@pytest.mark.parametrize("how", ["truncated json", "a pipe", "npz missing", "a digit changed"])
def test_a_damaged_record_stops_neither_compare_nor_claims_nor_conformance(field, how):
    made = recorded("bad", 0.7)
    damage(write_record(made, field / "bad" / "results"), how)
    rows = suite_rows("digits-v1", roots=[field])
    assert compare(rows, "best", "worst").overall.verdict == "better"
    assert [each.name for each in rows.left_out] == ["bad"]
    assert any(
        "bad: " in words for words in published_beside_ours([field], submissions=field).damaged
    )
    assert claims_on_records([field]).damaged == ()  # no claim names it


def test_a_folder_whose_name_is_no_text_is_named_in_signs_that_are(field):
    folder = os.fsencode(field) + b"/z\xff\n\x1b[31m/results"
    os.makedirs(folder)  # noqa: PTH103 (a Path of bytes there is not)
    with open(folder + b"/digits-v1.json", "w") as file:  # noqa: PTH123
        file.write("{}")
    read = suite_rows("digits-v1", roots=[field])
    found = kept.ranked(read, suite="digits-v1")
    assert kept.ranked(read, suite="digits-v1") == found  # it can be kept
    (lost,) = (row for row in found.missing if "left out" in row.missing)
    assert lost.name == r"z\udcff\n\x1b[31m"
    assert lost.missing.isprintable()


def test_an_address_alone_gives_no_tier(field):
    stamp = {"sha256": "ab" * 32, "bytes": 1, "url": "https://example.org/evidence.zip"}
    made = forged(lambda b: b.update(evidence=stamp))
    write_record(made, field / "bad" / "results")
    found = ranked(field)
    assert [row.name for row in found.rows] == ["best", "worst"]
    assert [(m.name, "tier is claimed" in m.missing) for m in found.missing] == [("bad", True)]


def given(field, **changes):
    """A record of given predictions that nobody has recomputed."""
    made = recorded("bad", 0.7, **{"produced_by": "given"} | changes)
    write_record(made, field / "bad" / "results")
    return made.record


def tiers(field, store=None):
    rows = suite_rows("digits-v1", roots=[field], store=store)
    return {row.name: row.tier for row in rows}


def test_given_predictions_are_claimed_until_their_numbers_were_recomputed(field, tmp_path):
    record = given(field)
    assert tiers(field, tmp_path)["bad"] == "claimed"
    note_rescored(record, tmp_path)
    assert tiers(field, tmp_path) == {"best": "rerun", "worst": "rerun", "bad": "rescored"}
    assert tiers(field, tmp_path / "elsewhere")["bad"] == "claimed"


def test_what_was_recomputed_says_nothing_of_an_edited_record(field, tmp_path):
    note_rescored(given(field), tmp_path)
    given(field, deterministic=True)
    assert tiers(field, tmp_path)["bad"] == "claimed"


def test_the_maintainers_list_of_recomputed_records_gives_the_tier_to_every_reader(field, tmp_path):
    add_to_list(field, given(field), RESCORED)
    assert tiers(field, tmp_path)["bad"] == "rescored"
    assert [row.name for row in ranked(field).rows] == ["best", "bad", "worst"]


@pytest.mark.parametrize(
    "line",
    ["x = " + "9" * 6000, '"best/digits-v1" = 3', "[[[", '"bad/digits-v1" = "zz"', "\x00"],
)
def test_a_broken_line_of_the_rerun_list_costs_no_other_entry(field, line):
    with (field / LIST).open("a") as file:
        file.write(line + "\n")
    found = ranked(field)
    assert [row.name for row in found.rows] == ["best", "worst"]
    assert [row.name for row in found.missing] == [LIST]
    assert "1 of its lines" in found.missing[0].missing


def test_a_folder_with_nothing_but_bad_records_says_so(field):
    for name in GOOD:
        (field / name / "results" / "digits-v1.json").write_text("{}")
    with pytest.raises(SpecError, match="found none. Left out: best: .* Left out: worst: "):
        ranked(field)


def test_a_row_is_not_hijacked_by_an_earlier_folder(field):
    made = recorded("best", 0.99)
    write_record(made, field / "aaa" / "results")
    name, reason = left_out(field)
    assert name == "aaa" and "its folder says 'aaa'" in reason
    assert ranked(field).rows[0].value == pytest.approx(0.9, abs=0.01)


def test_a_damaged_own_record_lets_the_committed_one_stand(field, tmp_path):
    own = tmp_path / "own"
    path = write_record(recorded("best", 0.8), own / "best" / "results")
    path.write_text("{}")
    found = rank(suite_rows("digits-v1", roots=[field], local_roots=[own]), suite="digits-v1")
    assert [row.name for row in found.rows] == ["best", "worst"]
    assert [row.name for row in found.missing] == ["best (another record)"]


def test_the_record_that_was_read_is_what_was_written(field):
    path = field / "best" / "results" / "digits-v1.json"
    assert read_record(path).record == recorded("best", 0.9).record


def test_a_flipped_byte_is_left_out_or_changes_nothing(field, monkeypatch):
    monkeypatch.setenv("TAILMARK_NO_INDEX", "1")
    made = recorded("bad", 0.7)
    path = write_record(made, field / "bad" / "results")
    draws = np.random.default_rng(5)
    outcomes = []
    for file in (path, path.with_suffix(".npz")):
        whole = file.read_bytes()
        for at in draws.integers(0, len(whole), 60):
            flipped = bytearray(whole)
            flipped[at] ^= int(draws.integers(1, 256))
            file.write_bytes(bytes(flipped))
            found = load_records("digits-v1", [field])
            mine = [r for r in found.records if r.record.entry == "bad"]
            outcomes.append(len(mine))
            assert {r.record.entry for r in found.records} >= set(GOOD)
            for read in mine:  # white space, or bytes of the archive that nothing reads
                assert read.record.variants == made.record.variants
                assert read.record.jobs == made.record.jobs
                for name, array in made.arrays.items():
                    np.testing.assert_array_equal(read.arrays[name], array)
        file.write_bytes(whole)
    assert outcomes.count(0) > 60  # most flips are seen


def test_the_suite_of_this_release_is_the_one_that_counts(field):
    """Two records of another suite do not outvote one of today's."""
    today = SUITES["digits-v1"]
    made = recorded("bad", 0.7)
    grid = [[0.7] * len(today.seeds) for _ in today.cells]
    body = made.record.model_dump(mode="json") | {
        "suite": {name: getattr(today, name) for name in SuiteStamp.model_fields},
        "jobs": [
            {"cell": m, "seed": s, "status": "done"}
            for m in range(len(today.cells))
            for s in range(len(today.seeds))
        ],
        "variants": {"": {"ood_score": "msp", "selection": "last", "metrics": {KEY: grid}}},
    }
    write_record(sealed(RunRecord.model_validate(body), {}), field / "bad" / "results")
    found = suite_rows("digits-v1", roots=[field])
    assert [row.name for row in found] == ["bad"]
    assert [each.name for each in found.left_out] == ["best", "worst"]
    assert all("another version of digits-v1" in each.reason for each in found.left_out)


def test_a_ranking_of_some_seeds_is_that_of_a_run_of_them(field):
    one = rank(suite_rows("digits-v1", roots=[field]), suite="digits-v1", seeds=[1])
    expected = recorded("best", 0.9).values("", KEY)[:, 1].mean()
    assert one.seeds == (1,)
    assert one.rows[0].value == pytest.approx(expected)
    assert one.rows[0].interval_kind == "test-set only"
    with pytest.raises(UnknownNameError, match="No seed of digits-v1 named '7'"):
        rank(suite_rows("digits-v1", roots=[field]), suite="digits-v1", seeds=[7])


def test_a_record_of_another_suite_under_this_ones_file_name_is_left_out(field):
    made = forged(put("suite", "id", "digits-v2"))
    path = write_record(made, field / "bad" / "results")
    path.rename(path.with_name("digits-v1.json"))
    name, reason = left_out(field)
    assert name == "bad" and "'digits-v2'" in reason
