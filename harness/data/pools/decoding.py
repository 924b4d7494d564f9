"""One way from an image file to pixels: upright, 8 bits, grey or RGB, every mode on purpose.

* 16-bit grey is scaled to 8 bits over the range that its bits span; floats are refused.
* Transparency is laid over one background colour, white unless the user names another.
* The orientation that a camera noted is applied.
* Of several frames the first is taken.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from harness.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

DECODING = 2
"""Raised by hand when the same file is decoded to other pixels: part of every key of a pool of
files, and of the identity of prepared images."""
BACKGROUNDS = {"white": 255, "black": 0}
"""Colour that transparent images can be laid over → its value in every channel."""
WIDE = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
"""Modes of one channel with more than 8 bits."""
GREY = frozenset({"1", "L", "LA", "La"}) | WIDE
"""Modes of one channel, with or without transparency."""
PLAIN = frozenset({"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"})
"""Modes without transparency that Pillow turns into 8-bit grey or RGB without a loss of range."""
CLEAR = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
"""Modes with transparency."""
LARGEST = 1 << 27
"""Pixels that an image is scaled to at most before its centre is cut out."""
DEPTHS = (8, 10, 12, 14, 16)
"""Bits that a grey value may have: cameras and scanners keep 10 to 14 of them in files of 16."""


def depth_of(largest: int) -> int:
    """Return the fewest bits of `DEPTHS` that hold a value.

    Examples
    --------
    >>> depth_of(255), depth_of(4095), depth_of(4096)
    (8, 12, 14)
    """
    return next(bits for bits in DEPTHS if largest < 1 << bits)


def decoded(
    image: "Image", name: str, *, grey: bool = False, depth: int = 16, background: str = "white"
) -> "Image":
    """Return an image as 8-bit pixels: upright, over its background, mode ``L`` or ``RGB``.

    Parameters
    ----------
    image : PIL.Image.Image
        From `open_image`, as stored.
    name : str
        What to call it in messages: its path, or its row.
    grey : bool, default=False
        Whether one channel is wanted.
    depth : int, default=16
        Bits that the values of a mode of `WIDE` span; they are scaled over ``2**depth - 1``.
    background : str, default="white"
        Key of BACKGROUNDS.

    Raises
    ------
    DataError
        If it is damaged, its mode has no 8-bit form, or its drawing has the background's colour.
    """
    from PIL import ImageOps

    wanted = "L" if grey else "RGB"
    upright = ImageOps.exif_transpose(image)
    clear = upright.has_transparency_data
    if upright.mode in WIDE and not clear:
        return _narrowed(upright, name, depth).convert(wanted)
    if clear and upright.mode in CLEAR | PLAIN:
        return _over(upright, name, background).convert(wanted)
    if upright.mode in PLAIN:
        return upright.convert(wanted)
    raise DataError(
        f"Expected an image of 8 bits per channel, or of 16 bits of grey, at {name}; its mode is "
        f"{image.mode!r}{' with a transparent value' if clear else ''}, whose range of values is "
        "not known. Convert the image, for example to an 8-bit PNG."
    )


def _over(image: "Image", name: str, background: str) -> "Image":
    """Return a transparent image over a background, refused when nothing of it is left to see."""
    from PIL import Image

    layers = image.convert("RGBA")
    value = BACKGROUNDS[background]
    ground = Image.new("RGBA", layers.size, (value, value, value, 255))
    seen = Image.alpha_composite(ground, layers).convert("RGB")
    alpha, pixels = np.asarray(layers)[..., 3], np.asarray(seen)
    if alpha.min() != alpha.max() and (pixels == value).all():
        other = next(each for each in BACKGROUNDS if each != background)
        raise DataError(
            f"Expected something to see at {name} over a {background} background; its drawing is "
            f"in transparency and {background} itself. Name another one: --background {other}"
        )
    return seen


def _narrowed(image: "Image", name: str, depth: int) -> "Image":
    """Return grey of more than 8 bits scaled to 8, halves rounded up."""
    from PIL import Image

    values, top = wide_values(image, name), (1 << depth) - 1
    if int(values.max()) > top:
        raise DataError(
            f"Expected grey values up to {top:,} at {name}, the {depth} bits of its set; got "
            f"{int(values.max()):,}. Convert the image to 8 bits, or prepare it with its set."
        )
    return Image.fromarray(((values * 255 + top // 2) // top).astype(np.uint8))


def wide_values(image: "Image", name: str) -> np.ndarray:
    """Return the grey values of a mode of `WIDE` as int64, refused outside 0 … 65,535.

    Parameters
    ----------
    image : PIL.Image.Image
        Of a mode of `WIDE`.
    name : str
        What to call it in messages.
    """
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() >= 1 << DEPTHS[-1]:
        raise DataError(
            f"Expected grey values 0 … 65,535 at {name}; got {values.min():,} … "
            f"{values.max():,} (mode {image.mode!r}). Convert the image to 8 or 16 bits."
        )
    return values


@contextmanager
def open_image(source: Path | bytes, name: str) -> Iterator["Image"]:
    """Give an image of which only the head is read, closed afterwards.

    Whatever a damaged file makes Pillow raise inside the block becomes one sentence with its name.

    Parameters
    ----------
    source : Path or bytes
        A file, or what stands in one.
    name : str
        What to call it in messages.

    Raises
    ------
    DataError
        If it is missing, no whole image, or declares more pixels than can be meant.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as opened:
            yield opened
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(
            f"Expected an image at {name}; there is none. Unpack the archive again, or take the "
            "line out of the index list."
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(
            f"Expected an image that can be held in memory in {name}; its head declares too many "
            f"pixels ({_line(error)}). Scale it down, or take it out."
        ) from None
    except Exception as error:  # readers of damaged files raise anything: struct.error, KeyError
        length = len(source) if isinstance(source, bytes) else _length(source)
        raise DataError(
            f"Expected a whole image at {name}; got {length:,} bytes that end early or are no "
            f"image ({_line(error)}). Unpack or fetch this file again, or take it out."
        ) from error


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def frames_of(image: "Image") -> int:
    """Return how many pictures a file holds that are meant to be seen one after the other.

    A phone's JPEG with a second picture inside (MPO) counts as one: the first is the photograph.
    """
    return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))


