"""What predictions do not show of three heads: keys that are met, spread within classes, patterns.

    python benchmarks/head_insides.py --data-root ROOT [--store .tailmark]
        [--suite cifar10-v1] [--cell cifar10-exp100-clean]

Trains the heads on frozen features in one cell under every seed, or takes them from the store, and
prints means over seeds (least, most):

* lite0-keys: how evenly test images meet the keys of a codebook (entropy over its largest value),
  and which share of keys the training rows of head and tail classes meet. Träuble et al. 2022,
  arXiv:2207.11240.
* lite0-look: which share of the variance of test images lies within classes, in the features, in
  the logits of lite0-ce and in LOOK's projection. Feng et al. 2021, arXiv:2110.06014, claim that
  LOOK lets a class lie in several places, where cross-entropy draws it together.
* lite0-patterns: activation patterns under four shares δ. Recall is the share of a class's test
  images that break no fixed neuron of it, precision the share of images of a pattern that are of
  its class, ambiguity the share of images that follow two patterns or more. Geng et al. 2022,
  arXiv:2210.16114.

Says of three sentences whether they hold: LOOK's share is above that of cross-entropy; the recall
of patterns is lower for the tail than for the head; what follows its predicted class's pattern is
more often right than what does not. Exits 1 where one does not hold.
"""

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from baselines.methods.bottleneck import met_keys
from baselines.methods.kernels import patterns
from baselines.probes.head_rules import pattern_misfit, standard
from harness.data.suites.open import OpenSuite, open_suite
from harness.metrics.groups import class_groups
from harness.models.obtain.obtain import Obtained, model_of, obtain
from harness.models.store.store import Store
from harness.paths import store_folder
from harness.runs.plan import find_entry
from harness.types.models import Job, Model

ROOT = Path(__file__).resolve().parent.parent / "submissions"
SHARES = (1.0, 0.99, 0.95, 0.9)
"""δ: of the paper."""


def evenness(met: Int[np.ndarray, "n books"], keys: int) -> float:
    """Return the entropy of how often each key is met over its largest value, log `keys`.

    Parameters
    ----------
    met : int array of shape (n, books)
        Which key of each codebook a row meets.
    keys : int
        Keys of a codebook, at least 2.

    Returns
    -------
    float
        Mean over codebooks, in [0, 1]; 1: all keys are met equally often.
    """
    found = []
    for book in met.T:
        share = np.bincount(book, minlength=keys) / len(book)
        found.append(-(share[share > 0] * np.log(share[share > 0])).sum() / np.log(keys))
    return float(np.mean(found))


def share_met(met: Int[np.ndarray, "n books"], keys: int) -> float:
    """Return the share of keys that at least one row meets, mean over codebooks."""
    return float(np.mean([len(np.unique(book)) / keys for book in met.T]))


def within_share(values: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]) -> float:
    """Return the share of the variance of values that lies within classes.

    Sum of squared distances from the class means over that from the mean of all, in [0, 1]; 0: a
    class is one place. Units and rotations of the values do not matter.
    """
    exact = values.astype(np.float64)
    total = ((exact - exact.mean(axis=0)) ** 2).sum()
    parts = (exact[labels == k] for k in np.unique(labels))
    return float(sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts) / total)


@dataclass(frozen=True)
class Followed:
    """How test images follow the patterns of classes."""

    recall: dict[str, float]
    """Share that follows its own class's pattern, mean over classes: all, head and tail."""
    precision: float
    """Of the pairs of an image and a pattern that it follows, the share with its own class."""
    ambiguity: float
    """Share of images that follow two patterns or more."""
    right: float
    """Accuracy of a classifier on images that follow its predicted class's pattern; NaN: none."""
    right_else: float
    """Its accuracy on the others; NaN: there are none."""


def followed(
    follows: Bool[np.ndarray, "n c"],
    labels: Int[np.ndarray, " n"],
    predicted: Int[np.ndarray, " n"],
    groups: dict[str, np.ndarray],
) -> Followed:
    """Count who follows which pattern.

    Parameters
    ----------
    follows : bool array of shape (n, c)
        Whether an image breaks no fixed neuron of a class.
    labels, predicted : int array of shape (n,)
        True classes, and those that a classifier says.
    groups : dict of str to bool array of shape (c,)
        Which classes a group holds.
    """
    each = np.arange(len(labels))
    own, said = follows[each, labels], follows[each, predicted]
    by_class = {k: own[labels == k].mean() for k in np.unique(labels)}
    right = predicted == labels
    held = {name: [v for k, v in by_class.items() if mask[k]] for name, mask in groups.items()}
    pairs = follows.sum()
    return Followed(
        recall={"all": float(np.mean([*by_class.values()]))}
        | {name: float(np.mean(values)) for name, values in held.items()},
        precision=float(own.sum() / pairs) if pairs else float("nan"),
        ambiguity=float((follows.sum(axis=1) > 1).mean()),
        right=float(right[said].mean()) if said.any() else float("nan"),
        right_else=float(right[~said].mean()) if not said.all() else float("nan"),
    )


