"""Freezing, cutting and per-block learning rates, proven on every network of the table."""

from contextlib import contextmanager

import keras
import numpy as np
import pytest

from tltk.backbones import layers_by_block, list_backbones, load_backbone
from tltk.backbones.registry import architecture
from tltk.tuning import _engines as engines
from tltk.tuning import build_classifier, extract_features, fine_tune

LABELS = np.array([0, 1, 2, 1], "int32")
UNCUT = ("efficientnet_b0", "resnet18")  # their frozen part runs in every step


def weights_by_block(model):
    blocks = layers_by_block(model).items()
    return {name: [w for layer in layers for w in layer.weights] for name, layers in blocks}


def run_without_graph(network):
    """What runs a frozen part over one batch, for which building a graph takes too long."""
    return lambda inputs: list(map(np.asarray, keras.tree.flatten(network(inputs))))


@contextmanager
def without_dropout(network):
    """Run the block with every dropout rate of the network at zero."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    rates = [layer.rate for layer in layers]
    for layer in layers:
        layer.rate = 0.0
    yield
    for layer, rate in zip(layers, rates, strict=True):
        layer.rate = rate


@pytest.mark.parametrize("name", list_backbones())
def test_only_the_unfrozen_blocks_move_each_at_its_own_rate(name, monkeypatch, no_graphs):
    monkeypatch.setattr(engines, "_keras_run", run_without_graph)
    side = architecture(name).minimum
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, side, side, 3)).astype("uint8")
    keras.utils.set_random_seed(0)
    backbone = load_backbone(name, weights=None, input_shape=(side, side, 3))
    model = build_classifier(backbone, 3)
    scaled = images.astype("float32")
    with without_dropout(backbone):  # freezing promises weights and statistics, fit the rest
        assert np.array_equal(backbone(scaled, training=True), backbone(scaled, training=False))

    before = {weight.path: weight.numpy() for weight in model.weights}
    settings = {"base_lr": 1e-3, "lr_decay": 0.1}
    settings |= {"epochs": 1, "verbose": 0, "cache": name not in UNCUT}
    settings["imbalance"] = dict.fromkeys(range(3), 1e12)  # so that Adam's epsilon is nothing
    fine_tune(model, (images, LABELS), unfreeze_blocks=2, head_epochs=0, **settings)
    blocks = weights_by_block(model)
    steps = {
        block: max(np.abs(weight.numpy() - before[weight.path]).max() for weight in weights)
        for block, weights in blocks.items()
        if weights
    }
    norms_only = {
        block
        for block, weights in blocks.items()
        if all(w.name in ("gamma", "beta", "moving_mean", "moving_variance") for w in weights)
    }
    *frozen, second, last = (block for block in steps if block not in ("head", *norms_only))
    assert all(steps[block] == 0 for block in frozen)
    assert steps["head"] == pytest.approx(1e-3, rel=0.05)
    assert steps[last] == pytest.approx(1e-3, rel=0.05)
    assert steps[second] == pytest.approx(1e-4, rel=0.05)
    inside = {w.path for layer in backbone.layers for w in layer.trainable_weights}
    assert inside == {w.path for w in backbone.trainable_weights}
    statistics = [w for w in model.weights if "moving" in w.path]
    assert all(np.array_equal(w, before[w.path]) for w in statistics)


def test_a_keras_hub_backbone_takes_part():
    keras_hub = pytest.importorskip("keras_hub")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 32, 32, 3)).astype("uint8")
    labels = np.tile(LABELS, 2)
    losses = []
    for cache in (True, False):
        keras.utils.set_random_seed(0)
        backbone = keras_hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[3],
            stackwise_num_filters=[64, 64],
            stackwise_num_blocks=[1, 1],
            stackwise_num_strides=[1, 2],
            block_type="basic_block",
            image_shape=(32, 32, 3),
        )
        model = build_classifier(backbone, 3)
        settings = {"unfreeze_blocks": 1, "epochs": 2, "head_epochs": 1, "verbose": 0}
        losses.append(fine_tune(model, (images, labels), cache=cache, **settings).history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert np.isfinite(losses[0]).all()


def test_a_sentence_encoder_takes_part():
    """The mean over word pieces, as chapter 06 makes it of a KerasHub backbone."""
    keras_hub = pytest.importorskip("keras_hub")
    rng = np.random.default_rng(0)
    mask = np.arange(8) < rng.integers(2, 9, (12, 1))
    pieces = {"token_ids": np.where(mask, rng.integers(1, 20, (12, 8)), 0)}
    pieces |= {"padding_mask": mask, "segment_ids": np.zeros((12, 8), "int32")}
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    losses = []
    for cache in (True, False):
        keras.utils.set_random_seed(0)
        bert = keras_hub.models.BertBackbone(vocabulary_size=20, max_sequence_length=8, **sizes)
        mean = keras.layers.GlobalAveragePooling1D()
        pooled = mean(bert.output["sequence_output"], mask=bert.input["padding_mask"])
        backbone = keras.Model(bert.input, pooled)
        if cache:
            features, _ = extract_features(backbone, pieces)
            sequence = np.asarray(bert(pieces)["sequence_output"])
            by_hand = (sequence * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
            np.testing.assert_allclose(features, by_hand, atol=1e-5)
        model = build_classifier(backbone, 3)
        settings = {"unfreeze_blocks": 1, "epochs": 2, "head_epochs": 0, "verbose": 0}
        history = fine_tune(model, (pieces, np.tile(LABELS, 3)), cache=cache, **settings)
        losses.append(history.history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
