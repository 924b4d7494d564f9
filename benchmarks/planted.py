"""Faults planted in a baseline on Fashion-MNIST: does the gate see them, and only them?

    python benchmarks/planted.py --data-root DATA > docs/planted.txt

The reference is the small CNN of cnn-ce, trained on three splits. Each fault is planted in the
same trained networks, as it happens in code that evaluates them; then `tailmark regress` judges.
Beside them stand twenty pairs of trainings that differ in the seed of the training alone.

Trained weights are kept in the store (TAILMARK_HOME), so that a second call trains nothing:
24 trainings, about 20 minutes of one core.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.atomic import replacing
from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import PredictionsError
from harness.keys import sha256_of
from harness.models.methods.methods import load_trainer, resolve_config
from harness.models.obtain.obtain import Obtained
from harness.models.passes.numerics import Numerics, computing
from harness.models.passes.predict import predict
from harness.models.passes.preprocessing import prepare
from harness.models.passes.steady import check_steady
from harness.paths import store_folder
from harness.rankings.field import Candidate
from harness.rankings.regress import EXIT_CODES, Regression, advice, regress
from harness.records.records import Recorded
from harness.runs.assemble import assemble
from harness.runs.job import evaluate_job
from harness.runs.plan import find_entry
from harness.types import EntryCard, FitContext, Job, Output
from harness.types.data import ArrayInputs
from harness.types.models import Preprocessing

ROOT = Path(__file__).resolve().parent.parent
SUITE, CELL = "fashion-v1", "fashion_mnist-exp100-clean"
MARGIN = 0.005
REPLICAS = 7
"""Trainings of each split that differ in their own seed alone: 21 pairs."""
RESIZED = Preprocessing(size=(40, 40), channels=1, mean=(0.0,), std=(1.0,), interpolation="bicubic")
"""How images are enlarged for the network that is trained at 40 pixels."""
RESIZED_HOW = {"size": (40, 40), "interpolation": "bicubic"}


def trained(opened: OpenSuite, seed: int, replica: int, *, enlarged: bool = False) -> Any:
    """Return cnn-ce trained on one split with its own seed; from the store where it is there."""
    card = find_entry("cnn-ce", ROOT / "submissions").card
    name, config = resolve_config(card, opened.dataset.name, ROOT)
    trainer = load_trainer(name)
    assert trainer.restore is not None
    path = store_folder() / "benchmarks" / f"planted-{seed}-{replica}{'-40px' * enlarged}.npz"
    if not path.is_file():
        train = opened.training_data(opened.split(CELL, seed))
        if enlarged:
            train = replace(train, inputs=ArrayInputs(larger(train.inputs)))
        own = seed + 1000 * replica
        with computing(Numerics(), seed=own):
            made = trainer.fit(train, FitContext(config=config, seed=own))
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as handle:
            np.savez(handle, meta=np.array(json.dumps(made.meta)), **made.state())
    with np.load(path) as kept:
        state = {key: kept[key] for key in kept.files if key != "meta"}
        return trainer.restore(state, json.loads(str(kept["meta"])))


def larger(inputs: Any) -> np.ndarray:
    """Return images as uint8 at 40 pixels."""
    images = prepare(inputs.take(np.arange(len(inputs))), RESIZED)  # (n, 1, 40, 40) in [0, 1]
    return np.rint(images * 255).astype(np.uint8).transpose(0, 2, 3, 1)


class Wrapped:
    """A trained network whose evaluation was changed by one line."""

    num_classes = 10
    head = None

    def __init__(self, model: Any, **changes: Any) -> None:
        self.model = model
        self.preprocessing = model.preprocessing.model_copy(update=changes)

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return what the changed code returns for a batch."""
        return Output("logits", self.said(self.model(inputs).values))

    def said(self, logits: np.ndarray) -> np.ndarray:
        """Change the logits; this one does not."""
        return logits


class OffByOne(Wrapped):
    """The head's classes are numbered from 1."""

    def said(self, logits: np.ndarray) -> np.ndarray:
        """Return each class's logit in the next column."""
        return np.roll(logits, 1, axis=1)


