"""Given splits of a table: columns, files, rows, folds, groups, down to the pools of its suite."""

import numpy as np
import pytest

from harness.data.sets import prepare as preparing
from harness.data.sets.datasets import facts_of, load_part
from harness.data.sets.own import Options
from harness.data.sets.prepared import load_rows
from harness.data.suites.open import open_suite
from harness.errors import DataError, SpecError

N = 60
HEAD = "x,site,part,fold,label"


def row(k):
    part = "test" if k % 4 == 3 else "train"
    return f"{k + 0.5},s{k // 3},{part},{k % 5},{'abc'[k % 3]}"


def never():
    raise AssertionError("torchvision is not needed")


@pytest.fixture
def prepare(tmp_path):
    (tmp_path / "t.csv").write_text("\n".join([HEAD, *map(row, range(N))]) + "\n")

    def run(name="mine", **options):
        used = (options.get("split"), options.get("group"), *options.get("drop", ()))
        gone = () if "part" in used else ("part",)
        said = {"name": name} | options | {"drop": (*options.get("drop", ()), *gone)}
        return preparing.prepare(f"table:{tmp_path / 't.csv'}", tmp_path, never, Options(**said))

    return run


def inputs(pool):
    """The value that tells a row of the file: its number plus a half."""
    return (pool.inputs.numeric[:, pool.inputs.names.index("x")] - 0.5).astype(int).tolist()


def test_a_column_says_which_rows_are_the_test(prepare, tmp_path):
    """Case 20: it became an input, and test rows were drawn."""
    prepare(split="part", drop=("site", "fold"))
    opened = open_suite("own-mine-v1", tmp_path)
    assert inputs(opened.test) == [k for k in range(N) if k % 4 == 3]
    assert opened.test.inputs.names == ("x",)
    ours = {*inputs(opened.train), *inputs(opened.calibration)}
    assert ours == {k for k in range(N) if k % 4 != 3}
    for name, pool in (("test", opened.test), ("calibration", opened.calibration)):
        assert opened.origin[name].tolist() == inputs(pool)


def plain(tmp_path, head, **options):
    lines = [f"{k},{'test' if k % 4 == 3 else 'train'},{'abc'[k % 3]}" for k in range(N)]
    (tmp_path / "p.csv").write_text("\n".join([head, *lines]) + "\n")
    said = Options(name="plain", **options)
    return preparing.prepare(f"table:{tmp_path / 'p.csv'}", tmp_path, never, said)


def test_a_column_that_says_train_and_test_gives_the_test_rows_and_is_said(tmp_path):
    plain(tmp_path, "x,part,label")
    spec = facts_of("plain", tmp_path)
    assert "Column 'part' says train and test of each row" in " ".join(spec.findings)
    opened = open_suite("own-plain-v1", tmp_path)
    assert opened.test.inputs.names == ("x",)
    assert opened.test.inputs.numeric[:, 0].tolist() == [k for k in range(N) if k % 4 == 3]


def test_such_a_column_is_an_input_or_left_out_where_that_is_said(tmp_path):
    plain(tmp_path, "x,part,label", text=("part",))
    assert load_part("plain", "all", tmp_path).inputs.names == ("x", "part")
    (tmp_path / "other").mkdir()
    plain(tmp_path / "other", "x,part,label", drop=("part",))
    assert load_part("plain", "all", tmp_path / "other").inputs.names == ("x",)


def test_such_a_column_beside_another_rule_must_be_explained(tmp_path):
    with pytest.raises(DataError, match="Say --drop part to leave it out"):
        plain(tmp_path, "x,part,label", folds="3")


@pytest.mark.parametrize(
    "words",
    [("Train", "TEST"), ("training", "testing"), ("0", "1"), ("False", "True"), ("dev", "holdout")],
)
def test_parts_are_known_by_several_words(words, tmp_path):
    lines = [f"{k},{words[k % 4 == 3]},{'ab'[k // 4 % 2]}" for k in range(24)]
    (tmp_path / "t.csv").write_text("x,is_test,label\n" + "\n".join(lines))
    options = Options(split="is_test", name="mine")
    preparing.prepare(f"table:{tmp_path / 't.csv'}", tmp_path, never, options)
    assert load_part("mine", "test", tmp_path).inputs.numeric[:, 0].tolist() == [
        3,
        7,
        11,
        15,
        19,
        23,
    ]


