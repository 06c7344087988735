"""Canary: what `tltk/_keras.py` takes from private Keras is there and means what we think."""

import gc

import keras
import numpy as np
import pytest
from packaging.version import Version

import tltk
from tltk import _keras


@pytest.fixture
def model():
    inputs = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(3, name="first")(inputs)
    noisy = keras.layers.Dropout(0.5, name="noise")(hidden)
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="inside")], name="in")
    return keras.Model(inputs, inner(noisy))


def test_a_graph_is_read_from_input_to_output(model):
    names = [node.operation.name for node in _keras.nodes_of(model)]
    assert names == ["x", "first", "noise", "in"]
    sequential = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="only")])
    assert [node.operation.name for node in _keras.nodes_of(sequential)][1:] == ["only"]


def test_a_subclassed_model_has_no_graph(model):
    class Own(keras.Model):
        def call(self, x):
            return x

    assert _keras.as_functional(Own()) is None
    assert _keras.as_functional(keras.Sequential()) is None
    assert _keras.as_functional(model) is model


def test_structures_of_inputs_and_outputs_come_back_as_they_were_given(model):
    assert _keras.input_structure(model) is model.inputs[0]
    pair = {"a": keras.Input((1,), name="a"), "b": keras.Input((1,), name="b")}
    several = keras.Model(pair, {"sum": keras.layers.Add()([pair["a"], pair["b"]]), **pair})
    assert list(_keras.input_structure(several)) == ["a", "b"]
    assert list(_keras.output_structure(several)) == ["sum", "a", "b"]
    assert _keras.operation_of(_keras.output_structure(several)["sum"]).name.startswith("add")


def test_inner_layers_are_found_at_any_depth(model):
    assert "inside" in [layer.name for layer in _keras.all_layers(model)]
    assert model in _keras.all_layers(model)
    assert model not in _keras.all_layers(model, itself=False)


def test_random_states_are_found_and_decide_what_is_drawn(model):
    [state] = _keras.random_states(model)
    assert _keras.draws_at_random(model.get_layer("noise"))
    assert not _keras.draws_at_random(model.get_layer("first"))
    drawn = []
    for _ in range(2):
        state.assign(np.array([1, 2], "uint32"))
        drawn.append(np.asarray(model(np.ones((8, 4), "float32"), training=True)))
    assert np.array_equal(*drawn)


def test_what_a_model_was_compiled_with_are_the_very_objects(model):
    model.compile(loss="mse")
    assert _keras.compiled_with(model)["metrics"] is None
    metric, loss = keras.metrics.MeanAbsoluteError(), keras.losses.Huber()
    model.compile(loss=loss, metrics=[metric], run_eagerly=True)
    known = _keras.compiled_with(model)
    assert known["metrics"][0] is metric
    assert known["loss"] is loss
    assert known["run_eagerly"] is True
    assert set(known) >= {"loss_weights", "weighted_metrics", "jit_compile"}


@pytest.mark.parametrize("name", ["Adafactor", "Adam", "Ftrl", "Muon", "Nadam", "SGD"])
def test_an_optimizer_is_built_anew_for_other_variables(model, name):
    if name == "Muon" and Version(keras.__version__) < Version("3.13"):
        pytest.skip("Keras's own fit fails with Muon before 3.13")
    optimizer = getattr(keras.optimizers, name)(0.01)
    model.compile(optimizer, "mse", run_eagerly=True)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(8, 4)).astype("float32"), rng.normal(size=(8, 2)).astype("float32")
    model.fit(*data, verbose=0)
    known, count = {v.path: v.numpy() for v in optimizer.variables}, len(optimizer.variables)
    model.get_layer("first").trainable = False
    _keras.obey_flags(model)
    fewer = {variable.path: variable.numpy() for variable in optimizer.variables}
    expected = type(optimizer)(0.01)
    expected.build(model.trainable_variables)
    assert len(optimizer.variables) == len(expected.variables)
    if name != "Adafactor":  # whose slots of all weights have one name
        named = {path: value for path, value in fewer.items() if "/" in path}
        assert set(named) <= set(known)
        assert all(np.array_equal(known[path], value) for path, value in named.items())
    before = model.get_layer("first").get_weights()
    model.fit(*data, verbose=0)
    assert all(map(np.array_equal, before, model.get_layer("first").get_weights()))
    model.get_layer("first").trainable = True
    _keras.obey_flags(model)
    model.fit(*data, verbose=0)
    assert len(optimizer.variables) == count
    assert not np.array_equal(before[0], model.get_layer("first").get_weights()[0])


@pytest.mark.parametrize("version", [keras.__version__, "3.13.2"])
def test_a_part_shares_layers_and_notes_nothing_on_them(model, version, monkeypatch):
    """Before 3.14 Keras has no function that begins inside a graph."""
    monkeypatch.setattr(keras, "__version__", version)
    calls = [len(layer._inbound_nodes) for layer in model.layers]
    middle = model.get_layer("first").output
    part = _keras.Part(middle, model.output)
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    hidden = keras.Model(model.input, middle)(rows)
    assert np.array_equal(part(hidden), model(rows))
    assert [layer.name for layer in part.layers] == ["noise", "in"]
    assert len(part.trainable_weights) == 2
    assert [len(layer._inbound_nodes) for layer in model.layers] == calls
    assert [node.operation.name for node in _keras.nodes_of(part)] == ["noise", "in"]
    doubled = _keras.Part(model.input, model.output, keras.layers.Rescaling(2.0))
    assert np.array_equal(doubled(rows), model(2 * rows))