@dataclass(frozen=True)
class Bench:
    """Heads of one cell under one seed."""

    opened: OpenSuite
    store: Store
    cell: str
    seed: int

    def job(self, name: str) -> Job:
        """Return an entry's job in this cell under this seed."""
        entry = find_entry(name, ROOT, trust=False)
        return Job(entry.card, entry.folder, self.cell, self.seed)

    def said(self, name: str) -> Obtained:
        """Return an entry's predictions on training and test images."""
        pools = ["train", "test"]
        return obtain(self.job(name), self.opened, self.store, pools=pools, parent=self.job)

    def features(self, pool: str, name: str = "lite0-64") -> Float[np.ndarray, "n d"]:
        """Return the frozen features of a pool."""
        found = self.said(name).predictions[pool].features
        assert found is not None, "a frozen backbone hands out features"
        return found.astype(np.float32)

    def model(self, name: str) -> Model:
        """Return a head with its weights."""
        return model_of(self.job(name), self.opened, self.store, parent=self.job)[0]


def measured(bench: Bench) -> dict[str, float]:
    """Return every number of one seed."""
    split, test = bench.opened.split(bench.cell, bench.seed), bench.opened.test
    assert test.labels is not None
    groups = {
        name: mask
        for name, mask in class_groups(split.clean_counts, "terciles").items()
        if not isinstance(mask, str) and name != "body"
    }
    train, rows = bench.features("train"), bench.features("test")
    of_class = {name: mask[split.observed] for name, mask in groups.items()}
    found = _keys(bench, train, rows, of_class)
    logits = bench.said("lite0-ce").predictions["test"].values
    found["within: features"] = within_share(rows, test.labels)
    found["within: logits of lite0-ce"] = within_share(logits, test.labels)
    found["within: projection of lite0-look"] = within_share(_projected(bench, rows), test.labels)
    classes = np.unique(split.observed)
    for share in SHARES:
        fixed = patterns(train, split.observed, classes, share)
        follows = np.zeros((len(rows), bench.opened.num_classes), dtype=bool)
        follows[:, classes] = pattern_misfit(rows, {"patterns": fixed}) == 0
        one = followed(follows, test.labels, logits.argmax(axis=1), groups)
        at = f"patterns {share:g}"
        found |= {f"{at}: recall {name}": value for name, value in one.recall.items()}
        found |= {
            f"{at}: precision": one.precision,
            f"{at}: ambiguity": one.ambiguity,
            f"{at}: right if followed": one.right,
            f"{at}: right if not": one.right_else,
        }
    return found


def _keys(
    bench: Bench, train: np.ndarray, rows: np.ndarray, of_class: dict[str, np.ndarray]
) -> dict[str, float]:
    arrays = bench.model("lite0-keys").state()  # type: ignore[attr-defined]
    projections, keys = arrays["projections"], arrays["keys"]
    meet = partial(met_keys, projections=projections, keys=keys)
    on_train, count = meet(standard(train, arrays)), keys.shape[1]
    return {
        "keys: evenness, test images": evenness(meet(standard(rows, arrays)), count),
        **{
            f"keys: share met by training rows of {name}": share_met(on_train[mask], count)
            for name, mask in of_class.items()
        },
    }


def _projected(bench: Bench, rows: np.ndarray) -> Float[np.ndarray, "n w"]:
    import torch

    model = bench.model("lite0-look")
    network, arrays = model.network, model.state()  # type: ignore[attr-defined]
    with torch.no_grad():
        return np.asarray(network.projected(torch.from_numpy(standard(rows, arrays))).numpy())


def holds(mean: dict[str, float]) -> dict[str, bool]:
    """Return whether each of the three sentences holds for means over seeds."""
    at = f"patterns {SHARES[-1]:g}"
    return {
        "LOOK keeps more of the variance within classes than cross-entropy": mean[
            "within: projection of lite0-look"
        ]
        > mean["within: logits of lite0-ce"],
        "patterns are followed less in the tail than in the head": mean[f"{at}: recall tail"]
        < mean[f"{at}: recall head"],
        "what follows the predicted class's pattern is more often right": mean[
            f"{at}: right if followed"
        ]
        > mean[f"{at}: right if not"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="cifar10-v1")
    parser.add_argument("--cell", default="cifar10-exp100-clean")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--store", type=Path)
    given = parser.parse_args()
    opened, store = open_suite(given.suite, given.data_root), Store(store_folder(given.store))
    runs = [measured(Bench(opened, store, given.cell, s)) for s in opened.suite.seeds]
    print(f"{given.suite}, {given.cell}: mean over seeds (least, most)")
    mean = {}
    for key in runs[0]:
        values = np.array([run[key] for run in runs])
        mean[key] = float(values.mean())
        print(f"{key:52}{values.mean():8.3f}  ({values.min():.3f}, {values.max():.3f})")
    judged = holds(mean)
    for sentence, true in judged.items():
        print(f"{'holds' if true else 'does not hold'}: {sentence}")
    sys.exit(not all(judged.values()))


if __name__ == "__main__":
    main()
