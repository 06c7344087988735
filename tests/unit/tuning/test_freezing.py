import copy

import keras
import numpy as np
import pytest
from packaging.version import Version

from tltk._keras import Part
from tltk.tuning import build_classifier, fine_tune, freeze, trainable_table, unfreeze


def outputs(model, images, training):
    return np.asarray(model(images.astype("float32"), training=training))


def snapshot(model):
    return {weight.path: weight.numpy().copy() for weight in model.weights}


def moved(model, before):
    return {p for p, value in snapshot(model).items() if not np.array_equal(value, before[p])}


def test_frozen_backbone_does_not_move(body, pictures):
    images, labels = pictures
    model = build_classifier(body(), 3, dropout=0)
    before = snapshot(model)
    model.fit(images, labels, epochs=2, verbose=0)
    assert moved(model, before) == {"head_output/kernel", "head_output/bias"}


def test_unfreezing_moves_the_block_and_nothing_else(body, pictures):
    model = build_classifier(body(), 3)
    assert unfreeze(model, 1) == 3 * 3 * 6 * 6 + 6
    before = snapshot(model)
    model.fit(*pictures, epochs=1, verbose=0)
    assert {path.split("/")[0] for path in moved(model, before)} == {"block3_conv", "head_output"}


def test_batch_norm_trains_only_when_asked(body, pictures):
    model = build_classifier(body(), 3)
    unfreeze(model, ["block2"], train_batch_norm=True)
    before = snapshot(model)
    model.fit(*pictures, epochs=1, verbose=0)
    assert "block2_bn/moving_mean" in moved(model, before)
    assert not any(path.startswith(("block1", "block3")) for path in moved(model, before))


def test_nothing_hangs_on_the_layers(body, pictures, tmp_path):
    backbone = body(dropout=0.5)
    attributes = [set(vars(layer)) for layer in backbone.layers]
    model = build_classifier(backbone, 3, dropout=0)
    calls = [len(layer._inbound_nodes) for layer in model.layers]
    freeze(model)
    unfreeze(model, 2)
    fine_tune(model, pictures, unfreeze_blocks=1, epochs=1, verbose=0)
    assert [set(vars(layer)) for layer in backbone.layers] == attributes
    assert [len(layer._inbound_nodes) for layer in model.layers] == calls
    assert "save" not in vars(model)
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0.5] * 3
    copies = [keras.models.clone_model(model), copy.deepcopy(model)]
    for number, save in enumerate((model.save, lambda path: keras.saving.save_model(model, path))):
        save(tmp_path / f"{number}.keras")
        copies.append(keras.models.load_model(tmp_path / f"{number}.keras"))
    assert {each.get_layer("block1_dropout").rate for each in copies} == {0.5}


def test_parent_and_child_agree(body):
    backbone = body()
    model = build_classifier(backbone, 3)
    unfreeze(model, 1)
    seen_from_parent = {weight.path for weight in model.trainable_weights}
    seen_from_backbone = {weight.path for weight in backbone.trainable_weights}
    from_layers = {w.path for layer in model.layers for w in layer.trainable_weights}
    assert seen_from_parent == from_layers
    assert seen_from_backbone == {path for path in from_layers if not path.startswith("head")}


def test_a_compiled_model_notices(body, pictures):
    images, labels = pictures
    model = build_classifier(body(), 3)
    model.fit(images, labels, verbose=0)
    before = snapshot(model)
    unfreeze(model, 1)
    model.fit(images, labels, verbose=0)
    assert "block3_conv/kernel" in moved(model, before)


def test_table_adds_up(body):
    model = build_classifier(body(), 3)
    unfreeze(model, 2)
    table = trainable_table(model)
    assert [row["block"] for row in table] == ["block1", "block2", "block3", "head"]
    assert sum(row["weights"] for row in table) == model.count_params()
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert sum(row["trainable"] for row in table) == trainable
    assert [row["batch_norm"] for row in table] == ["inference"] * 3 + ["-"]


class Composite(keras.layers.Layer):
    """Holds a dropout that it does not tell of training."""

    def __init__(self):
        super().__init__(name="composite")
        self.inner = keras.layers.Dropout(0.5)

    def call(self, x):
        return self.inner(x)


def random_layers(x):
    """Every kind of layer that draws, on (b, 5, 4), each by itself or inside another one."""
    layers = keras.layers
    x = layers.LSTM(4, dropout=0.5, recurrent_dropout=0.5, return_sequences=True, name="memory")(x)
    x = layers.MultiHeadAttention(2, 2, dropout=0.5, name="attention")(x, x)
    x = layers.GaussianNoise(1.0, name="noise")(layers.SpatialDropout1D(0.5, name="spatial")(x))
    x = layers.AlphaDropout(0.5, name="alpha")(Composite()(x))
    inner = keras.Sequential([keras.Input((5, 4)), layers.Dense(4), layers.Dropout(0.5)], name="in")
    return layers.Bidirectional(layers.GRU(2, dropout=0.5), name="both")(inner(x))