def test_a_part_takes_inputs_and_gives_outputs_as_its_model_does():
    pair = {"b": keras.Input((1,), name="b"), "a": keras.Input((1,), name="a")}
    several = keras.Model(pair, {"sum": keras.layers.Add()([pair["a"], pair["b"]]), **pair})
    part = _keras.Part(several.input, several.output)
    rows = {"a": np.ones((2, 1)), "b": np.full((2, 1), 3)}
    assert {k: v.numpy().tolist() for k, v in part(rows).items()} == {
        k: v.numpy().tolist() for k, v in several(rows).items()
    }
    listed = keras.Model(list(pair.values()), several.output["sum"])
    assert _keras.Part(listed.input, listed.output)(rows).numpy().tolist() == [[4.0], [4.0]]


def test_the_optimizer_knows_the_models_own_variables(model):
    seen = []

    class Spy(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            seen.append(_keras.optimized_variable(self, variable).path)
            super().update_step(gradient, variable, learning_rate)

    model.compile(Spy(), loss="mse")
    model.train_on_batch(np.ones((2, 4), "float32"), np.ones((2, 2), "float32"))
    assert sorted(seen) == sorted(weight.path for weight in model.trainable_weights)


def test_retracing_sees_what_changed(model):
    model.compile(loss="mse")
    x = np.ones((2, 4), "float32")
    before = model.predict(x, verbose=0)
    model.get_layer("first").activation = keras.activations.relu
    model.get_layer("first").set_weights([-np.ones((4, 3), "float32"), np.zeros(3, "float32")])
    _keras.retrace(model)
    after = model.predict(x, verbose=0)
    assert not np.array_equal(before, after)
    assert not after.any()


def test_variables_are_tracked_and_let_go():
    class Holder(keras.layers.Layer):
        def __init__(self, variable):
            super().__init__()
            _keras.track_variable(self, variable)

    variable = keras.Variable(np.zeros(2, "float32"))
    layer = Holder(variable)
    assert any(weight is variable for weight in layer.weights)
    _keras.untrack_variable(layer, variable)
    assert not layer.weights


def test_no_graph_of_a_training_stays_behind(model):
    """TensorFlow keeps that of a training in which gradients were summed over replicas."""

    class Adam(_keras.OneReplica, keras.optimizers.Adam):
        pass

    def graphs():
        gc.collect()
        return sum(type(each).__name__ == "FuncGraph" for each in gc.get_objects())

    data, before = (np.ones((8, 4), "float32"), np.ones((8, 2), "float32")), graphs()
    part = _keras.Part(model.input, model.output)
    part.compile(Adam(0.01), "mse")
    part.fit(*data, verbose=0)
    expected = [weight.numpy() for weight in model.weights]
    del part
    _keras.forget_kernels()
    assert graphs() <= before
    assert all(np.isfinite(value).all() for value in expected)


def test_a_model_whose_optimizer_was_refitted_is_exported_and_trains_on(model, tmp_path):
    model.compile("adam", "mse")
    data = np.ones((4, 4), "float32"), np.ones((4, 2), "float32")
    model.fit(*data, verbose=0)
    model.get_layer("first").trainable = False
    _keras.obey_flags(model)
    model.fit(*data, verbose=0)
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)
    model.export(tmp_path / "saved", verbose=False)
    answers = keras.layers.TFSMLayer(tmp_path / "saved", call_endpoint="serve")(data[0])
    np.testing.assert_allclose(np.asarray(answers), model.predict(data[0], verbose=0), atol=1e-6)


def test_a_model_of_keras_2_is_named_as_such():
    old = type("Sequential", (), {"__module__": "tf_keras.src.engine.sequential"})()
    with pytest.raises(ValueError, match="backbone must be a keras.Model of Keras 3. Received: .*"):
        _keras.check_model(old, "backbone")
    assert not _keras.of_keras_2(keras.Sequential)


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


def test_texts_and_saved_models_are_refused_on_other_backends(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="Texts need .* Received: the backend jax. Set KERAS_B"):
        tltk.load_text_backbone()
    with pytest.raises(ValueError, match="Networks of TF-Hub need Keras's TensorFlow backend"):
        tltk.backbones.load_hub_backbone("folder")


PICTURES = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.ReLU()])


@pytest.mark.parametrize(
    "build",
    [
        lambda: tltk.load_backbone("small_cnn", weights=None, input_shape=32),
        lambda: tltk.load_backbone("vgg16", weights=None, input_shape=32),
        lambda: tltk.load_audio_backbone(weights=None),
        lambda: tltk.load_text_backbone(encoder="cnn"),
        lambda: tltk.backbones.series_encoder((8, 1)),
        lambda: tltk.build_classifier(PICTURES, 2),
        lambda: tltk.extract_features(PICTURES, np.full((1, 4, 4, 3), 255)),
    ],
)
def test_nothing_is_built_where_channels_come_first(channels_first, build):
    with pytest.raises(ValueError, match="Keras's setting image_data_format='channels_first'. C"):
        build()


def test_a_network_whose_channels_come_first_is_no_backbone():
    first = keras.Sequential([keras.Input((3, 8, 8))])
    first.add(keras.layers.Conv2D(4, 3, data_format="channels_first", name="odd"))
    with pytest.raises(ValueError, match="a network whose layer 'odd' has them first. Make it"):
        tltk.build_classifier(first, 2)
