"""Experts weighted at test time: SADE's self-supervised aggregation, which is transductive."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import model
from baselines.images import Images, load
from baselines.losses import AllLogits, Weighted, plain
from baselines.method import Parts
from baselines.methods.decoupling import parent_of
from baselines.methods.experts import Sade, sade_network
from baselines.settings import Settings, method
from baselines.train import own_randomness, set_up
from harness.errors import TrainingError
from harness.keys import content
from harness.types.data import Inputs
from harness.types.models import FitContext, Preprocessing, TrainingData

BATCH = 128
"""Images of a step, as in the authors' configuration."""
PASSED = 512
"""Images passed at once: fixed, so that no caller's batch size can show."""
EPOCHS = 5
"""Of the authors' configuration."""
RATE = 0.1
"""Learning rate of the authors' configuration."""
LEAST = 0.05
"""Learning stops after the epoch in which a weight, rounded to 2 digits, falls below this."""


class AggregatedSade(Sade):
    """Settings of SADE with test-time aggregation."""

    views: tuple[str, ...] = ("crop", "jitter", "grey", "blur", "flip")
    """Augmentations of the two views of a test image."""


class AggregatingModel(model.NeuralModel):
    """Trained experts that weigh themselves for every set of test inputs.

    Parameters
    ----------
    trained : NeuralModel
        Whose network is `Experts`.
    views : sequence of str
        Augmentations of a view, names in `augment.AUGMENTATIONS`.
    """

    def __init__(self, trained: model.NeuralModel, views: Iterable[str]) -> None:
        super().__init__(trained.spec, trained.network, trained.preprocessing)
        self.views = tuple(views)

    @property
    def meta(self) -> dict[str, Any]:
        """Return what `restore` needs besides the weights, as plain JSON values."""
        return {**super().meta, "views": list(self.views)}

    def adapt(self, inputs: Inputs) -> model.NeuralModel:
        """Return a model whose experts are weighted for these inputs; this one does not change.

        Random numbers depend on the weights and on the inputs' content alone, so that the same
        inputs give the same bits, whoever asks.

        Parameters
        ----------
        inputs : Inputs
            Unlabelled test images as the pool holds them.

        Raises
        ------
        TrainingError
            If there is no input.
        """
        if not len(inputs):
            raise TrainingError("Adapting needs at least one test input; got none. Leave it out.")
        network = deepcopy(self.network)
        device = next(network.parameters()).device
        nobody = np.zeros(len(inputs), dtype=np.int64)
        how: Preprocessing = self.preprocessing
        images = load(inputs, nobody, self.num_classes, Settings(), str(device), how)
        with _own_state(self._seed(images)):
            network.mixing.copy_(aggregate(self._pairs(images), len(network.heads)))
        return model.NeuralModel(self.spec, network, how)

    def _pairs(self, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield, an epoch, all experts' logits of two fresh views of all images."""
        for _ in range(EPOCHS):
            yield self._logits(images), self._logits(images)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _logits(self, images: Images) -> AllLogits:
        chunks = torch.arange(len(images), device=images.pixels.device).split(PASSED)
        network = self.network.eval()
        views = (images.take(rows, self.views) for rows in chunks)
        return torch.cat([network.each(view)[0].float().cpu() for view in views], dim=1)

    def _seed(self, images: Images) -> int:
        arrays = {f"weights/{name}": array for name, array in self.state().items()}
        found = content({**arrays, "pixels": images.pixels.cpu().numpy()})
        return int(found[:15], 16)


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> AggregatingModel:
    """Return the model that `AggregatingModel.state` and `AggregatingModel.meta` describe."""
    return AggregatingModel(model.restore(state, meta), meta["views"])


@method(AggregatedSade, restore)
def fit_sade_test_time(
    train: TrainingData, ctx: FitContext, settings: AggregatedSade
) -> AggregatingModel:
    """Take SADE's trained experts as they are; the model weights them on unlabelled test inputs.

    References
    ----------
    Zhang et al. 2022, "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic
    Long-Tailed Recognition", test-time self-supervised aggregation, views as in its code.
    """
    state = parent_of(ctx)
    parts = Parts(
        Weighted(plain),
        network=sade_network(settings),
        initialise=lambda n: model.load_state(n, state),
    )
    with own_randomness(ctx):
        run, spec = set_up(train, ctx, settings, parts)
    trained = model.NeuralModel(spec, run.network, run.data.preprocessing)
    return AggregatingModel(trained, settings.views)


def aggregate(pairs: Iterable[tuple[AllLogits, AllLogits]], experts: int) -> Float[Tensor, " e"]:
    """Return the experts' weights under which two views of unlabelled inputs agree most.

    Stochastic gradient ascent on the mean cosine similarity of the two views' mixed predictions,
    from equal weights, in batches of 128; the experts' logits are mixed by a softmax of one
    parameter each.

    Parameters
    ----------
    pairs : iterable of pairs of float tensors of shape (e, n, c)
        One pair an epoch: every expert's logits of two augmented views of the same inputs.
    experts : int
        e.

    Returns
    -------
    float tensor of shape (e,)
        Positive, summing to 1; no further epoch follows the one after which a weight, rounded to
        two digits, is below 0.05.

    References
    ----------
    Zhang et al. 2022 (SADE), test-time self-supervised aggregation, and its configuration: SGD
    with rate 0.1, Nesterov momentum 0.9, weight decay 5e-4, 5 epochs.
    """
    raw = nn.Parameter(torch.full((experts,), 1 / experts))
    optimizer = torch.optim.SGD([raw], RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
    for first, second in pairs:
        for rows in torch.randperm(first.shape[1]).split(BATCH):
            mixing = raw.softmax(0)
            p, q = (torch.einsum("e,enk->nk", mixing, z[:, rows]) for z in (first, second))
            agreement = F.cosine_similarity(p.softmax(1), q.softmax(1)).mean()
            optimizer.zero_grad()
            (-agreement).backward()
            optimizer.step()
        if round(float(raw.detach().softmax(0).min()), 2) < LEAST:
            break
    return raw.detach().softmax(0)


@contextmanager
def _own_state(seed: int) -> Iterator[None]:
    """Seed torch and use one thread (another number gives other bits); give both back."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
