"""Any backbone, frozen: a user's own weights of a timm architecture, or a package's; and the maps
that a backbone has some stages before its end, which is what fine-tuning of the last ones reads.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, model_validator

from baselines.methods.frozen import Frozen, FrozenModel
from baselines.networks.tails import front_and_tail
from baselines.settings import method
from harness.errors import CardError
from harness.models.obtain.backbones import FAMILY, backbone_named, package_network
from harness.models.obtain.own_backbone import empty_network, fed_as, no_weights, own_network
from harness.types.models import FitContext, TrainingData


class Backbone(Frozen):
    """Which backbone, how images are brought to it, and where its features are taken."""

    network: str = "package/efficientnet-lite0"
    """``package/<name>``, or ``timm/<architecture>`` with ``weights`` below ``[method]``."""
    beside: tuple[str, ...] = ()
    """Further networks ``package/<name>``: their features stand beside those of `network`."""
    beside_weights: tuple[str, ...] = ()
    """sha256 of their weights; filled in."""
    stages: Annotated[int, Field(ge=0)] = 0
    """How many of the last stages are left out; the features are then the maps before them."""
    weights: str = ""
    """sha256 of the weights; filled in."""
    trained_mean: tuple[float, ...] = ()
    """Per channel: what the weights were trained with; empty: what timm or the package says."""
    trained_std: tuple[float, ...] = ()
    """Per channel: what the weights were trained with; empty: what timm or the package says."""
    trained_interpolation: str = ""
    """What the weights were trained with; empty: what timm or the package says."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        network = given.get("network", "package/efficientnet-lite0")
        if given.get("mirrored") and given.get("stages"):
            raise ValueError(
                "mirrored is of features, and stages are left out: maps of an image and its mirror "
                "image do not lie on each other. Leave one of the two settings out"
            )
        known = _said_of(network, given) | _beside(given)
        facts = {**known, **{k: v for k, v in given.items() if v not in (None, "", ())}}
        for name in ("mean", "std", "interpolation"):
            facts.setdefault(name, facts.get(f"trained_{name}"))
            if not facts[name]:
                raise ValueError(
                    f"timm does not say which {name} {network} was trained with. Write "
                    f"trained_{name} on the card"
                )
        return facts


def _said_of(network: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a network's weights, as settings."""
    if network.partition("/")[0] == FAMILY:
        known = backbone_named(network)
        if given.get("weights") not in (None, "", known.sha256):
            raise ValueError(
                f"{network} has the weights of its package; method.weights names others. Leave "
                "them out, or write network = 'timm/<architecture>'"
            )
        return _trained_with(known) | {"weights": known.sha256}
    said = fed_as(network)
    return {} if said is None else _trained_with(said)


def _beside(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of further networks as a setting; all are fed alike."""
    if given.get("beside") and given.get("stages"):
        raise ValueError("beside puts features side by side, and stages are left out. Use one")
    weights = tuple(backbone_named(name).sha256 for name in given.get("beside", ()))
    if given.get("beside_weights") not in (None, (), weights):
        raise ValueError("Setting 'beside_weights' is filled in. Leave it out of recipe and card")
    return {"beside_weights": weights}


def _trained_with(known: Any) -> dict[str, Any]:
    return {f"trained_{name}": getattr(known, name) for name in ("mean", "std", "interpolation")}


class SideBySide(torch.nn.Module):
    """Several networks whose features stand side by side.

    Parameters
    ----------
    networks : sequence of modules
        Images (b, 3, h, w) → features (b, d) each.
    """

    def __init__(self, networks: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)

    def forward(self, images: Float[torch.Tensor, "b 3 h w"]) -> Float[torch.Tensor, "b d"]:
        """Return the features of each, one after the other."""
        return torch.cat([network(images) for network in self.networks], dim=1)


class BackboneModel(FrozenModel):
    """A backbone whose features are taken at its end, or some stages before.

    Parameters
    ----------
    network : module
        All of it: from images float32 (b, 3, h, w) to features (b, d).
    num_classes : int
        C.
    settings : Backbone
        Which network, how it is fed, where its features are taken.
    """

    def __init__(self, network: torch.nn.Module, num_classes: int, settings: Backbone) -> None:
        super().__init__(network, num_classes, settings)
        self._upto = network
        if settings.stages:
            self._upto = front_and_tail(network, settings.stages)[0].eval()

    def _features(self, images: Float[torch.Tensor, "b 3 h w"]) -> Float[torch.Tensor, "b d"]:
        features = self._upto(images).flatten(1).float()
        if self.settings.mirrored:
            features = (features + self._upto(images.flip(-1)).flatten(1).float()) / 2
        return features


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> BackboneModel:
    """Return the model that its `state` and `meta` describe."""
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in meta["settings"].items()}
    settings = Backbone.model_validate(given)
    names = (settings.network, *settings.beside)
    network = _joined([empty_network(timm_name_of(name)) for name in names])
    network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    return BackboneModel(network.to(meta.get("device", "cpu")), meta["num_classes"], settings)


def _joined(networks: Sequence[Any]) -> Any:
    return networks[0] if len(networks) == 1 else SideBySide(networks)


def timm_name_of(network: str) -> str:
    """Return timm's name of a network: of a package's backbone, or after ``timm/``."""
    family, _, name = network.partition("/")
    return backbone_named(network).arch if family == FAMILY else name


@method(Backbone, restore)
def fit_backbone(train: TrainingData, ctx: FitContext, settings: Backbone) -> BackboneModel:
    """Return a backbone as its file holds it; rows and labels are not looked at.

    References
    ----------
    Razavian et al. 2014, "CNN Features off-the-shelf: an Astounding Baseline for Recognition".
    """
    if settings.network.partition("/")[0] == FAMILY:
        network = package_network(settings.network)
    elif ctx.weights is None:
        raise no_weights(settings.network)
    else:
        network = own_network(settings.network, ctx.weights)
    network = _joined([network, *(package_network(name) for name in settings.beside)])
    model = BackboneModel(network.to(ctx.device), train.num_classes, settings)
    _try_size(model)
    return model


def _try_size(model: BackboneModel) -> None:
    """Refuse a size that the network does not take, as most transformers have one only."""
    side = model.settings.resolution
    try:
        model(np.zeros((1, 3, side, side), np.float32))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise CardError(
            f"{model.settings.network} does not take images of {side} pixels: "
            f"{str(error).splitlines()[0]}. Set resolution to a size that it takes."
        ) from None
