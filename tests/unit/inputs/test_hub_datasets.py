"""Data sets of Hugging Face: a stand-in that has what is asked of one, and real ones."""

import io

import numpy as np
import pytest
from PIL import Image

import tltk
from tltk.inputs import examples_of, read_image

PARTS = ("train", "val", "test")
NAMES = ["dog", "cat"]
COUNT = 24


def contents() -> list[bytes]:
    random, written = np.random.default_rng(0), []
    for number in range(COUNT):
        file = io.BytesIO()
        pixels = random.integers(0, 128, (9 + number, 12, 3), dtype="uint8")
        pixels += np.uint8(128 * (number % 2))  # cats are brighter
        Image.fromarray(pixels).save(file, "PNG")
        written.append(file.getvalue())
    return written


COLUMNS = {
    "image": [{"bytes": content, "path": None} for content in contents()],
    "label": [*(n % 2 for n in range(COUNT - 1)), -1],
    "tags": [[[0], [0, 1], [], [1]][n % 4] for n in range(COUNT)],
    "text": [f"film {n}" for n in range(COUNT)],
    "age": [n / 2 for n in range(COUNT)],
}


class Feature:
    """A column's type: `Image` by its own name, classes by their `names`, a list by `feature`."""

    def __init__(self, **facts):
        vars(self).update(facts)


Picture = type("Image", (Feature,), {})


class StandIn:
    """As much of a `datasets.Dataset` as is asked of one."""

    __module__ = "datasets.stand_in"

    def __init__(self, columns, features):
        self.columns, self.features = columns, features
        self.column_names = list(columns)
        self.num_rows = len(next(iter(columns.values())))

    def __getitem__(self, key):
        return self.columns if isinstance(key, slice) else self.columns[key]

    def select_columns(self, names):
        return StandIn({n: self.columns[n] for n in names}, {n: self.features[n] for n in names})

    def cast_column(self, name, feature):
        assert feature.decode is False
        return StandIn(self.columns, self.features | {name: feature})

    def select(self, rows):
        chosen = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return StandIn(chosen, self.features)


class StandInDict(dict):
    __module__ = "datasets.stand_in"

    @property
    def column_names(self):
        return {part: some.column_names for part, some in self.items()}


def stand_in():
    classes = Feature(names=NAMES)
    features = {"image": Picture(decode=True), "label": classes, "tags": Feature(feature=classes)}
    return StandIn(COLUMNS, features | {"text": Feature(), "age": Feature()}), StandInDict


def real():
    datasets = pytest.importorskip("datasets")
    classes = datasets.ClassLabel(names=NAMES)
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": classes,
            "tags": datasets.Sequence(classes),
            "text": datasets.Value("string"),
            "age": datasets.Value("float32"),
        }
    )
    return datasets.Dataset.from_dict(COLUMNS, features), datasets.DatasetDict


@pytest.fixture(params=[stand_in, real])
def made(request):
    return request.param()


@pytest.fixture
def data(made):
    """23 rows with a label."""
    return made[0].select(range(COUNT - 1))


def rows_of(splits):
    for part in PARTS:
        examples = getattr(splits, part)
        for name, x, y in zip(examples.names, *examples.arrays(), strict=True):
            yield int(name.rpartition(" ")[2]), x, y


def test_pictures_and_labels_are_those_of_the_rows(data):
    pets = tltk.image_table(data, path="image", image_size=8)
    assert pets.class_names == ("cat", "dog")
    seen = set()
    for row, pixels, label in rows_of(pets):
        seen.add(row)
        expected = read_image(COLUMNS["image"][row]["bytes"], 8)
        np.testing.assert_array_equal(pixels, expected)
        assert pets.class_names[label] == NAMES[COLUMNS["label"][row]]
    assert seen == set(range(COUNT - 1))
    assert pets.train.preparation["size"] == [8, 8]


