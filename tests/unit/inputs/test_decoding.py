import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from tltk.inputs import decoding
from tltk.inputs.decoding import height_and_width, in_parallel, read_image, resize_images

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), "uint8")
GREY = COLOURS[..., 0]


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(content):
    return read_image(content, image_size=None)


def png16(pixels):
    """Writes a 16-bit PNG byte by byte, as Pillow cannot for RGB."""
    height, width, channels = pixels.shape
    kind = {1: 0, 3: 2}[channels]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(name, body):
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True, "exact": True})],
)
def test_lossless_formats_come_back_exactly(kind, options):
    content = encoded(Image.fromarray(COLOURS), kind, **options)
    found = read(content)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, COLOURS)


def test_jpeg_comes_back_as_tensorflow_decodes_it():
    import tensorflow as tf

    smooth = np.linspace(0, 255, 32 * 48 * 3).reshape(32, 48, 3).astype("uint8")
    content = encoded(Image.fromarray(smooth), "JPEG", quality=95, subsampling=0)
    expected = tf.io.decode_jpeg(content, dct_method="INTEGER_ACCURATE").numpy()
    assert np.abs(read(content).astype(int) - expected).max() <= 1


def test_a_gif_gives_its_first_frame():
    first = Image.fromarray(GREY // 64 * 64)
    content = encoded(first, "GIF", save_all=True, append_images=[Image.new("L", (9, 6), 9)])
    expected = np.stack([GREY // 64 * 64] * 3, axis=-1)
    np.testing.assert_array_equal(read(content), expected)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_greyscale_is_repeated_in_three_channels(kind):
    np.testing.assert_array_equal(
        read(encoded(Image.fromarray(GREY), kind)), np.stack([GREY] * 3, axis=-1)
    )


def test_black_and_white():
    bits = GREY > 127
    content = encoded(Image.fromarray(bits), "PNG")
    np.testing.assert_array_equal(read(content), np.stack([bits * np.uint8(255)] * 3, axis=-1))


def test_a_greyscale_jpeg_has_three_equal_channels():
    found = read(encoded(Image.new("L", (8, 8), 77), "JPEG"))
    assert np.unique(found).tolist() == [77]


PALETTE = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 200]], "uint8")
INDICES = GREY % 3


def palette_image():
    image = Image.fromarray(INDICES, "L").convert("P")
    image.putdata(INDICES.ravel().tolist())
    image.putpalette(PALETTE.ravel().tolist())
    return image


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
def test_a_palette_is_looked_up(kind):
    np.testing.assert_array_equal(read(encoded(palette_image(), kind)), PALETTE[INDICES])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(kind):
    expected = PALETTE[INDICES].copy()
    expected[INDICES == 1] = 255
    content = encoded(palette_image(), kind, transparency=1)
    np.testing.assert_array_equal(read(content), expected)


