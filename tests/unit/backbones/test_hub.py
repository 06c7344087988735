"""The oracle is the `tf.Module` that was saved, called without Keras."""

import hashlib
import json
import os
import shutil
import sys
import types
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import tltk.backbones.hub as hub
from tltk._cache import network_digest
from tltk.backbones import layers_by_block, load_hub_backbone
from tltk.evaluation import predict
from tltk.evaluation._kept_runs import KeptRuns, Run
from tltk.tuning import (
    build_classifier,
    extract_features,
    fine_tune,
    freeze,
    load_model,
    save_model,
    unfreeze,
)
from tltk.tuning._cutting import Cut, NoCut, cut_frozen

WORDS = ("good", "bad", "film", "dull")
TEXTS = np.array(["good film", "bad dull film", "good good", "dull", "so bad"] * 6, object)
LABELS = np.array([1, 0, 1, 0, 0] * 6, "int32")
PIXELS = np.random.default_rng(1).uniform(size=(24, 8, 8, 3)).astype("float32")
COLOURS = (PIXELS[..., 0].mean((1, 2)) > PIXELS[..., 1].mean((1, 2))).astype("int32")
QUICK = {"epochs": 2, "base_lr": 0.01, "verbose": 0}


class TextEncoder(tf.Module):
    """The mean of the words' vectors; words are looked up in a table read from a file."""

    def __init__(self, file, regularized=False, scale=1.0):
        super().__init__()
        rows = tf.lookup.TextFileInitializer(
            str(file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )  # fmt: skip
        self.table, self.scale = tf.lookup.StaticHashTable(rows, len(WORDS)), scale
        random = np.random.default_rng(0).normal(size=(len(WORDS) + 1, 3))
        self.vectors = tf.Variable(random, dtype=tf.float32, name="deep/vectors")
        if regularized:
            self.regularization_losses = [self.penalty]

    @tf.function(input_signature=[])
    def penalty(self):
        return 7.0 * tf.reduce_sum(self.vectors**2)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def __call__(self, texts):
        numbers = self.table.lookup(tf.strings.split(texts))
        return self.scale * tf.reduce_mean(tf.gather(self.vectors, numbers), axis=1)


class PictureEncoder(tf.Module):
    """A projection of the mean colour and batch normalisation, with `training`."""

    def __init__(self, as_dict=False):
        super().__init__()
        self.kernel = tf.Variable(np.random.default_rng(0).normal(size=(3, 4)), dtype=tf.float32)
        self.mean = tf.Variable(tf.zeros(4), trainable=False)
        self.as_dict = as_dict
        for training in (True, False):
            self.__call__.get_concrete_function(tf.TensorSpec((None, 8, 8, 3)), training)

    @tf.function
    def __call__(self, pictures, training=False):
        values = tf.reduce_mean(pictures, (1, 2)) @ self.kernel
        if training:
            batch_mean = tf.reduce_mean(values, 0)
            self.mean.assign(0.9 * self.mean + 0.1 * batch_mean)
            values -= batch_mean
        else:
            values -= self.mean
        return {"default": values, "double": 2 * values} if self.as_dict else values


@pytest.fixture
def text_folder(tmp_path):
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    encoder = TextEncoder(tmp_path / "words.txt")
    tf.saved_model.save(encoder, tmp_path / "text")
    return tmp_path / "text", encoder


@pytest.fixture
def picture_folder(tmp_path):
    encoder = PictureEncoder()
    tf.saved_model.save(encoder, tmp_path / "picture")
    return tmp_path / "picture", encoder


def weights_of(model):
    return [weight.numpy() for weight in model.get_layer("hub").weights]


def test_text_features_are_the_modules(text_folder):
    folder, encoder = text_folder
    model = load_hub_backbone(folder)
    assert (model.input_shape, model.output_shape) == ((None,), (None, 3))
    features, _ = extract_features(model, TEXTS)
    np.testing.assert_allclose(features, encoder(tf.constant(TEXTS)), rtol=1e-6)
    assert list(layers_by_block(model)) == ["hub"]
    assert [weight.trainable for weight in model.weights] == [True]


def test_picture_features_are_the_modules_and_raw_pixels_are_scaled(picture_folder):
    folder, encoder = picture_folder
    pixels = (255 * PIXELS).astype("uint8")
    features, _ = extract_features(load_hub_backbone(folder, scale=1 / 255), pixels)
    expected = encoder(tf.constant(pixels / 255, tf.float32), training=False)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cache", [True, False])
def test_frozen_not_one_bit_changes(picture_folder, cache):
    model = build_classifier(load_hub_backbone(picture_folder[0], scale=1.0), 2)
    before = weights_of(model)
    model.fit(PIXELS, COLOURS, epochs=2, verbose=0)
    with pytest.warns(UserWarning, match="already scaled"):
        fine_tune(model, (PIXELS, COLOURS), unfreeze_blocks=0, cache=cache, **QUICK)
    for now, then in zip(weights_of(model), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_tuned_weights_and_batch_statistics_move(picture_folder):
    model = build_classifier(load_hub_backbone(picture_folder[0]), 2)
    kernel, mean = sorted(weights_of(model), key=np.ndim, reverse=True)
    with pytest.warns(UserWarning, match="already scaled"):
        fine_tune(model, (PIXELS, COLOURS), unfreeze_blocks=1, **QUICK)
    tuned, moved = sorted(weights_of(model), key=np.ndim, reverse=True)
    assert not np.array_equal(kernel, tuned)
    assert not np.array_equal(mean, moved)


def test_one_training_step_is_the_modules(picture_folder):
    folder, encoder = picture_folder
    model = load_hub_backbone(folder)
    model.compile("sgd", "mse")
    model.train_on_batch(PIXELS, np.zeros((24, 4)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(encoder(PIXELS, training=True) ** 2)
    expected = encoder.kernel - 0.01 * tape.gradient(loss, encoder.kernel)
    mean, kernel = sorted(weights_of(model), key=np.ndim)
    np.testing.assert_allclose(kernel, expected, rtol=1e-5)
    np.testing.assert_allclose(mean, encoder.mean, rtol=1e-5)


def test_cached_and_plain_training_on_texts_give_the_same_losses(text_folder):
    losses = []
    for cache in (True, False):
        keras.utils.set_random_seed(0)
        model = build_classifier(load_hub_backbone(text_folder[0]), 2)
        settings = {"unfreeze_blocks": 0, "head_epochs": 2, "verbose": 0}
        losses.append(fine_tune(model, (TEXTS, LABELS), cache=cache, **settings).history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_frozen_is_cut_off_and_trainable_is_not(text_folder):
    model = build_classifier(load_hub_backbone(text_folder[0]), 2)
    assert isinstance(cut_frozen(model), Cut)
    unfreeze(model, "all")
    assert isinstance(cut_frozen(model), NoCut)


def test_penalties_count_while_the_layer_trains(tmp_path):
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    encoder = TextEncoder(tmp_path / "words.txt", regularized=True)
    tf.saved_model.save(encoder, tmp_path / "text")
    model = load_hub_backbone(tmp_path / "text")
    model.compile("sgd", "mse")
    texts, targets = tf.constant(TEXTS), np.zeros((30, 3))
    error = float(tf.reduce_mean(encoder(texts) ** 2))
    loss = model.evaluate(texts, targets, verbose=0)
    assert loss == pytest.approx(error + float(encoder.penalty()), rel=1e-5)
    freeze(model)
    assert model.evaluate(texts, targets, verbose=0) == pytest.approx(error, rel=1e-5)


@pytest.fixture
def tuned(text_folder):
    """A classifier of texts whose word vectors were tuned, the folder it needs, and its answers."""
    model = build_classifier(load_hub_backbone(text_folder[0]), ["poor", "fine"])
    [before] = weights_of(model)
    fine_tune(model, (TEXTS, LABELS), unfreeze_blocks="all", head_epochs=0, **QUICK)
    assert not np.array_equal(before, weights_of(model)[0])
    return model, text_folder[0], model.predict(tf.constant(TEXTS), verbose=0)


def test_tuned_weights_come_back_to_who_trusts_them_while_the_folder_is_there(tuned, tmp_path):
    model, folder, expected = tuned
    save_model(model, tmp_path / "reviews.keras")
    again = load_model(tmp_path / "reviews.keras", trust=True)
    np.testing.assert_allclose(again.predict(tf.constant(TEXTS), verbose=0), expected, atol=1e-6)
    shutil.rmtree(folder)
    with pytest.raises(Exception, match="needs the folder where it was when it was saved"):
        load_model(tmp_path / "reviews.keras", trust=True)


class Intruder(tf.Module):
    """A SavedModel that leaves a trace: one file when it is loaded, another when it is called."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.on_load = OnLoad(folder / "loaded")

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32)])
    def __call__(self, x):
        with tf.control_dependencies([tf.io.write_file(str(self.folder / "called"), "x")]):
            return tf.identity(x)


class OnLoad(tf.saved_model.experimental.TrackableResource):
    def __init__(self, path):
        self.path = path
        super().__init__()

    def _create_resource(self):
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=())

    def _initialize(self):
        tf.io.write_file(str(self.path), "x")


@pytest.fixture
def gift(tmp_path):
    """A `.keras` file that names a SavedModel, and what tells whether that was run."""
    tf.saved_model.save(Intruder(tmp_path), tmp_path / "intruder")
    model = build_classifier(load_hub_backbone(tmp_path / "intruder"), ["a", "b"])
    save_model(model, tmp_path / "gift.keras")

    def traces():
        found = [path for path in (tmp_path / "loaded", tmp_path / "called") if path.exists()]
        for path in found:
            path.unlink()
        return [path.name for path in found]

    assert "loaded" in traces()
    return tmp_path / "gift.keras", traces


@pytest.mark.parametrize(
    "load",
    [
        keras.models.load_model,
        load_model,
        lambda path: predict(path, np.zeros((1, 2), "float32")),
        lambda path: keras.models.model_from_json(zipfile.ZipFile(path).read("config.json")),
        lambda path: keras.Model.from_config(
            json.loads(zipfile.ZipFile(path).read("config.json"))["config"]
        ),
    ],
    ids=["keras.load_model", "tltk.load_model", "tltk.predict", "from_json", "from_config"],
)
def test_safe_mode_runs_no_savedmodel(gift, load):
    path, traces = gift
    with pytest.raises(ValueError, match="safe mode loads none. Received: a file that names"):
        load(path)
    assert traces() == []
    load_model(path, trust=True)
    assert "loaded" in traces()


def test_a_layer_alone_is_refused_too_unless_this_process_has_run_its_files(gift):
    path, traces = gift
    model = load_model(path, trust=True)
    [config] = [x.get_config() for x in model.layers if isinstance(x, hub.HubLayer)]
    traces()
    for digest in (None, "0" * 64):
        with pytest.raises(ValueError, match=r"tltk.load_model\(path, trust=True\)"):
            hub.HubLayer.from_config({**config, "digest": digest})
    assert traces() == []
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    rows = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    np.testing.assert_array_equal(copy(rows), model(rows))


def test_a_file_of_our_own_names_only_what_is_in_memory(gift, monkeypatch):
    path, traces = gift
    with hub.known_networks():
        keras.models.load_model(path)
    assert "loaded" in traces()
    monkeypatch.setattr(hub, "_run_here", set())
    with hub.known_networks(), pytest.raises(ValueError, match="safe mode loads none"):
        keras.models.load_model(path)
    assert traces() == []


def test_exported_it_answers_alike_without_the_folder(tuned, tmp_path):
    model, folder, expected = tuned
    model.export(str(tmp_path / "exported"), verbose=False)
    shutil.rmtree(folder)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(exported.serve(tf.constant(TEXTS)), expected, atol=1e-6)


def test_a_comparison_reads_its_own_runs_back(tuned):
    model, _, expected = tuned
    kept, run = KeptRuns(None, {}, {}), Run("mine", 5, 0)
    kept.keep(run, model, {})
    again = kept.model(run)
    np.testing.assert_allclose(again.predict(tf.constant(TEXTS), verbose=0), expected, atol=1e-6)
    kept.close()


@pytest.mark.parametrize("change", ["asset", "weights", "graph", "added"])
def test_a_changed_savedmodel_is_refused_before_it_is_loaded(
    text_folder, tmp_path, monkeypatch, change
):
    folder, _ = text_folder
    save_model(load_hub_backbone(folder), tmp_path / "encoder.keras")
    [asset] = (folder / "assets").iterdir()
    [weights] = (folder / "variables").glob("*.data*")
    paths = {"asset": asset, "weights": weights, "graph": folder / "saved_model.pb"}
    path = paths.get(change, folder / "saved_model.cpb")
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b"x")
    monkeypatch.setattr(tf.saved_model, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(ValueError, match="whose files have changed since. Bring the old files"):
        load_model(tmp_path / "encoder.keras", trust=True)


def test_equal_weights_in_another_graph_have_another_digest(tmp_path):
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    digests = []
    for scale in (1.0, 2.0):
        encoder = TextEncoder(tmp_path / "words.txt", scale=scale)
        shutil.rmtree(tmp_path / "text", ignore_errors=True)
        tf.saved_model.save(encoder, tmp_path / "text")
        digests += [network_digest(load_hub_backbone(tmp_path / "text")) for _ in range(2)]
    assert digests[0] == digests[1]
    assert digests[2] == digests[3]
    assert digests[0] != digests[2]


def test_one_of_several_outputs_is_chosen(tmp_path):
    encoder = PictureEncoder(as_dict=True)
    tf.saved_model.save(encoder, tmp_path / "two")
    features = load_hub_backbone(tmp_path / "two", output_key="double").predict(PIXELS, verbose=0)
    np.testing.assert_allclose(features, encoder(PIXELS)["double"], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="output_key=None. Choose one of: 'default', 'double'"):
        load_hub_backbone(tmp_path / "two")


def test_an_output_cannot_be_chosen_where_there_is_one(text_folder):
    with pytest.raises(ValueError, match="Received: output_key='default'. Choose one of: None"):
        load_hub_backbone(text_folder[0], output_key="default")


@pytest.mark.parametrize(
    "settings", [{"input_shape": (9, 9, 3)}, {"input_shape": ()}, {"dtype": "string"}]
)
def test_an_input_that_does_not_fit(picture_folder, settings):
    match = r"\(None, 8, 8, 3\) float32, None being free. Received: \(None"
    with pytest.raises(ValueError, match=match):
        load_hub_backbone(picture_folder[0], **settings)


def test_folders_that_hold_no_network(tmp_path):
    with pytest.raises(FileNotFoundError, match="none, which does not exist"):
        load_hub_backbone(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="saved_model.pb. Received: .*without that file"):
        load_hub_backbone(tmp_path)
    (tmp_path / "tfhub_module.pb").touch()
    with pytest.raises(ValueError, match="TF2 Hub format.*Received: .*a TF1 Hub module"):
        load_hub_backbone(tmp_path)


def test_a_savedmodel_with_signatures_only(tmp_path):
    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x, [tf.TensorSpec((None, 2))])
    tf.saved_model.save(module, tmp_path / "m", signatures={"serving_default": module.double})
    with pytest.raises(ValueError, match=r"only the signatures \['serving_default'\]"):
        load_hub_backbone(tmp_path / "m")


HANDLE = "https://tfhub.dev/google/nnlm-en-dim50/2"


def test_offline_the_error_names_the_road(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(hub, "is_online", lambda: False)
    with pytest.raises(ConnectionError, match="no network.*pass its folder.*TFHUB_CACHE_DIR"):
        load_hub_backbone(HANDLE)


@pytest.mark.parametrize("works", [True, False])
def test_an_address_is_resolved_by_tensorflow_hub(text_folder, monkeypatch, works):
    def resolve(handle):
        if works:
            return str(text_folder[0])
        raise OSError(f"404 {handle}")

    monkeypatch.setitem(sys.modules, "tensorflow_hub", types.SimpleNamespace(resolve=resolve))
    monkeypatch.setattr(hub, "is_online", lambda: True)
    if works:
        assert load_hub_backbone(HANDLE).output_shape == (None, 3)
    else:
        with pytest.raises(ConnectionError, match=f"download: 404 {HANDLE}"):
            load_hub_backbone(HANDLE)


def test_what_tensorflow_hub_kept_needs_no_network(text_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(hub, "is_online", lambda: pytest.fail("asked for the network"))
    shutil.copytree(text_folder[0], tmp_path / hashlib.sha1(HANDLE.encode()).hexdigest())
    assert load_hub_backbone(HANDLE).output_shape == (None, 3)


@pytest.mark.parametrize(
    "handle", ["http://tfhub.dev/m/1", "HTTP://tfhub.dev/m/1", "ftp://tfhub.dev/m", "gs://hub/m"]
)
def test_only_https_is_asked(handle, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "is_online", lambda: pytest.fail("asked for the network"))
    with pytest.raises(ValueError, match=f"over https alone.*Received: {handle}. Use its https"):
        load_hub_backbone(handle)
    config = {"name": "hub", "handle": handle}
    with pytest.raises(ValueError, match="https alone"):
        keras.saving.deserialize_keras_object(
            {"class_name": "HubLayer", "config": config, "registered_name": "tltk>HubLayer"},
            safe_mode=False,
        )


def test_downloads_are_kept_in_the_users_own_cache(text_folder, monkeypatch):
    seen = []

    def resolve(handle):
        seen.append(os.environ["TFHUB_CACHE_DIR"])
        return str(text_folder[0])

    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow_hub", types.SimpleNamespace(resolve=resolve))
    monkeypatch.setattr(hub, "is_online", lambda: True)
    load_hub_backbone(HANDLE)
    assert seen == [os.path.join(os.environ["TLTK_CACHE"], "tfhub")]
    assert "TFHUB_CACHE_DIR" not in os.environ


@pytest.mark.parametrize("planted", ["the cache", "a network in it"])
def test_what_another_user_put_into_a_cache_is_not_run(planted, text_folder, tmp_path, monkeypatch):
    cache = tmp_path / "shared"
    kept = cache / hashlib.sha1(HANDLE.encode()).hexdigest()
    shutil.copytree(text_folder[0], kept)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(cache))
    theirs = {"the cache": cache, "a network in it": kept}[planted].stat().st_ino
    stat = type(cache).stat

    def stat_with_owner(path, **options):
        found = stat(path, **options)
        uid = 65534 if found.st_ino == theirs else os.getuid()
        return os.stat_result([*found[:4], uid, *found[5:]])

    monkeypatch.setattr(type(cache), "stat", stat_with_owner)
    monkeypatch.setattr(tf.saved_model, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(PermissionError, match="must be your own.*of user number 65534. Let TFHUB"):
        load_hub_backbone(HANDLE)


def test_an_address_without_tensorflow_hub_names_the_extra(monkeypatch):
    monkeypatch.setattr(hub, "is_online", lambda: True)
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(ImportError, match=r"extra 'hub'. Received: .*tensorflow_hub.*\[hub\]"):
        load_hub_backbone(HANDLE)


class Listener(tf.Module):
    """As YAMNet: one waveform in; scores, one embedding for each 40 samples, and a spectrum out."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(0)
        self.kernel = tf.Variable(random.normal(size=(40, 5)), dtype=tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
    def __call__(self, waveform):
        frames = tf.signal.frame(waveform, 40, 40)
        embeddings = tf.nn.relu(frames @ self.kernel)
        return tf.reduce_mean(embeddings, 1), embeddings, tf.abs(frames)


@pytest.fixture
def listener_folder(tmp_path):
    listener = Listener()
    tf.saved_model.save(listener, tmp_path / "listener")
    return tmp_path / "listener", listener


WAVEFORMS = np.random.default_rng(3).uniform(-1, 1, (12, 200)).astype("float32")
LOUD = np.array([0, 1] * 6, "int32")
WAVEFORMS[LOUD == 0] /= 9


@pytest.mark.parametrize("samples", [200, None])
def test_a_network_for_one_waveform_hears_a_batch(listener_folder, samples):
    folder, listener = listener_folder
    model = load_hub_backbone(folder, input_shape=(samples,), output_key=1, rate=1000)
    expected = np.stack([listener(waveform)[1] for waveform in WAVEFORMS])
    np.testing.assert_allclose(model.predict(WAVEFORMS, verbose=0), expected, atol=1e-5)
    assert load_hub_backbone(folder, output_key=1).input_shape == (None, None)


def test_a_network_for_one_waveform_is_tuned_saved_and_asked_by_a_path(listener_folder, tmp_path):
    import soundfile

    backbone = load_hub_backbone(listener_folder[0], input_shape=(200,), output_key=1, rate=1000)
    model = build_classifier(backbone, ["soft", "loud"])
    losses = []
    for cache in (True, False):
        keras.utils.set_random_seed(0)
        twin = build_classifier(
            load_hub_backbone(listener_folder[0], (200,), output_key=1), ["soft", "loud"]
        )
        history = fine_tune(twin, (WAVEFORMS, LOUD), unfreeze_blocks=0, cache=cache, **QUICK)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    before = weights_of(model)
    fine_tune(model, (WAVEFORMS, LOUD), unfreeze_blocks="all", **QUICK)
    assert not np.array_equal(weights_of(model)[0], before[0])
    save_model(model, tmp_path / "sound.keras")
    soundfile.write(tmp_path / "clip.wav", WAVEFORMS[1], 1000, "FLOAT")
    [by_path] = predict(tmp_path / "sound.keras", tmp_path / "clip.wav", trust=True)
    [by_samples] = predict(model, WAVEFORMS[1])
    np.testing.assert_allclose(dict(by_path)["loud"], dict(by_samples)["loud"], atol=1e-5)
