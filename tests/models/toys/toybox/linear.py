"""A linear classifier by least squares, and one trained by gradient steps that can be stopped."""

import json
from typing import Any

import numpy as np

from harness.types.models import FitContext, Output, Preprocessing, TrainingData
from toybox.counting import count

DEFAULTS = {
    "fit_means": {"scale": 1.0},
    "fit_steps": {"epochs": 4, "lr": 0.1, "stop_after": 0, "prepared": False},
    "fit_from_parent": {"epochs": 0},
    "fit_adapting": {"scale": 1.0},
}


class Linear:
    def __init__(self, weight: np.ndarray, bias: np.ndarray, meta: dict[str, Any]) -> None:
        self.weight, self.bias, self.meta = weight, bias, meta
        self.num_classes = len(weight)
        prepared = meta.get("prepared")
        self.preprocessing = Preprocessing.model_validate(prepared) if prepared else None
        self.head = {"weight": weight, "bias": bias}

    def state(self) -> dict[str, np.ndarray]:
        return {"weight": self.weight, "bias": self.bias}

    def __call__(self, inputs: np.ndarray) -> Output:
        count("pass")
        rows = _rows(inputs)
        return Output("logits", rows @ self.weight.T + self.bias, rows)


class Adapting(Linear):
    """Takes the mean of the inputs it adapts on away from every input."""

    def adapt(self, inputs: Any) -> Linear:
        count("adapt")
        rows = _rows(inputs.take(np.arange(len(inputs))))
        mean = rows.mean(axis=0)
        return Linear(self.weight, self.bias - self.weight @ mean, self.meta)


def _rows(inputs: np.ndarray) -> np.ndarray:
    return inputs.reshape(len(inputs), -1).astype(np.float32) / np.float32(255)


def configure(function: str, overrides: dict[str, Any]) -> dict[str, Any]:
    return DEFAULTS[function] | dict(overrides)


def restore(state: dict[str, np.ndarray], meta: dict[str, Any]) -> Linear:
    made = Adapting if meta.get("adapts") else Linear
    return made(state["weight"], state["bias"], dict(meta))


def fit_means(train: TrainingData, ctx: FitContext) -> Linear:
    count("fit")
    rows = _rows(train.inputs.take(np.arange(len(train.inputs))))
    means = np.stack(
        [
            rows[train.observed == k].mean(axis=0) if (train.observed == k).any() else rows[0] * 0
            for k in range(train.num_classes)
        ]
    )
    scale = np.float32(ctx.config["scale"])
    return Linear(means * 2 * scale, -(means**2).sum(axis=1) * scale, {})


def fit_steps(train: TrainingData, ctx: FitContext) -> Linear:
    count("fit")
    rows = _rows(train.inputs.take(np.arange(len(train.inputs))))
    kept = ctx.scratch / "weights.json"
    start, weight = 0, np.random.normal(size=(train.num_classes, rows.shape[1])).astype("f4") * 0.01  # noqa: NPY002
    if kept.is_file():
        saved = json.loads(kept.read_text())
        start, weight = saved["epoch"], np.asarray(saved["weight"], dtype="f4")
    target = np.eye(train.num_classes, dtype="f4")[train.observed]
    bias = np.zeros(train.num_classes, "f4")
    for epoch in range(start, ctx.config["epochs"]):
        count("epoch")
        residual = rows @ weight.T - target
        weight = weight - np.float32(ctx.config["lr"]) * residual.T @ rows / len(rows)
        val = None if train.val is None else _rows(train.val[0].take(np.arange(len(train.val[1]))))
        ctx.report(epoch + 1, {"loss": float((residual**2).mean())})
        ctx.snapshot(
            epoch + 1,
            rows @ weight.T,
            None if val is None else val @ weight.T,
            {"weight": weight, "bias": bias},
        )
        kept.write_text(json.dumps({"epoch": epoch + 1, "weight": weight.tolist()}))
        if ctx.config["stop_after"] == epoch + 1 and start == 0:
            raise KeyboardInterrupt
    side = train.inputs.take(np.arange(1)).shape[1:3]
    prepared = {"size": side, "channels": 1, "mean": [0.5], "std": [0.5]}
    return Linear(weight, bias, {"prepared": prepared} if ctx.config["prepared"] else {})


def fit_from_parent(train: TrainingData, ctx: FitContext) -> Linear:
    count("fit")
    return Linear(ctx.parent["weight"], ctx.parent["bias"] + 1, {})


def fit_adapting(train: TrainingData, ctx: FitContext) -> Adapting:
    means = fit_means(train, ctx)
    return Adapting(means.weight, means.bias, {"adapts": True})
