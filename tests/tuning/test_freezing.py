import keras
import numpy as np
import pytest

from tltk.tuning import build_classifier, freeze, trainable_table, unfreeze


def outputs(model, images, training):
    return np.asarray(model(images.astype("float32"), training=training))


def snapshot(model):
    return {weight.path: weight.numpy().copy() for weight in model.weights}


def moved(model, before):
    return {p for p, value in snapshot(model).items() if not np.array_equal(value, before[p])}


def test_frozen_backbone_is_silent_and_does_not_move(body, pictures):
    images, labels = pictures
    backbone = body()
    model = build_classifier(backbone, 3, dropout=0)
    before = snapshot(model)
    assert np.array_equal(outputs(backbone, images, True), outputs(backbone, images, False))
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


def test_dropout_comes_back_with_its_block(body, pictures):
    model = build_classifier(body(dropout=0.5), 3, dropout=0)
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0, 0, 0]
    unfreeze(model, 2)
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0, 0.5, 0.5]
    freeze(model)
    unfreeze(model, "all")
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0.5] * 3


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


def test_recurrent_and_attention_dropout_is_silenced():
    inputs = keras.Input((5, 4))
    x = keras.layers.LSTM(4, dropout=0.5, return_sequences=True, name="memory")(inputs)
    x = keras.layers.MultiHeadAttention(2, 2, dropout=0.5, name="attention")(x, x)
    model = keras.Model(inputs, x)
    rows = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    assert not np.array_equal(outputs(model, rows, True), outputs(model, rows, False))
    freeze(model)
    assert np.array_equal(outputs(model, rows, True), outputs(model, rows, False))


@pytest.mark.parametrize("blocks", ["block9", ["block1", "layer7"]])
def test_unknown_block_lists_the_valid_ones(body, blocks):
    with pytest.raises(ValueError, match=r"Received: .*block1, block2, block3"):
        unfreeze(build_classifier(body(), 3), blocks)


@pytest.mark.parametrize("count", [-1, 4])
def test_too_many_blocks(body, count):
    with pytest.raises(ValueError, match=f"Received: {count}"):
        unfreeze(build_classifier(body(), 3), count)