def test_a_file_has_the_test_rows_in_another_order_of_columns(prepare, tmp_path):
    lines = ["label,part,x", "b,7,100.5", "a,7,101.5", "c,7,102.5"]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    options = {"test": str(tmp_path / "test.csv")}
    with pytest.raises(DataError, match="'site' of .*t.csv is not in .*test.csv.*--drop site"):
        prepare(**options)
    (tmp_path / "t.csv").write_text(
        "x,part,label\n" + "\n".join(f"{k + 0.5},8,{'abc'[k % 3]}" for k in range(N))
    )
    prepare(test=options["test"])
    opened = open_suite("own-mine-v1", tmp_path)
    assert inputs(opened.test) == [100, 101, 102] and opened.test.labels.tolist() == [1, 0, 2]
    assert opened.origin["test"].tolist() == [0, 1, 2]  # of the test file
    assert opened.origin["train"].tolist() == inputs(opened.train)
    (tmp_path / "test.csv").write_text("label,part,x\nb,7,100.5\nd,7,1\n")
    with pytest.raises(DataError, match="content .*in the source by now"):
        prepare(test=options["test"])
    with pytest.raises(DataError, match="class 'd' has none, so no method could learn it"):
        prepare("other", test=options["test"])
    (tmp_path / "test.csv").write_text("label,part,x\nb,7,100.5\na,7,inf\n")
    with pytest.raises(DataError, match=r"row 1 \(line 3\) of .*test.csv is infinite"):
        prepare("other", test=options["test"])


def test_columns_that_are_left_out_need_not_be_in_both_files(prepare, tmp_path):
    (tmp_path / "test.csv").write_text("x,label\n100.5,a\n101.5,b\n")
    prepare(test=str(tmp_path / "test.csv"), drop=("site", "fold"))
    assert inputs(load_part("mine", "test", tmp_path)) == [100, 101]
    assert len(load_part("mine", "train", tmp_path)) == N


def test_rows_are_listed_as_ranges_or_in_a_file(prepare, tmp_path):
    gone = ("site", "part", "fold")
    prepare(test_rows="0-2, 59", drop=gone)
    assert inputs(load_part("mine", "test", tmp_path)) == [0, 1, 2, 59]
    (tmp_path / "rows.txt").write_text("row\n59\n0\n1\n2\n")
    prepare("other", test_rows=str(tmp_path / "rows.txt"), drop=gone)
    assert facts_of("other", tmp_path).contents == facts_of("mine", tmp_path).contents


def test_folds_are_each_the_test_once(prepare, tmp_path):
    prepare(folds="4", drop=("site", "part", "fold"))
    opened = open_suite("own-mine-v1", tmp_path)
    assert opened.suite.cells[:4] == tuple(f"mine_fold{k}-natural-clean" for k in (1, 2, 3, 4))
    assert len(opened.suite.cells) == 12 and len(opened.members) == 4
    tested = []
    for member in opened.members.values():
        parts = [inputs(pool) for pool in (member.train, member.test, member.calibration)]
        assert sorted(sum(parts, [])) == list(range(N))
        assert np.bincount(member.test.labels).tolist() == [5, 5, 5]
        assert member.origin["test"].tolist() == parts[1]
        tested += parts[1]
    assert sorted(tested) == list(range(N))
    split = opened.split("mine_fold2-natural-symmetric0.2", 0)
    assert (split.observed != split.clean).any()


def test_a_column_may_number_the_folds(prepare, tmp_path):
    prepare(folds="fold", drop=("site", "part"))
    opened = open_suite("own-mine-v1", tmp_path)
    tests = [inputs(member.test) for member in opened.members.values()]
    assert tests == [list(range(k, N, 5)) for k in range(5)]


def test_each_row_is_left_out_once(prepare, tmp_path):
    prepare(leave_one_out=True, drop=("site", "part", "fold"))
    opened = open_suite("own-mine-v1", tmp_path)
    assert opened.suite.cells == ("mine-natural-clean",)
    assert opened.suite.seeds == (0,)
    assert opened.folds.of_rows(0).tolist() == list(range(N))
    for k in (0, 7, N - 1):
        one = opened.fold(np.array([k]))
        assert inputs(one.test) == [k]
        trained_on = inputs(one.train_pool(one.split("mine-natural-clean", 0)))
        assert trained_on == [row for row in range(N) if row != k]


