"""Residual networks for small images, in the forms that published numbers were made with."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.networks.classifier import Body

Maps = Float[Tensor, "b c h w"]
Halved = Float[Tensor, "b k y x"]


class PaddedShortcut(nn.Module):
    """Every second pixel, and zeros for the new channels: He et al. 2016, option A."""

    def __init__(self, more: int) -> None:
        super().__init__()
        self.more = more

    def forward(self, maps: Maps) -> Halved:
        """Return the maps at half the size with `more` channels on each side."""
        return F.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, each before its normalisation, and a shortcut.

    References
    ----------
    He et al. 2016, "Deep Residual Learning for Image Recognition", figure 5 left.
    """

    def __init__(self, channels_in: int, channels: int, stride: int, *, padded: bool) -> None:
        super().__init__()
        self.conv1 = _conv3(channels_in, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv3(channels, channels, 1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if channels_in != channels and padded:
            self.shortcut = PaddedShortcut((channels - channels_in) // 2)
        elif channels_in != channels or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, maps: Maps) -> Halved:
        """Return the block's maps."""
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))
        return torch.relu(out + self.shortcut(maps))


class PreActBlock(nn.Module):
    """Two 3×3 convolutions, each after its normalisation, and a shortcut.

    References
    ----------
    He et al. 2016, "Identity Mappings in Deep Residual Networks", figure 1b; wide form of
    Zagoruyko and Komodakis 2016.
    """

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = _conv3(channels_in, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = _conv3(channels, channels, 1)
        same = channels_in == channels and stride == 1
        self.shortcut = None if same else nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, maps: Maps) -> Halved:
        """Return the block's maps."""
        out = torch.relu(self.bn1(maps))
        shortcut = maps if self.shortcut is None else self.shortcut(out)
        out = self.conv2(torch.relu(self.bn2(self.conv1(out))))
        return out + shortcut


def cifar_resnet(channels: int, depth: int, width: float = 1.0) -> Body:
    """Return the body of ResNet-`depth` for CIFAR: 16, 32, 64 channels, 6n + 2 layers.

    `width` multiplies the last two: experts have 24 and 48 (RIDE's ``reduce_dimension``).

    References
    ----------
    He et al. 2016, "Deep Residual Learning", section 4.2, shortcuts of option A: the backbone of
    the CIFAR-LT literature (464,154 parameters at depth 32 with 10 classes).
    """
    n = (depth - 2) // 6
    stem = nn.Sequential(_conv3(channels, 16, 1), nn.BatchNorm2d(16), nn.ReLU(), _plain(16, 16, n))
    w2, w3 = round(32 * width), round(64 * width)
    rest = nn.Sequential(_plain(16, w2, n, stride=2), _plain(w2, w3, n, stride=2), *_pooled())
    return _initialised(Body(stem, rest, w3))


def resnet34(channels: int) -> Body:
    """Return the body of ResNet-34 with a 3×3 stem for small images: 64 to 512 channels.

    References
    ----------
    He et al. 2016, with the stem that the label-noise literature uses on CIFAR.
    """
    layers = [(64, 64, 3, 1), (64, 128, 4, 2), (128, 256, 6, 2), (256, 512, 3, 2)]
    first, *others = [_plain(i, o, n, stride=s, padded=False) for i, o, n, s in layers]
    stem = nn.Sequential(_conv3(channels, 64, 1), nn.BatchNorm2d(64), nn.ReLU(), first)
    return Body(stem, nn.Sequential(*others, *_pooled()), 512)


def preact_resnet18(channels: int) -> Body:
    """Return the body of PreAct-ResNet-18 for small images: the backbone of DivideMix and mixup."""
    layers = [(64, 64, 2, 1), (64, 128, 2, 2), (128, 256, 2, 2), (256, 512, 2, 2)]
    first, *others = [_preact(i, o, n, s) for i, o, n, s in layers]
    stem = nn.Sequential(_conv3(channels, 64, 1), first)
    rest = nn.Sequential(*others, nn.BatchNorm2d(512), nn.ReLU(), *_pooled())
    return Body(stem, rest, 512)


def wide_resnet(channels: int, depth: int, factor: int) -> Body:
    """Return the body of a wide residual network: 16, 32, 64 channels times `factor`.

    References
    ----------
    Zagoruyko and Komodakis 2016, "Wide Residual Networks", table 1, without dropout.
    """
    n = (depth - 4) // 6
    w1, w2, w3 = 16 * factor, 32 * factor, 64 * factor
    stem = nn.Sequential(_conv3(channels, 16, 1), _preact(16, w1, n, 1))
    rest = [_preact(w1, w2, n, 2), _preact(w2, w3, n, 2), nn.BatchNorm2d(w3), nn.ReLU()]
    return _initialised(Body(stem, nn.Sequential(*rest, *_pooled()), w3))


def _conv3(channels_in: int, channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)


def _plain(
    channels_in: int, channels: int, n: int, *, stride: int = 1, padded: bool = True
) -> nn.Sequential:
    first = BasicBlock(channels_in, channels, stride, padded=padded)
    others = [BasicBlock(channels, channels, 1, padded=padded) for _ in range(n - 1)]
    return nn.Sequential(first, *others)


def _preact(channels_in: int, channels: int, n: int, stride: int) -> nn.Sequential:
    first = PreActBlock(channels_in, channels, stride)
    return nn.Sequential(first, *[PreActBlock(channels, channels, 1) for _ in range(n - 1)])


def _pooled() -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def _initialised(body: Body) -> Body:
    for module in body.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return body
