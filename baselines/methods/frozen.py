"""A frozen pre-trained backbone: nothing is trained, its features are what others learn from."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, model_validator

from baselines.settings import Checked, method
from harness.models.obtain.backbones import backbone_named, package_network
from harness.models.obtain.vision import timm
from harness.types.models import FitContext, Output, Preprocessing, TrainingData

AT_ONCE = 64
"""Images that go through the network together: more of them leave a CPU's caches, and lite0 at
64 pixels falls from 540 to 200 images per second (one thread, batches of 64 and of 256)."""


class Frozen(Checked):
    """Which backbone, and how images are brought to it."""

    network: str = "package/efficientnet-lite0"
    """``package/<name>``, a name in `harness.models.obtain.backbones.BACKBONES`."""
    resolution: Annotated[int, Field(ge=32, le=1024)] = 64
    """Side in pixels to which images are brought."""
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bicubic"
    """How."""
    mean: tuple[float, ...] = ()
    """Per channel; empty: what the weights were trained with. Others are flagged in rankings."""
    std: tuple[float, ...] = ()
    """Per channel; empty: what the weights were trained with. Others are flagged in rankings."""
    mirrored: bool = False
    """Whether features are the mean over an image and its mirror image."""
    weights: str = ""
    """sha256 of the weights; filled in."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        known = backbone_named(given.get("network", "package/efficientnet-lite0"))
        own = {"mean": known.mean, "std": known.std, "weights": known.sha256}
        if given.get("weights") not in (None, "", known.sha256):
            raise ValueError(
                "Setting 'weights' is the sha256 of the package's weights and is filled in; got "
                f"{given['weights']!r}. Leave it out of recipe and card"
            )
        return {**given, **{k: v for k, v in own.items() if not given.get(k)}}


class FrozenModel:
    """A backbone whose outputs are features; it has no opinion about classes.

    Its logits are zeros, so whatever reads them alone is at chance.

    Parameters
    ----------
    network : module
        From images float32 (b, 3, h, w) to features (b, d).
    num_classes : int
        C.
    settings : Frozen
        Which network, and how it is fed.
    """

    head = None

    def __init__(self, network: torch.nn.Module, num_classes: int, settings: Frozen) -> None:
        self.network = network.eval()
        self.num_classes = num_classes
        self.settings = settings
        side = settings.resolution
        self.preprocessing: Preprocessing | None = Preprocessing(
            size=(side, side),
            channels=3,
            mean=settings.mean,
            std=settings.std,
            interpolation=settings.interpolation,
        )

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return what `restore` needs besides the weights."""
        return {
            "num_classes": self.num_classes,
            "settings": self.settings.model_dump(mode="json"),
        }

    def state(self) -> dict[str, np.ndarray]:
        """Return all weights."""
        return {
            name: tensor.cpu().contiguous().numpy().copy()
            for name, tensor in self.network.state_dict().items()
        }

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def __call__(self, inputs: np.ndarray) -> Output:
        """Return zero logits and the features of one preprocessed batch (b, 3, h, w)."""
        device = next(self.network.parameters()).device
        images = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)).to(device)
        features = torch.cat([self._features(part) for part in images.split(AT_ONCE)])
        logits = np.zeros((len(inputs), self.num_classes), dtype=np.float32)
        return Output("logits", logits, features.cpu().numpy())

    def _features(self, images: Float[torch.Tensor, "b 3 h w"]) -> Float[torch.Tensor, "b d"]:
        features = self.network(images).float()
        if self.settings.mirrored:
            features = (features + self.network(images.flip(-1)).float()) / 2
        return features


def restore(state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> FrozenModel:
    """Return the model that `FrozenModel.state` and `FrozenModel.meta` describe."""
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in meta["settings"].items()}
    settings = Frozen.model_validate(given)
    arch = backbone_named(settings.network).arch
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        network = timm().create_model(arch, pretrained=False, num_classes=0)
    network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    return FrozenModel(network.to(meta.get("device", "cpu")), meta["num_classes"], settings)


@method(Frozen, restore)
def fit_frozen(train: TrainingData, ctx: FitContext, settings: Frozen) -> FrozenModel:
    """Return a backbone as its package holds it; rows and labels are not looked at.

    References
    ----------
    Razavian et al. 2014, "CNN Features off-the-shelf: an Astounding Baseline for Recognition".
    """
    network = package_network(settings.network).to(ctx.device)
    return FrozenModel(network, train.num_classes, settings)
