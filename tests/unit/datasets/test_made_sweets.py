import numpy as np
import pytest
from PIL import Image

from tltk._cache import bundle_folder
from tltk.datasets import made_sweets as module
from tltk.datasets import make_sweets
from tltk.inputs._tables import read_columns

NAMES = ("candy", "chocolate", "cookie", "cupcake", "doughnut", "lollipop")


@pytest.fixture(scope="module", params=["noto", "fluent"])
def style(request):
    return request.param


@pytest.fixture(scope="module")
def sweets(style):
    return make_sweets(16, 64, style=style, seed=5)


@pytest.fixture(scope="module")
def single(style):
    return make_sweets(16, 48, style=style, most_objects=1)


def ends(seen):
    rows, columns = np.nonzero(seen)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def on_page(values, each, size):
    """The values of a drawing alone on an empty page, by indices."""
    page = np.zeros((size, size, *values.shape[2:]), values.dtype)
    height, width = values.shape[:2]
    rows, columns = np.mgrid[each.top : each.top + height, each.left : each.left + width]
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    page[rows[inside], columns[inside]] = values[inside]
    return page


def test_shapes_and_types(sweets):
    assert sweets.images.shape == (16, 64, 64, 3)
    assert sweets.masks.shape == (16, 64, 64)
    assert {sweets.images.dtype.name, sweets.masks.dtype.name} == {"uint8"}
    assert sweets.labels.shape == (16, 6)
    assert sweets.labels.dtype == "float32"
    assert sweets.class_names == NAMES


@pytest.mark.parametrize("part", ["train", "test"])
def test_pictures_masks_and_boxes_are_those_of_the_drawings_one_by_one(style, part):
    size, made = 64, make_sweets(12, 64, style=style, part=part, seed=5)
    drawings, others = module._drawings(style, part)
    photos = module._photographs(part)
    hidden = 0
    for row in range(12):
        keys = [5, ("noto", "fluent").index(style), ("train", "test").index(part), row]
        random = np.random.default_rng(keys)
        picture = np.asarray(module._cutting(photos, size, random)).astype(float)
        placed = module._scene(tuple(drawings.values()), others, size, 4, random)
        topmost = np.full((size, size), -1)
        for number, each in enumerate(placed):
            values = on_page(np.asarray(each.drawing), each, size)
            hidden += np.count_nonzero((topmost >= 0) & (values[..., 3] > 127))
            topmost[values[..., 3] > 127] = number
            share = values[..., 3:] / 255
            picture = (1 - share) * picture + share * values[..., :3]
        kinds = np.array([each.label for each in placed] + [-1])
        np.testing.assert_array_equal(made.masks[row], kinds[topmost] + 1)
        assert np.abs(made.images[row] - picture).max() < 1 + len(placed)
        assert made.boxes[row] == [
            (each.label, *ends(topmost == number))
            for number, each in enumerate(placed)
            if each.label >= 0
        ]
        for number, each in enumerate(placed):
            whole = np.count_nonzero(np.asarray(each.drawing)[..., 3] > 127)
            assert np.count_nonzero(topmost == number) >= 0.4 * whole
    assert hidden > 0


def test_labels_are_the_classes_of_boxes_and_masks(sweets):
    for boxes, mask, label in zip(sweets.boxes, sweets.masks, sweets.labels, strict=True):
        there = set(np.flatnonzero(label))
        assert there == {box[0] for box in boxes} == set(np.unique(mask)[1:] - 1)
    assert {len(boxes) for boxes in sweets.boxes} >= {1, 2, 3}


def test_a_single_sweet_is_whole_and_is_the_label(single):
    assert single.labels.dtype == "int32"
    assert len(set(single.labels.tolist())) > 3
    for boxes, mask, label in zip(single.boxes, single.masks, single.labels, strict=True):
        assert boxes == [(label, *ends(mask > 0))]
        assert set(np.unique(mask)) == {0, label + 1}
        assert 0.3 * 48 < max(boxes[0][3] - boxes[0][1], boxes[0][4] - boxes[0][2]) <= 48


def test_more_pictures_begin_with_the_same_ones(style, sweets):
    fewer = make_sweets(5, 64, style=style, seed=5)
    np.testing.assert_array_equal(fewer.images, sweets.images[:5])
    assert fewer.boxes == sweets.boxes[:5]


def test_seed_style_and_part_give_other_pictures():
    first = make_sweets(2, 32).images
    for other in ({"seed": 1}, {"style": "fluent"}, {"part": "test"}):
        assert not np.array_equal(make_sweets(2, 32, **other).images, first)


def test_test_pictures_have_other_photographs_and_other_things(monkeypatch):
    files, parts = read_columns(bundle_folder() / "photos_small" / "split.tsv", ("file", "part"))
    part_of = dict(zip(files, parts, strict=True))
    read = []
    monkeypatch.setattr(
        module, "read_image", lambda path, image_size: read.append(path) or np.zeros((40, 40, 3))
    )
    seen = {}
    for part in ("train", "test"):
        read.clear()
        module._photographs(part)
        seen[part] = {part_of["/".join(path.parts[-2:])] for path in read}
    assert seen == {"train": {"train", "val"}, "test": {"test"}}
    for style in ("noto", "fluent"):
        (kept, others), (same, new) = (module._drawings(style, part) for part in ("train", "test"))
        assert list(kept) == list(same) == list(NAMES)
        assert len({drawing.tobytes() for drawing in [*kept.values(), *others, *new]}) == 30


def test_a_sweet_is_known_by_its_pixels_in_one_style(single, style):
    """What is cut out is a sweet, and the right one: far above one in six."""

    def crops(made):
        found = []
        for picture, [(_, left, top, right, bottom)] in zip(made.images, made.boxes, strict=True):
            cut = Image.fromarray(picture[top:bottom, left:right]).resize((12, 12))
            found.append(np.asarray(cut, float).ravel())
        return np.array(found)

    known = make_sweets(60, 48, style=style, most_objects=1, seed=9)
    distances = ((crops(single)[:, None] - crops(known)[None]) ** 2).sum(axis=2)
    assert (known.labels[distances.argmin(axis=1)] == single.labels).mean() > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n=0"),
        ({"image_size": 16}, "image_size=16"),
        ({"style": "Noto"}, "style='Noto'"),
        ({"part": "val"}, "part='val'"),
        ({"most_objects": 0}, "most_objects=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_sweets(**{"n": 1, **options})
