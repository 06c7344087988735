import gc
import json
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tltk.backbones import load_hub_backbone, load_text_backbone
from tltk.backbones.text import WordVectors
from tltk.tuning import _engines as engines
from tltk.tuning import build_classifier, extract_features, fine_tune
from tltk.tuning._engines import chosen_engine, relative_error
from tltk.tuning.features import pooled_once


def test_openvino_gives_the_same_features(body, pictures, tmp_path):
    pytest.importorskip("openvino")
    plain, _ = extract_features(body(), pictures)
    fast, _ = extract_features(body(), pictures, engine="openvino")
    assert 0 < relative_error(fast, plain) < 1e-5
    assert len(list((tmp_path / "cache" / "engines").glob("*/network.xml"))) == 1
    assert len(list((tmp_path / "cache" / "features").glob("*/done.json"))) == 2


def test_a_started_engine_is_used_again_for_the_same_network(body, pictures, monkeypatch):
    pytest.importorskip("openvino")
    begun = []
    start = engines._openvino_run
    monkeypatch.setattr(engines, "_openvino_run", lambda *a: begun.append(a) or start(*a))
    model, (images, _) = body(), pictures
    for rows in (images[:20], images[20:]):
        extract_features(model, rows, engine="openvino")
        extract_features(model, rows, engine="keras")
    assert len(begun) == 1
    extract_features(body(seed=4), images, engine="openvino")
    assert len(begun) == 2


def test_two_precisions_in_turn_are_each_made_ready_once(body, pictures, monkeypatch):
    made, model, (images, _) = [], body(), pictures

    def make_ready(network, engine, precision, *_):
        made.append((engine, precision))
        return precision

    monkeypatch.setattr(engines, "_checked_run", make_ready)
    turns = [("openvino", "float32"), ("openvino", "bfloat16"), ("keras", "bfloat16")] * 2
    runs = [engines.started(model, *each, "its digest", images[:2]) for each in turns]
    assert made == turns[:3]
    assert runs == [precision for _, precision in turns]
    engines.started(model, "openvino", "float32", "digest of other weights", images[:2])
    assert made == [*turns[:3], turns[0]]


def test_fractions_are_not_cut_off_after_whole_numbers(body, pictures):
    """OpenVINO takes bytes as bytes; the same started network must not do so with floats."""
    pytest.importorskip("openvino")
    images, _ = pictures
    for rows in (images, images + 0.5, images):
        fast, expected = (
            extract_features(body(), rows, engine=engine, cache=False)[0]
            for engine in ("openvino", "keras")
        )
        np.testing.assert_allclose(fast, expected, rtol=1e-4, atol=1e-5)


def test_keras_is_traced_once_for_a_model_and_sees_every_change_of_it(body, pictures):
    model, (images, _) = body(), pictures
    for part in (images[:33], images[33:]):
        extract_features(model, part)
    pooled = pooled_once(model, "avg")
    assert pooled is pooled_once(model, "avg")
    assert pooled.predict_function is not None
    first, _ = extract_features(model, images[:33], cache=False)
    kernel = model.get_layer("block3_conv").kernel
    kernel.assign(2 * kernel)
    doubled, _ = extract_features(model, images[:33], cache=False)
    assert not np.allclose(doubled, first)
    np.testing.assert_allclose(
        doubled, model.predict(images[:33], verbose=0).mean((1, 2)), rtol=1e-5
    )


@pytest.mark.parametrize("pooling", ["avg", None])
def test_nothing_keeps_a_network_alive(body, pictures, pooling):
    model = body()
    layers = [weakref.ref(model), weakref.ref(model.layers[-1])]
    extract_features(model, pictures, pooling=pooling)
    extract_features(model, pictures, pooling=pooling)
    keras.backend.clear_session()
    del model
    for _ in range(3):  # what one pass frees lets go of more
        gc.collect()
    assert [layer() for layer in layers] == [None, None]


def test_pictures_of_another_size_are_refused_by_keras(body):
    pytest.importorskip("openvino")
    with pytest.raises(ValueError, match="shape"):
        extract_features(body(), np.zeros((4, 10, 10, 3), "uint8"), engine="openvino")