def test_palette_entries_of_partial_transparency_are_mixed_with_white():
    content = encoded(palette_image(), "PNG", transparency=bytes([255, 128, 0]))
    alpha = (np.array([255, 128, 0]) / 255)[INDICES][..., None]
    expected = PALETTE[INDICES] * alpha + 255 * (1 - alpha)
    assert np.abs(read(content) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_rgba_is_laid_on_white(kind):
    alpha = np.random.default_rng(1).integers(0, 256, (6, 9, 1), "uint8")
    image = Image.fromarray(np.concatenate([COLOURS, alpha], axis=-1))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    expected = COLOURS * (alpha / 255) + 255 * (1 - alpha / 255)
    assert np.abs(read(encoded(image, kind, **options)) - expected).max() <= 1


def test_grey_with_alpha_and_rgb_with_one_transparent_colour_are_laid_on_white():
    both = Image.fromarray(np.stack([GREY, GREY // 2], axis=-1), "LA")
    expected = GREY * (GREY // 2 / 255) + 255 * (1 - GREY // 2 / 255)
    assert np.abs(read(encoded(both, "PNG"))[..., 1] - expected).max() <= 1

    content = encoded(Image.fromarray(COLOURS), "PNG", transparency=tuple(COLOURS[2, 3].tolist()))
    expected = COLOURS.copy()
    expected[2, 3] = 255
    np.testing.assert_array_equal(read(content), expected)


def test_transparent_borders_leave_no_fringe_after_resizing():
    pixels = np.zeros((16, 16, 4), "uint8")
    pixels[4:12, 4:12] = 255
    found = read_image(encoded(Image.fromarray(pixels), "PNG"), image_size=5)
    assert found.min() == 255


def test_cmyk_jpeg():
    content = encoded(Image.new("CMYK", (16, 16), (255, 51, 0, 51)), "JPEG", quality=100)
    ink, key = np.array([255, 51, 0]), 51
    expected = (255 - ink) * (255 - key) / 255
    assert np.abs(read(content) - expected).max() <= 3


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_pictures_keep_their_upper_bits(channels):
    deep = np.random.default_rng(2).integers(0, 65536, (5, 7, channels), "uint16")
    deep[0, 0], deep[0, 1] = 0, 65535
    expected = np.broadcast_to((deep / 256).astype("uint8"), (5, 7, 3))
    np.testing.assert_array_equal(read(png16(deep)), expected)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, COLOURS),
        (2, COLOURS[:, ::-1]),
        (3, COLOURS[::-1, ::-1]),
        (4, COLOURS[::-1]),
        (5, COLOURS.swapaxes(0, 1)),
        (6, COLOURS.swapaxes(0, 1)[:, ::-1]),
        (7, COLOURS.swapaxes(0, 1)[::-1, ::-1]),
        (8, COLOURS.swapaxes(0, 1)[::-1]),
    ],
)
def test_exif_orientation_is_followed(orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(read(encoded(Image.fromarray(COLOURS), "PNG", exif=exif)), turned)
    flat = np.zeros((16, 32, 3), "uint8")
    jpeg = encoded(Image.fromarray(flat), "JPEG", exif=exif)
    assert read(jpeg).shape[:2] == ((16, 32) if orientation < 5 else (32, 16))


def test_shrinking_by_a_whole_factor_with_a_box_is_an_average_and_is_smooth():
    stripes = np.zeros((64, 64, 3), "uint8")
    stripes[:, ::2] = 255
    content = encoded(Image.fromarray(stripes), "PNG")
    for method in ("bicubic", "bilinear", "lanczos"):
        inner = read_image(content, 8, method)[2:-2, 2:-2].astype(int)
        assert np.abs(inner - 127.5).max() <= 3
    assert set(np.unique(read_image(content, 8, "nearest"))) <= {0, 255}


def test_bilinear_enlarging_is_as_tensorflow_does_it():
    import tensorflow as tf

    expected = tf.image.resize(COLOURS, (15, 20), "bilinear").numpy()
    found = read_image(encoded(Image.fromarray(COLOURS), "PNG"), (15, 20), "bilinear")
    assert found.shape == (15, 20, 3)
    assert np.abs(found - expected).max() <= 1.01


def test_a_stack_is_resized_like_single_pictures():
    stack = np.stack([COLOURS, COLOURS[::-1], 255 - COLOURS])
    found = resize_images(stack, (12, 7), "lanczos")
    for picture, resized in zip(stack, found, strict=True):
        content = encoded(Image.fromarray(picture), "PNG")
        np.testing.assert_array_equal(resized, read_image(content, (12, 7), "lanczos"))
    np.testing.assert_array_equal(resize_images(stack, (6, 9)), stack)


SHAPES = [(9, 6), (6, 9), (7, 7), (300, 200), (200, 301), (40, 3), (3, 41)]


@pytest.mark.parametrize("size", [(8, 8), (5, 12), (12, 5), (64, 48)])
@pytest.mark.parametrize("shape", SHAPES)
def test_crop_and_pad_are_those_of_pillow(shape, size):
    pixels = np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3), "uint8")
    image = Image.fromarray(pixels)
    expected = {
        "crop": np.asarray(ImageOps.fit(image, size[::-1])),
        "pad": None
        if min(ImageOps.contain(image, size[::-1]).size) == 0
        else np.asarray(ImageOps.pad(image, size[::-1])),
    }
    for resize, pixels_of_pillow in expected.items():
        found = read_image(encoded(image, "PNG"), size, resize)
        assert found.shape == (*size, 3)
        if pixels_of_pillow is not None:
            np.testing.assert_array_equal(found, pixels_of_pillow)
        np.testing.assert_array_equal(resize_images(pixels[None], size, resize)[0], found)


def test_a_picture_too_narrow_to_be_seen_is_padded_to_a_line():
    found = read_image(encoded(Image.new("RGB", (300, 1), "white"), "PNG"), 9, "pad")
    assert found[..., 0].tolist() == [[255 if row == 4 else 0] * 9 for row in range(9)]


def test_grey_is_cropped_and_padded():
    image = Image.fromarray(GREY)
    for resize, by_pillow in {"crop": ImageOps.fit, "pad": ImageOps.pad}.items():
        found = read_image(encoded(image, "PNG"), 4, resize, channels=1)
        np.testing.assert_array_equal(found[..., 0], np.asarray(by_pillow(image, (4, 4))))


def photo_like(width, height):
    """Waves of several lengths with some noise: what a JPEG of a photograph holds."""
    down, across = np.mgrid[:height, :width] / 8.0
    waves = [np.sin(across / k + k) * np.cos(down / (k + 1)) for k in (1, 3, 9)]
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    return np.clip(128 + 40 * np.stack(waves, -1) + noise, 0, 255).astype("uint8")


PHOTO = encoded(Image.fromarray(photo_like(640, 480)), "JPEG", quality=92)
IN_PASSES = encoded(Image.fromarray(photo_like(640, 480)), "JPEG", quality=92, progressive=True)


def scale_of(content, size, resize="bicubic", exact=False):
    """How many times smaller than 640 pixels Pillow was asked to decode."""
    with decoding._opened(content, "photo", size, resize, exact) as (image, *_):
        return round(640 / max(image.size))


@pytest.mark.parametrize(
    ("size", "resize", "scale"),
    [
        ((120, 160), "bicubic", 2),  # 240 x 320 is twice as large
        ((121, 160), "bicubic", 1),
        ((30, 40), "lanczos", 8),
        ((31, 40), "bilinear", 4),
        ((31, 40), "nearest", 1),
        ((30, 30), "crop", 8),  # of 480 x 480
        ((61, 61), "crop", 2),
        ((60, 40), "crop", 4),  # of 480 x 320
        ((40, 40), "pad", 8),  # lies there as 30 x 40
        ((41, 41), "pad", 4),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_is_twice_as_large(size, resize, scale):
    assert scale_of(PHOTO, size, resize) == scale
    assert scale_of(PHOTO, size, resize, exact=True) == 1
    turned = Image.Exif()
    turned[0x0112] = 6
    lying = encoded(Image.fromarray(photo_like(640, 480)), "JPEG", exif=turned)
    assert scale_of(lying, size[::-1], resize) == scale
    assert scale_of(encoded(Image.open(io.BytesIO(PHOTO)), "PNG"), size, resize) == 1


@pytest.mark.parametrize("content", [PHOTO, IN_PASSES], ids=["baseline", "progressive"])
@pytest.mark.parametrize("resize", ["bicubic", "bilinear", "lanczos", "crop", "pad"])
def test_decoded_small_a_picture_is_nearly_the_same(content, resize):
    for size in ((48, 48), (100, 31), (53, 80)):
        exact = read_image(content, size, resize, exact=True).astype(int)
        reduced = read_image(content, size, resize)
        assert not np.array_equal(reduced, exact)
        assert np.abs(reduced - exact).mean() < 0.6
        assert np.abs(reduced - exact).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_keeps_its_place_when_it_is_decoded_small(orientation):
    """Sides that are no multiple of eight, so that the last pixels stand for less than eight."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(photo_like(411, 397)), "JPEG", quality=95, exif=exif)
    for resize in ("bicubic", "crop", "pad"):
        exact = read_image(content, (20, 24), resize, exact=True).astype(int)
        assert np.abs(read_image(content, (20, 24), resize) - exact).mean() < 0.6


def test_in_full_the_digits_are_pillows():
    image = Image.open(io.BytesIO(PHOTO))
    expected = np.asarray(image.resize((48, 48), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(read_image(PHOTO, 48, exact=True), expected)
    nearest = np.asarray(image.resize((48, 48), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(read_image(PHOTO, 48, "nearest"), nearest)
    with pytest.raises(ValueError, match="exact must be .* Received: exact=1"):
        read_image(PHOTO, 48, exact=1)


@pytest.mark.parametrize("content", [PHOTO, IN_PASSES], ids=["baseline", "progressive"])
def test_at_every_scale_the_same_files_are_whole(content):
    def is_whole(read, *arguments):
        try:
            read(*arguments)
        except ValueError:
            return False
        return True

    random, found = np.random.default_rng(0), []
    ends = [*random.integers(700, len(content), 20), *range(len(content) - 20, len(content) + 1)]
    damaged = [content[:end] for end in ends]
    for at in random.integers(700, len(content) - 40, 40):
        damaged.append(content[:at] + random.bytes(30) + content[at + 30 :])
    for some in damaged:
        answers = {
            is_whole(decoding.examined, some, "a"),
            is_whole(read_image, some, 20),
            is_whole(read_image, some, None),
        }
        assert len(answers) == 1
        found += answers
    assert found[40]
    assert not any(found[:20])


def test_paths_are_read(tmp_path):
    file = tmp_path / "ünïcode picture.PNG"
    Image.fromarray(COLOURS).save(file)
    np.testing.assert_array_equal(read_image(str(file), None), COLOURS)
    np.testing.assert_array_equal(read_image(file, None), COLOURS)
    assert read_image(file).shape == (224, 224, 3)


NOISE = np.random.default_rng(3).integers(0, 256, (64, 64, 3), "uint8")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "GIF"])
def test_a_truncated_picture_is_refused(kind, tmp_path):
    content = encoded(Image.fromarray(NOISE), kind)
    read(content)
    file = tmp_path / "cut.jpg"
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"whole file.*Received: .*cut\.jpg"):
        read_image(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"a letter to my aunt" * 9, "not a JPEG, PNG"),
        (b"II*\0", "not"),
    ],
)
def test_what_is_no_picture_is_refused(content, reason):
    with pytest.raises(ValueError, match=f"Received: bytes.*{reason}"):
        read_image(content)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("PPM", {}),
        ("JPEG2000", {"irreversible": False}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_what_pillow_reads_is_read(kind, options):
    found = read(encoded(Image.fromarray(COLOURS), kind, **options)).astype(int)
    assert np.abs(found - COLOURS).max() <= (16 if kind == "AVIF" else 0)


def test_what_a_picture_is_that_cannot_be_read_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(ValueError, match=r"a HEIC picture, which needs pip install pillow-heif"):
        read_image(heic)
    with pytest.raises(ValueError, match="not a JPEG, PNG, GIF, BMP, WebP, TIFF, PPM, AVIF"):
        read_image(encoded(Image.fromarray(COLOURS), "ICO"))


def test_the_preview_in_a_cameras_raw_file_is_no_picture():
    from PIL import TiffImagePlugin

    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1
    with pytest.raises(ValueError, match="a camera's raw file, whose first picture is a preview"):
        read_image(encoded(Image.fromarray(COLOURS), "TIFF", tiffinfo=tags))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 12])
def test_deep_pictures_that_use_few_of_their_bits_are_told(channels, bits):
    deep = np.full((5, 7, channels), 2**bits - 1, "uint16")
    top = 2**bits - 1 if channels == 1 else 2 ** max(bits, 8) - 1
    with pytest.warns(
        UserWarning, match=f"values reach {top} of 65535, so that .* by {65535 // top}"
    ):
        assert read(png16(deep)).max() == 2**bits - 1 >> 8
    bright = (deep.astype(int) * (65535 // (2**bits - 1))).astype("uint16")
    assert read(png16(bright)).max() == 255


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.linspace(0, 1, 63), "floats from 0 to 1, so that black and white are not known"),
        (np.linspace(-3, 200, 63), "floats from -3 to 200"),
        (np.full(63, np.nan), "floats from nan"),
        (np.linspace(0, 2**20, 63).astype("int32"), "whole numbers from 0 to 1048576"),
    ],
)
def test_numbers_whose_black_and_white_are_not_known_are_refused(values, reason):
    values = values.reshape(7, 9)
    values = values if values.dtype == "int32" else values.astype("float32")
    with pytest.raises(ValueError, match=reason):
        read(encoded(Image.fromarray(values), "TIFF"))


def test_floats_from_0_to_255_are_rounded():
    values = np.linspace(0, 254.6, 63, dtype="float32").reshape(7, 9)
    found = read(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(found[..., 0], np.rint(values))


def test_grey_is_what_pillow_makes_of_colours():
    content = encoded(Image.fromarray(COLOURS), "PNG")
    expected = np.asarray(Image.fromarray(COLOURS).convert("L"))[..., None]
    np.testing.assert_array_equal(read_image(content, None, channels=1), expected)
    with pytest.raises(ValueError, match="channels must be one of 3, 1. Received: channels=4"):
        read_image(content, None, channels=4)


BROKEN_EXIF = {
    "cut off": b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0",
    "wrong magic": b"Exif\0\0XX*\0" + bytes(20),
    "text for a number": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\x006\0\0\0",
    "orientation 9": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0",
}


@pytest.mark.parametrize("block", BROKEN_EXIF.values(), ids=BROKEN_EXIF)
def test_pixels_are_read_where_exif_is_damaged(block):
    content = encoded(Image.new("RGB", (40, 20), (9, 99, 9)), "JPEG", exif=block)
    assert read(content).shape == (20, 40, 3)


def test_texts_in_a_png_are_no_reason_to_refuse_it():
    from PIL import PngImagePlugin

    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "x" * 3_000_000, zip=True)
    content = encoded(Image.fromarray(COLOURS), "PNG", pnginfo=texts)
    np.testing.assert_array_equal(read(content), COLOURS)


def peaks_of(*functions):
    """Runs functions in another process: what each adds to the peak of memory (MB) and says."""
    code = (
        "import resource\n"
        "from tltk.inputs.decoding import read_image\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        f"for function in [{', '.join(f'lambda: {function}' for function in functions)}]:\n"
        "    before = peak()\n"
        "    try: said = function()\n"
        "    except ValueError as error: said = error\n"
        "    print(peak() - before, said)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return [(int(megabytes), said) for megabytes, said in lines]


def png_of_zeros(width, height):
    lines = zlib.compressobj(1)
    row = bytes(1 + 4 * width)
    packed = b"".join(lines.compress(row) for _ in range(height)) + lines.flush()

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_large_pictures_take_little_memory_or_none(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_of_zeros(9000, 9000))
    Image.new("L", (16320, 12240), 90).save(tmp_path / "phone.jpg", quality=50)
    bomb, phone = peaks_of(
        f"read_image({str(tmp_path / 'bomb.png')!r})",
        f"read_image({str(tmp_path / 'phone.jpg')!r}, 224).mean()",
    )
    assert "81 megapixels, above the limit of 50 megapixels" in bomb[1]
    assert float(phone[1]) == 90
    assert max(bomb[0], phone[0]) < 100


@pytest.mark.parametrize(
    ("size", "kind"), [((9000, 9000), "PNG"), ((9000, 9000), "GIF"), ((20000, 9000), "TIFF")]
)
def test_pictures_above_the_limit_are_refused_by_their_header(size, kind):
    options = {"compression": "group4"} if kind == "TIFF" else {}
    content = encoded(Image.new("1", size), kind, **options)
    with pytest.raises(ValueError, match="above the limit of 50 megapixels .*, which only a JPEG"):
        read_image(content)


def test_a_jpeg_above_the_limit_is_decoded_small(monkeypatch):
    smooth = np.linspace(0, 255, 128 * 96 * 3).reshape(128, 96, 3).astype("uint8")
    content = encoded(Image.fromarray(smooth), "JPEG", quality=95)
    whole = {size: read_image(content, size) for size in (16, (20, 8), 90)}
    monkeypatch.setattr(decoding, "_LARGE", 128 * 96 // 4)
    for size, pixels in whole.items():  # at least twice the size asked for
        assert np.abs(read_image(content, size).astype(int) - pixels).max() <= 3
    monkeypatch.setattr(decoding, "_MOST_PIXELS", 128 * 96 // 4)
    for size in (16, (20, 8)):
        for how in ({}, {"exact": True}):
            found = read_image(content, size, **how).astype(int)
            assert np.abs(found - whole[size]).max() <= 6
    assert decoding.examined(content, "a.jpg") is None
    for size in (None, 90):
        with pytest.raises(ValueError, match="above the limit of .* which only a JPEG may exceed"):
            read_image(content, size)
    monkeypatch.setattr(decoding, "_MOST_OF_JPEG", 128 * 96 + 1)
    assert read_image(content, 16).shape == (16, 16, 3)
    slow = encoded(Image.fromarray(smooth), "JPEG", progressive=True)
    with pytest.raises(ValueError, match="above the limit"):
        read_image(slow, 16)


def test_a_file_above_the_limit_is_not_read(tmp_path):
    with open(tmp_path / "long.jpg", "wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(ValueError, match=r"may take 256 MiB. Received: .*long\.jpg of 256 MiB"):
        read_image(tmp_path / "long.jpg")


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(decoding, "_LARGE", 10)
    now, most = [], []
    before = decoding.upright_rgb

    def watched(image):
        now.append(1)
        most.append(len(now))
        time.sleep(0.02)
        now.pop()
        return before(image)

    monkeypatch.setattr(decoding, "upright_rgb", watched)
    content = encoded(Image.fromarray(COLOURS), "PNG")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(read, [content] * 16))
    assert max(most) == 1


def test_uploads_and_open_files_are_read(tmp_path):
    class Upload(io.BytesIO):
        name = "cat.jpg"

    content = encoded(Image.fromarray(COLOURS), "PNG")
    (tmp_path / "a.png").write_bytes(content)
    used = io.BytesIO(content)
    used.read()
    with open(tmp_path / "a.png", "rb") as file:
        for given in (content, bytearray(content), memoryview(content), used, file):
            np.testing.assert_array_equal(read(given), COLOURS)
    with pytest.raises(ValueError, match=r"Received: cat\.jpg \(the file is empty\)"):
        read(Upload())
    with pytest.raises(
        ValueError, match=r"open file in binary mode. Received: a StringIO, which gave"
    ):
        read(io.StringIO("letters"))
    with pytest.raises(ValueError, match="A file is a path, its bytes.*a int"):
        read(5)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg \(No such file"):
        read_image(tmp_path / "gone.jpg")


@pytest.mark.parametrize("size", [0, 2.5, (3, -1), "big", (1, 2, 3)])
def test_a_bad_size_is_refused(size):
    with pytest.raises(ValueError, match=r"image_size must be.*Received: image_size="):
        height_and_width(size)


def test_a_bad_resize_method_is_refused():
    with pytest.raises(ValueError, match="one of bicubic, bilinear, lanczos, nearest, crop, pad"):
        resize_images(NOISE[None], 8, "box")


@pytest.mark.parametrize("images", [NOISE, NOISE[None] / 255, NOISE[None, ..., :1]])
def test_a_stack_of_another_kind_is_refused(images):
    with pytest.raises(ValueError, match=r"uint8 array \(n, h, w, 3\)"):
        resize_images(images, 8)


def test_work_in_parallel_keeps_order_and_counts():
    second = threading.Event()
    done = []

    def work(item):
        second.wait(0.3) if item == 0 else second.set()
        return item * item

    assert in_parallel(work, range(9), lambda: done.append(1)) == [i * i for i in range(9)]
    assert len(done) == 9


def test_every_documented_method_exists_in_pillow():
    plain = set(decoding.RESIZE_METHODS) - {"crop", "pad"}
    assert {method.upper() for method in plain} < set(Image.Resampling.__members__)
