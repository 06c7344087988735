import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from tltk.inputs import _arrays as checks
from tltk.inputs.examples import (
    Examples,
    Splits,
    check_labelled,
    examples_of,
    splits_of,
    warn_if_scaled,
)

PICTURES = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 3), "uint8")
LABELS = np.array([2, 0, 1, 1, 0, 2, 1])


def joined(dataset):
    pairs = [(np.array(inputs), np.array(labels)) for inputs, labels in dataset]
    return np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])


def test_batches_keep_order_types_and_values():
    split = examples_of((PICTURES, LABELS)).batched(3)
    pictures, labels = joined(split)
    assert [len(y) for _, y in split] == [3, 3, 1]
    assert len(split) == 3
    assert pictures.dtype == np.uint8
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(pictures, PICTURES)
    np.testing.assert_array_equal(labels, LABELS)


def test_tf_batches_keep_order_when_the_first_ones_are_the_slowest():
    later = threading.Event()

    def fetch(rows):
        if rows[0] == 0 and len(rows) == 2:
            later.wait(0.3)
        else:
            later.set()
        return rows.astype("float32")

    split = Examples(fetch, labels=np.arange(20), count=20, batch_size=2)
    np.testing.assert_array_equal(joined(split.to_tf())[0], np.arange(20))


@pytest.mark.parametrize("form", [lambda split: split, Examples.to_tf])
def test_a_plain_model_trains_on_them(form):
    split = form(examples_of((PICTURES, LABELS)).batched(4))
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(split, shuffle=False, verbose=0)
    assert model.predict(split, verbose=0).shape == (7, 3)
    assert model.evaluate(split, verbose=0) > 0
    expected = model.predict(PICTURES, batch_size=4, verbose=0)
    np.testing.assert_array_equal(model.predict(split, verbose=0), expected)


def test_tf_batches_have_static_shapes():
    split = examples_of((PICTURES, LABELS)).batched(4).to_tf()
    assert split.element_spec[0].shape == (None, 4, 5, 3)
    assert int(split.cardinality()) == 2
    np.testing.assert_array_equal(joined(split)[0], PICTURES)
    (texts,) = examples_of(["a", "ü"]).to_tf()
    assert [text.decode() for text in texts.numpy()] == ["a", "ü"]


def test_batches_are_numbered_and_rows_counted():
    split = examples_of((PICTURES, LABELS)).batched(3)
    assert (len(split), split.num_batches, split.count, split.batch_size) == (3, 3, 7, 3)
    np.testing.assert_array_equal(split[2][0], PICTURES[6:])
    assert split[1][1].tolist() == LABELS[3:6].tolist()
    for index in (-1, 3):
        with pytest.raises(IndexError, match=rf"from 0 to 2. Received: {index}"):
            split[index]
    assert repr(split) == "<Examples: 7 rows in 3 batches, int32 labels (7,)>"
    named = split.replace(names=tuple("abcdefg"), labels=None)
    assert repr(named) == "<Examples: 7 rows in 3 batches, no labels, from 'a' to 'g'>"


def test_changes_leave_the_original_alone():
    split = examples_of((PICTURES, LABELS))
    changed = split.replace(preparation={"kind": "images"}).batched(2).take([5, 1])
    assert (changed.preparation, changed.batch_size) == ({"kind": "images"}, 2)
    assert (split.preparation, split.batch_size, split.count) == (None, 32, 7)


def test_rows_with_names_are_read_by_several_workers():
    split = examples_of((PICTURES, LABELS))
    assert (split.workers, split.replace(names=tuple("abcdefg")).workers > 1) == (1, True)


def test_plain_predict_takes_strings_without_labels_too():
    model = keras.Sequential([keras.Input((), dtype="string"), LengthOfText()])
    found = model.predict(examples_of(["a", "bcd", "ef"]).batched(2), verbose=0)
    assert found.tolist() == [1, 3, 2]


class LengthOfText(keras.layers.Layer):
    def call(self, texts):
        return tf.strings.length(texts)


