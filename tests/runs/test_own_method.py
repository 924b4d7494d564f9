"""A method in one's own file: one function is enough, its folder is found, no bad one stops all."""

import re
import sys
import textwrap
from pathlib import Path

import pytest

import harness
from harness.cli.app import main
from harness.errors import CardError
from harness.models.cards.cards import check_entry
from harness.models.methods.code import closure, code_sha256
from harness.models.methods.own import own_home

ROOT = Path(__file__).resolve().parents[2]
CELL = "digits-exp10-clean"
ONE = {"cells": [CELL], "seeds": [0], "processes": 1, "trust": True}
MEAN = """
import numpy as np

def fit(train, ctx):
    x = train.inputs.take(np.arange(len(train.inputs))).reshape(len(train.inputs), -1) / 16
    means = np.stack([x[train.observed == k].mean(axis=0) for k in range(train.num_classes)])
    scale = SCALE

    def logits(inputs):
        return scale * (inputs.reshape(len(inputs), -1) / 16 @ means.T * 2 - (means**2).sum(axis=1))

    return logits
"""


class Entries:
    """A folder of entries with code of their own."""

    def __init__(self, home: Path) -> None:
        self.root, self.store = home / "submissions", home / "store"
        self.where = {"submissions": self.root, "store": self.store}

    def add(self, name: str, code: str, *, trainer: str = "mine:fit", more: str = "", **files: str):
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "entry.toml").write_text(
            f'format = 1\nname = "{name}"\nkind = "method"\nood_score = "msp"\n'
            f'[method]\ntrainer = "{trainer}"\n{more}'
        )
        for file, text in {"mine": code, **files}.items():
            (folder / f"{file}.py").write_text(textwrap.dedent(text))
        return folder

    def run(self, *names: str, **changes):
        return harness.run(list(names), **(ONE | self.where | changes))

    def score(self, *names: str) -> list[float]:
        frame = self.run(*names).frame().query("variant == '' and metric == 'test/nll'")
        return frame.value.round(9).tolist()


@pytest.fixture
def entries(tmp_path) -> Entries:
    yield Entries(tmp_path)
    assert "mine" not in sys.modules or own_home("mine:fit", None) is None


def code(scale: float) -> str:
    return MEAN.replace("SCALE", str(scale))


def test_one_function_is_enough(entries):
    folder = entries.add("own", code(1))
    assert check_entry(folder, trust=True) == []
    record = entries.run("own")[0].record
    assert record.jobs[0].status == "done" and record.produced_by == "trained"
    assert record.variants[""].metrics["test/balanced_accuracy"][1][0] > 0.85
    assert record.asked[0].trainer == "mine:fit" and record.jobs[0].weights_sha256 is None


def test_a_second_run_trains_nothing(entries):
    entries.add("own", code(1))
    first, second = entries.run("own"), entries.run("own")
    seconds = [r[0].record.cost[0]["train_seconds"] for r in (first, second)]
    assert seconds[0] == seconds[1]
    assert first[0].record.record_sha256 == second[0].record.record_sha256


def test_two_entries_may_have_files_of_one_name(entries):
    entries.add("one", code(1))
    entries.add("two", code(3))
    one, two = entries.score("one", "two")
    assert one != two
    assert entries.score("two", "one") == [two, one]


def test_an_edited_file_is_another_method_within_one_process(entries):
    entries.add("own", code(1))
    before = entries.score("own")
    entries.add("own", code(3))
    after = entries.score("own")
    assert after != before
    entries.add("own", code(1) + "\n# a remark\n")
    assert entries.score("own") == before


def test_files_beside_it_are_found_and_are_part_of_its_identity(entries):
    own = code("helper.SCALE").replace("import numpy as np", "import numpy as np\nimport helper")
    folder = entries.add("own", own, helper="SCALE = 1\n")
    assert set(closure("mine", folder)) == {"mine", "helper"}
    before = entries.score("own")
    (folder / "helper.py").write_text("SCALE = 3\n")
    assert entries.score("own") != before


def test_what_it_takes_from_our_trainers_is_part_of_its_identity(entries):
    folder = entries.add("own", "from baselines.class_counts import class_counts\n" + code(1))
    assert "baselines.class_counts" in closure("mine", folder)
    assert not [name for name in closure("mine", folder) if name.startswith("harness")]


def test_the_place_of_the_folder_does_not_matter(entries, tmp_path):
    here = entries.add("own", code(1))
    there = Entries(tmp_path / "elsewhere").add("own", code(1))
    assert code_sha256("mine:fit", here) == code_sha256("mine:fit", there)


