import io
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

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


def test_other_formats_are_refused():
    with pytest.raises(ValueError, match="not a JPEG, PNG, GIF, BMP or WebP"):
        read_image(encoded(Image.fromarray(COLOURS), "TIFF"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg \(No such file"):
        read_image(tmp_path / "gone.jpg")


@pytest.mark.parametrize("size", [0, 2.5, (3, -1), "big", (1, 2, 3)])
def test_a_bad_size_is_refused(size):
    with pytest.raises(ValueError, match=r"image_size must be.*Received: image_size="):
        height_and_width(size)


def test_a_bad_resize_method_is_refused():
    with pytest.raises(ValueError, match="one of bicubic, bilinear, lanczos, nearest"):
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
    assert all(method.upper() in Image.Resampling.__members__ for method in decoding.RESIZE_METHODS)