def test_numbers_and_several_labels(made):
    ages = tltk.image_table(made[0], path="image", label="age", kind="regression", image_size=8)
    assert all(label == COLUMNS["age"][row] for row, _, label in rows_of(ages))
    tags = tltk.image_table(made[0], path="image", label="tags", kind="many_labels", image_size=8)
    assert tags.class_names == ("cat", "dog")
    for row, _, label in rows_of(tags):
        assert label.tolist() == [float(k in COLUMNS["tags"][row]) for k in (1, 0)]


def test_a_dict_names_the_parts(made, data):
    parts = {"train": data.select(range(12)), "validation": data.select(range(12, 18))}
    pets = tltk.image_table(
        made[1](**parts, test=data.select(range(18, 23))), path="image", image_size=8
    )
    assert [getattr(pets, part).count for part in PARTS] == [12, 6, 5]
    assert set(pets.files["val"]) == {f"validation/row {n}" for n in range(6)}
    whole = tltk.image_table(made[1](train=data), path="image", image_size=8)
    assert whole.test.count == 4


def test_what_cannot_be_used_is_named(made, data):
    with pytest.warns(UserWarning, match="24 rows of a .*left out 1 row without a label .row 23."):
        tltk.image_table(made[0], path="image", image_size=8)
    broken = {"bytes": b"no picture", "path": None}
    columns = COLUMNS | {"image": [broken, *COLUMNS["image"][1:]]}
    spoilt = StandIn(columns, stand_in()[0].features).select(range(COUNT - 1))
    with pytest.warns(
        UserWarning, match=r"1 of 23 pictures cannot be read .*row 0\. The first"
    ) as w:
        pets = tltk.image_table(spoilt, path="image", image_size=8)
    assert w[0].filename == __file__
    assert 0 not in {row for row, _, _ in rows_of(pets)}
    with pytest.raises(ValueError, match="whole file.*row 0"):
        tltk.image_table(spoilt, path="image", on_error="raise")


def test_texts(data):
    films = tltk.text_file(data.select(range(16)), val=0, test=data.select(range(16, 22)))
    assert films.class_names == ("cat", "dog")
    assert (films.train.count, films.test.count) == (16, 6)
    for examples in (films.train, films.test):
        for text, label in zip(*examples.arrays(), strict=True):
            row = COLUMNS["text"].index(text)
            assert (row < 16) == (examples is films.train)
            assert films.class_names[label] == NAMES[COLUMNS["label"][row]]


def test_the_door_names_the_reader(made):
    whole, parts = made[0], made[1](train=made[0])
    for given in (whole, parts):
        with pytest.raises(
            ValueError, match=r"with the columns image, label.*image_table\(data, pa"
        ):
            examples_of(given)
    with pytest.raises(
        ValueError, match=r'one part of a data set.*Received: .*Dict. Pass data\["t'
    ):
        tltk.text_file(parts)
    with pytest.raises(
        ValueError, match="hold strings and.*column 'image' of a data set, of type I"
    ):
        tltk.text_file(whole, text="image")
    with pytest.raises(ValueError, match="no column 'img' in the Dataset.*nearest is 'image'"):
        tltk.image_table(whole, path="img")


def test_a_stream_is_refused(made):
    datasets = pytest.importorskip("datasets")
    stream = datasets.Dataset.from_dict({"text": ["a"], "label": [0]}).to_iterable_dataset()
    with pytest.raises(ValueError, match="Received: IterableDataset.*without streaming=True"):
        tltk.text_file(stream)
    with pytest.raises(ValueError, match="is read by a reader.*Received: IterableDataset"):
        examples_of(stream)


def test_a_model_learns_from_one_and_answers(data):
    import keras

    keras.utils.set_random_seed(0)
    pets = tltk.image_table(data, path="image", image_size=8, batch_size=8)
    body = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    model = tltk.build_classifier(body, pets.class_names)
    tltk.fit_linear_head(model, pets.train)
    found = tltk.predict_split(model, pets.test)
    assert (found.probabilities.argmax(1) == found.labels).all()
    assert tltk.extract_features(body, pets.test)[0].shape == (pets.test.count, 192)
