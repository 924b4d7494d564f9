"""Files that are broken, hostile or say too little: one sentence, and nothing of them is run."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.errors import CardError, HarnessError, PredictionsError
from harness.models.loaders.load import load_model
from harness.models.obtain.obtain import obtain
from tests.models.loaders import made
from tests.models.tiny_suite import CELL


def loaded(job):
    return load_model(job.card, job.folder, CELL, 0, made.NAMES)


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.write_text, (self.mark, "ran"))


def changed(path: Path, change, *, add=()) -> Path:
    """Rewrite an archive: `change` gets each member's name and bytes and returns new bytes."""
    with zipfile.ZipFile(path) as archive:
        members = [(i.filename, archive.read(i)) for i in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [*members, *add]:
            new = change(name, data)
            if new is not None:
                archive.writestr(name, new)
    return path


def in_graph(edit):
    """Return a change that edits the program's JSON."""

    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return data
        tables = json.loads(data)
        edit(tables)
        return json.dumps(tables).encode()

    return change


def first_node(tables):
    return tables["graph_module"]["graph"]["nodes"][0]


EVIL = "__import__('pathlib').Path({mark!r}).write_text('ran')"


def edits(mark: str):
    """Return name → change of a program that would run code, or that no longer is one."""
    evil = EVIL.format(mark=mark)

    def config(name: str, data: bytes) -> bytes:
        if not name.endswith("weights_config.json"):
            return data
        tables = json.loads(data)
        next(iter(tables["config"].values()))["use_pickle"] = True
        return json.dumps(tables).encode()

    def size(tables):
        values = tables["graph_module"]["graph"]["tensor_values"]
        values["input"]["sizes"][0] = {"as_expr": {"expr_str": evil, "hint": {"as_int": 2}}}

    def argument(tables):
        signature = tables["graph_module"]["module_call_graph"][0]["signature"]
        signature["forward_arg_names"] = [f"x={evil}"]

    def packing(tables):
        signature = tables["graph_module"]["module_call_graph"][0]["signature"]
        leaf = {"type": None, "context": None, "children_spec": []}
        signature["out_spec"] = json.dumps([1, leaf | {"context": {"__enum__": True, "fqn": "os"}}])

    return {
        "operator": in_graph(lambda t: first_node(t).update(target="torch.load")),
        "extension": in_graph(lambda t: first_node(t).update(target="#os:system")),
        "size": in_graph(size),
        "argument": in_graph(argument),
        "packing": in_graph(packing),
        "pickled weight": config,
        "foreign member": lambda n, d: d,
        "no graph": lambda n, d: None if "models/" in n else d,
        "damaged graph": lambda n, d: b"{" if n.endswith("models/model.json") else d,
        "short weight": lambda n, d: d[:3] if n.endswith("weight_0") else d,
    }


@pytest.mark.parametrize("name", list(edits("")))
def test_a_program_that_is_not_plain_is_refused(name, tmp_path, entry):
    mark = tmp_path / "ran"
    path = made.pt2(tmp_path / "m.pt2")
    extra = [("m/data/constants/custom_obj_0", pickle.dumps(Payload(mark)))]
    changed(path, edits(str(mark))[name], add=extra if name == "foreign member" else ())
    with pytest.raises(CardError, match="must be a program of torch.export.save"):
        loaded(entry(path))
    assert not mark.exists()


def test_pickled_example_inputs_and_guards_are_never_run(tmp_path, entry, opened, store):
    mark = tmp_path / "ran"
    path = made.pt2(tmp_path / "m.pt2")
    guards = in_graph(lambda t: t.update(guards_code=[EVIL.format(mark=str(mark))]))

    def change(name: str, data: bytes) -> bytes:
        return pickle.dumps(Payload(mark)) if "sample_inputs" in name else guards(name, data)

    found = obtain(entry(changed(path, change)), opened, store, pools=["test"])
    assert len(found.predictions["test"].row) == 70
    assert not mark.exists()


def test_a_pickle_under_the_name_of_a_model_is_not_opened(tmp_path, entry):
    mark = tmp_path / "ran"
    for suffix in (".pt2", ".skops", ".onnx", ".safetensors", ".pkl", ".joblib", ".pth"):
        path = tmp_path / f"m{suffix}"
        path.write_bytes(pickle.dumps(Payload(mark)))
        with pytest.raises(CardError):
            loaded(entry(path))
    assert not mark.exists()


def test_a_network_exported_in_training_mode_is_refused(tmp_path, entry):
    path = made.pt2(tmp_path / "m.pt2", module=made.network().train())
    with pytest.raises(CardError, match="training mode"):
        loaded(entry(path))


WAYS = {  # what a card or file leaves open or says wrongly → a word of the sentence
    "no preprocessing": ({"output": "logits"}, {}, "does not say how its images were prepared"),
    "no output": ({"preprocessing": made.HOW}, {}, "logits or probabilities"),
    "size": (made.SAID | {"preprocessing": made.HOW | {"size": [8, 8]}}, {}, "height 8"),
    "channels": (
        {
            "output": "logits",
            "preprocessing": made.HOW | {"channels": 3, "mean": [0] * 3, "std": [1] * 3},
        },
        {},
        "channels 3",
    ),
    "contradiction": (made.SAID, {"output": "probs"}, "the card says 'probs'"),
    "unknown field": (made.SAID | {"sise": 3}, {}, "sise"),
    "rows of images": (made.SAID, {"inputs": "rows"}, "takes inputs of shape"),
    "unknown class": (made.SAID, {"classes": ["zero", "one", "twoo"]}, "Did you mean 'two'"),
    "double class": (made.SAID, {"classes": ["zero", "one", "one"]}, "names a class twice"),
    "architecture": (made.SAID, {"arch": "resnet18"}, "holds its network itself"),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_is_missing_or_contradicts_is_said(name, tmp_path, entry):
    said, part, words = WAYS[name]
    with pytest.raises(CardError, match=words):
        loaded(entry(made.pt2(tmp_path / "m.pt2", said=said), **part))


def test_a_network_with_channels_last_is_told_so_and_its_advice_ends_well(tmp_path, entry):
    """It said: set channels to 6, what the network was trained with."""
    import torch

    class Permuted(torch.nn.Module):
        def __init__(self, inner, axes):
            super().__init__()
            self.inner, self.axes = inner, axes

        def forward(self, images):
            return self.inner(images.permute(*self.axes))

    last = Permuted(made.network(), (0, 3, 1, 2)).eval()
    program = torch.export.export(last, (torch.zeros(2, 6, 6, 1),))
    said = {"tailmark.json": json.dumps(made.SAID)}
    torch.export.save(program, tmp_path / "last.pt2", extra_files=said)
    with pytest.raises(CardError, match=r"channels last; expected .*images.permute\(0, 2, 3, 1\)"):
        loaded(entry(tmp_path / "last.pt2"))
    first = Permuted(last, (0, 2, 3, 1)).eval()
    assert loaded(entry(made.pt2(tmp_path / "first.pt2", module=first)))


def test_columns_of_another_number_of_classes_are_refused(tmp_path, entry, opened, store):
    pytest.importorskip("onnxruntime")
    path = made.onnx_file(tmp_path / "m.onnx", classes=4)
    with pytest.raises(PredictionsError, match=r"\(32, 3\)"):
        obtain(entry(path), opened, store, pools=["test"])


def test_outputs_that_are_nan_are_refused(tmp_path, entry, opened, store):
    pytest.importorskip("onnxruntime")
    path = made.onnx_file(tmp_path / "m.onnx", scale=float("nan"))
    with pytest.raises(PredictionsError, match="NaN"):
        obtain(entry(path), opened, store, pools=["test"])


def test_probabilities_that_are_logits_are_refused(tmp_path, entry, opened, store):
    said = made.SAID | {"output": "probs"}
    with pytest.raises(PredictionsError):
        obtain(entry(made.pt2(tmp_path / "m.pt2", said=said)), opened, store, pools=["test"])


def test_logits_that_are_probabilities_are_refused_with_what_a_model_says(
    tmp_path, entry, opened, store
):
    """The advice was that of a file of predictions."""
    import torch

    network = torch.nn.Sequential(made.network(), torch.nn.Softmax(dim=1)).eval()
    path = made.pt2(tmp_path / "m.pt2", module=network)
    with pytest.raises(PredictionsError, match='Say output = "probs" below .model. of the card'):
        obtain(entry(path), opened, store, pools=["test"])


def test_operators_of_other_libraries_are_refused(tmp_path, entry):
    pytest.importorskip("onnxruntime")
    path = made.onnx_file(tmp_path / "m.onnx", domain="my.ops")
    with pytest.raises(CardError, match="my.ops.Gemm"):
        loaded(entry(path))


@pytest.mark.parametrize("location", ["../secret.data", "/etc/hostname", "link.data", "m.data"])
def test_external_data_stay_in_their_folder_and_are_on_the_card(location, tmp_path, entry):
    pytest.importorskip("onnxruntime")
    import onnx

    folder = tmp_path / "loaded"
    folder.mkdir()
    path = folder / "m.onnx"
    onnx.save(
        made.onnx_model(), path, save_as_external_data=True, location="m.data", size_threshold=0
    )
    (tmp_path / "secret.data").write_bytes((folder / "m.data").read_bytes())
    (folder / "link.data").symlink_to(tmp_path / "secret.data")
    graph = onnx.load(path, load_external_data=False)
    for tensor in graph.graph.initializer:
        for pair in tensor.external_data:
            if pair.key == "location":
                pair.value = location
    path.write_bytes(graph.SerializeToString())
    words = "does not list" if location == "m.data" else "lie in its folder"
    with pytest.raises(CardError, match=words):
        loaded(entry(path))


def test_types_that_are_not_on_the_list_are_refused(tmp_path, entry, opened):
    pytest.importorskip("skops")
    from sklearn.neighbors import KNeighborsClassifier

    path = made.skops_file(
        tmp_path / "m.skops", opened, estimator=KNeighborsClassifier(algorithm="kd_tree")
    )
    with pytest.raises(CardError, match="KDTree.*not on the list"):
        loaded(entry(path))


def test_a_tree_that_points_outside_of_itself_is_refused(tmp_path, entry, opened):
    pytest.importorskip("skops")
    from sklearn.tree import DecisionTreeClassifier

    path = made.skops_file(tmp_path / "m.skops", opened, estimator=DecisionTreeClassifier())

    def change(name: str, data: bytes) -> bytes:
        if not name.endswith(".npy"):
            return data
        import io

        array = np.load(io.BytesIO(data), allow_pickle=False)
        if array.dtype.names is None or "left_child" not in array.dtype.names:
            return data
        array["left_child"][0] = 1 << 40
        out = io.BytesIO()
        np.save(out, array)
        return out.getvalue()

    with pytest.raises(CardError, match="must be a file of skops.io.dump"):
        loaded(entry(changed(path, change)))


def test_rows_for_a_suite_of_images_must_be_declared(tmp_path, entry, opened, store):
    pytest.importorskip("skops")
    path = made.skops_file(tmp_path / "m.skops", opened)
    with pytest.raises(CardError, match="takes rows of numbers and the suite has images"):
        obtain(entry(path), opened, store, pools=["test"])
    found = obtain(entry(path, inputs="rows"), opened, store, pools=["test"])
    assert found.predictions["test"].kind == "probs"


def test_an_archive_that_swells_is_refused(tmp_path, entry):
    for suffix in (".pt2", ".skops"):
        path = tmp_path / f"m{suffix}"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("m/data/weights/weight_0", b"\0" * (64 << 20))
        with pytest.raises(HarnessError, match="suspiciously"):
            loaded(entry(path))
