"""Small CNNs for 8×8 digits and 28×28 grey images: seconds on one CPU thread."""

from jaxtyping import Float
from torch import Tensor, nn


class SmallBody(nn.Module):
    """Convolutions with batch normalisation, then one hidden layer.

    Images of up to 16 pixels keep their size until one pooling; larger ones are halved twice
    first, which is where their cost is.

    Parameters
    ----------
    channels : int
        Of the images.
    size : int
        Smaller side of the images in pixels, at least 4.
    width : int
        Channels of the first convolution; the following have twice as many.
    hidden : int
        Number of features d.
    """

    def __init__(self, channels: int, size: int, *, width: int, hidden: int) -> None:
        super().__init__()
        layers: list[nn.Module] = _block(channels, width)
        if size > 16:
            layers += [nn.MaxPool2d(2), *_block(width, 2 * width), nn.MaxPool2d(2)]
        layers += [*_block(width * (2 if size > 16 else 1), 2 * width), nn.MaxPool2d(2)]
        side = (size // 8 if size > 16 else size // 2) ** 2
        self.convolutions = nn.Sequential(*layers)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * width * side, hidden), nn.BatchNorm1d(hidden), nn.ReLU()
        )
        self.d = hidden

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        """Return the hidden layer."""
        return self.hidden(self.convolutions(images))


def _block(channels_in: int, channels_out: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU()]
