"""Models out of files that hold their network: the same answers as where they were made."""

import numpy as np
import pytest

from harness.models.loaders.load import identity_of
from harness.models.methods import code
from harness.models.obtain.obtain import obtain
from harness.models.passes.numerics import Numerics
from harness.models.passes.preprocessing import prepare
from harness.types import Preprocessing
from harness.types.models import ModelPart, WeightFile
from tests.models.loaders import made
from tests.models.tiny_suite import CELL

HOW = Preprocessing.model_validate(made.HOW)


def prepared(opened) -> np.ndarray:
    return prepare(opened.test.inputs.take(np.arange(len(opened.test))), HOW)


def test_an_exported_program_answers_as_its_network(tmp_path, entry, opened, store):
    import torch

    found = obtain(entry(made.pt2(tmp_path / "m.pt2")), opened, store, pools=["test"])
    with torch.inference_mode():
        wanted = made.network()(torch.from_numpy(prepared(opened))).numpy()
    np.testing.assert_allclose(found.predictions["test"].values, wanted, atol=1e-5)
    assert found.predictions["test"].kind == "logits"
    assert found.cost["parameters"] == sum(p.numel() for p in made.network().parameters())


def test_an_onnx_graph_answers_as_its_arithmetic(tmp_path, entry, opened, store):
    pytest.importorskip("onnxruntime")
    from onnx import numpy_helper

    path = made.onnx_file(tmp_path / "m.onnx")
    found = obtain(entry(path), opened, store, pools=["test"]).predictions["test"]
    weight = numpy_helper.to_array(made.onnx_model().graph.initializer[0])
    wanted = prepared(opened).reshape(len(opened.test), -1) @ weight
    np.testing.assert_allclose(found.values, wanted, atol=1e-4)


def test_an_estimator_answers_as_scikit_learn(tmp_path, entry, opened, store):
    pytest.importorskip("skops")
    import skops.io

    how = {**made.HOW, "mean": [0.0], "std": [1.0]}
    path = made.skops_file(tmp_path / "m.skops", opened, said={"preprocessing": how})
    found = obtain(entry(path), opened, store, pools=["test"]).predictions["test"]
    rows = opened.test.inputs.take(np.arange(len(opened.test))).reshape(len(opened.test), -1) / 255
    wanted = skops.io.load(path).predict_proba(rows.astype(np.float32))
    assert found.kind == "probs"
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)


def test_columns_go_to_the_suites_classes_by_name(tmp_path, entry, opened, store):
    order = ["two", "zero", "one"]
    path = made.pt2(tmp_path / "m.pt2")
    plain = obtain(entry(path), opened, store, pools=["test"]).predictions["test"].values
    named = obtain(entry(path, classes=order), opened, store, pools=["test"]).predictions["test"]
    columns = [order.index(name) for name in opened.test.class_names]
    np.testing.assert_array_equal(named.values, plain[:, columns])


@pytest.mark.parametrize("kind", ["pt2", "onnx", "skops"])
@pytest.mark.parametrize("fixed", [None, 5])
# Kernels may round by a row's place in a group (seen with groups of five on an Intel Xeon).
def test_answers_do_not_depend_on_the_batch_size(kind, fixed, tmp_path, entry, opened, store):
    if kind == "skops":
        pytest.importorskip("skops")
        path = made.skops_file(tmp_path / "m.skops", opened, said=made.SAID | {"output": "probs"})
    elif kind == "onnx":
        pytest.importorskip("onnxruntime")
        path = made.onnx_file(tmp_path / "m.onnx", batch=fixed or "n")
    else:
        path = made.pt2(tmp_path / "m.pt2", batch=fixed)
    found = [
        obtain(
            entry(path), opened, type(store)(tmp_path / str(size)), pools=["test"],
            numerics=Numerics(batch_size=size),
        ).predictions["test"].sha256
        for size in (1, 7, 64)
    ]  # fmt: skip
    assert len(set(found)) == 1


def test_the_identity_of_a_reader_holds_what_it_imports_of_ours(monkeypatch, tmp_path):
    part = ModelPart(files={"*": WeightFile(path="m.onnx", sha256="ab" * 32)})
    readers = {
        "m.onnx": ["onnx_file", "feeding", "safe/weights"],
        "m.pt2": ["exported", "zips", "feeding", "safe/predictions"],
        "m.skops": ["skops_file", "zips", "feeding", "safe/weights"],
        "m.ts": ["inside", "feeding"],
    }
    read = code._read
    for name, parts in readers.items():
        file = part.files["*"].model_copy(update={"path": name})
        before = identity_of(part, file, tmp_path)
        for each in parts:

            def changed(path, *stamp, each=each):
                sha, imports = read(path, *stamp)
                return (sha[::-1] if path.match(f"{each}.py") else sha), imports

            monkeypatch.setattr(code, "_read", changed)
            assert identity_of(part, file, tmp_path) != before, (name, each)
        monkeypatch.setattr(code, "_read", read)
        assert identity_of(part, file, tmp_path) == before


def test_one_file_serves_all_cells_and_is_passed_once(tmp_path, entry, opened, store):
    job = entry(made.pt2(tmp_path / "m.pt2"))
    first = obtain(job, opened, store, pools=["test"])
    other = obtain(type(job)(job.card, job.folder, CELL, 1), opened, store, pools=["test"])
    assert first.model_id == other.model_id
    assert first.evidence_keys["test"] == other.evidence_keys["test"]


def test_external_data_that_the_card_lists_are_read(tmp_path, entry, opened, store):
    pytest.importorskip("onnxruntime")
    import onnx

    from harness.models.loaders.onnx_file import beside_of

    folder = tmp_path / "loaded"
    folder.mkdir()
    path = folder / "m.onnx"
    onnx.save(
        made.onnx_model(), path, save_as_external_data=True, location="m.data", size_threshold=0
    )
    inside = obtain(entry(made.onnx_file(tmp_path / "i.onnx")), opened, store, pools=["test"])
    job = entry(path, beside=beside_of(path, "m.onnx"))
    found = obtain(job, opened, store, pools=["test"])
    wanted = inside.predictions["test"].values
    np.testing.assert_array_equal(found.predictions["test"].values, wanted)
    assert found.model_id != inside.model_id
