"""A trainer from outside trains in the sandbox: the same numbers, and no label but its own."""

import textwrap

import numpy as np
import pytest

import harness
from harness.data.suites.open import open_suite
from harness.errors import HarnessError
from harness.models.passes.numerics import Numerics
from harness.models.sandbox import backends
from harness.models.sandbox.limits import MIB, Limits
from harness.models.sandbox.trainers import SandboxedTrainer
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainedModel, TrainingData

pytestmark = pytest.mark.skipif(backends.chosen() is None, reason="no sandbox on this machine")
CELL = "digits-exp10-symmetric0.4"
LIMITS = Limits(memory_bytes=640 * MIB, scratch_bytes=4 * MIB, fit_seconds=60.0)
MEANS = """
import numpy as np
class Means:
    preprocessing = None
    def __init__(self, means, meta):
        self.means, self.num_classes, self.meta = means, len(means), meta
        self.head = {"weight": 2 * means, "bias": -(means**2).sum(axis=1)}
    def state(self): return {"means": self.means}
    def __call__(self, inputs):
        from harness.types import Output
        x = inputs.reshape(len(inputs), -1).astype("f4") / 16
        return Output("logits", x @ self.head["weight"].T + self.head["bias"])
def restore(state, meta): return Means(state["means"], meta)
def fit(train, ctx):
    x = train.inputs.take(np.arange(len(train.inputs))).reshape(len(train.inputs), -1) / 16
    y = train.observed
    noise = np.random.random(x.shape[1]) * 1e-3
    means = np.stack([x[y == k].mean(axis=0) + noise for k in range(train.num_classes)])
    model = Means(means.astype("f4"), {"epochs": 2})
    for epoch in (1, 2):
        ctx.report(epoch, {"loss": 1 / epoch})
        ctx.snapshot(epoch, model(x * 16).values, None, model.state)
    return model
"""


def write(folder, code, *, card: bool = False):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.py").write_text(textwrap.dedent(code))
    if card:
        (folder / "entry.toml").write_text(
            f'format = 1\nname = "{folder.name}"\nkind = "method"\nood_score = "msp"\n'
            '[method]\ntrainer = "mine:fit"\n'
        )
    return folder


def run(home, store, **changes):
    return harness.run(
        [home.name], cells=[CELL], seeds=[0], processes=1, submissions=home.parent,
        store=store, **changes,
    )[0].record  # fmt: skip


RADII = MEANS.replace(
    'return Output("logits", x @ self.head["weight"].T + self.head["bias"])',
    'z = x @ self.head["weight"].T + self.head["bias"]\n'
    "        best = np.sort(z) / 50\n"
    '        return Output("logits", z, statistics={"NAME": best[:, -1:] - best[:, -2:-1]})',
).replace("np.random.random(x.shape[1]) * 1e-3", "0")


def test_what_a_model_proves_of_itself_comes_out_of_the_sandbox(tmp_path, monkeypatch):
    code = RADII.replace("NAME", "certified_radius")
    home = write(tmp_path / "submissions" / "own", code, card=True)
    card = home / "entry.toml"
    card.write_text('extra = ["certified_accuracy_at_10"]\n' + card.read_text())
    key = "test/certified_accuracy_at_10"
    inside = run(home, tmp_path / "inside").variants[""].metrics
    proved, right = (
        next(value for row in inside[name] for value in row if value is not None)
        for name in (key, "test/accuracy")
    )
    monkeypatch.setenv(backends.SETTING, "none")
    outside = run(home, tmp_path / "outside", trust=True).variants[""].metrics
    assert 0 < proved < right
    assert inside[key] == outside[key]


def test_a_statistic_that_nothing_reads_is_refused(tmp_path):
    home = write(tmp_path / "submissions" / "own", RADII.replace("NAME", "features"), card=True)
    said = run(home, tmp_path / "inside").jobs[0].error
    assert "hands out a statistic that nothing reads, 'features'" in said


def test_the_sandbox_changes_no_number(tmp_path, monkeypatch):
    home = write(tmp_path / "submissions" / "own", MEANS, card=True)
    inside = run(home, tmp_path / "inside")
    monkeypatch.setenv(backends.SETTING, "none")
    outside = run(home, tmp_path / "outside", trust=True)
    assert inside.jobs[0].error is None and outside.jobs[0].error is None
    assert inside.jobs[0].weights_sha256 == outside.jobs[0].weights_sha256
    assert inside.variants == outside.variants
    peaks = [record.cost[0]["peak_memory_bytes"] for record in (inside, outside)]
    assert 0 < peaks[0] < peaks[1]


SEARCH = """
import gc, sys
import numpy as np

def arrays():
    seen, waiting = set(), [*gc.get_objects(), *sys._current_frames().values()]
    frame = sys._getframe()
    while frame:
        waiting.append(frame.f_locals)
        frame = frame.f_back
    while waiting and len(seen) < 400_000:
        thing = waiting.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            if isinstance(thing, np.ndarray): yield thing
            waiting += gc.get_referents(thing)

def fit(train, ctx):
    flat = [a.reshape(-1, 1) for a in arrays() if a.dtype.kind in "iu" and a.size >= 100]
    for found in flat:
        ctx.snapshot(0, found.astype("f8"), None, {})
    return lambda x: np.zeros((len(x), train.num_classes))
"""


def test_a_trainer_that_walks_the_interpreter_finds_its_observed_labels_alone(tmp_path):
    opened = open_suite("digits-v1").at(CELL)
    split = opened.split(CELL, 0)
    clean, observed, test = split.clean, split.observed, opened.test.labels
    assert not np.array_equal(clean, observed)
    found: list[np.ndarray] = []
    context = FitContext({}, 0, snapshot=lambda _, outputs, *__: found.append(outputs[:, 0]))
    trainer = SandboxedTrainer("mine:fit", write(tmp_path, SEARCH), "job", Numerics(), LIMITS)
    trainer.parts.fit(opened.training_data(split), context)
    held = [
        sum(np.array_equal(each, labels) for each in found) for labels in (observed, clean, test)
    ]
    assert held[0] > 0, "the search finds what there is"
    assert held[1:] == [0, 0]