def test_openvino_takes_several_tensors_and_trains(pictures):
    pytest.importorskip("openvino")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 3))
    first = keras.layers.Conv2D(4, 3, padding="same", name="block1_conv")(inputs)
    second = keras.layers.Conv2D(4, 3, padding="same", name="block2_conv")(first)
    body = keras.Model(inputs, keras.layers.Add(name="block2_add")([first, second]))
    model = build_classifier(body, 3)
    settings = {"unfreeze_blocks": 1, "epochs": 1, "head_epochs": 1, "verbose": 0}
    history = fine_tune(model, pictures, cache="openvino", **settings)
    assert np.isfinite(history.history["loss"]).all()


def test_openvino_is_given_each_of_several_inputs_by_name():
    pytest.importorskip("openvino")
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((4,), dtype="int32", name=name) for name in names}
    vectors = [keras.layers.Embedding(9, 3)(inputs[name]) for name in names]
    network = keras.Model(inputs, keras.layers.Concatenate()(vectors))
    x = {name: np.full((5, 4), number) for number, name in enumerate(names)}
    plain, _ = extract_features(network, x, pooling=None)
    fast, _ = extract_features(network, x, pooling=None, engine="openvino")
    assert np.array_equal(fast, plain)


def test_openvino_runs_a_hub_layer_for_pictures(tmp_path):
    pytest.importorskip("openvino")
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(np.random.default_rng(0).normal(size=(3, 4)), dtype=tf.float32)
    module.__call__ = tf.function(
        lambda x: tf.nn.relu(tf.reduce_mean(x, (1, 2)) @ module.kernel),
        [tf.TensorSpec((None, 8, 8, 3))],
    )
    tf.saved_model.save(module, tmp_path / "hub")
    network = load_hub_backbone(tmp_path / "hub")
    x = np.random.default_rng(1).uniform(0, 255, (40, 8, 8, 3)).astype("float32")
    plain, _ = extract_features(network, x)
    fast, _ = extract_features(network, x, engine="openvino")
    assert relative_error(fast, plain) < 1e-5


def test_texts_stay_with_keras():
    pytest.importorskip("openvino")
    vectors = WordVectors(("good", "bad"), np.eye(2, dtype="float32"))
    network = load_text_backbone(vectors, length=3)
    texts = np.array(["good film", "bad"], object)
    with pytest.raises(ValueError, match='cannot convert .* Use engine="keras"'):
        extract_features(network, texts, engine="openvino")
    plain, _ = extract_features(network, texts)
    chosen, _ = extract_features(network, texts, engine="auto", cache=False)
    assert np.array_equal(chosen, plain)
    model = build_classifier(network, 2)
    fine_tune(model, (texts, [0, 1]), unfreeze_blocks=0, cache="auto", verbose=0)