def orientation_of(image: "Image") -> int:
    """Return the orientation that a camera noted, 1 … 8; 1 where there is none or no valid one."""
    tag = image.getexif().get(0x0112)
    return tag if isinstance(tag, int) and 1 <= tag <= 8 else 1


def fitted(image: "Image", size: tuple[int, int]) -> "Image":
    """Return an image scaled (bicubic) until it covers a size, with its centre kept.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any size and mode.
    size : (int, int)
        (height, width) in pixels.
    """
    from PIL.Image import Resampling

    height, width = size
    scale = max(height / image.height, width / image.width)
    if scale == 1 and image.size == (width, height):
        return image
    covered = (max(round(image.width * scale), width), max(round(image.height * scale), height))
    if covered[0] * covered[1] > LARGEST:  # a strip: only its centre is scaled
        side = (width / scale / 2, height / scale / 2)
        middle = (image.width / 2, image.height / 2)
        box = (middle[0] - side[0], middle[1] - side[1], middle[0] + side[0], middle[1] + side[1])
        return image.resize((width, height), Resampling.BICUBIC, box=box)
    left, upper = (covered[0] - width) // 2, (covered[1] - height) // 2
    resized = image.resize(covered, Resampling.BICUBIC)
    return resized.crop((left, upper, left + width, upper + height))


def pixels(image: "Image", size: tuple[int, int]) -> UInt8[np.ndarray, "h w c"]:
    """Return a decoded image fitted to a size, as an array.

    Parameters
    ----------
    image : PIL.Image.Image
        From `decoded`.
    size : (int, int)
        (height, width) in pixels.
    """
    return np.asarray(fitted(image, size)).reshape(*size, -1)
