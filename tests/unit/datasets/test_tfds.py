import io
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from tltk.datasets import _tfds as tfds_sets
from tltk.datasets.named import load_dataset
from tltk.inputs.decoding import decoded, read_image

pytest.importorskip("tensorflow_datasets")

# Runs in another process, so that the tests read what is on disk without knowing the code.
PREPARE = """
import sys
import numpy as np
import tensorflow_datasets as tfds

class TinyShapes(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    PARTS = {"train": 20}

    def _info(self):
        picture = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        label = tfds.features.ClassLabel(names=["square", "disc"])
        features = {"picture": picture, "kind": label, "id": tfds.features.Text()}
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("picture", "kind") if len(self.PARTS) != 2 else None,
        )

    def _split_generators(self, download):
        return {part: self._generate_examples(part, count) for part, count in self.PARTS.items()}

    def _generate_examples(self, part, count):
        for row in range(count):
            pixels = np.full((10, 8 + row, 3), [row, len(part), 0], "uint8")
            kind = row % 2 if part != "unlabelled" else -1
            yield row, {"picture": pixels, "kind": kind, "id": "x"}

class TinyOfficial(TinyShapes):
    PARTS = {"train": 8, "validation": 4, "test": 6, "unlabelled": 2}

class TinyOther(TinyShapes):
    PARTS = {"train": 3, "test": 3}

class TinyReviews(TinyShapes):
    DECLARED = ("said", "kind")

    def _info(self):
        label = tfds.features.ClassLabel(names=["poor", "fine"])
        features = {"said": tfds.features.Text(), "kind": label, "row": np.int64}
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=self.DECLARED,
        )

    def _generate_examples(self, part, count):
        for row in range(count):
            said = f"número {row}" if row else ""
            yield row, {"said": said, "kind": row % 2, "row": row}

class TinySentences(TinyReviews):
    DECLARED = None

class TinySounds(TinyShapes):
    PARTS = {"train": 20}
    RATE, SCALE, DTYPE = 800, 32768, np.int64

    def _info(self):
        sound = tfds.features.Audio(sample_rate=self.RATE, dtype=self.DTYPE)
        label = tfds.features.ClassLabel(names=["low", "high"])
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"audio": sound, "label": label}),
            supervised_keys=("audio", "label"),
        )

    def _generate_examples(self, part, count):
        for row in range(count):
            samples = np.full(400 * (1 + row % 3), self.SCALE * row / 32)
            yield row, {"audio": samples.astype(self.DTYPE), "label": row % 2}

class TinyFloats(TinySounds):
    SCALE, DTYPE = 1, np.float32

class TinyParts(TinySounds):
    PARTS = {"train": 12, "validation": 4, "test": 4}

class TinyLoud(TinySounds):
    SCALE = 2**24

for builder in (TinyShapes, TinyOfficial, TinyOther, TinyReviews, TinySentences, TinySounds,
                TinyFloats, TinyParts, TinyLoud):
    builder(data_dir=sys.argv[1]).download_and_prepare()
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    script = folder / "prepare.py"
    script.write_text(PREPARE)
    ran = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def pictures_of(split):
    examples = split
    return examples.fetch(np.arange(examples.count))


def test_a_prepared_set_is_read_by_name_without_a_network(prepared):
    splits = load_dataset("tiny_shapes", image_size=8, batch_size=5, data_dir=prepared)
    assert splits.class_names == ("square", "disc")
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [12, 4, 4]
    numbers = []
    for split in splits[:3]:
        pictures = pictures_of(split)
        assert pictures.shape[1:] == (8, 8, 3)
        np.testing.assert_array_equal(pictures[:, 0, 0, 0] % 2, split.labels)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in split]), pictures)
        numbers += pictures[:, 0, 0, 0].tolist()
    assert sorted(numbers) == list(range(20))


def test_official_parts_are_kept(prepared):
    splits = load_dataset("tiny_official", image_size=8, val=0.5, data_dir=prepared)
    for split, word, count in zip(
        splits[:3], ("train", "validation", "test"), (8, 4, 6), strict=True
    ):
        pictures = pictures_of(split)
        assert len(pictures) == count
        assert np.unique(pictures[..., 1]).tolist() == [len(word)]


def test_per_class_and_seed_work_as_for_the_bundle(prepared):
    few, more = (
        load_dataset("tiny_shapes", 8, data_dir=prepared, per_class=count, seed=4)
        for count in (2, 5)
    )
    assert set(few.files["train"]) < set(more.files["train"])
    assert np.bincount(few.train.labels).tolist() == [2, 2]
    assert few.files["test"] == more.files["test"]


def test_the_digest_is_that_of_content_and_size(prepared):
    digests = [
        load_dataset("tiny_shapes", size, data_dir=prepared).train.digest for size in (8, 8, 9)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_classroom_folder_is_looked_into(prepared, tmp_path, monkeypatch):
    (tmp_path / "datasets").symlink_to(prepared, target_is_directory=True)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path))
    assert len(load_dataset("tiny_official", 8).files["train"]) == 8


def test_a_set_of_another_kind_is_refused(prepared):
    with pytest.raises(ValueError, match=r"one class each.*'tiny_other' with id, kind, picture"):
        load_dataset("tiny_other", data_dir=prepared)


def test_a_set_without_classes_is_refused_before_any_download(tmp_path):
    with pytest.raises(ValueError, match=r"one class each.*'wiki40b/de'"):
        load_dataset("wiki40b/de", data_dir=tmp_path)


@pytest.mark.parametrize(
    "name",
    ["imdb_reviews", "ag_news_subset", "glue/sst2", "speech_commands", "spoken_digit", "gtzan"],
)
def test_known_sets_of_texts_and_sound_are_taken_up_to_the_request(name, tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_sets, "is_online", lambda: False)
    with pytest.raises(ConnectionError, match=f"needs a network. Received: '{name}'"):
        load_dataset(name, data_dir=tmp_path)


def test_without_a_network_one_error_says_where_was_looked_and_what_to_do(tmp_path, monkeypatch):
    def offline(*arguments, **options):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path))
    with pytest.raises(ConnectionError, match=r"tf_flowers.*datasets.*run load_dataset\('tf_fl"):
        load_dataset("tf_flowers")


def test_a_silent_network_is_given_up(monkeypatch):
    import threading

    def silent(*arguments, **options):
        never.wait(5)
        raise OSError

    never = threading.Event()
    monkeypatch.setattr(tfds_sets, "_PROBE_SECONDS", 0.05)
    monkeypatch.setattr(urllib.request, "urlopen", silent)
    assert not tfds_sets.is_online()
    never.set()


def test_any_answer_means_online(monkeypatch):
    def forbidden(*arguments, **options):
        raise urllib.error.HTTPError(tfds_sets._PROBE, 403, "no", {}, io.BytesIO())

    monkeypatch.setattr(urllib.request, "urlopen", forbidden)
    assert tfds_sets.is_online()
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **o: io.BytesIO(b"yes"))
    assert tfds_sets.is_online()


def test_online_the_download_is_asked_for(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    class Asked(Exception):
        pass

    def get(manager, url, *arguments, **options):
        raise Asked(str(url))

    monkeypatch.setattr(tfds_sets, "is_online", lambda: True)
    monkeypatch.setattr(tfds.download.DownloadManager, "download", get)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", get)
    with pytest.raises(Asked, match=r"flower_photos\.tgz"):
        load_dataset("tf_flowers", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["cats_vs_dogs", "tf_flowers", "stanford_dogs"])
def test_encoded_pictures_and_labels_come_out_of_official_sets(name, tmp_path):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=3):
        builder = tfds.builder(name, data_dir=tmp_path)
        keys = tfds_sets._keys(name, builder)
        rows = list(tfds_sets._encoded_rows(builder, "train", *keys))
    assert len(rows) == 3
    for content, length, label in rows:
        assert decoded(content.tobytes(), name)[0].dtype == np.uint8
        assert length == len(content)
        assert 0 <= label[0] < len(builder.info.features["label"].names)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cats_vs_dgos", r"none of these.*Did you mean cats_vs_dogs\?"),
        ("qqqqqqqq", "Check the spelling"),
        ("no such set!", "Received: name='no such set!'"),
    ],
)
def test_an_unknown_name_is_refused_with_close_ones(name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_dataset(name, data_dir=tmp_path)


@pytest.mark.parametrize(
    "name", ["cats_vs_dgos", "kaggle:wine", "huggingface:mnist", "mnist:9.9.9"]
)
def test_no_look_up_of_a_name_asks_a_network(name, tmp_path, monkeypatch):
    from tensorflow_datasets.core import community

    def asked(*arguments, **options):
        raise AssertionError("It would have asked a network.")

    monkeypatch.setattr(community, "community_register", asked)
    monkeypatch.setattr(urllib.request, "urlopen", asked)
    with pytest.raises(ValueError, match=rf"Received: name='{name}', which is none of these"):
        load_dataset(name, data_dir=tmp_path)


def test_a_folder_is_for_image_folder(tmp_path):
    with pytest.raises(ValueError, match=r"which is a folder\. Call image_folder"):
        load_dataset(str(tmp_path))


def test_a_picture_that_cannot_be_decoded_is_named():
    content = np.frombuffer(b"no picture", "uint8")
    columns = [content, np.array([len(content)]), np.array([0])]
    examples = tfds_sets._examples(columns, "broken/train", 8, "bicubic")
    with pytest.raises(ValueError, match="broken/train/000000"):
        examples.fetch(np.array([0]))


def test_pictures_come_from_their_own_bytes():
    contents = []
    for value in (9, 200, 60):
        file = io.BytesIO()
        Image.new("RGB", (5, 4), (value, 0, 0)).save(file, "PNG")
        contents.append(np.frombuffer(file.getvalue(), "uint8"))
    lengths = np.array([len(content) for content in contents])
    columns = [np.concatenate(contents), lengths, np.array([0, 1, 1])]
    examples = tfds_sets._examples(columns, "three", 4, "nearest")
    assert examples.fetch(np.array([2, 0, 1]))[:, 0, 0, 0].tolist() == [60, 9, 200]


@pytest.mark.parametrize("resize", ["bicubic", "crop", "pad"])
def test_pictures_take_the_road_of_read_image_and_are_decoded_once(resize, tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path))
    contents = []
    for number in range(4):
        file, random = io.BytesIO(), np.random.default_rng(number)
        image = Image.fromarray(random.integers(0, 256, (6, 9, 3), "uint8"))
        image.resize((90 + number, 70)).save(file, "JPEG")
        contents.append(file.getvalue())
    lengths = np.array([len(content) for content in contents])
    columns = [np.frombuffer(b"".join(contents), "uint8"), lengths, np.array([0, 1, 1, 0])]
    expected = np.stack([read_image(content, (8, 10), resize) for content in contents])
    examples = tfds_sets._examples(columns, "four/train", (8, 10), resize)
    np.testing.assert_array_equal(examples.fetch(np.array([3, 1])), expected[[3, 1]])
    np.testing.assert_array_equal(examples.fetch(np.arange(4)), expected)
    assert examples.preparation["road"] == "reduced"

    def decoded_again(*_, **__):
        raise AssertionError

    monkeypatch.setattr("tltk.inputs._pictures.decoded", decoded_again)
    again = tfds_sets._examples(columns, "four/train", (8, 10), resize)
    np.testing.assert_array_equal(again.fetch(np.arange(4)), expected)


@pytest.mark.parametrize("name", ["tiny_reviews", "tiny_sentences"])
def test_a_prepared_set_of_texts_is_read_by_name(prepared, name):
    splits = load_dataset(name, batch_size=5, data_dir=prepared)
    assert splits.class_names == ("poor", "fine")
    found = {}
    for split in splits[:3]:
        texts = split.fetch(np.arange(split.count)).tolist()
        assert [x.decode() for batch, _ in split for x in batch.numpy()] == texts
        found |= dict(zip(texts, split.labels.tolist(), strict=True))
    assert found == {" ": 0} | {f"número {row}": row % 2 for row in range(1, 20)}


@pytest.mark.parametrize("name", ["tiny_sounds", "tiny_floats"])
def test_sound_is_scaled_resampled_and_cut_with_clips_on_one_side(prepared, name):
    splits = load_dataset(name, data_dir=prepared, seconds=0.5, rate=1600)
    assert splits.class_names == ("low", "high")
    clips_of_parts, counts = [], {}
    for part in ("train", "val", "test"):
        split = getattr(splits, part)
        waveforms = split.fetch(np.arange(split.count))
        assert (waveforms.dtype, waveforms.shape[1]) == (np.float32, 800)
        rows = np.rint(32 * np.median(waveforms, axis=1)).astype(int)
        np.testing.assert_array_equal(rows % 2, split.labels)
        np.testing.assert_allclose(np.median(waveforms, axis=1), rows / 32, atol=1e-3)
        clips = [file.split("@")[0] for file in splits.files[part]]
        assert len(set(zip(clips, rows.tolist(), strict=True))) == len(set(clips))
        clips_of_parts.append(set(clips))
        counts |= {row: int((rows == row).sum()) for row in set(rows.tolist())}
    assert counts == {row: 1 + row % 3 for row in range(20)}
    assert sum(map(len, clips_of_parts)) == 20
    assert min(map(len, clips_of_parts)) >= 2


def test_official_parts_of_sound_are_kept(prepared):
    splits = load_dataset("tiny_parts", data_dir=prepared, seconds=1.5, rate=800)
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [12, 4, 4]
    assert splits.files["test"][0] == "tiny_parts/test/000000@0.000"


def test_the_digest_of_sound_is_that_of_content_and_windows(prepared):
    digests = [
        load_dataset("tiny_sounds", data_dir=prepared, **settings).train.digest
        for settings in ({}, {}, {"rate": 800}, {"seconds": 0.5}, {"hop": 0.5})
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_sound_of_more_than_16_bit_is_refused(prepared):
    with pytest.raises(ValueError, match="16-bit samples, or floats.*Received: tiny_loud"):
        load_dataset("tiny_loud", data_dir=prepared)


@pytest.mark.parametrize("name", ["speech_commands", "spoken_digit", "gtzan"])
def test_samples_and_labels_come_out_of_official_sets(name, tmp_path):
    import tensorflow_datasets as tfds

    with tfds.testing.mock_data(num_examples=3):
        builder = tfds.builder(name, data_dir=tmp_path)
        keys = tfds_sets._keys(name, builder)
        rows = list(tfds_sets._encoded_rows(builder, "train", *keys))
    assert len(rows) == 3
    for content, length, label in rows:
        assert content.dtype == np.int16
        assert length == len(content)
        assert 0 <= label[0] < len(builder.info.features["label"].names)


NEWER_METADATA = """
class VersionError(Exception): pass
raise VersionError("Detected incompatible Protobuf Gencode/Runtime versions: 6.31.1, 5.29.6.")
"""


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (NEWER_METADATA, r'5\.29\.6\. Run: pip install "tensorflow-metadata<1\.18"'),
        ("import no_such_thing", r"extra 'tfds'. Received: No module named 'no_such_thing'. Run:"),
    ],
)
def test_tfds_that_cannot_be_imported_names_the_cure(module, says, tmp_path, monkeypatch):
    (tmp_path / "tensorflow_datasets.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorflow_datasets"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=says):
        load_dataset("tf_flowers", data_dir=tmp_path)