def test_a_split_gives_back_its_examples():
    examples = examples_of((PICTURES, LABELS))
    assert examples_of(examples) is examples
    assert examples_of(examples, key="mine").digest == "mine"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 1], np.array([0, 1, 1], "int32")),
        (np.array([[0], [1], [1]]), np.array([0, 1, 1], "int32")),
        ([True, False, True], np.array([1, 0, 1], "int32")),
        ([0.5, 1.0, -2.0], np.array([0.5, 1, -2], "float32")),
        ([[0, 1], [1, 1], [0, 0]], np.array([[0, 1], [1, 1], [0, 0]], "float32")),
    ],
)
def test_labels_of_every_kind(labels, expected):
    found = examples_of((PICTURES[:3], labels)).labels
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_the_largest_class_number():
    assert examples_of((PICTURES[:1], [2**31 - 1])).labels.tolist() == [2**31 - 1]
    pair = np.zeros((1, 2)), np.ma.masked_array([1], mask=[False])
    assert examples_of(pair).labels.tolist() == [1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2**32, 1], r"below 2..31. Received: 4294967296"),
        (np.array([0, 2**32 + 1, 1]), r"below 2..31"),
        (np.array([2**63, 0, 1], "uint64"), "Received: 9223372036854775808"),
        ([0, -(2**33), 1], "must be 0 or more. Received: -8589934592"),
        ([2**70, 0, 1], "numbers or strings"),
        (np.ma.masked_array([0, 1, 2], mask=[0, 0, 1]), "must be whole. Received: a masked array"),
        ([1j, 0, 1], "numbers or strings"),
        (np.array(["2024-01-01"] * 3, "M8[D]"), "numbers or strings"),
        (np.array([(1, 2)] * 3, "i4,i4"), "numbers or strings"),
        ([None, 0, 1], "numbers or strings"),
    ],
)
def test_labels_that_would_become_others_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        examples_of((PICTURES[:3], labels))


@pytest.mark.parametrize(
    "inputs", [np.ma.masked_array([[1.0, 9.0]], mask=[[0, 1]]), np.array([[1j]]), np.array([1j, 2])]
)
def test_inputs_that_are_not_known_or_real(inputs):
    with pytest.raises(ValueError, match=r"numbers or strings|must be whole"):
        examples_of(inputs)


def test_strings_are_composed():
    assert examples_of(["cafe\u0301", "b"]).fetch(slice(None)).tolist() == ["café", "b"]
    assert examples_of(["a\ud800", "b"]).fetch(slice(None)).tolist() == ["a\ufffd", "b"]
    assert examples_of(np.array([], object).reshape(1, 0)).count == 1


def test_inputs_may_be_tuples_and_dicts_of_arrays_and_strings():
    texts = ["a", "ünder", "ccc"]
    examples = examples_of({"text": texts, "age": np.arange(3.0)}, labels=[0, 1, 0])
    fetched = examples.fetch(np.array([2, 0]))
    assert fetched["text"].tolist() == ["ccc", "a"]
    assert fetched["age"].tolist() == [2, 0]
    ((inputs, labels),) = examples
    assert [text.decode() for text in inputs["text"].numpy()] == texts
    assert labels.tolist() == [0, 1, 0]

    left, right = examples_of((np.arange(3), np.arange(3) * 2), labels=[0, 1, 0]).fetch([1, 2])
    assert (left.tolist(), right.tolist()) == ([1, 2], [2, 4])


def test_data_without_labels():
    examples = examples_of(PICTURES)
    assert examples.labels is None
    assert [batch.shape[0] for (batch,) in examples.batched(4)] == [4, 3]


def test_tensors_are_arrays():
    examples = examples_of((keras.ops.ones((2, 3)), keras.ops.convert_to_tensor([0, 1])))
    assert isinstance(examples.fetch(np.arange(2)), np.ndarray)
    assert examples.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    "other",
    [
        PICTURES.astype("int16"),
        PICTURES.reshape(7, 5, 4, 3),
        PICTURES[::-1],
        {"a": PICTURES},
        (PICTURES, PICTURES),
    ],
)
def test_the_digest_tells_contents_types_shapes_and_names_apart(other):
    assert examples_of(other, labels=LABELS).digest != examples_of(PICTURES, LABELS).digest


def test_the_digest_follows_the_content_alone():
    assert examples_of(PICTURES.copy()).digest == examples_of(PICTURES).digest
    assert examples_of(PICTURES[:, ::-1]).digest == examples_of(PICTURES[:, ::-1].copy()).digest
    assert examples_of(["ab", "c"]).digest == examples_of(np.array(["ab", "c"], object)).digest
    assert examples_of(["ab", "c"]).digest != examples_of(["a", "bc"]).digest
    assert examples_of(PICTURES, key="mine").digest == "mine"


