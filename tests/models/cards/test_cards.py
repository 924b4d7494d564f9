"""Cards: what is accepted, and the sentence for everything that is not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.data.suites.open import make_suite, open_suite
from harness.errors import CardError, PredictionsError, UnknownNameError
from harness.keys import sha256_file
from harness.models.cards.cards import card_sha256, check_entry, read_card
from harness.models.cards.writing import new_entry, write_card
from harness.rankings.declared import undeclared
from harness.types import EntryCard, Suite
from harness.types.models import DECLARED
from tests.models.tiny_suite import CELL

METHOD = """
format = 1
name = "cnn-ce"
kind = "method"
[method]
trainer = "cross-entropy"
[facets]
backbone = "small CNN"
"""


@pytest.fixture
def entry(tmp_path: Path):
    """Return a folder with a card whose text was changed: ``entry("old", "new")``."""

    def make(old: str = "", new: str = "", text: str = METHOD) -> Path:
        assert old in text
        folder = tmp_path / "cnn-ce"
        folder.mkdir(exist_ok=True)
        (folder / "entry.toml").write_text(text.replace(old, new, 1) if old else text)
        return folder

    return make


def test_a_plain_card_is_read(entry):
    card = read_card(entry())
    assert card.method.trainer == "cross-entropy"
    assert card.ood_score == "energy"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "trainer =",
            "trainor =",
            "cnn-ce/entry.toml: unknown field 'method.trainor'. Did you mean 'trainer'?",
        ),
        (
            "[method]\n",
            "",
            "unknown field 'trainer'. Where it is one of .method., write it below that line",
        ),
        (
            '"cross-entropy"',
            '"cross-entropy"\nepochs = 3',
            "unknown field 'method.epochs'. Where it is one of .method.overrides., write it below",
        ),
        ("[method]", "[[method]]", "method: input should be a table; got "),
        (
            'kind = "method"',
            'kind = "method"\nsuites = "digits-v1"',
            "suites: input should be a list",
        ),
        ("backbone", "bakbone", "unknown field 'facets.bakbone'. Did you mean 'backbone'?"),
        ("kind =", "knid =", "unknown field 'knid'. Did you mean 'kind'?"),
        ('name = "cnn-ce"', 'name = "cnn"', "name is 'cnn' and the folder 'cnn-ce'"),
        ('name = "cnn-ce"', 'name = "CNN"', "name must be lower-case letters"),
        ('"method"', '"model"', "the part \\[model\\] and no other; \\[method\\] does not belong"),
        ('"method"', '"metod"', "kind: input should be 'method', 'model' or 'predictions'"),
        ("format = 1", "format = 2", "format: input should be 1; got 2"),
        ('kind = "method"', 'kind = "method"\nood_score = "enrgy"', "Did you mean 'energy'"),
        ('kind = "method"', 'kind = "method"\nrank_variants = ["lq"]', "'lq'"),
        ('"cross-entropy"', '"cross-entrpy"', "Did you mean 'cross-entropy'"),
        ('"cross-entropy"', '"os:system"', "is code from outside this project"),
        ('"cross-entropy"', '"baselines.x:not a name"', "must be 'module:function'"),
        ("[facets]", "[facets", "is not TOML"),
        (
            "[facets]",
            '[facets]\nselection = "best_on_test"',
            "an epoch chosen by its test score makes the test set a training set",
        ),
    ],
)
def test_each_mistake_has_its_sentence(entry, monkeypatch, old, new, sentence):
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")  # code from outside has nowhere to run
    with pytest.raises(CardError, match=sentence):
        read_card(entry(old, new))


def test_a_suite_that_does_not_exist_is_found_by_check(entry):
    folder = entry('kind = "method"', 'kind = "method"\nsuites = ["digits-v2"]')
    with pytest.raises(UnknownNameError, match="No suite named 'digits-v2'. Did you mean"):
        check_entry(folder)


def test_check_refuses_a_suite_that_the_card_is_not_meant_for(entry):
    folder = entry('kind = "method"', 'kind = "method"\nsuites = ["fashion-v1"]')
    with pytest.raises(CardError, match="cnn-ce is meant for fashion-v1; got digits-v1. Choose"):
        check_entry(folder, suite=open_suite("digits-v1"))
    assert check_entry(folder) == []


def test_naming_suites_changes_the_cards_identity_and_naming_none_does_not(entry):
    plain = card_sha256(read_card(entry()))
    none = entry('kind = "method"', 'kind = "method"\nsuites = []')
    assert card_sha256(read_card(none)) == plain
    some = entry('kind = "method"', 'kind = "method"\nsuites = ["digits-v1"]')
    assert card_sha256(read_card(some)) != plain


def test_trust_allows_a_trainer_from_outside(entry):
    folder = entry('"cross-entropy"', '"toybox.linear:fit_means"')
    assert read_card(folder, trust=True).method.trainer == "toybox.linear:fit_means"


def test_an_unknown_field_of_a_weight_file_names_its_fields(entry):
    text = """
