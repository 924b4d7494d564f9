"""Plans: parents come first, circles and unknown names are refused."""

from pathlib import Path

import pytest

from harness.errors import CardError, UnknownNameError
from harness.models.cards.writing import write_card
from harness.runs.plan import Entry, find_entries, find_entry, jobs_of, waves, with_parents
from harness.types import EntryCard, Suite
from harness.types.models import MethodPart


def entry(name: str, init_from: str | None = None, suites: tuple[str, ...] = ()) -> Entry:
    part = MethodPart(trainer="prior", init_from=init_from)
    card = EntryCard(format=1, name=name, kind="method", method=part, suites=suites)
    return Entry(card, Path(name))


@pytest.fixture
def folder(tmp_path):
    """Return a folder of two entries: one for every suite, one for another suite only."""
    for made in (entry("anywhere"), entry("elsewhere", suites=("cifar10-v1",))):
        write_card(tmp_path / made.card.name, made.card)
    return tmp_path


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


def names_of(entries):
    return [e.card.name for e in entries]


def test_without_names_entries_of_other_suites_are_left_out(folder):
    assert names_of(find_entries([], folder, suite="toy-v1")) == ["anywhere"]
    assert names_of(find_entries([], folder, suite="cifar10-v1")) == ["anywhere", "elsewhere"]
    assert names_of(find_entries([], folder)) == ["anywhere", "elsewhere"]


def test_no_entry_for_a_suite_says_so(folder):
    (folder / "anywhere" / "entry.toml").unlink()
    with pytest.raises(CardError, match="that is meant for toy-v1; there is none"):
        find_entries([], folder, suite="toy-v1")


def test_an_entry_named_on_a_suite_that_it_is_not_meant_for_is_refused(folder):
    (named,) = find_entries(["elsewhere"], folder, suite="toy-v1")
    with pytest.raises(
        CardError,
        match="elsewhere is meant for cifar10-v1; got toy-v1. Choose --suite cifar10-v1, or add "
        "'toy-v1' to suites on its card.",
    ):
        jobs_of(named, a_suite())


def test_parents_run_in_an_earlier_wave():
    child, parent = entry("child", "parent"), entry("parent")
    names = [[e.card.name for e in wave] for wave in waves([child, parent])]
    assert names == [["parent"], ["child"]]


def test_a_circle_of_parents_is_refused():
    pair = [entry("a", "b"), entry("b", "a")]
    with pytest.raises(CardError, match="circle; got a → b → a"):
        with_parents(pair, Path("nowhere"))


def pretrained(name: str, told: str, init_from: str | None = None) -> Entry:
    plain = entry(name, init_from)
    facets = plain.card.facets.model_copy(update={"pretraining": told})
    return Entry(plain.card.model_copy(update={"facets": facets}), plain.folder)


def test_what_starts_from_a_pre_trained_entry_says_so():
    """Else its OOD sets would count as never seen."""
    backbone = pretrained("backbone", "imagenet-1k supervised")
    with pytest.raises(
        CardError,
        match="head starts from backbone, which was pre-trained .imagenet-1k supervised., and its "
        'own card says pretraining "none". Write under .facets.: pretraining = "imagenet-1k',
    ):
        with_parents([backbone, entry("head", "backbone")], Path("nowhere"))
    told = pretrained("head", "imagenet-1k supervised", "backbone")
    assert names_of(with_parents([backbone, told], Path("nowhere"))) == ["backbone", "head"]


def test_unknown_entry_names_the_closest(tmp_path):
    (tmp_path / "cnn-ce").mkdir()
    (tmp_path / "cnn-ce" / "entry.toml").write_text("")
    with pytest.raises(UnknownNameError, match="Did you mean 'cnn-ce'"):
        find_entry("cnn-cee", tmp_path)


def test_a_folder_without_a_card_says_how_to_write_one(tmp_path):
    with pytest.raises(UnknownNameError, match="tailmark new"):
        find_entry(str(tmp_path / "nothing"), tmp_path)


def test_a_parent_that_trains_nothing_is_measured_only_when_asked_for(tmp_path):
    facets = {"backbone": "lite0", "pretraining": "photographs", "resolution": "64 px"}

    def entry(name, **method):
        card = {"format": 1, "name": name, "kind": "method", "method": method, "facets": facets}
        return Entry(EntryCard.model_validate(card), tmp_path / name)

    frozen = entry("frozen", trainer="frozen")
    trained = entry("trained", trainer="cross-entropy")
    probes = [
        entry("on-frozen", trainer="lda", features_from="frozen"),
        entry("on-trained", trainer="lda", features_from="trained"),
    ]
    for each in (frozen, trained):
        write_card(tmp_path / each.card.name, each.card)
    found = [e.card.name for e in with_parents(probes, tmp_path)]
    assert found == ["on-frozen", "trained", "on-trained"]
    asked = [e.card.name for e in with_parents([*probes, frozen], tmp_path)]
    assert asked == ["frozen", "on-frozen", "trained", "on-trained"]