def test_take_selects_rows_names_labels_and_another_digest():
    examples = examples_of((PICTURES, LABELS)).replace(names=tuple("abcdefg"))
    some = examples.take([6, 2, 0]).take([2, 0])
    np.testing.assert_array_equal(some.fetch(np.arange(2)), PICTURES[[0, 6]])
    assert (some.names, some.labels.tolist(), some.count) == (("a", "g"), [2, 1], 2)
    assert len({examples.digest, some.digest, examples.take([6, 0]).digest}) == 3
    assert examples.take([6, 0]).digest == examples.take(np.array([6, 0], "int32")).digest
    assert examples.take(LABELS == 2).names == ("a", "f")
    with pytest.raises(ValueError, match=r"at least one row"):
        examples.take([])
    with pytest.raises(IndexError):
        examples.take([7])
    with pytest.raises(ValueError, match=r"Received: 1\. For the first m rows pass range\(m\)"):
        examples.take(1)


def test_any_batched_dataset_is_read_once_and_stays_aligned():
    passes = []

    def rows():
        passes.append(1)
        yield from zip(PICTURES.astype("float32"), LABELS, strict=True)

    spec = (tf.TensorSpec((4, 5, 3)), tf.TensorSpec((), "int64"))
    dataset = tf.data.Dataset.from_generator(rows, output_signature=spec).shuffle(7).batch(3)
    examples = examples_of(dataset, key="mine")
    assert (examples.digest, examples.count, len(passes)) == ("mine", 7, 1)
    label_of = {picture.tobytes(): label for picture, label in zip(PICTURES, LABELS, strict=True)}
    fetched = examples.fetch(np.array([6, 0, 3]))
    assert fetched.dtype == np.float32
    found = [label_of[picture.astype("uint8").tobytes()] for picture in fetched]
    assert found == examples.labels[[6, 0, 3]].tolist()


def test_a_dataset_of_dicts_strings_and_no_labels():
    columns = {"text": ["a", "b", "c"], "age": [1.0, 2.0, 3.0]}
    examples = examples_of(tf.data.Dataset.from_tensor_slices(columns).batch(2))
    assert examples.labels is None
    assert examples.fetch([2])["text"].tolist() == [b"c"]
    assert examples.fetch([0, 2])["age"].tolist() == [1, 3]


def test_numbers_that_are_names_become_strings():
    rows = examples_of((np.zeros((2, 3)), [0, 1]))
    assert splits_of({"train": rows}, (3, np.int64(5))).class_names == ("3", "5")
    with pytest.raises(ValueError, match=r"different names. Received: class_names=\(3, '3'\)"):
        splits_of({"train": rows}, (3, "3"))


def test_splits_of_leaves_absent_parts_empty():
    named = examples_of((PICTURES, LABELS)).replace(names=tuple("abcdefg"))
    splits = splits_of({"train": named}, ("x", "y", "z"))
    assert splits.val is None
    assert splits.files == {"train": tuple("abcdefg"), "val": (), "test": ()}
    with pytest.raises(ValueError, match=r"one split.*Received: all the splits"):
        examples_of(splits)
    with pytest.raises(ValueError, match=r"one split.*Received: None"):
        examples_of(splits.test)


NAN = np.where(np.arange(6).reshape(3, 2) == 3, np.nan, 1.0)


@pytest.mark.parametrize(
    ("data", "labels", "message"),
    [
        (PICTURES[:0], None, "at least one row"),
        ([], [], "at least one row"),
        (PICTURES, [0, 1], "7 inputs and 2 labels"),
        ((PICTURES, PICTURES[:2]), LABELS, r"lengths \[2, 7\]"),
        (NAN, [0, 1, 0], "NaN or infinity in row 1"),
        (NAN[:, 0] * np.inf, [0, 1, 0], "NaN or infinity in row 0"),
        (PICTURES[:2], [0.5, np.nan], "Labels must be finite"),
        (PICTURES[:2], ["cat", "dog"], r"'cat'.*return_inverse"),
        (PICTURES[:2], [0, -1], "0 or more. Received: -1"),
        (PICTURES[:2], np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ([np.zeros(2), np.zeros(3)], [0, 1], "unequal shapes"),
        (iter([1, 2]), None, "Received: list_iterator"),
        ([object(), object()], [0, 1], "numbers or strings"),
        (np.array([np.zeros(2), np.zeros(3)], object), [0, 1], "unequal shapes"),
        (PICTURES[:2], {"label": [0, 1]}, "Labels must be numbers.*Received: dict"),
    ],
)
def test_bad_arrays_are_refused(data, labels, message):
    with pytest.raises(ValueError, match=message):
        examples_of(data, labels)


PAIRS = tf.data.Dataset.from_tensor_slices((PICTURES, LABELS))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (PAIRS, r"must give batches.*\.batch\(32\)"),
        (PAIRS.batch(2).repeat(), "must have an end"),
        (PAIRS.batch(2).take(0), "at least one row"),
        (PAIRS.batch(2).map(lambda x, y: (x, y, y)), "Received: 3 parts"),
        (tf.data.Dataset.from_tensors((NAN, [0, 1, 0])), "NaN or infinity in row 1"),
        (
            tf.data.Dataset.from_generator(
                lambda: [np.zeros((2, 3)), np.zeros((2, 4))],
                output_signature=tf.TensorSpec((None, None)),
            ),
            r"\(3,\).*\(4,\)",
        ),
    ],
)
def test_bad_datasets_are_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        examples_of(dataset)


