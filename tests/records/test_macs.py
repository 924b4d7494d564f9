"""Multiply-accumulates of a record: its own, else the list's, and never another record's."""

import pytest

from harness.errors import StoreError
from harness.rankings.field import suite_rows
from harness.records.macs import LIST, Line, macs_list, macs_of, macs_problem, write_macs
from harness.types.results import Macs
from tests.leaderboard.made import made, write_field

SHA = "0123456789abcdef" * 4


def a_record(**cost):
    record = made("a", 0.9).record
    return record.model_copy(update={"cost": [cost] if cost else []})


def test_what_a_record_holds_goes_first():
    lines = {"a/digits-v1": Line(str(a_record().record_sha256), Macs(7))}
    assert macs_of(a_record(macs=5), lines) == Macs(5)
    assert macs_of(a_record(macs=None, no_macs="not a network"), lines).why == "not a network"
    assert macs_of(a_record(train_seconds=1.0), lines) == Macs(7)


def test_a_line_speaks_of_one_record_alone():
    stale = macs_of(a_record(), {"a/digits-v1": Line(SHA, Macs(7))})
    assert stale.count is None
    assert "another record" in stale.why and "tailmark macs a --suite digits-v1" in stale.why
    assert "tailmark macs a --suite digits-v1" in macs_of(a_record(), {}).why


def test_lines_are_written_read_and_replaced(tmp_path):
    lines = {"a/digits-v1": Line(SHA, Macs(512)), "b/digits-v1": Line(SHA, Macs(None, 'no "net"'))}
    write_macs(tmp_path, lines)
    write_macs(tmp_path, {"a/digits-v1": Line(SHA[::-1], Macs(640))})
    assert macs_list(tmp_path)["a/digits-v1"] == Line(SHA[::-1], Macs(640))
    assert macs_list(tmp_path)["b/digits-v1"] == lines["b/digits-v1"]
    assert macs_problem(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "[macs",
        "",
        "[macs]\nx = 3\n",
        f'[macs]\n"a/b" = {{ record = "{SHA}", macs = "many" }}\n',
        f'[macs]\n"a/b" = {{ record = "{SHA}", macs = true }}\n',
        f'[macs]\n"<b>/b" = {{ record = "{SHA}", macs = 3 }}\n',
        '[macs]\n"a/b" = { record = "short", macs = 3 }\n',
        f'[macs]\n"a/b" = {{ record = "{SHA}" }}\n',
    ],
)
def test_a_damaged_list_is_named_and_nothing_is_lost_with_it(tmp_path, text):
    root = write_field(tmp_path)
    (root / LIST).write_text(text)
    found = suite_rows("digits-v1", roots=[root])
    assert [lost.name for lost in found.left_out] == [LIST]
    assert {row.macs.count for row in found} == {None}
    with pytest.raises(StoreError, match="tailmark macs"):
        write_macs(root, {})
    assert (root / LIST).read_text() == text
