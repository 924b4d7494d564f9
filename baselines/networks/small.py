"""Small CNNs for 8×8 digits and 28×28 grey images: seconds on one CPU thread."""

from torch import nn

from baselines.networks.classifier import Body


def small_body(channels: int, size: int, width: int) -> Body:
    """Return convolutions with batch normalisation, then one hidden layer.

    Images of up to 16 pixels keep their size until one pooling; larger ones are halved twice
    first, which is where their cost is.

    Parameters
    ----------
    channels : int
        Of the images.
    size : int
        Side of the square images in pixels, at least 4.
    width : int
        Channels of the first convolution; the following have twice as many, and there are four
        times as many features.
    """
    rest: list[nn.Module] = []
    channels_in = width
    if size > 16:
        rest = [nn.MaxPool2d(2), *_block(width, 2 * width), nn.MaxPool2d(2)]
        channels_in = 2 * width
    side = size // 8 if size > 16 else size // 2
    rest += [*_block(channels_in, 2 * width), nn.MaxPool2d(2), nn.Flatten()]
    rest += [nn.Linear(2 * width * side**2, 4 * width), nn.BatchNorm1d(4 * width), nn.ReLU()]
    return Body(nn.Sequential(*_block(channels, width)), nn.Sequential(*rest), 4 * width)


def _block(channels_in: int, channels_out: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU()]
