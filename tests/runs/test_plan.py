"""Plans: parents come first, circles and unknown names are refused."""

from pathlib import Path

import pytest

from harness.errors import CardError, UnknownNameError
from harness.runs.plan import Entry, find_entry, jobs_of, waves, with_parents
from harness.types import EntryCard, Suite
from harness.types.models import MethodPart


def entry(name: str, init_from: str | None = None) -> Entry:
    part = MethodPart(trainer="prior", init_from=init_from)
    return Entry(EntryCard(format=1, name=name, kind="method", method=part), Path(name))


def a_suite() -> Suite:
    return Suite(
        id="toy-v1",
        title="",
        dataset="digits",
        classes=None,
        cells=("a", "b"),
        seeds=(0, 1, 2),
        near=(),
        far=(),
        views=(),
        primary="test/balanced_accuracy",
        groups="terciles",
        tail_metric="recall_tail",
    )


def test_jobs_are_cells_times_seeds_in_order():
    jobs = jobs_of(entry("x"), a_suite())
    assert [(job.cell, job.seed) for job in jobs] == [(c, s) for c in "ab" for s in (0, 1, 2)]


def test_unknown_cell_names_the_closest():
    with pytest.raises(UnknownNameError, match="No cell of toy-v1 named 'aa'. Did you mean 'a'?"):
        jobs_of(entry("x"), a_suite(), cells=["aa"])


def test_parents_run_in_an_earlier_wave():
    child, parent = entry("child", "parent"), entry("parent")
    names = [[e.card.name for e in wave] for wave in waves([child, parent])]
    assert names == [["parent"], ["child"]]


def test_a_circle_of_parents_is_refused():
    pair = [entry("a", "b"), entry("b", "a")]
    with pytest.raises(CardError, match="circle; got a → b → a"):
        with_parents(pair, Path("nowhere"))


def test_unknown_entry_names_the_closest(tmp_path):
    (tmp_path / "cnn-ce").mkdir()
    (tmp_path / "cnn-ce" / "entry.toml").write_text("")
    with pytest.raises(UnknownNameError, match="Did you mean 'cnn-ce'"):
        find_entry("cnn-cee", tmp_path)


def test_a_folder_without_a_card_says_how_to_write_one(tmp_path):
    with pytest.raises(UnknownNameError, match="tailmark new"):
        find_entry(str(tmp_path / "nothing"), tmp_path)