def test_an_engine_that_answers_otherwise_is_refused(body, pictures, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setitem(engines.LARGEST_ERROR, "float32", 0.0)
    with pytest.raises(ValueError, match="must answer as Keras does.*Received: a relative error"):
        extract_features(body(), pictures, engine="openvino")


def test_errors_are_reported(body, pictures, capsys):
    pytest.importorskip("openvino")
    model = build_classifier(body(), 3)
    fine_tune(model, pictures, unfreeze_blocks=1, epochs=1, cache="openvino", verbose=2)
    assert "at the cut and by" in capsys.readouterr().out


def test_relative_error_by_hand():
    assert relative_error(np.array([3.0, 4.5]), np.array([3.0, 4.0])) == pytest.approx(0.1)


def test_auto_falls_back_to_keras(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert chosen_engine("auto", "float32") == "keras"
    with pytest.raises(ValueError, match="pip install openvino"):
        chosen_engine("openvino", "float32")


@pytest.mark.parametrize(("engine", "precision"), [("onnx", "float32"), ("keras", "float16")])
def test_unknown_choices(engine, precision):
    wrong = f"engine='{engine}'" if engine == "onnx" else f"precision='{precision}'"
    with pytest.raises(ValueError, match=f"Received: {wrong}"):
        chosen_engine(engine, precision)


def test_bfloat16_needs_a_gpu_or_openvino():
    with pytest.raises(ValueError, match="bfloat16 needs a GPU, or OpenVINO"):
        chosen_engine("keras", "bfloat16")


class FakeCore:
    """Reads what `exported` writes: the kernel of one dense layer as text."""

    reads = 0

    def read_model(self, path):
        FakeCore.reads += 1
        kernel = np.array(json.loads(path.read_text()))
        if path.with_suffix(".bin").read_bytes() != b"bin":
            raise RuntimeError("the file is damaged")
        return kernel


@pytest.fixture
def converted(monkeypatch, tmp_path):
    """OpenVINO as a stand-in; gives a function that converts a network and counts conversions."""
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=FakeCore))
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    exports = []

    def exported(path, **_):
        exports.append(Path(path).parent)
        Path(path).write_text(json.dumps(network.get_weights()[0].tolist()))
        Path(path).with_suffix(".bin").write_bytes(b"bin")

    monkeypatch.setattr(network, "export", exported)

    def convert(cache=True):
        kernel = engines._converted(network, "digest", lambda text: None, cache)
        np.testing.assert_array_equal(kernel, network.get_weights()[0])
        return len(exports)

    convert.exports, convert.folder = exports, tmp_path / "cache" / "engines" / "digest"
    convert.network = network
    return convert


def test_a_converted_network_is_kept_and_read_again(converted):
    assert [converted(), converted()] == [1, 1]
    names = {path.name for path in converted.folder.parent.iterdir()}
    assert names == {"digest", "digest.lock"}


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "sums.json"])
@pytest.mark.parametrize("how", ["cut", "flipped", "gone", "empty"])
def test_a_damaged_converted_network_is_converted_again(converted, name, how):
    converted()
    path = converted.folder / name
    content = path.read_bytes()
    changed = {
        "cut": content[:-1],
        "flipped": content[:-1] + bytes([content[-1] ^ 1]),
        "empty": b"",
    }
    path.unlink() if how == "gone" else path.write_bytes(changed[how])
    assert [converted(), converted()] == [2, 2]


def test_a_whole_one_that_openvino_cannot_read_is_converted_again(converted, monkeypatch):
    converted()
    monkeypatch.setattr(FakeCore, "reads", 0)
    read = FakeCore.read_model

    def once_unreadable(self, path):
        if FakeCore.reads == 0:
            FakeCore.reads = 1
            raise RuntimeError("of another version")
        return read(self, path)

    monkeypatch.setattr(FakeCore, "read_model", once_unreadable)
    assert [converted(), converted()] == [2, 2]


def test_what_a_killed_conversion_left_is_cleared_away(converted, monkeypatch):
    whole = converted.network.export

    def killed(path, **_):
        Path(path).write_text("half a net")
        raise KeyboardInterrupt

    monkeypatch.setattr(converted.network, "export", killed)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)  # nobody tidies after a kill
        with pytest.raises(KeyboardInterrupt):
            converted()
    assert len(list(converted.folder.parent.glob(".*"))) == 1
    monkeypatch.setattr(converted.network, "export", whole)
    assert converted() == 1
    assert list(converted.folder.parent.glob(".*")) == []


def test_without_the_cache_nothing_is_written_there(converted, tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("in the way")
    assert converted(cache=False) == 1
    assert not converted.exports[0].exists()
    with pytest.raises(OSError, match=r"must be writable.*Received: .*engines.*pass cache=False"):
        converted()


def test_a_full_disk_is_not_taken_for_a_network_that_cannot_be_converted(converted, monkeypatch):
    def full(path, **_):
        raise RuntimeError("cannot write")

    monkeypatch.setattr(converted.network, "export", full)
    with pytest.raises(ValueError, match=r"cannot convert .*Use engine=.keras"):
        converted()
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=3))
    with pytest.raises(OSError, match=r"Converted networks are kept on disk.*MB needed.*Free some"):
        converted()
