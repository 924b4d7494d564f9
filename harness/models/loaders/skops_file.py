"""scikit-learn estimators saved with skops: a list of types that may be built, and no others.

skops builds only classes that it knows, those of scikit-learn, numpy and scipy. The few more that
fitted trees and networks need are in `TRUSTED`; what a tree points to is checked after building,
for its compiled code follows indices without looking. Other compiled code does so too (libsvm,
neighbours, histogram gradient boosting): where there is a sandbox the file is opened in it, and
where there is none such an estimator is refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import CardError, PredictionsError
from harness.models.loaders.feeding import Declared
from harness.models.loaders.reading import Opened, needed
from harness.models.loaders.zips import checked_zip
from harness.models.safe.weights import parameters
from harness.types.models import OutputKind, WeightFile

TRUSTED = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
"""Types beyond those that skops itself trusts. Trees of neighbours (KDTree, BallTree) are not
among them: fit with algorithm="brute"."""


UNCHECKED = (
    "SVC", "NuSVC", "KNeighborsClassifier", "RadiusNeighborsClassifier",
    "HistGradientBoostingClassifier",
)  # fmt: skip
"""Estimators whose compiled code follows arrays of the file that nothing here checks: for the
sandbox alone."""


def read_skops_here(path: Path, file: WeightFile, what: str) -> Opened:
    """Return a fitted estimator in this process: `read_skops`, but for those of `UNCHECKED`.

    Raises
    ------
    CardError
        As there, and for an estimator that only a sandbox may open.
    """
    for thing in _parts(_built(path, what)):
        if type(thing).__name__ in UNCHECKED:
            raise CardError(
                f"{what} holds a {type(thing).__name__}, whose compiled code believes its file, so "
                "it is opened in a sandbox only; there is none here (docs/sandbox.md). Export it "
                "as ONNX, or hand in its predictions."
            )
    return read_skops(path, file, what)


def read_skops(path: Path, file: WeightFile, what: str) -> Opened:
    """Return a fitted estimator with what it declares.

    Parameters
    ----------
    path : Path
        A file whose sha256 is that on the card.
    file : WeightFile
        Its line on the card.
    what : str
        What sentences call it.

    Raises
    ------
    CardError
        If it is no skops file, holds other types, or is no fitted classifier that scores classes.
    """
    estimator = _built(path, what)
    ask = next((n for n in ("predict_proba", "decision_function") if hasattr(estimator, n)), None)
    classes = getattr(estimator, "classes_", None)
    if ask is None or classes is None:
        raise CardError(
            f"{what} holds a {type(estimator).__name__}; expected a fitted classifier with "
            "predict_proba or decision_function. Save such an estimator."
        )
    width = getattr(estimator, "n_features_in_", None)
    kind: OutputKind = "probs" if ask == "predict_proba" else "logits"

    def call(batch: np.ndarray) -> np.ndarray:
        try:
            found = np.asarray(getattr(estimator, ask)(batch))
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            raise PredictionsError(
                f"{what} stopped on inputs of shape {batch.shape}: {str(error)[:160]}. Give it "
                "what it was fitted on."
            ) from None
        if found.ndim == 1:  # of two classes only the second one's margin is returned
            found = np.stack([-found, found], axis=1) / 2
        return found

    shape = (None, int(width) if isinstance(width, int | np.integer) else None)
    labels = tuple(np.asarray(classes).tolist())
    return Opened(call, Declared(shape, kind, labels), _count(estimator), len(labels))


def _built(path: Path, what: str) -> Any:
    needed(("skops",), "skops", what)
    checked_zip(path, what, "skops.io.dump").close()
    import skops.io

    try:
        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise CardError(
                f"{what} holds the types {', '.join(unknown)[:200]}, which are not on the list of "
                "trusted ones (docs/loaders.md). Save an estimator of scikit-learn itself, or hand "
                "in its predictions."
            )
        estimator = skops.io.load(path, trusted=list(TRUSTED))
        _check_trees(estimator)
    except CardError:
        raise
    except Exception as error:  # whatever a hostile schema makes the library raise
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CardError(
            f"{what} must be a file of skops.io.dump; got {first[:160].rstrip('.')}. Save it again "
            "with the installed scikit-learn."
        ) from None
    return estimator


def _check_trees(estimator: Any) -> None:
    """Refuse trees whose nodes point outside of them, wherever they are in the estimator."""
    for thing in _parts(estimator):
        kind = type(thing).__name__
        if kind == "Tree":
            ends = thing.children_left == -1
            children = np.concatenate([thing.children_left[~ends], thing.children_right[~ends]])
            _within(children, thing.node_count)
            _within(thing.feature[~ends], thing.n_features)
        elif kind == "TreePredictor":
            inner = thing.nodes[thing.nodes["is_leaf"] == 0]
            _within(np.concatenate([inner["left"], inner["right"]]), len(thing.nodes))
            _within(inner["feature_idx"], 1 << 16)
        elif hasattr(thing, "tree_"):
            _same_width(thing.tree_.n_features, thing.n_features_in_)
        elif hasattr(thing, "estimators_") and not hasattr(thing, "estimators_features_"):
            for tree in np.asarray(thing.estimators_, dtype=object).ravel():
                if hasattr(tree, "tree_"):  # called with the rows of the whole, not looked at again
                    _same_width(tree.n_features_in_, thing.n_features_in_)


def _parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and all that it consists of, each once."""
    seen: set[int] = set()
    stack = [estimator]
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        yield thing
        if isinstance(thing, list | tuple | set):
            stack += list(thing)
        elif isinstance(thing, dict):
            stack += list(thing.values())
        elif isinstance(thing, np.ndarray):
            stack += list(thing.ravel()) if thing.dtype == object else []
        elif type(thing).__module__.startswith("sklearn.") and hasattr(thing, "__dict__"):
            stack += list(vars(thing).values())


def _same_width(inner: int, outer: int) -> None:
    if inner != outer:
        raise ValueError(f"a tree of {inner} columns in an estimator of {outer}")


def _within(indices: np.ndarray, count: int) -> None:
    if len(indices) and (indices.min() < 0 or indices.max() >= count):
        raise ValueError("a tree whose nodes point outside of it")


def _count(estimator: Any) -> int | None:
    """Return how many numbers a linear or neural estimator was fitted with, else None."""
    last = estimator[-1] if hasattr(estimator, "named_steps") else estimator
    found = {
        f"{name}{k}": array
        for name in ("coef_", "intercept_", "coefs_", "intercepts_")
        for k, array in enumerate(_arrays(getattr(last, name, None)))
    }
    return parameters(found) if found else None


def _arrays(thing: Any) -> list[np.ndarray]:
    if isinstance(thing, np.ndarray):
        return [thing]
    return [a for a in thing if isinstance(a, np.ndarray)] if isinstance(thing, list) else []