format = 1
name = "cnn-ce"
kind = "model"
[model]
arch = "resnet18"
[model.files]
"tiny-s0" = { path = "w.safetensors", sha265 = "0" }
"""
    with pytest.raises(CardError, match="'model.files.tiny-s0.sha265'. Did you mean 'sha256'"):
        read_card(entry(text=text))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('arch = "hf-hub:timm/resnet18"', "without a pretrained tag or a source"),
        ('arch = "resnet18.a1_in1k"', "without a pretrained tag or a source"),
        ('arch = "local-dir:/tmp/x"', "without a pretrained tag or a source"),
        ('arch = "resnet18"\nkwargs = { pretrained = true }', "'pretrained' may not be set"),
        ('arch = "resnet18"\nkwargs = { checkpoint_path = "x" }', "'checkpoint_path' may not be"),
        ('arch = "resnet18"\nkwargs = { num_classes = 3 }', "'num_classes' may not be set"),
        ('arch = "resnet18"\nkwargs = { in_chan = 1 }', "Did you mean 'in_chans'"),
        ('arch = "resnet18"\nkwargs = { img_size = { a = 1 } }', "must be a number, a text or"),
    ],
)
def test_architectures_come_from_timm_without_anything_that_loads(entry, line, sentence):
    text = f'format = 1\nname = "cnn-ce"\nkind = "model"\n[model]\n{line}\n'
    with pytest.raises(CardError, match=sentence):
        read_card(entry(text=text))


def test_a_folder_without_a_card_says_how_to_make_one(tmp_path):
    with pytest.raises(CardError, match="Run: tailmark new nothing"):
        read_card(tmp_path / "nothing")


@pytest.mark.parametrize("kind", ["method", "model", "predictions"])
def test_a_new_card_reads_back(tmp_path, kind):
    path = new_entry(tmp_path, "mine", kind)
    card = read_card(path.parent)
    assert (card.name, card.kind) == ("mine", kind)


def test_a_new_card_never_overwrites(tmp_path):
    new_entry(tmp_path, "mine", "method")
    with pytest.raises(CardError, match="exists and is not overwritten"):
        new_entry(tmp_path, "mine", "model")


def test_a_refused_new_card_leaves_nothing_behind(tmp_path):
    with pytest.raises(CardError, match="lower-case"):
        new_entry(tmp_path, "Mine", "method")
    assert list(tmp_path.iterdir()) == []


def test_a_written_card_reads_back_equal(tmp_path):
    card = EntryCard.model_validate(
        {
            "format": 1,
            "name": "mine",
            "kind": "model",
            "summary": 'a "quoted" line\nand another — ü',
            "rank_variants": ["la", "ts"],
            "model": {
                "arch": "resnet18",
                "kwargs": {"in_chans": 1, "drop_rate": 0.1},
                "files": {"digits-exp10-clean-s0": {"path": "a b.safetensors", "sha256": "0" * 64}},
                "preprocessing": {"size": [8, 8], "channels": 1, "mean": [0.5], "std": [0.25]},
            },
            "facets": {"selection": "clean_val", "saw_clean_labels": True},
        }
    )
    write_card(tmp_path / "mine", card)
    again = read_card(tmp_path / "mine")
    assert again == card
    assert card_sha256(again) == card_sha256(card)


def test_comments_and_order_do_not_change_a_cards_identity(entry):
    plain = card_sha256(read_card(entry()))
    text = METHOD.replace("format = 1\n", "").replace("kind =", "format = 1 # the form\nkind =")
    assert card_sha256(read_card(entry(text=text))) == plain


def given(folder: Path, files: dict[str, Path]) -> Path:
    write_card(
        folder,
        EntryCard.model_validate(
            {
                "format": 1,
                "name": folder.name,
                "kind": "predictions",
                "predictions": {
                    "files": {
                        key: {
                            "path": str(
                                path.relative_to(folder) if path.is_relative_to(folder) else path
                            ),
                            "sha256": sha256_file(path),
                        }
                        for key, path in files.items()
                    }
                },
            }
        ),
    )
    return folder


@pytest.fixture
def handed_in(tmp_path, rng):
    """An entry with one good file for the tiny suite."""
    folder = tmp_path / "given"
    folder.mkdir()
    np.savez(folder / "test.npz", logits=rng.normal(size=(70, 3)).astype("f4"))
    return given(folder, {f"{CELL}-s0/test": folder / "test.npz"})


def test_check_names_the_jobs_without_a_file(handed_in, opened):
    findings = check_entry(handed_in, suite=opened)
    assert len(findings) == 2
    assert findings[0].startswith("3 of 4 jobs of tiny-v1 have no file")
    assert findings[1].startswith("[facets] does not say pretraining, extra_data, saw_clean_labels")


def test_check_says_that_a_new_card_names_no_file_yet(tmp_path):
    folder = new_entry(tmp_path, "mine", "predictions").parent
    first, second = check_entry(folder)
    assert first == "[predictions.files] names no file yet."
    assert second.endswith("stand beside the ranking. Write what is true of each")


def test_facets_are_known_of_what_is_trained_here_and_open_of_what_was_not(tmp_path):
    made = {k: read_card(new_entry(tmp_path, k, k).parent) for k in ("method", "predictions")}
    assert undeclared(made["method"].facets.model_dump()) == ()
    assert len(undeclared(made["predictions"].facets.model_dump())) == len(DECLARED)
    path = tmp_path / "predictions" / "entry.toml"
    declared = path.read_text().partition("[facets]")
    lines = [line.removeprefix("# ") if " = " in line else line for line in declared[2].split("\n")]
    path.write_text(declared[0] + declared[1] + "\n".join(lines))
    told = read_card(path.parent)
    assert undeclared(told.facets.model_dump()) == ()
    assert card_sha256(told) != card_sha256(made["predictions"])


def test_a_misspelt_field_comes_before_the_missing_one(entry):
    with pytest.raises(CardError) as caught:
        read_card(entry("trainer =", "trainor ="))
    assert [
        "unknown" if "unknown" in line else "missing" for line in str(caught.value).splitlines()
    ] == ["unknown", "missing"]


def test_check_refuses_another_files_bytes(handed_in, rng):
    np.savez(handed_in / "test.npz", logits=rng.normal(size=(70, 3)).astype("f4"))
    with pytest.raises(CardError, match="should have sha256 .* and has"):
        check_entry(handed_in)


def test_check_refuses_a_missing_file(handed_in):
    (handed_in / "test.npz").unlink()
    with pytest.raises(CardError, match="does not exist"):
        check_entry(handed_in)


def test_check_refuses_a_link_that_leaves_the_folder(handed_in, tmp_path):
    shutil.move(handed_in / "test.npz", tmp_path / "outside.npz")
    (handed_in / "test.npz").symlink_to(tmp_path / "outside.npz")
    with pytest.raises(CardError, match="Files of an entry lie in its folder"):
        check_entry(handed_in)


def test_check_refuses_a_path_that_leaves_the_folder(handed_in, tmp_path):
    shutil.copy(handed_in / "test.npz", tmp_path / "outside.npz")
    text = (handed_in / "entry.toml").read_text()
    (handed_in / "entry.toml").write_text(text.replace('"test.npz"', '"../outside.npz"'))
    with pytest.raises(CardError, match="Files of an entry lie in its folder"):
        check_entry(handed_in)


def test_check_refuses_predictions_of_another_length(handed_in, opened, rng):
    np.savez(handed_in / "test.npz", probs=rng.dirichlet(np.ones(3), 69))
    given(handed_in, {f"{CELL}-s0/test": handed_in / "test.npz"})
    with pytest.raises(
        PredictionsError,
        match="test.npz: probs has 69 rows, the test set has 70. Write one row per test input, "
        "in dataset order.",
    ):
        check_entry(handed_in, suite=opened)


def test_check_refuses_a_cell_that_the_suite_does_not_have(handed_in, opened):
    given(handed_in, {f"{CELL}-s7/test": handed_in / "test.npz"})
    with pytest.raises(CardError, match=f"Did you mean '{CELL}-s1'"):
        check_entry(handed_in, suite=opened)


def test_check_refuses_a_pickle_named_as_weights(tmp_path):
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "w.pt").write_bytes(b"\x80\x04\x95" + b"x" * 64)
    write_card(
        folder,
        EntryCard.model_validate(
            {
                "format": 1,
                "name": "pickled",
                "kind": "model",
                "model": {
                    "arch": "resnet18",
                    "files": {
                        f"{CELL}-s0": {"path": "w.pt", "sha256": sha256_file(folder / "w.pt")}
                    },
                },
            }
        ),
    )
    with pytest.raises(CardError, match="pickles .* are not opened"):
        check_entry(folder)


def test_weights_of_another_number_of_classes_are_refused(tmp_path, opened):
    from harness.models.loaders.timm_weights import build
    from harness.types.models import ModelPart

    folder = tmp_path / "five"
    folder.mkdir()
    part = {"arch": "test_vit", "kwargs": {"in_chans": 1, "img_size": 32, "patch_size": 8}}
    network = build(ModelPart.model_validate(part), 5)
    save_file({k: v.numpy() for k, v in network.state_dict().items()}, folder / "w.safetensors")
    sha256 = sha256_file(folder / "w.safetensors")
    part["files"] = {f"{CELL}-s0": {"path": "w.safetensors", "sha256": sha256}}
    card = {"format": 1, "name": "five", "kind": "model", "model": part}
    write_card(folder, EntryCard.model_validate(card))
    with pytest.raises(CardError, match="is for 5 classes .* the suite has 3"):
        check_entry(folder, suite=opened)


TWO = "breast_cancer-natural-clean", "wine-natural-clean"


@pytest.fixture(scope="module")
def two_tables():
    """A suite over two embedded tables of 2 and 3 classes."""
    suite = Suite(
        "two-v1", "Two tables", "breast_cancer", None, TWO, (0,), (), (), ("uniform",),
        "test/balanced_accuracy", "terciles", "recall_tail", test_fraction=1 / 3,
    )  # fmt: skip
    return make_suite(suite, checked=False)


def hand_in_two(folder, rng, classes, rows):
    folder.mkdir(exist_ok=True)
    for cell in TWO:
        name = cell.partition("-")[0]
        np.savez(folder / f"{name}.npz", probs=rng.dirichlet(np.ones(classes[name]), rows[name]))
    files = {f"{cell}-s0/test": folder / f"{cell.partition('-')[0]}.npz" for cell in TWO}
    return given(folder, files)


def test_files_of_a_suite_over_several_data_sets_are_checked_each_against_its_own(
    tmp_path, rng, two_tables
):
    rows = {name: len(member.test) for name, member in two_tables.members.items()}
    classes = {"breast_cancer": 2, "wine": 3}
    assert rows["breast_cancer"] != rows["wine"]
    folder = hand_in_two(tmp_path / "given", rng, classes, rows)
    assert [f for f in check_entry(folder, suite=two_tables) if "[facets]" not in f] == []
    hand_in_two(folder, rng, classes, rows | {"wine": rows["wine"] + 1})
    with pytest.raises(PredictionsError, match=f"the test set has {rows['wine']}"):
        check_entry(folder, suite=two_tables)
    hand_in_two(folder, rng, classes | {"wine": 2}, rows)
    with pytest.raises(PredictionsError, match="3"):
        check_entry(folder, suite=two_tables)


def test_a_misspelt_cell_of_a_second_data_set_is_refused(tmp_path, rng, two_tables):
    folder = hand_in_two(
        tmp_path / "given", rng, {"breast_cancer": 2, "wine": 3},
        {name: len(member.test) for name, member in two_tables.members.items()},
    )  # fmt: skip
    given(folder, {"wine-natural-claen-s0/test": folder / "wine.npz"})
    with pytest.raises(CardError, match="Did you mean 'wine-natural-clean-s0'"):
        check_entry(folder, suite=two_tables)
    given(folder, {"wine-natural-clean-s0/tset": folder / "wine.npz"})
    with pytest.raises(CardError, match="Did you mean 'test'"):
        check_entry(folder, suite=two_tables)


OUTLIERS = """
format = 1
name = "cnn-ce"
kind = "method"
[method]
trainer = "outlier-exposure"
auxiliary = "generated-textures"
[facets]
saw_ood_data = true
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('auxiliary = "generated-textures"', "", "trains against outliers and the card names none"),
        ('"outlier-exposure"', '"cross-entropy"', "does not train against any. Leave it out"),
        ("saw_ood_data = true", "", "facets.saw_ood_data must be true"),
        ("[facets]", 'features_from = "cnn-bs"\n[facets]', "Leave one of them out"),
    ],
)
def test_outliers_that_are_missing_unused_or_undeclared_are_refused(entry, old, new, sentence):
    with pytest.raises(CardError, match=sentence):
        read_card(entry(old, new, OUTLIERS))


def test_outliers_are_part_of_a_cards_identity_only_where_it_names_them(entry):
    card = read_card(entry(text=OUTLIERS))
    other = card.model_copy(
        update={"method": card.method.model_copy(update={"auxiliary": "mnist"})}
    )
    assert card_sha256(card) != card_sha256(other)


def test_the_address_of_the_authors_code_is_no_part_of_what_is_measured(entry):
    plain = read_card(entry())
    linked = read_card(entry("[method]", 'code = "https://example.org/x"\n[method]'))
    assert linked.code == "https://example.org/x"
    assert card_sha256(linked) == card_sha256(plain)


@pytest.mark.parametrize(
    "address", ["http://a.b", "javascript:x", "https://a b", "https://a'b", "x" * 301]
)
def test_only_a_whole_https_address_of_code_is_taken(entry, address):
    with pytest.raises(CardError, match="code: expected the address of a public repository"):
        read_card(entry("[method]", f'code = "{address}"\n[method]'))
