"""Fine-tuning the last stages of a pre-trained backbone, on the maps that the frozen part gives.

The maps are the features of an entry with trainer ``backbone`` and ``stages``: an image passes the
frozen part once for all cells and seeds, and is not augmented.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.methods.backbone import timm_name_of
from baselines.networks.heads import CosineHead
from baselines.networks.tails import as_maps, channels_into, front_and_tail
from baselines.probes.heads import Batch, HeadSettings, Standardised, standardised, train_head
from baselines.probes.probe import ABSENT, place
from baselines.settings import Count, NonNegative, Positive, method
from harness.errors import CardError
from harness.models.obtain.own_backbone import empty_network
from harness.types.models import FitContext, Output, TrainingData

AT_ONCE = 256
"""Rows that go through the stages together."""


class LastStages(HeadSettings):
    """Which stages are trained, and how."""

    network: str = "package/efficientnet-lite0"
    """That of the entry under ``init_from`` and ``features_from``."""
    stages: Annotated[int, Field(ge=0)] = 1
    """That of the entry under ``features_from``: how many of its last stages are trained; 0: the
    head alone, on features, which is what fine-tuning is compared with."""
    trained: Literal["all", "affine"] = "all"
    """``all`` weights of the stages, or ``affine``: scale and shift of normalisation layers."""
    loss: Literal["cross-entropy", "balanced-softmax"] = "cross-entropy"
    """What is minimised."""
    epochs: Count = 10
    """Passes over the rows."""
    batch_size: Count = 128
    """Largest batch; an epoch is cut into batches of nearly equal size."""
    lr: Positive = 1e-3
    """Peak learning rate of AdamW; a cosine brings it to 0."""
    weight_decay: NonNegative = 0.05
    """Decoupled decay of AdamW, times the learning rate a step."""


class Adapted(LastStages):
    """Settings of prototypes on frozen and adapted features."""

    stages: Count = 1
    """That of the entry under ``features_from``: how many of its last stages are adapted."""
    adapt: Literal["fine-tuning", "statistics"] = "fine-tuning"
    """``fine-tuning`` of the stages, or new ``statistics`` of their normalisation layers alone:
    `epochs` passes without a gradient, from none at all."""
    scale: Positive = 16.0
    """Multiplies the cosines: how sure the softmax is, not which class wins."""


class Tails(nn.Module):
    """One or several copies of a network's last stages side by side, and a head over them.

    Parameters
    ----------
    tails : sequence of modules
        Maps (b, c, side, side) → features (b, d).
    head : module
        All their features (b, copies·d) → logits.
    channels : int
        c; 0: the tails take features as they are.
    """

    def __init__(self, tails: Sequence[nn.Module], head: nn.Module, channels: int) -> None:
        super().__init__()
        self.tails = nn.ModuleList(tails)
        self.head = head
        self.channels = channels

    def features(self, rows: Float[Tensor, "b n"]) -> Float[Tensor, "b d"]:
        """Return the features of flattened maps."""
        maps = as_maps(rows, self.channels) if self.channels else rows
        return torch.cat([tail(maps) for tail in self.tails], dim=1)

    def forward(self, rows: Float[Tensor, "b n"]) -> Float[Tensor, "b k"]:
        """Return logits of flattened maps."""
        return self.head(self.features(rows))


class TailsModel:
    """Trained last stages behind the harness's interface: it takes flattened maps.

    Parameters
    ----------
    network : Tails
        With its weights.
    classes : int array of shape (k,)
        Class index of each logit: those with a training row.
    num_classes : int
        C.
    settings : mapping
        What `restore` builds it from, plain JSON values.
    """

    preprocessing = None

    def __init__(
        self,
        network: Tails,
        classes: np.ndarray,
        num_classes: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.network = network.eval()
        self.classes = classes
        self.num_classes = num_classes
        self.meta: Mapping[str, Any] = {
            "num_classes": num_classes,
            "classes": classes.tolist(),
            "copies": len(network.tails),
            "settings": dict(settings),
        }

    @property
    def head(self) -> dict[str, np.ndarray] | None:
        """Return the last layer where it is linear and every class has a logit, else None."""
        layer = self.network.head
        if not isinstance(layer, nn.Linear) or len(self.classes) < self.num_classes:
            return None
        return {"weight": _array(layer.weight), "bias": _array(layer.bias)}

    def state(self) -> dict[str, np.ndarray]:
        """Return all weights and running statistics."""
        return {name: _array(tensor) for name, tensor in self.network.state_dict().items()}

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits and features of a batch of flattened maps (b, n)."""
        device = next(self.network.parameters()).device
        rows = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)).to(device)
        features = torch.cat([self.network.features(part) for part in rows.split(AT_ONCE)])
        logits = self.network.head(features).float().cpu().numpy()
        placed = place(logits, self.classes, self.num_classes, ABSENT)
        return Output("logits", placed, features.float().cpu().numpy())


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy().copy()


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> TailsModel:
    """Return the model that `TailsModel.state` and `TailsModel.meta` describe."""
    settings, classes = meta["settings"], np.array(meta["classes"], dtype=np.int64)
    tail = _tail(settings["network"], settings["stages"], None)
    d = state["head.weight"].shape[1]
    with torch.random.fork_rng(devices=[]):
        head: nn.Module = nn.Linear(d, len(classes))
        if "scale" in settings:
            head = CosineHead(d, len(classes), settings["scale"])
    tails = [deepcopy(tail) for _ in range(meta["copies"])]
    network = Tails(tails, head, channels_into(tail))
    network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    return TailsModel(network.to(meta.get("device", "cpu")), classes, meta["num_classes"], settings)


