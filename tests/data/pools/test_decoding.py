"""Every mode of an image is decoded on purpose, or refused in one sentence with the file."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from harness.data.pools.decoding import decoded, depth_of, fitted, open_image, orientation_of
from harness.data.pools.file_pools import decode
from harness.errors import DataError

GREYS = np.array([[0, 51], [102, 255]], dtype=np.uint8)
COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 8, 7]]], dtype=np.uint8)


def seen(image, path, grey=False, **options):
    """What is decoded of an image that was saved as a file."""
    image.save(path)
    with open_image(path, str(path)) as opened:
        return np.asarray(decoded(opened, str(path), grey=grey, **options))


def repeated(grey):
    return np.repeat(grey[..., None], 3, axis=2)


LOSSLESS = {
    "1": ("png", Image.fromarray(GREYS > 100), repeated(np.uint8(255) * (GREYS > 100))),
    "L": ("png", Image.fromarray(GREYS), repeated(GREYS)),
    "L as TIFF": ("tiff", Image.fromarray(GREYS), repeated(GREYS)),
    "RGB": ("png", Image.fromarray(COLOURS), COLOURS),
    "RGB as WebP": ("bmp", Image.fromarray(COLOURS), COLOURS),
    "P": ("png", Image.fromarray(COLOURS).quantize(4), COLOURS),
    "P as GIF": ("gif", Image.fromarray(COLOURS).quantize(4), COLOURS),
    "RGBX": ("tiff", Image.fromarray(COLOURS).convert("RGBX"), COLOURS),
    "opaque RGBA": ("png", Image.fromarray(COLOURS).convert("RGBA"), COLOURS),
    "opaque LA": ("png", Image.fromarray(GREYS).convert("LA"), repeated(GREYS)),
    "CMYK": ("tiff", Image.new("CMYK", (2, 2), (0, 255, 255, 0)), [[[255, 0, 0]] * 2] * 2),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_modes_of_eight_bits_are_what_their_pixels_say(kind, tmp_path):
    ending, image, expected = LOSSLESS[kind]
    assert np.array_equal(seen(image, tmp_path / f"x.{ending}"), expected)


WIDE = {
    "I;16 PNG": (np.uint16, "png", {}),
    "I;16 TIFF": (np.uint16, "tiff", {}),
    "I;16B TIFF": (">u2", "tiff", {}),
    "I TIFF": (np.int32, "tiff", {}),
}


@pytest.mark.parametrize("kind", WIDE)
def test_sixteen_bits_of_grey_are_scaled_not_cut(kind, tmp_path):
    dtype, ending, _ = WIDE[kind]
    values = np.array([[0, 257], [128 * 257, 65535]])
    image = Image.fromarray(values.astype(dtype))
    assert seen(image, tmp_path / f"x.{ending}", grey=True).tolist() == [[0, 1], [128, 255]]
    assert seen(image, tmp_path / f"x.{ending}").shape == (2, 2, 3)


def test_twelve_bits_in_sixteen_span_twelve(tmp_path):
    image = Image.fromarray(np.array([[0, 4095], [2048, 16]], dtype=np.uint16))
    assert seen(image, tmp_path / "x.png", grey=True, depth=12).tolist() == [[0, 255], [128, 1]]
    with pytest.raises(DataError, match="up to 1,023 at .*x.png, the 10 bits.*got 4,095"):
        seen(image, tmp_path / "x.png", grey=True, depth=10)
    assert [depth_of(v) for v in (0, 255, 256, 1023, 4095, 16383, 16384, 65535)] == [
        8, 8, 10, 10, 12, 14, 16, 16,
    ]  # fmt: skip


def test_rgb_of_sixteen_bits_keeps_its_high_bytes(tmp_path):
    """Pillow has no such mode; the file is written by hand."""
    row = b"\0" + struct.pack(">6H", 65535, 0, 257 * 9, 0, 257 * 200, 65535)
    head = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    (tmp_path / "x.png").write_bytes(png(head, row))
    assert decode(tmp_path / "x.png", (1, 2)).tolist() == [[[255, 0, 9], [0, 200, 255]]]


def transparent(mode):
    """A drawing that is only in transparency: black, visible at the left."""
    alpha = Image.fromarray(np.array([[255, 0], [255, 0]], dtype=np.uint8))
    image = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    image.putalpha(alpha)
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_the_background_that_is_named(mode, tmp_path):
    image = transparent(mode)
    assert seen(image, tmp_path / "x.png", grey=True).tolist() == [[0, 255], [0, 255]]
    with pytest.raises(DataError, match="over a black background.*--background white"):
        seen(image, tmp_path / "x.png", background="black")


def test_half_transparent_is_half_of_each(tmp_path):
    image = Image.new("RGBA", (1, 1), (0, 0, 0, 128))
    assert seen(image, tmp_path / "x.png").tolist() == [[[127] * 3]]
    assert seen(image, tmp_path / "x.png", background="black").tolist() == [[[0] * 3]]


def test_transparent_values_of_palettes_grey_and_rgb_count_as_transparency(tmp_path):
    palette = Image.fromarray(COLOURS).quantize(4)
    first = palette.getpixel((0, 0))
    palette.info["transparency"] = first
    path = tmp_path / "p.png"
    palette.save(path, transparency=first)
    assert decode(path, (2, 2))[0, 0].tolist() == [255] * 3
    Image.fromarray(GREYS).save(tmp_path / "l.png", transparency=51)
    assert decode(tmp_path / "l.png", (2, 2))[0, 1].tolist() == [255] * 3
    Image.fromarray(COLOURS).save(tmp_path / "c.png", transparency=(0, 255, 0))
    assert decode(tmp_path / "c.png", (2, 2))[0, 1].tolist() == [255] * 3


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tiff", "webp"])
def test_every_orientation_is_applied(tag, ending, tmp_path, rng):
    """Stored as a camera would store it, an image is seen as it was."""
    upright = Image.fromarray(rng.integers(0, 256, (3, 5, 3), dtype=np.uint8))
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for turn in turns.get(tag, []):
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = tag
    options = {"lossless": True} if ending == "webp" else {}
    stored.save(tmp_path / f"x.{ending}", exif=exif, **options)
    assert np.array_equal(decode(tmp_path / f"x.{ending}", (3, 5)), np.asarray(upright))
    with Image.open(tmp_path / f"x.{ending}") as image:
        assert orientation_of(image) == tag


def test_an_orientation_that_stands_in_xmp_is_applied(tmp_path):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    Image.new("RGB", (8, 4), (9, 9, 9)).save(tmp_path / "x.jpg", xmp=xmp)
    with open_image(tmp_path / "x.jpg", "x") as image:
        assert orientation_of(image) == 6
        assert decoded(image, "x").size == (4, 8)


@pytest.mark.parametrize("tag", [0, 9, 255])
def test_an_orientation_that_is_none_changes_nothing(tag, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(COLOURS).save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(decode(tmp_path / "x.png", (2, 2)), COLOURS)


def test_of_several_frames_the_first_is_taken(tmp_path):
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    for ending in ("gif", "png", "tiff", "webp"):
        path = tmp_path / f"x.{ending}"
        options = {"lossless": True} if ending == "webp" else {}
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        assert decode(path, (2, 2))[0, 0].tolist() == [255, 0, 0], ending


def test_one_pixel_and_long_strips_have_a_centre(tmp_path):
    Image.new("RGB", (1, 1), (7, 8, 9)).save(tmp_path / "dot.png")
    assert (decode(tmp_path / "dot.png", (16, 16)) == [7, 8, 9]).all()
    Image.new("RGB", (60_000, 1), (7, 8, 9)).save(tmp_path / "strip.png")
    assert (decode(tmp_path / "strip.png", (224, 224)) == [7, 8, 9]).all()
    assert fitted(Image.new("L", (1, 30_000), 5), (300, 300)).size == (300, 300)


def raw(mode, **options):
    buffer = io.BytesIO()
    Image.new(mode, (4, 4)).save(buffer, **options)
    return buffer.getvalue()


def jpeg():
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format="JPEG")
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(head, rows):
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def bomb():
    """A head that declares 20,000 × 20,000 pixels, as small as they come."""
    return png(struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0), b"")


def wide(values, dtype):
    buffer = io.BytesIO()
    Image.fromarray(np.array([values], dtype=dtype)).save(buffer, format="TIFF")
    return buffer.getvalue()


BAD = {
    "float": (raw("F", format="TIFF"), "mode is 'F', whose range of values is not known"),
    "lab": (raw("LAB", format="TIFF"), "mode is 'LAB'"),
    "negative": (wide([-1, 5], np.int32), "grey values 0 … 65,535 .*got -1 … 5 .mode 'I'"),
    "over 16 bits": (wide([0, 70_000], np.int32), "got 0 … 70,000"),
    "empty": (b"", "got 0 bytes that end early or are no image"),
    "web page": (b"<html>", "got 6 bytes that end early"),
    "text": (b"hello" * 30, "got 150 bytes"),
    "half a jpeg": (jpeg()[: len(jpeg()) // 2], "image file is truncated"),
    "head of a jpeg": (jpeg()[:30], "got 30 bytes"),
    "head of a png": (raw("RGB", format="PNG")[:20], "got 20 bytes"),
    "png without its end": (raw("RGB", format="PNG")[:45], "got 45 bytes"),
    "gif of nothing": (b"GIF89a", "got 6 bytes"),
    "zip": (b"PK\x03\x04" + bytes(60), "got 64 bytes"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "are no image"),
    "bomb": (bomb(), "declares too many pixels .*400000000 pixels"),
    "sum of a png": (raw("RGB", format="PNG")[:-20] + bytes(20), "end early or are no image"),
    "pickle": (b"\x80\x04\x95" + bytes(20), "are no image"),
    "npy": (b"\x93NUMPY" + bytes(40), "are no image"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_decoded_is_one_sentence_with_the_file(kind, tmp_path):
    content, words = BAD[kind]
    path = tmp_path / "bad.img"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as refused:
        decode(path, (4, 4))
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore")
def test_bytes_flipped_in_a_file_are_never_a_traceback(tmp_path):
    """Whatever Pillow raises of a damaged file is a sentence; some damage decodes."""
    rng = np.random.default_rng(5)
    whole = [jpeg(), raw("RGB", format="PNG"), raw("L", format="TIFF"), raw("P", format="GIF")]
    refused = 0
    for _ in range(150):
        data = bytearray(whole[rng.integers(4)])
        for at in rng.integers(0, min(len(data), 400), 6):
            data[at] = rng.integers(256)
        (tmp_path / "x").write_bytes(bytes(data))
        try:
            decode(tmp_path / "x", (4, 4))
        except DataError as error:
            refused += 1
            assert str(tmp_path / "x") in str(error)
    assert refused > 30
