"""Models that only code can open: in the sandbox they answer as outside, and nowhere else."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from harness.errors import CardError, HarnessError
from harness.keys import sha256_file
from harness.models.loaders.load import load_model
from harness.models.obtain.obtain import obtain
from harness.models.passes.preprocessing import prepare
from harness.models.sandbox import programs
from harness.models.sandbox.backends import chosen
from harness.types import Preprocessing
from tests.models.loaders import made
from tests.models.tiny_suite import CELL

pytestmark = pytest.mark.skipif(chosen() is None, reason="no sandbox on this machine")

CODE = """
import numpy as np

def load(files):
    weight = np.load(files / "weight.npy")
    assert not (files / "other.npy").exists()
    return lambda batch: np.float32(batch.reshape(len(batch), -1) @ weight)

def outside(files):
    open("/tmp/tailmark-was-here", "w")
"""


def prepared(opened) -> np.ndarray:
    how = Preprocessing.model_validate(made.HOW)
    return prepare(opened.test.inputs.take(np.arange(len(opened.test))), how)


def test_torchscript_answers_as_its_network(tmp_path, entry, opened, store):
    import torch

    path = tmp_path / "m.ts"
    module = torch.jit.trace(made.network(), torch.zeros(2, 1, 6, 6))
    torch.jit.save(module, path, _extra_files={"tailmark.json": json.dumps(made.SAID)})
    found = obtain(entry(path), opened, store, pools=["test"]).predictions["test"]
    with torch.inference_mode():
        wanted = made.network()(torch.from_numpy(prepared(opened))).numpy()
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)


def answers(job, opened) -> tuple:
    """Return what a model says of a few inputs, and what its file declares."""
    found = load_model(job.card, job.folder, CELL, 0, opened.test.class_names)
    return found.model(prepared(opened)[:5]), found.parameters


@pytest.mark.parametrize("kind", ["pt2", "skops"])
def test_a_file_of_a_large_library_is_opened_there_and_answers_with_the_same_bits(
    kind, tmp_path, entry, opened, monkeypatch
):
    if kind == "pt2":
        job = entry(made.pt2(tmp_path / "m.pt2"))
    else:
        pytest.importorskip("skops")
        job = entry(made.skops_file(tmp_path / "m.skops", opened, said={"preprocessing": made.HOW}))
    used: list[str] = []
    monkeypatch.setattr(programs, "Sandbox", partial(counted, used, programs.Sandbox))
    boxed, parameters = answers(job, opened)
    assert len(used) == 1
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")
    here, same = answers(job, opened)
    assert len(used) == 1 and parameters == same is not None
    assert boxed.kind == here.kind
    np.testing.assert_array_equal(boxed.values, here.values)


def counted(used: list[str], real, program, **more):
    used.append(program.arguments["reader"])
    return real(program, **more)


def test_an_estimator_whose_compiled_code_believes_its_file_is_opened_nowhere_else(
    tmp_path, entry, opened, monkeypatch
):
    pytest.importorskip("skops")
    from sklearn.svm import SVC

    path = made.skops_file(
        tmp_path / "m.skops", opened, said={"preprocessing": made.HOW}, estimator=SVC()
    )
    assert answers(entry(path), opened)[0].values.shape == (5, 3)
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")
    with pytest.raises(CardError, match="holds a SVC, whose compiled code believes its file"):
        answers(entry(path), opened)


def test_pickles_of_mlflow_are_opened_there(tmp_path, entry, opened, store):
    pytest.importorskip("mlflow")
    import pickle

    from sklearn.linear_model import LogisticRegression

    rows = opened.train.inputs.take(np.arange(len(opened.train))).reshape(len(opened.train), -1)
    fitted = LogisticRegression(max_iter=300).fit(rows, opened.train.labels)
    folder = tmp_path / "loaded"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
    (folder / "MLmodel").write_text(
        "flavors:\n  sklearn: {pickled_model: model.pkl, serialization_format: pickle, "
        "sklearn_version: 1.5, code: null}\n"
    )
    job = entry(
        folder / "MLmodel", beside={"model.pkl": sha256_file(folder / "model.pkl")},
        inputs="rows", output="probs",
    )  # fmt: skip
    found = obtain(job, opened, store, pools=["test"]).predictions["test"]
    test = opened.test.inputs.take(np.arange(len(opened.test))).reshape(len(opened.test), -1)
    np.testing.assert_allclose(found.values, fitted.predict_proba(test), atol=1e-5)


def own(folder: Path, entry, function: str = "load", **part):
    folder.mkdir(exist_ok=True)
    (folder / "mymodel.py").write_text(CODE)
    weight = np.random.default_rng(0).standard_normal((36, 3)).astype(np.float32)
    np.save(folder / "weight.npy", weight)
    np.save(folder / "other.npy", weight)
    part = {"inputs": "pool", "output": "logits"} | part
    return entry(folder / "weight.npy", call=f"mymodel:{function}", **part), weight


def test_a_function_of_the_entry_gets_its_file_and_no_other(tmp_path, entry, opened, store):
    job, weight = own(tmp_path / "loaded", entry)
    first = obtain(job, opened, store, pools=["test"])
    pixels = opened.test.inputs.take(np.arange(len(opened.test))).reshape(len(opened.test), -1)
    wanted = np.float32(pixels @ weight)
    np.testing.assert_allclose(first.predictions["test"].values, wanted, rtol=1e-4)
    (job.folder / "mymodel.py").write_text(CODE.replace("@ weight", "@ weight * 2"))
    again = obtain(job, opened, store, pools=["test"])
    assert again.model_id != first.model_id
    assert again.evidence_keys["test"] != first.evidence_keys["test"]


def test_what_the_code_does_outside_is_refused(tmp_path, entry):
    job, _ = own(tmp_path / "loaded", entry, "outside")
    with pytest.raises(HarnessError):
        load_model(job.card, job.folder, CELL, 0, made.NAMES)
    assert not Path("/tmp/tailmark-was-here").exists()


WRONG = {
    "no function": ({"call": "mymodel"}, "model.call is module:function"),
    "no module": ({"call": "yourmodel:load"}, "yourmodel"),
    "a path": ({"call": "../x:load"}, "model.call is module:function"),
    "not fed": ({"inputs": None}, "It is not known how"),
    "no kind": ({"output": None}, "logits or probabilities"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_one_sentence(name, tmp_path, entry):
    from harness.models.cards.files import check_files

    part, words = WRONG[name]
    job, _ = own(tmp_path / "loaded", entry)
    model = job.card.model.model_copy(update=part)
    card = job.card.model_copy(update={"model": model})
    with pytest.raises(CardError, match=words) as caught:
        check_files(card, job.folder)
        load_model(card, job.folder, CELL, 0, made.NAMES)
    assert "\n" not in str(caught.value)
