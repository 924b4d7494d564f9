"""How rows become values under heads that are not linear: numpy alone, from named arrays."""

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from baselines.probes.transforms import Arrays

Rows = Float[np.ndarray, "b d"]
Values = Float[np.ndarray, "b k"]


def unit_rows(rows: Rows) -> Rows:
    """Return rows of length 1; a row of zeros stays one."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def standard(rows: Rows, arrays: Arrays) -> Rows:
    """Return rows under the training rows' ``mean`` and ``deviation``."""
    return (rows - arrays["mean"]) / arrays["deviation"]


def softmax(logits: Values) -> Values:
    """Return exp(logits) divided by its row's sum."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def cosine(rows: Rows, arrays: Arrays) -> Values:
    """Return ``scale`` times the cosine with each of ``prototypes`` (k, d), which have length 1."""
    return arrays["scale"] * unit_rows(rows) @ arrays["prototypes"].T


def expected_distance(rows: Rows, arrays: Arrays) -> Values:
    """Return −Σ_k p_k·d²(y, k): p of a linear head, ``squares`` (k, k) the squared distances."""
    probs = softmax(rows @ arrays["weight"].T + arrays["bias"])
    return -probs @ arrays["squares"]


def evidence(rows: Rows, arrays: Arrays) -> Values:
    """Return log α with α = 1 + softplus(linear scores): its softmax is α/S, its log-sum log S."""
    scores = rows @ arrays["weight"].T + arrays["bias"]
    return np.log1p(np.logaddexp(0, scores))


def components(rows: Rows, arrays: Arrays) -> Values:
    """Return log p_c, p_c = Σ_j d_j·r⁺_cj + (1 − d_j)·r⁻_cj, d the similarities to components."""
    return np.log(np.maximum(component_probability(rows, arrays), 1e-12))


def component_probability(rows: Rows, arrays: Arrays) -> Values:
    """Return p_c of `components`, in [0, 1]; rows need not sum to 1."""
    near = similarity(standard(rows, arrays), arrays)
    return near @ (arrays["positive"] - arrays["negative"]).T + arrays["negative"].sum(axis=1)


def similarity(standardised: Rows, arrays: Arrays) -> Float[np.ndarray, "b m"]:
    """Return exp(−‖z − w‖²/s) for z the standardised row over √d and the ``centres`` w (m, d)."""
    z = standardised / np.sqrt(standardised.shape[1])
    squares = (z**2).sum(axis=1, keepdims=True) + (arrays["centres"] ** 2).sum(axis=1)
    squares = np.maximum(squares - 2 * z @ arrays["centres"].T, 0)
    return np.exp(-squares / arrays["width"])


def nearest_keys(projected: Float[np.ndarray, "b q"], keys: np.ndarray) -> np.ndarray:
    """Return which of ``keys`` (m, q) is nearest to each row, the first on a tie."""
    squares = (keys**2).sum(axis=1) - 2 * projected @ keys.T
    return squares.argmin(axis=1)


def key_value(rows: Rows, arrays: Arrays) -> Values:
    """Return the mean over codebooks of the values of the nearest keys.

    ``projections`` (books, d, q), ``keys`` (books, m, q), ``values`` (books, m, k).
    """
    z, total = standard(rows, arrays), 0.0
    books = list(zip(arrays["projections"], arrays["keys"], arrays["values"], strict=True))
    for projection, keys, values in books:
        total = total + values[nearest_keys(z @ projection, keys)]
    return np.asarray(total / len(books), dtype=np.float32)


def perceptron(rows: Rows, arrays: Arrays) -> Values:
    """Return the logits of a linear head on a perceptron with one hidden ReLU layer."""
    hidden = np.maximum(rows @ arrays["inner"].T + arrays["inner_bias"], 0)
    outer = hidden @ arrays["outer"].T + arrays["outer_bias"]
    return outer @ arrays["weight"].T + arrays["bias"]


def sigmoid_units(rows: Rows, arrays: Arrays) -> Values:
    """Return the logits of a network with one hidden layer of sigmoid units.

    One score d of two classes is −d/2 and d/2.
    """
    hidden = expit(rows @ arrays["inner"].T + arrays["inner_bias"])
    scores = hidden @ arrays["outer"].T + arrays["outer_bias"]
    if scores.shape[1] == 1:
        scores = scores * np.array([-0.5, 0.5])
    return scores.astype(np.float32)


def singular_kernel(rows: Rows, arrays: Arrays) -> Values:
    """Return class shares under weights ‖x − x_i‖^−d; a training row itself decides alone."""
    known = arrays["rows"]
    squares = (rows**2).sum(axis=1, keepdims=True) + (known**2).sum(axis=1) - 2 * rows @ known.T
    # What is nearer than float32 can tell is the same place.
    scale = np.finfo(np.float32).eps * ((rows**2).sum(axis=1, keepdims=True) + 1e-30)
    logs = -0.5 * float(arrays["dimension"]) * np.log(np.maximum(squares, scale).astype(np.float64))
    return (softmax(logs) @ arrays["belongs"]).astype(np.float32)


def pattern_misfit(rows: Rows, arrays: Arrays) -> Values:
    """Return minus the share of a class's fixed neurons that a row has otherwise.

    ``patterns`` (k, d): 1 where the class's neuron is on, −1 where it is off, 0 where it is free.
    """
    active = np.where(rows > 0, 1.0, -1.0).astype(np.float32)
    patterns = arrays["patterns"].astype(np.float32)
    fixed = np.abs(patterns).sum(axis=1)
    wrong = (fixed - active @ patterns.T) / 2
    return -wrong / np.maximum(fixed, 1)