def test_each_group_is_left_out_once(prepare, tmp_path):
    prepare(group="site", drop=("part", "fold"), leave_one_out=True)
    opened = open_suite("own-mine-v1", tmp_path)
    fold = opened.folds.of_rows(0)
    sites = np.array(inputs(opened.test)) // 3
    assert sorted(set(fold)) == sorted(set(sites))
    for site in set(sites):
        assert len(set(fold[sites == site])) == 1
        one = opened.fold(np.flatnonzero(fold == fold[sites == site][0]))
        trained_on = inputs(one.train_pool(one.split("mine-natural-clean", 0)))
        assert {k // 3 for k in trained_on} == set(sites) - {site}


@pytest.mark.parametrize("rule", [{}, {"folds": "5"}])
def test_groups_stay_together(rule, prepare, tmp_path):
    prepare(group="site", drop=("part", "fold"), **rule)
    opened = open_suite("own-mine-v1", tmp_path)
    for member in opened.members.values() or [opened]:
        pools = (member.train, member.test, member.calibration)
        sites = [{k // 3 for k in inputs(pool)} for pool in pools]
        assert sum(map(len, sites)) == 20 and all(sites[:2])
        assert member.test.inputs.names == ("x",)


def test_groups_that_cannot_be_parted_are_refused_when_the_suite_is_opened(prepare, tmp_path):
    prepare(group="site", drop=("part", "fold"))
    rows = load_rows(tmp_path, "mine", "all")
    np.savez(tmp_path / "prepared/mine/all-rows.npz", **(rows | {"group": np.zeros(N, np.int64)}))
    with pytest.raises(DataError, match="no test row. Its groups are too few or too large"):
        open_suite("own-mine-v1", tmp_path)


def test_the_same_words_give_the_same_rows_and_another_name_others(prepare, tmp_path):
    gone = ("site", "part", "fold")
    for name in ("mine", "other"):
        prepare(name, folds="3", drop=gone)
    first, second = (load_rows(tmp_path, name, "all")["fold"] for name in ("mine", "other"))
    assert (first != second).any()
    assert first[:12].tolist() == FOLDS


FOLDS = [1, 0, 2, 1, 0, 0, 2, 1, 0, 0, 0, 1]
"""Of ``own-mine-v1|folds``: raw PCG64 words, which no release of numpy changes."""

REFUSED = {
    "two rules": (
        {"folds": "3", "split": "part"},
        "one rule for the test rows; got --split and --f",
    ),
    "no such column": ({"split": "prat"}, "column of parts 'prat' in .*Did you mean 'part'"),
    "a column of other words": ({"split": "site"}, r"train or test .* row 0 \(line 2\) has 's0'"),
    "a numbered column": ({"split": "fold"}, "say --folds fold where it numbers folds"),
    "the target": ({"split": "label"}, "'label' says what rows are for|train or test"),
    "one fold": ({"folds": "1"}, "at least 2 folds .*; got 1. Say for example --folds 5"),
    "more folds than rows": ({"folds": "61"}, "at most as many as rows, 60"),
    "more folds than groups": ({"folds": "21", "group": "site"}, "at most as many as groups, 20"),
    "row 60 of 60": (
        {"test_rows": "57-60"},
        "rows from 0 to 59, the first row of values being 0; got '57-60'",
    ),
    "rows beyond": ({"test_rows": "50-61"}, "got '50-61'"),
    "a row twice": ({"test_rows": "1-3,2"}, "row 2 is listed twice"),
    "backwards": ({"test_rows": "9-3"}, "got '9-3'"),
    "no file of rows": ({"test_rows": "none.txt"}, "there is no such file"),
    "no test file": ({"test": "none.csv"}, "a table in a file at none.csv; there is none"),
    "all rows": ({"test_rows": "0-59"}, "no training row"),
    "two groups": ({"group": "part"}, "at least 3 groups, .*'part' of .* has 2"),
    "a group in both": ({"split": "part", "group": "site"}, "no group of 'site' in training and t"),
    "a group in two folds": ({"folds": "fold", "group": "site"}, "no group of 'site' in two folds"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_no_split_is_refused_and_nothing_is_left(wrong, prepare, tmp_path):
    options, words = REFUSED[wrong]
    with pytest.raises((DataError, SpecError), match=words):
        prepare(**options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_a_class_in_one_group_only_is_refused(tmp_path):
    lines = [f"{k},g{k // 5},{'b' if k < 5 else 'a'}" for k in range(40)]
    (tmp_path / "t.csv").write_text("x,g,label\n" + "\n".join(lines))
    options = Options(name="mine", folds="4", group="g")
    with pytest.raises(DataError, match="class 'b' has none, .*It is all in fold"):
        preparing.prepare(f"table:{tmp_path / 't.csv'}", tmp_path, never, options)


def test_a_class_smaller_than_the_folds_is_trained_on_in_each_and_a_single_row_is_refused(tmp_path):
    def table(rare):
        lines = [f"{k},{'b' if k < rare else 'a'}" for k in range(40)]
        (tmp_path / "t.csv").write_text("x,label\n" + "\n".join(lines))
        options = Options(name=f"mine{rare}", folds="5")
        preparing.prepare(f"table:{tmp_path / 't.csv'}", tmp_path, never, options)
        return open_suite(f"own-mine{rare}-v1", tmp_path)

    opened = table(3)
    cells = opened.suite.cells[:5]
    tested = [int((opened.at(cell).test.labels == 1).sum()) for cell in cells]
    trained = [int((opened.split(cell, 0).observed == 1).sum()) for cell in cells]
    assert sorted(tested) == [0, 0, 1, 1, 1]
    assert all(a + b == 3 for a, b in zip(tested, trained, strict=True))
    with pytest.raises(DataError, match="class 'b' has none"):
        table(1)


def test_doubles_between_training_and_test_are_counted(prepare, tmp_path):
    text = (tmp_path / "t.csv").read_text()
    (tmp_path / "test.csv").write_text(f"{HEAD}\n{row(5)}\n{row(6)}\n{row(99)}\n")
    said = prepare(test=str(tmp_path / "test.csv"))
    assert said.count("2 of 3 rows of test are exact doubles of train rows") == 1
    assert "test rows have the inputs" not in said
    assert (tmp_path / "t.csv").read_text() == text
