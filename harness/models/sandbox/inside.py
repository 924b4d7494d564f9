"""The process inside: it confines itself, imports what it was told, and answers one by one.

This file runs in the sandbox. It holds no label but those a trainer may see, and nothing that it
says is believed outside.
"""

import contextlib
import mmap
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import harness.errors
from harness.models.sandbox.confine import confine
from harness.models.sandbox.limits import FILES, SCRATCH


def main(settings: Mapping[str, Any]) -> None:
    """Confine this process, then answer requests until the other side closes.

    Parameters
    ----------
    settings : mapping
        ``requests``, ``replies``, ``shared``: file descriptors; ``memory``, ``files``, ``output``:
        bytes.
    """
    confine(writable=SCRATCH, memory_bytes=settings["memory"], file_bytes=settings["files"])
    from harness.models.sandbox import wire

    served = Served(settings["requests"], settings["replies"], settings["shared"])
    served.output = settings["output"]
    with contextlib.suppress(wire.Closed):
        while True:
            served.answer()


class Served:
    """What lives in the process: a trainer, and models by number.

    Parameters
    ----------
    requests, replies, shared : int
        File descriptors: of two pipes, and of the file that arrays come in.
    """

    def __init__(self, requests: int, replies: int, shared: int) -> None:
        self._requests, self._replies, self._shared = requests, replies, shared
        self._models: list[Any] = []
        self._trainer: Any = None
        self.output = 1 << 32

    def answer(self) -> None:
        """Take one request and send what comes of it: a result, or the error as a sentence."""
        from harness.models.sandbox import wire

        head, _ = wire.receive(self._requests, limit=0)
        try:
            reply, arrays = getattr(self, f"do_{head['do']}")(head, self._arrays(head))
            wire.send(self._replies, {"done": reply}, arrays, self.output)
        except wire.Malformed as error:
            self._fail("PredictionsError", str(error))
        except MemoryError:
            self._fail("MemoryError", "memory ran out")
        except harness.errors.HarnessError as error:
            self._fail(type(error).__name__, str(error))
        except (Exception, SystemExit) as error:  # whatever foreign code does
            from harness.models.methods.methods import where

            low = "out of memory" in str(error).lower() or "can't allocate" in str(error).lower()
            self._fail("MemoryError" if low else "", where(error))

    def _fail(self, kind: str, sentence: str) -> None:
        from harness.models.sandbox import wire

        wire.send(self._replies, {"failed": kind, "says": sentence[:4000]}, {})

    def _arrays(self, head: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arrays of a request: a view of the shared file, which cannot be written."""
        import numpy as np

        rows = head["given"]
        if not rows:
            return {}
        size = os.fstat(self._shared).st_size
        whole = mmap.mmap(self._shared, size, access=mmap.ACCESS_READ) if size else b""
        return {
            row["name"]: np.ndarray(row["shape"], row["dtype"], whole, row["offset"])
            if np.prod(row["shape"])
            else np.zeros(row["shape"], row["dtype"])
            for row in rows
        }

    # What can be asked for; each gets the request and its arrays, and returns a reply and arrays.

    def do_load(self, head: Mapping[str, Any], _: Any) -> tuple[Any, dict[str, Any]]:
        """Import a program's function, call it with its files, and keep the model it returns."""
        from harness.models.obtain.plain import as_model

        module, _colon, function = head["call"].partition(":")
        if head["home"] is not None:
            sys.path.insert(0, head["home"])
        with _computing(head):
            given = getattr(import_module(module), function)(Path(FILES), **head["arguments"])
        if head["num_classes"] is None:
            return self._keep(given)
        names = [str(k) for k in range(head["num_classes"])]
        return self._keep(as_model(given, names, source=head["call"]))

    def do_trainer(self, head: Mapping[str, Any], _: Any) -> tuple[Any, dict[str, Any]]:
        """Import a trainer."""
        from harness.models.methods.methods import load_trainer

        home = None if head["home"] is None else Path(head["home"])
        if head["torch"]:
            import_module("torch")  # threads and determinism are set before it is used
        self._trainer = load_trainer(head["trainer"], home)
        return {"restores": self._trainer.restore is not None}, {}

    def do_configure(self, head: Mapping[str, Any], _: Any) -> tuple[Any, dict[str, Any]]:
        """Fill a trainer's settings in."""
        return {"config": dict(self._trainer.configure(head["settings"]))}, {}

    def do_fit(self, head: Mapping[str, Any], arrays: Any) -> tuple[Any, dict[str, Any]]:
        """Train, and keep the model."""
        from harness.models.obtain.plain import as_model
        from harness.types.models import TrainedModel

        data, context = self._training(head, arrays)
        with _computing(head, seed=head["seed"]):
            made = self._trainer.fit(data, context)
        if self._trainer.restore is not None:
            if not isinstance(made, TrainedModel):
                return {"type": type(made).__name__}, {}
            return self._keep(made)
        names = [str(k) for k in range(data.num_classes)]
        return self._keep(as_model(made, names, source=head["source"]))

    def _training(self, head: Mapping[str, Any], arrays: Any) -> tuple[Any, Any]:
        from harness.models.sandbox import wire
        from harness.types.data import ArrayInputs
        from harness.types.models import FitContext, TrainingData

        def inputs(name: str) -> Any:
            return ArrayInputs(arrays[name]) if name in arrays else None

        def report(epoch: int, losses: Mapping[str, float]) -> None:
            said = {str(name): float(value) for name, value in losses.items()}
            wire.send(self._replies, {"event": "report", "epoch": int(epoch), "losses": said}, {})

        def snapshot(epoch: int, train_logits: Any, val_logits: Any, state: Any) -> None:
            import numpy as np

            said = {"train": np.asarray(train_logits)}
            if val_logits is not None:
                said["val"] = np.asarray(val_logits)
                if head["selects"]:
                    whole = state() if callable(state) else state
                    said |= {f"state/{name}": array for name, array in whole.items()}
            told = {"event": "snapshot", "epoch": int(epoch)}
            wire.send(self._replies, told, said, self.output)

        val = inputs("val")
        data = TrainingData(
            inputs("inputs"), arrays["observed"].copy(), head["num_classes"],
            None if val is None else (val, arrays["val_observed"].copy()),
            inputs("unlabelled"), arrays["known"].copy() if "known" in arrays else None,
            inputs("auxiliary"),
        )  # fmt: skip
        parent = {
            n.removeprefix("parent/"): a.copy() for n, a in arrays.items() if n[:7] == "parent/"
        }
        scratch = Path(SCRATCH) / "trainer"
        scratch.mkdir(exist_ok=True)
        return data, FitContext(
            head["config"], head["seed"], head["device"], head["threads"], scratch, report,
            snapshot, parent if head["has_parent"] else None,
        )  # fmt: skip

    def do_restore(self, head: Mapping[str, Any], arrays: Any) -> tuple[Any, dict[str, Any]]:
        """Make a model from its state."""
        state = {name: array.copy() for name, array in arrays.items()}
        return self._keep(self._trainer.restore(state, head["meta"]))

    def do_call(self, head: Mapping[str, Any], arrays: Any) -> tuple[Any, dict[str, Any]]:
        """Pass one batch."""
        from harness.models.sandbox.wire import STATISTIC

        model = self._models[head["model"]]
        with _computing(head), _autocast(head):
            output = model(arrays["inputs"].copy())
        said = {"values": output.values}
        if output.features is not None:
            said["features"] = output.features
        said |= {f"{STATISTIC}{name}": array for name, array in output.statistics.items()}
        return {"kind": output.kind}, said

    def do_adapt(self, head: Mapping[str, Any], arrays: Any) -> tuple[Any, dict[str, Any]]:
        """Adapt a transductive model on inputs without labels."""
        from harness.models.obtain.plain import as_model
        from harness.types.data import ArrayInputs

        model = self._models[head["model"]]
        with _computing(head):
            adapted = model.adapt(ArrayInputs(arrays["inputs"]))
        names = [str(k) for k in range(model.num_classes)]
        return self._keep(as_model(adapted, names, source="the adapted model"))

    def do_state(self, head: Mapping[str, Any], _: Any) -> tuple[Any, dict[str, Any]]:
        """Hand a model's weights out."""
        return {}, dict(self._models[head["model"]].state())

    def do_forget(self, head: Mapping[str, Any], _: Any) -> tuple[Any, dict[str, Any]]:
        """Drop a model that is not asked for again."""
        self._models[head["model"]] = None
        return {}, {}

    def _keep(self, model: Any) -> tuple[Any, dict[str, Any]]:
        """Give a model a number and describe it."""
        self._models.append(model)
        preprocessing = model.preprocessing
        if preprocessing is not None:
            preprocessing = preprocessing.model_dump(mode="json")
        kept = hasattr(model, "state") and hasattr(model, "meta")
        described = {
            "model": len(self._models) - 1,
            "num_classes": int(model.num_classes),
            "preprocessing": preprocessing,
            "meta": dict(model.meta) if kept else None,
            "adapts": hasattr(model, "adapt"),
            "declared": getattr(model, "declared", None),
        }
        return described, dict(getattr(model, "head", None) or {})


def _numerics(head: Mapping[str, Any]) -> Any:
    from harness.models.passes.numerics import Numerics

    return Numerics(**head["numerics"])


def _computing(head: Mapping[str, Any], seed: int | None = None) -> Any:
    from harness.models.passes.numerics import computing

    return computing(_numerics(head), seed=seed)


def _autocast(head: Mapping[str, Any]) -> Any:
    from harness.models.passes.predict import autocast

    return autocast(_numerics(head))