@method(LastStages, restore)
def fit_last_stages(train: TrainingData, ctx: FitContext, settings: LastStages) -> TailsModel:
    """Train a backbone's last stages together with a new linear head.

    Normalisation layers of the stages use the statistics of the batch while they are trained, and
    their running means afterwards, as is usual. The first stages stay as they were pre-trained.

    References
    ----------
    Kornblith et al. 2019, "Do Better ImageNet Models Transfer Better?", which trains all stages.
    """
    data, tail = _maps(train), _tail(settings.network, settings.stages, ctx.parent)
    network = _trained(tail, data, ctx, settings)
    return TailsModel(network, data.classes, train.num_classes, settings.model_dump(mode="json"))


@method(Adapted, restore)
def fit_adapted_prototypes(train: TrainingData, ctx: FitContext, settings: Adapted) -> TailsModel:
    """Predict by class means of frozen and fine-tuned features side by side, by cosine.

    A copy of the last stages is adapted: trained with a head that is thrown away, or its
    normalisation layers measure the training rows again. Each class's prototype is the mean of
    [frozen ; adapted] features. The paper adapts a whole network once, on the first of several
    tasks; here there is one task, and its last stages alone are adapted.

    References
    ----------
    Zhou et al. 2023, "Revisiting Class-Incremental Learning with Pre-Trained Models:
    Generalizability and Adaptivity are All You Need" (ADAM, by fine-tuning or batch normalisation).
    """
    data, tail = _maps(train), _tail(settings.network, settings.stages, ctx.parent)
    frozen = deepcopy(tail).eval().to(ctx.device)
    if settings.adapt == "statistics":
        adapted: nn.Module = _measured(tail, data, ctx, settings)
    else:
        adapted = _trained(tail, data, ctx, settings).tails[0].eval()
    both = Tails([frozen, adapted], nn.Identity(), channels_into(frozen))
    means = _class_means(both, data)
    with torch.random.fork_rng(devices=[]):  # drawn weights are replaced
        head = CosineHead(means.shape[1], len(means), settings.scale)
    head.weight.data = F.normalize(means)
    both.head = head.to(ctx.device)
    return TailsModel(both, data.classes, train.num_classes, settings.model_dump(mode="json"))