def test_labels_beside_a_dataset_are_refused():
    with pytest.raises(ValueError, match="brings its own labels"):
        examples_of(PAIRS.batch(2), labels=LABELS)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None])
def test_a_bad_batch_size_is_refused(size):
    with pytest.raises(ValueError, match=f"batch_size={size}"):
        examples_of(PICTURES).batched(size)


@pytest.mark.parametrize("scaled", [PICTURES / 255, PICTURES / 127.5 - 1])
def test_scaled_pictures_are_warned_about(scaled):
    with pytest.warns(
        UserWarning,
        match=r"raw values from 0 to 255.*inside the model.*Received: floats from .*of your own",
    ):
        warn_if_scaled(scaled)


@pytest.mark.parametrize(
    "raw",
    [PICTURES, PICTURES.astype("float32"), PICTURES // 255, {"a": PICTURES / 255}, np.ones(3)],
)
def test_raw_pictures_and_other_inputs_pass_in_silence(raw):
    warn_if_scaled(raw)


def test_splits_unpack_in_the_documented_order():
    assert Splits._fields == ("train", "val", "test", "class_names", "files")


class Batches(keras.utils.PyDataset):
    """Batches of three, of what is given."""

    def __init__(self, *columns):
        super().__init__()
        self.columns, self.asked = columns, []

    def __len__(self):
        return -(-len(self.columns[0]) // 3)

    def __getitem__(self, index):
        self.asked.append(index)
        some = tuple(column[3 * index : 3 * index + 3] for column in self.columns)
        return some if len(some) > 1 else some[0]


def test_a_keras_dataset_is_read_once_by_its_length():
    data = Batches(PICTURES, LABELS.tolist())
    examples = examples_of(data)
    assert data.asked == [0, 1, 2]
    np.testing.assert_array_equal(examples.fetch(np.array([6, 0])), PICTURES[[6, 0]])
    assert examples.labels.tolist() == LABELS.tolist()
    assert examples_of(Batches(PICTURES)).labels is None
    assert examples_of(data, key="mine").digest == "mine"
    with pytest.raises(ValueError, match="brings its own labels"):
        examples_of(data, LABELS)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_same_content_has_one_digest_however_it_comes(size):
    pairs = tf.data.Dataset.from_tensor_slices((PICTURES, LABELS)).batch(size)
    assert examples_of(pairs).digest == examples_of((PICTURES, LABELS)).digest
    assert examples_of(Batches(PICTURES)).digest == examples_of(PICTURES).digest
    columns = {"a": np.arange(7.0), "b": PICTURES}
    dataset = tf.data.Dataset.from_tensor_slices(columns).batch(size)
    assert examples_of(dataset).digest == examples_of(columns).digest
    assert examples_of(dataset).digest != examples_of({**columns, "a": np.arange(1, 8.0)}).digest
    texts = [
        tf.data.Dataset.from_tensor_slices(some).batch(size)
        for some in (["a\nb", "c"], ["a", "b\nc"])
    ]
    assert len({examples_of(some).digest for some in texts}) == 2


class Endless(Batches):
    num_batches = None


class Weighted(Batches):
    def __getitem__(self, index):
        return (*super().__getitem__(index), np.ones(3))


class Changing(Batches):
    def __getitem__(self, index):
        inputs, labels = super().__getitem__(index)
        return inputs.astype("float32" if index else "uint8"), labels


HOLED = np.where(np.arange(14).reshape(7, 2) == 9, np.nan, 1.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Batches(HOLED), "Inputs must be finite.*NaN or infinity in row 4"),
        (Batches(PICTURES, HOLED[:, 1]), "Labels must be finite.*row 4"),
        (Endless(PICTURES), "must have an end"),
        (Weighted(PICTURES, LABELS), "Received: 3 parts"),
        (Changing(PICTURES, LABELS), r"rows of uint8 \(4, 5, 3\).*rows of float32 \(4, 5, 3\)"),
        (Batches(PICTURES, LABELS[:5]), r"one label per row. Received: lengths \[2, 3\] in one"),
        (Batches(PICTURES[:0]), "at least one row"),
        (Batches(PICTURES, [{}] * 7), "Labels must be numbers or strings"),
    ],
)
def test_bad_keras_datasets_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        examples_of(data)