def toy(**changes) -> TrainingData:
    rows = np.arange(24, dtype=np.float32).reshape(6, 4)
    return TrainingData(ArrayInputs(rows), np.array([0, 1] * 3), 2, **changes)


def fitted(tmp_path, code, data=None, context=None):
    trainer = SandboxedTrainer("mine:fit", write(tmp_path, code), "a job", Numerics(), LIMITS)
    parts = trainer.parts
    return parts, parts.fit(data or toy(), context or FitContext({"power": 2}, 3))


def test_a_trainer_is_given_what_it_may_see_and_cannot_change_it_outside(tmp_path):
    code = """
        import numpy as np
        def fit(train, ctx):
            inputs, labels = train.val
            rows = train.inputs.take(np.array([2, 0]))
            rows[:], train.observed[:] = 0, 1
            second, n = inputs.take(np.array([1])), len(train.unlabelled)
            sums = [rows.sum(), second.sum(), labels.sum(), n, train.known.sum(), ctx.seed,
                    ctx.config["power"], ctx.parent["w"].sum(), len(train.auxiliary)]
            (ctx.scratch / "checkpoint").write_text("kept")
            return lambda x: np.tile(np.array(sums, dtype="f8"), (len(x), 1))
    """
    more = ArrayInputs(np.ones((3, 4), np.float32))
    data = toy(val=(more, np.array([1, 0, 1])), unlabelled=more, known=np.array([4, 5]))
    outliers = ArrayInputs(np.ones((6, 4), np.float32))
    data = TrainingData(**{**vars(data), "num_classes": 9, "auxiliary": outliers})
    context = FitContext({"power": 2}, 3, parent={"w": np.ones(5, np.float32)})
    _, model = fitted(tmp_path, code, data, context)
    np.testing.assert_allclose(model(np.zeros((2, 4))).values, [[0, 4, 2, 3, 9, 3, 2, 5, 6]] * 2)
    assert data.observed.tolist() == [0, 1] * 3 and data.inputs.array.sum() == sum(range(24))


def test_only_the_state_reaches_the_model_that_is_scored(tmp_path):
    code = (
        MEANS.replace("def fit(", "SEEN = []\ndef fit(")
        .replace("    return model", "    SEEN.append(1)\n    return model")
        .replace("return Means(state", "assert not SEEN\n    return Means(state")
    ).replace("def restore(state, meta): ", "def restore(state, meta):\n    ")
    parts, model = fitted(tmp_path, code)
    assert isinstance(model, TrainedModel)
    again = parts.restore(model.state(), model.meta)
    rows = np.ones((3, 4))
    np.testing.assert_array_equal(again(rows).values, model(rows).values)
    np.testing.assert_array_equal(again.head["weight"], model.head["weight"])


def test_a_transductive_model_adapts_inside_and_the_first_one_stays(tmp_path):
    code = """
        import numpy as np
        class Shifted:
            preprocessing, num_classes = None, 2
            def __init__(self, shift): self.shift = shift
            def __call__(self, x): return np.stack([x.sum(axis=1), 0 * x[:, 0]], 1) - self.shift
            def adapt(self, inputs): return Shifted(inputs.take(np.arange(len(inputs))).mean())
        def fit(train, ctx): return Shifted(0.0)
    """
    _, model = fitted(tmp_path, code)
    adapted = model.adapt(ArrayInputs(np.full((700, 4), 5.0)))
    rows = np.ones((1, 4))
    assert model(rows).values.tolist() == [[4, 0]] and adapted(rows).values.tolist() == [[-1, -5]]


HOSTILE = {
    "reports without end": ("while True: ctx.report(1, {})", "more than 20,000 reports"),
    "reports text": ("ctx.report(1, {'l': 'x'})", "could not convert"),
    "reports a name of the terminal": ("ctx.report(1, {chr(27) + '[2J': 1})", "reported a loss"),
    "reports no epoch": ("ctx.report(-1, {})", "reported an epoch -1"),
    "shows outputs of no rows": ("ctx.snapshot(1, np.zeros(3), None, {})", "reported an event"),
    "exits well": ("import sys; sys.exit(0)", "a job: mine:fit stopped: SystemExit: 0"),
    "ends the process": ("import os; os._exit(0)", "counts as a failure"),
    "returns a class count of its own": ("class M:\n  num_classes, preprocessing = 9, None\n"
        "  def __call__(self, x): return x\nreturn M()", "suite has 2 classes"),
    "describes a bomb": ("class M:\n  num_classes = 2\n  preprocessing = type('P', (), dict("
        "model_dump=lambda s, mode: dict(size=[10**9, 10**9])))()\n"
        "  def __call__(self, x): return x\nreturn M()", "does not describe its model as agreed"),
    "says NaN of itself": ("class M:\n  num_classes, preprocessing, head = 2, None, None\n"
        "  meta = {'x': float('nan')}\n  def state(self): return {}\n"
        "  def __call__(self, x): return x\nreturn M()", "should give plain settings"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_trainer_is_one_sentence(tmp_path, what):
    code, sentence = HOSTILE[what]
    restores = "def restore(state, meta): pass\n" if "NaN" in what else ""
    body = textwrap.indent(code, "    ")
    whole = f"import numpy as np\n{restores}def fit(train, ctx):\n{body}\n"
    with pytest.raises(HarnessError, match=sentence):
        fitted(tmp_path, whole)