def _maps(train: TrainingData) -> Standardised:
    """Return the training rows as they are: the stages know how their maps are distributed."""
    data = standardised(train)
    return Standardised(
        data.given,
        torch.from_numpy(np.asarray(data.given.values, dtype=np.float32)),
        data.labels,
        data.classes,
        data.counts,
        np.zeros_like(data.mean),
        np.ones_like(data.deviation),
    )


def _tail(network: str, stages: int, state: Mapping[str, np.ndarray] | None) -> nn.Sequential:
    """Return a network's last stages, with the weights of a whole backbone's state.

    Raises
    ------
    CardError
        If the state is missing or of another network.
    """
    if stages == 0:
        return nn.Sequential(nn.Identity())
    whole = empty_network(timm_name_of(network))
    if state is not None:
        wanted = {name: tuple(tensor.shape) for name, tensor in whole.state_dict().items()}
        if wanted != {name: np.shape(array) for name, array in state.items()}:
            raise CardError(
                f"init_from should name a backbone of {network}; the state of the one that it "
                "names has other tensors. Name that entry, or set network to what it has."
            )
        whole.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    return front_and_tail(whole, stages)[1]


def _trained(
    tail: nn.Sequential, data: Standardised, ctx: FitContext, settings: LastStages
) -> Tails:
    """Return the stages with a new head, both trained."""
    if ctx.parent is None and settings.stages:
        raise CardError(
            "Fine-tuning starts from a backbone's weights, and the card names none. Write "
            "init_from = the entry that features_from names."
        )
    channels = channels_into(tail)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        network = Tails([tail.eval()], nn.Identity(), channels)
        d = network(data.rows[:1]).shape[1]
        network.head = nn.Linear(d, len(data.classes))
        network.to(ctx.device)
        _freeze(network, settings.trained)
        offset = data.log_prior if settings.loss == "balanced-softmax" else torch.zeros(())

        def loss(batch: Batch) -> Tensor:
            logits = network(batch.rows.to(ctx.device)) + offset.to(ctx.device)
            return F.cross_entropy(logits, batch.labels.to(ctx.device))

        network.train()  # normalisation by the batch
        train_head(network, data, settings, ctx, loss)
    return network.eval()


def _measured(
    tail: nn.Sequential, data: Standardised, ctx: FitContext, settings: LastStages
) -> nn.Sequential:
    """Return the stages with means and variances of these rows in their normalisation layers.

    Every batch counts alike, so that a layer holds plain means over batches; the authors' code
    starts from zero and forgets earlier batches exponentially. No weight changes.
    """
    layers = [m for m in tail.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for layer in layers:
        layer.reset_running_stats()
    kept = [layer.momentum for layer in layers]
    channels, n = channels_into(tail), len(data.rows)
    tail.to(ctx.device).train()
    for layer in layers:
        layer.momentum = None
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(ctx.seed)
        for _ in range(settings.epochs):
            for index in torch.randperm(n).tensor_split(-(-n // settings.batch_size)):
                tail(as_maps(data.rows[index].to(ctx.device), channels))
    for layer, momentum in zip(layers, kept, strict=True):
        layer.momentum = momentum
    return tail.eval()


def _freeze(network: Tails, trained: str) -> None:
    """Keep the convolutions of the stages as they are where only scales and shifts are trained."""
    if trained == "all":
        return
    for layer in network.tails.modules():
        if not isinstance(layer, nn.modules.batchnorm._BatchNorm):
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(False)


@torch.inference_mode()  # type: ignore[untyped-decorator]
def _class_means(network: Tails, data: Standardised) -> Float[Tensor, "k d"]:
    """Return the mean feature of each class with a training row."""
    device = next(network.parameters()).device
    parts = [network.features(part.to(device)) for part in data.rows.split(AT_ONCE)]
    features = torch.cat(parts).cpu()
    return torch.stack([features[data.labels == k].mean(dim=0) for k in range(len(data.classes))])