class TorchLike:
    """As torch's data sets: never an IndexError, so that iterating over it has no end."""

    def __getitem__(self, row):
        assert row < 1000, "Somebody iterates over it."
        return np.zeros((2, 2)), 0

    def __len__(self):
        return 10


class OldSequence(TorchLike):
    pass


OldSequence.__module__ = "tf_keras.src.utils.data_utils"


class LoaderLike:
    def __iter__(self):
        return iter([(np.zeros((2, 2)), np.zeros(2))])

    def __len__(self):
        return 1


def endless():
    while True:
        yield PICTURES, LABELS


class NeverRead(keras.src.legacy.preprocessing.image.NumpyArrayIterator):
    def __getitem__(self, index):
        raise AssertionError("It was read.")


def of_keras_2():
    generator = keras.src.legacy.preprocessing.image.ImageDataGenerator()
    return NeverRead(PICTURES.astype("float32"), LABELS, generator)


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (TorchLike, r"TorchLike.*np.stack, zip\(\*\(data\[row\] for"),
        (LoaderLike, r"LoaderLike.*np.concatenate, zip\(\*data\)"),
        (endless, r"generator.*np.concatenate, zip\(\*itertools.islice\(data, NUMBER\)\)"),
        (lambda: map(str, [1]), "map"),
        (lambda: {1, 2}, "set"),
        (OldSequence, "OldSequence, an object of Keras 2.*image_folder"),
        (of_keras_2, "NeverRead, an object of Keras 2"),
        (lambda: [(PICTURES, LABELS), (PICTURES, LABELS)], "a list of pairs.*np.concatenate"),
        (lambda: [(PICTURES[0], 1), (PICTURES[1], 0)], "a list of pairs.*np.stack"),
    ],
)
def test_what_can_only_be_iterated_is_refused_by_its_type(make, received):
    with pytest.raises(ValueError, match=f"keras.utils.PyDataset.*Received: {received}"):
        examples_of(make())


@pytest.mark.parametrize("make", [TorchLike, endless, lambda: map(str, [1])])
def test_iterators_inside_of_pairs_lists_and_dicts_are_refused(make):
    for data in ((make(), LABELS), (PICTURES, make()), {"a": make()}, [make()], [[1, make()]]):
        with pytest.raises(ValueError, match="(Inputs|Labels) must be numbers or strings, one"):
            examples_of(data, LABELS if isinstance(data, dict) else None)


def test_what_does_not_say_its_length_is_read_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(checks, "SPOOL_LIMIT", 3 * PICTURES.nbytes)
    spec = (tf.TensorSpec((None, 4, 5, 3), "uint8"), tf.TensorSpec((None,), "int64"))

    def of(generator):
        return tf.data.Dataset.from_generator(generator, output_signature=spec)

    with pytest.raises(ValueError, match=r"read up to .* after 21 rows.*assert_cardinality"):
        examples_of(of(endless))
    monkeypatch.setattr(checks, "BATCH_LIMIT", 2)
    with pytest.raises(ValueError, match=r"and 2 batches. Received: more, after 21 rows"):
        examples_of(of(endless))
    assert examples_of(of(lambda: [(PICTURES, LABELS)] * 2)).count == 14
    known = of(lambda: [(PICTURES, LABELS)] * 5).apply(tf.data.experimental.assert_cardinality(5))
    assert examples_of(known).count == 35


def test_a_full_disk_is_foreseen(monkeypatch):
    usage = checks.shutil.disk_usage("/")
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage._replace(free=400))
    with pytest.raises(OSError, match=r"Make room, or set TMPDIR"):
        examples_of(PAIRS.batch(2))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((PICTURES[:1], [2**32]), r"below 2\*\*31. Received: 4294967296"),
        (np.ones(2) * 1j, "numbers or strings"),
        (np.ma.masked_less(np.arange(4.0), 2), "a masked array"),
    ],
)
def test_what_would_lose_its_meaning_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        examples_of(data)


def test_a_dataset_of_columns_is_told_to_make_pairs():
    columns = tf.data.Dataset.from_tensor_slices({"image": PICTURES, "label": LABELS}).batch(4)
    with pytest.raises(ValueError, match=r"columns image, label\. Pass .*dataset\.map\(lambda row"):
        check_labelled(examples_of(columns))