def test_frozen_random_layers_are_silent_in_the_copy_that_trains():
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, random_layers(inputs))
    rows = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    freeze(model)
    copy_in_training = Part(model.input, model.output)
    assert np.array_equal(outputs(copy_in_training, rows, True), outputs(model, rows, False))
    assert not np.array_equal(outputs(model, rows, True), outputs(model, rows, False))
    unfreeze(model, "all")
    first = outputs(copy_in_training, rows, True)
    assert not np.array_equal(first, outputs(copy_in_training, rows, True))
    assert np.array_equal(outputs(copy_in_training, rows, False), outputs(model, rows, False))


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("unfreeze_blocks", [0, ["first"]])
def test_frozen_dropout_takes_no_part_in_fine_tuning(cache, unfreeze_blocks):
    """Also where it stands behind a block that trains; then nothing can be kept."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 5, 4)).astype("float32"), np.arange(40, dtype="int32") % 2
    losses, start = [], None
    for rate in (0.0, 0.5):
        inputs = keras.Input((5, 4))
        x = keras.layers.Dense(4, name="first")(inputs)
        x = keras.layers.LSTM(4, dropout=rate, name="memory")(x)
        x = keras.layers.Dropout(rate, name="noise")(keras.layers.Dense(4, name="last")(x))
        model = build_classifier(keras.Model(inputs, x), 2, dropout=0)
        start = start or model.get_weights()
        model.set_weights(start)
        settings = {"unfreeze_blocks": unfreeze_blocks, "head_epochs": 2, "epochs": 2}
        history = fine_tune(model, data, cache=cache, verbose=0, **settings)
        losses.append(history.history["loss"])
    assert losses[0] == losses[1]


class OwnOptimizer(keras.optimizers.SGD):
    """A class that no file could name."""


class TwoOptimizers(keras.optimizers.Optimizer):
    """One optimizer for the kernels, one for the biases."""

    def __init__(self):
        super().__init__(learning_rate=0.1)
        self.pair = [keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.1, momentum=0.5)]

    def build(self, variables):
        super().build(variables)
        for number, each in enumerate(self.pair):
            each.build([variable for variable in variables if len(variable.shape) == 2 - number])

    def update_step(self, gradient, variable, learning_rate):
        each = self.pair[2 - len(variable.shape)]
        each.update_step(gradient, variable, each.learning_rate)


class Scaled(keras.losses.Loss):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def named_alike(factor):
    def function(y_true, y_pred):
        return factor * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    return function


COMPILED = {
    "loss and metric of one name": lambda: {"loss": named_alike(9.0), "metrics": [named_alike(0)]},
    "lambda": lambda: {"loss": lambda y_true, y_pred: keras.ops.mean((y_true - y_pred) ** 2)},
    "own optimizer": lambda: {"optimizer": OwnOptimizer(0.1, momentum=0.9)},
    "two optimizers": lambda: {"optimizer": TwoOptimizers()},
    "weighted metric": lambda: {"weighted_metrics": [named_alike(3.0)]},
    "loss with an argument": lambda: {"loss": Scaled(5.0)},
    "strings": lambda: {"optimizer": "adam", "metrics": ["mae", "mse"]},
    "lists": lambda: {"loss": ["mse"], "loss_weights": [0.5], "metrics": [["mae"]]},
    "by name": lambda: {
        "loss": {"head_output": Scaled(2.0)},
        "loss_weights": {"head_output": 3.0},
        "metrics": {"head_output": ["mae", keras.metrics.MeanSquaredError(name="own")]},
    },
    "eager": lambda: {"run_eagerly": True},
    "XLA": lambda: {"jit_compile": True},
    "schedule": lambda: {
        "optimizer": keras.optimizers.Nadam(keras.optimizers.schedules.CosineDecay(0.1, 100))
    },
    "scaled loss": lambda: {
        "optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))
    },
    "averaged": lambda: {"optimizer": keras.optimizers.Adam(0.1, use_ema=True)},
}


@pytest.mark.parametrize("what", COMPILED)
def test_what_a_model_was_compiled_with_stays(what):
    if what == "lists" and Version(keras.__version__) < Version("3.14"):
        pytest.skip("Keras's own fit refuses lists of lists before 3.14")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="second")(keras.layers.Dense(4, name="first")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, name="head_output")(hidden))
    given = {"optimizer": "sgd", "loss": "mse", **COMPILED[what]()}
    model.compile(**given)
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(24, width)).astype("float32") for width in (3, 1))
    weights = np.linspace(0.5, 2, 24, dtype="float32")
    model.fit(x, y, sample_weight=weights, batch_size=8, verbose=0)
    optimizer, loss, steps = model.optimizer, model.loss, int(model.optimizer.iterations)
    known = {v.path: v.numpy() for v in optimizer.variables}
    expected = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    for change, moving in (
        (lambda: freeze(model), {"head_output"}),
        (lambda: unfreeze(model, "all"), {"first", "second", "head_output"}),
    ):
        change()
        assert model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True) == expected
        assert model.optimizer is optimizer
        assert model.loss is loss
        assert int(optimizer.iterations) == steps
        for variable in optimizer.variables:
            if variable.path in known and ("head_output" in variable.path or not variable.shape):
                assert np.array_equal(variable.numpy(), known[variable.path])
        before = snapshot(model)
        model.fit(x, y, sample_weight=weights, batch_size=8, verbose=0)
        assert {path.split("/")[0] for path in moved(model, before)} == moving
        steps = int(optimizer.iterations)
        known = {v.path: v.numpy() for v in optimizer.variables}
        expected = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)


@pytest.mark.parametrize("blocks", ["block9", ["block1", "layer7"]])
def test_unknown_block_lists_the_valid_ones(body, blocks):
    with pytest.raises(ValueError, match=r"Received: .*block1, block2, block3"):
        unfreeze(build_classifier(body(), 3), blocks)


@pytest.mark.parametrize("count", [-1, 4])
def test_too_many_blocks(body, count):
    with pytest.raises(ValueError, match=f"Received: blocks={count}"):
        unfreeze(build_classifier(body(), 3), count)