def test_a_recipe_lies_beside_the_file_and_settings_reach_the_function(entries):
    own = code('ctx.config["scale"]')
    folder = entries.add("own", own, more='recipe = "soft"\noverrides = {unused = 2}\n')
    (folder / "recipes").mkdir()
    (folder / "recipes" / "soft.toml").write_text("scale = 3\n[dataset.digits]\nscale = 1\n")
    asked = entries.run("own")[0].record.asked[0]
    assert asked.settings == {"scale": 1, "unused": 2} and asked.overrides == {"unused": 2}


RETURNED = {
    "estimator": """
        import numpy as np
        from sklearn.naive_bayes import GaussianNB
        def fit(train, ctx):
            x = train.inputs.take(np.arange(len(train.inputs))).reshape(len(train.inputs), -1)
            return GaussianNB(var_smoothing=0.01).fit(x, train.observed)
    """,
    "module": """
        import torch
        def fit(train, ctx):
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, train.num_classes))
    """,
    "object": """
        import numpy as np
        class Flat:
            preprocessing = None
            def __init__(self, c): self.num_classes = c
            def __call__(self, inputs): return np.zeros((len(inputs), self.num_classes))
        def fit(train, ctx):
            return Flat(train.num_classes)
    """,
}


@pytest.mark.parametrize("what", RETURNED)
def test_fit_may_return_whatever_can_be_scored(entries, what):
    entries.add("own", RETURNED[what])
    assert entries.run("own")[0].record.jobs[0].error is None


def test_a_model_with_restore_is_kept_and_not_trained_again(entries):
    own = """
        import numpy as np
        class Means:
            preprocessing, head, meta = None, None, {}
            def __init__(self, means): self.means, self.num_classes = means, len(means)
            def state(self): return {"means": self.means}
            def __call__(self, inputs):
                from harness.types import Output
                x = inputs.reshape(len(inputs), -1).astype("f4") / 16
                return Output("logits", x @ self.means.T * 2 - (self.means**2).sum(axis=1))
        def restore(state, meta):
            return Means(state["means"])
        def fit(train, ctx):
            x = train.inputs.take(np.arange(len(train.inputs))).reshape(len(train.inputs), -1) / 16
            y = train.observed
            return Means(np.stack([x[y == k].mean(axis=0) for k in range(train.num_classes)]
                                  ).astype("f4"))
    """
    entries.add("own", own)
    record = entries.run("own")[0].record
    assert record.jobs[0].weights_sha256 is not None
    assert len(list(entries.store.glob("models/*/*/state.safetensors"))) == 1