class InTraining(Wrapped):
    """Nobody called eval(): batch statistics come from the batch."""

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits in training mode; the running statistics stay as they are."""
        kept = {k: v.clone() for k, v in self.model.network.state_dict().items()}
        with torch.no_grad():
            logits, _ = self.model.network.train().outputs(torch.from_numpy(inputs))
        self.model.network.load_state_dict(kept)
        self.model.network.eval()
        return Output("logits", logits.numpy())


class Overflowing(Wrapped):
    """Logits are scaled in half precision, which ends at 65,504."""

    def said(self, logits: np.ndarray) -> np.ndarray:
        """Return the logits of a cosine classifier with a scale that is too large for float16."""
        with np.errstate(over="ignore"):
            return (logits * 30_000).astype(np.float16).astype(np.float32)


class Clipped(Overflowing):
    """The same after somebody made the infinities finite."""

    def said(self, logits: np.ndarray) -> np.ndarray:
        """Return what overflowed as the largest number: classes tie."""
        return np.nan_to_num(super().said(logits), posinf=65504.0, neginf=-65504.0)


FAULTS: dict[str, Callable[[Any], Any]] = {
    "nothing": Wrapped,
    "wrong normalisation: mean 0.5, std 0.5": lambda m: Wrapped(m, mean=(0.5,), std=(0.5,)),
    "wrong normalisation: none": lambda m: Wrapped(m, mean=(0.0,), std=(1.0,)),
    "wrong normalisation: std of three digits": lambda m: Wrapped(
        m, std=(round(m.preprocessing.std[0], 3),)
    ),
    "labels off by one class in the head": OffByOne,
    "evaluation in training mode": InTraining,
    "half-precision overflow": Overflowing,
    "half-precision overflow, made finite": Clipped,
}
RESIZES: dict[str, Callable[[Any], Any]] = {
    "resize by nearest instead of bicubic": lambda m: Wrapped(
        m, size=(40, 40), interpolation="nearest"
    ),
    "resize by bilinear instead of bicubic": lambda m: Wrapped(
        m, size=(40, 40), interpolation="bilinear"
    ),
}


def recorded(name: str, opened: OpenSuite, models: Sequence[Any]) -> Recorded:
    """Return the record of models, one a seed, from what they say of the test images."""
    card = EntryCard(format=1, name=name, kind="predictions")
    results = []
    for seed, model in zip(opened.suite.seeds, models, strict=True):
        said = {"test": predict(model, opened.test)}
        job = Job(card, Path(), CELL, seed)
        obtained = Obtained(said, sha256_of({"test": said["test"].sha256}), None, {}, {}, {})
        results.append(evaluate_job(job, opened, obtained))
    return assemble(card, opened, results)


def judged(one: Recorded, two: Recorded) -> Regression:
    """Return what `tailmark regress` says of a candidate against a reference."""
    pair = [(r.record.entry, Candidate(r, "", "rerun", True)) for r in (one, two)]
    return regress(pair[0], pair[1], keys=[None, "test/nll"], margin=MARGIN)


def line(text: str, found: Regression) -> str:
    """Return an answer with the two differences it stands on."""
    parts = [
        f"{f.verdict.difference:+.4f} [{f.verdict.low:+.4f}, {f.verdict.high:+.4f}]"
        for f in found.findings[:2]
    ]
    return f"{text:<42} {found.state:<14} {parts[0]:<28} {parts[1]:<28} {advice(found)}"


def planted(
    opened: OpenSuite, faults: Mapping[str, Callable[[Any], Any]], models: Sequence[Any]
) -> Iterator[tuple[str, str]]:
    """Yield each fault's answer and its line: refused by the pass, or judged by the gate."""
    reference = recorded("reference", opened, models)
    for text, fault in faults.items():
        made = [fault(model) for model in models]
        try:
            check_steady(made[0], opened.test, Numerics())
        except PredictionsError as error:
            yield "refused", f"{text:<42} refused        {str(error)[:110]}…"
            text = "  the same, had it come as predictions"
        try:
            found = judged(recorded("candidate", opened, made), reference)
        except PredictionsError as error:
            yield "refused", f"{text:<42} refused        {str(error)[:110]}…"
            continue
        yield found.state, line(text, found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path)
    opened = open_suite(SUITE, parser.parse_args().data_root)
    seeds = opened.suite.seeds
    print(
        f"{SUITE}, {CELL}, {len(seeds)} seeds, margin {MARGIN:g}; differences with 95 % intervals:"
    )
    print(f"{'':<42} {'answer':<14} {'balanced accuracy':<28} {'NLL (positive: better)':<28}\n")
    plain = [trained(opened, seed, 0) for seed in seeds]
    large = [Wrapped(trained(opened, seed, 0, enlarged=True), **RESIZED_HOW) for seed in seeds]
    for faults, models in ((FAULTS, plain), (RESIZES, large)):
        for _, text in planted(opened, faults, models):
            print(text)
    print(f"\nThe seed of the training alone, twenty pairs of {REPLICAS} trainings of each split:")
    replicas = [
        recorded(f"replica-{r}", opened, [trained(opened, seed, r) for seed in seeds])
        for r in range(REPLICAS)
    ]
    answers = []
    for one, two in list(combinations(replicas, 2))[:20]:
        found = judged(one, two)
        answers.append(found.state)
        print(line(f"{one.record.entry} against {two.record.entry}", found))
    print()
    for state in EXIT_CODES:
        print(f"{state}: {answers.count(state)} of {len(answers)}")
    return int("regression" in answers)


if __name__ == "__main__":
    sys.exit(main())
