"""Real models of each format, made in the test run: small networks for stripes of 6 × 6 pixels."""

import json
import zipfile
from pathlib import Path

import numpy as np

HOW = {"size": [6, 6], "channels": 1, "mean": [0.4], "std": [0.3]}
SAID = {"preprocessing": HOW, "output": "logits"}
NAMES = ("zero", "one", "two")


def network(seed: int = 0):
    """Return a small convolutional network for three classes, in evaluation mode."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
        ).eval()


def pt2(path: Path, *, said: dict | None = SAID, module=None, batch: int | None = None) -> Path:
    import torch

    export = torch.export
    dims = None if batch else ({0: export.Dim("batch", min=1, max=4096)},)
    program = export.export(
        module or network(), (torch.zeros(batch or 2, 1, 6, 6),), dynamic_shapes=dims
    )
    extra = {} if said is None else {"tailmark.json": json.dumps(said)}
    export.save(program, path, extra_files=extra)
    return path


def onnx_model(
    *, said: dict | None = SAID, output: str = "logits", batch: int | str = "n", side: int = 6,
    domain: str = "", classes: int = 3, scale: float = 1.0,
):  # fmt: skip
    """Return a linear network as an ONNX graph: flatten, then one Gemm."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weight = (rng.standard_normal((side * side, classes)) * scale).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "w", "b"], [output], domain=domain),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 1, side, side])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, classes])],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(np.zeros(classes, np.float32), "b"),
        ],
    )
    imports = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    made = helper.make_model(graph, opset_imports=imports, ir_version=9)
    if said is not None:
        helper.set_model_props(made, {"tailmark": json.dumps(said)})
    return made


def onnx_file(path: Path, **how) -> Path:
    import onnx

    onnx.save(onnx_model(**how), path)
    return path


def skops_file(path: Path, opened, *, said: dict | None = None, estimator=None) -> Path:
    """Fit an estimator on a suite's pixels in [0, 1] and save it."""
    import skops.io
    from sklearn.linear_model import LogisticRegression

    pool = opened.train
    rows = pool.inputs.take(np.arange(len(pool))).reshape(len(pool), -1) / 255
    fitted = (estimator or LogisticRegression()).fit(rows.astype(np.float32), pool.labels)
    skops.io.dump(fitted, path)
    if said is not None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("tailmark.json", json.dumps(said))
    return path