WRONG = {
    "no such file": ({"trainer": "other:fit"}, "needs the package 'other'.*Put other.py into own/"),
    "no such function": (
        {"trainer": "mine:fti"},
        "offers no function 'fti'. Did you mean 'fit'",
    ),
    "one argument": (
        {"code": "def fit(train): return 1"},
        "two arguments, .train, ctx.; it",
    ),
    "not Python": ({"code": "def fit(:"}, "mine.py is not Python: .* in line 1"),
    "no such recipe": ({"more": 'recipe = "none"\n'}, "No recipe named 'none' beside mine:fit"),
    "recipe outside": ({"more": 'recipe = "../x"\n'}, "without a folder; got"),
    "selects without restore": (
        {"more": '[facets]\nselection = "noisy_val"\n'},
        "needs a trainer whose models can be kept; mine:fit has no restore",
    ),
    "hides the standard library": (
        {"trainer": "json:fit", "json": "def fit(a, b): pass"},
        "hide",
    ),
    "hides a package": (
        {"trainer": "numpy:fit", "numpy": "def fit(a, b): pass"},
        "hide",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_check_says_what_run_would(entries, what):
    changes, sentence = WRONG[what]
    folder = entries.add("own", **({"code": code(1)} | changes))
    with pytest.raises(CardError, match=sentence):
        check_entry(folder, trust=True)


FAILS = {
    "fails when imported": (
        "x = 1 / 0\ndef fit(train, ctx): pass",
        r"cannot be imported: ZeroDivisionError: division by zero \(mine.py, line 1\)",
    ),
    "needs what is not there": (
        "import nowhere_at_all\ndef fit(train, ctx): pass",
        "needs the package 'nowhere_at_all', which is not installed",
    ),
    "refuses a setting": (
        "def configure(f, o): raise ValueError('no setting x')\ndef fit(a, b): pass",
        r"mine:fit refuses its settings: ValueError: no setting x \(mine.py, line 1\)",
    ),
    "raises": (
        "def fit(train, ctx):\n    raise ValueError('no rows')",
        r"mine:fit stopped: ValueError: no rows \(mine.py, line 2\)",
    ),
    "exits": (
        "import sys\ndef fit(train, ctx):\n    sys.exit(0)",
        r"mine:fit stopped: SystemExit: 0 \(mine.py, line 3\)",
    ),
    "returns nothing": ("def fit(train, ctx):\n    pass", "got what mine:fit returned, which"),
    "model raises": (
        "def fit(train, ctx):\n    return lambda x: x.nothing",
        r"stopped: AttributeError: .*nothing.* \(mine.py, line 2\)",
    ),
    "model by chance": (
        "import numpy as np\ndef fit(train, ctx):\n"
        "    return lambda x: np.random.default_rng().random((len(x), 8))",
        "answers differently to the same 8 inputs",
    ),
}


@pytest.mark.parametrize("what", FAILS)
def test_what_goes_wrong_in_a_method_is_one_sentence_and_the_others_go_on(entries, what):
    own, sentence = FAILS[what]
    entries.add("bad", own)
    entries.add("good", code(1))
    bad, good = entries.run("bad", "good")
    assert re.search(sentence, bad.record.jobs[0].error)
    assert good.record.jobs[0].status == "done"


@pytest.mark.parametrize(
    "words",
    [
        ["list", "entries"],
        ["check", "--trust"],
        ["run", "--trust", "-c", CELL, "--seed", "0", "--no-track", "-j", "1"],
    ],
    ids=lambda words: words[0],
)
def test_one_bad_card_stops_neither_list_nor_check_nor_run_of_the_others(
    entries, monkeypatch, capsys, words
):
    entries.add("good", code(1))
    (entries.root / "bad").mkdir()
    (entries.root / "bad" / "entry.toml").write_text('format = 1\nname = "worse"\n')
    monkeypatch.setenv("TAILMARK_HOME", str(entries.store))
    monkeypatch.setattr("sys.argv", ["tailmark", *words, "--submissions", str(entries.root)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "good" in said.out and "bad/entry.toml" in said.err
    assert "Traceback" not in said.err


def test_foreign_code_needs_a_sandbox_or_to_be_trusted(entries, monkeypatch):
    entries.add("own", code(1))
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")
    with pytest.raises(CardError, match="read the code, then pass --trust"):
        entries.run("own", trust=False)


WITH_FEATURES = """
import numpy as np
from harness.types import Output

class Means:
    preprocessing = None

    def __init__(self, means):
        self.means, self.num_classes = means, len(means)

    def __call__(self, inputs):
        flat = inputs.reshape(len(inputs), -1).astype(np.float32) / 16
        return Output("logits", flat @ self.means.T, features=flat)

def fit(train, ctx):
    x = train.inputs.take(np.arange(len(train.inputs))).reshape(len(train.inputs), -1) / 16
    means = [x[train.observed == k].mean(axis=0) for k in range(train.num_classes)]
    return Means(np.stack(means).astype(np.float32))
"""


@pytest.mark.parametrize("trust", [True, False])
def test_trust_reaches_the_card_of_a_parent(entries, monkeypatch, trust):
    """The entry that is named is of this project; the one that it starts from is not."""
    entries.add("own", WITH_FEATURES)
    child = entries.root / "child"
    child.mkdir()
    (child / "entry.toml").write_text(
        'format = 1\nname = "child"\nkind = "method"\n'
        '[method]\ntrainer = "nearest-mean"\nfeatures_from = "own"\n'
    )
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")
    if not trust:
        with pytest.raises(CardError, match="own/entry.toml.*read the code, then pass --trust"):
            entries.run("child", trust=False)
        assert not entries.store.exists()
        return
    found = {made.record.entry: made.record.jobs[0] for made in entries.run("child")}
    assert {name: job.error for name, job in found.items()} == {"child": None}


def test_the_worked_example_of_the_documentation_runs(entries):
    text = (ROOT / "docs" / "own-method.md").read_text(encoding="utf-8")
    card = re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    parts = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = entries.root / "my-mean"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(card)
    (folder / "my_mean.py").write_text(parts[0])
    assert check_entry(folder, trust=True) == []
    plain = entries.run("my-mean")[0].record
    assert plain.jobs[0].error is None
    assert plain.variants[""].metrics["test/balanced_accuracy"][1][0] > 0.85
    (folder / "my_mean.py").write_text(parts[0] + parts[1])
    assert entries.run("my-mean")[0].record.asked[0].settings == {"power": 1.5}
