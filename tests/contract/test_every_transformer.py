"""Image transformers of KerasHub: small ones with random weights, written and read as presets."""

import keras
import numpy as np
import pytest

from tltk import (
    build_classifier,
    extract_features,
    fine_tune,
    load_backbone,
    load_model,
    save_model,
    unfreeze,
)
from tltk.backbones import block_names, layers_by_block
from tltk.tuning import add_lora
from tltk.tuning._cutting import Cut, NoCut, cut_frozen

models = pytest.importorskip("keras_hub").models

SIDE, SCALE, OFFSET = 16, [1 / 50, 1 / 60, 1 / 70], [-1.0, -2.0, 0.5]
SIZES = {"num_layers": 3, "num_heads": 2, "hidden_dim": 8}
IMAGES = np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE, 3)).astype("uint8")
LABELS = np.array([0, 1, 2, 1, 0, 2], "int32")
BLOCKS = {
    "vit": ["transformer_block_1", "transformer_block_2", "transformer_block_3"],
    "dinov2": ["layers_0", "layers_1", "layers_2"],
    "dinov3": ["layers_0", "layers_1", "layers_2"],
    "clip": ["encoder_block_0", "encoder_block_1", "encoder_block_2"],
    "siglip": ["encoder_block_0", "encoder_block_1", "encoder_block_2"],
}


def tower(kind, **more):
    own = {"patch_size": 8, "intermediate_dim": 16, "image_shape": (SIDE, SIDE, 3)}
    return kind(**own, **SIZES, **more)


def text_tower(kind, **more):
    return kind(vocabulary_size=9, embedding_dim=8, intermediate_dim=16, **SIZES, **more)


def network(family):
    """A KerasHub backbone, and its image tower as a function of prepared pixels."""
    keras.utils.set_random_seed(1)
    if family == "vit":
        own = {"patch_size": 8, "mlp_dim": 16, "image_shape": (SIDE, SIDE, 3)}
        whole = models.ViTBackbone(dropout_rate=0.1, **own, **SIZES)
    elif family == "dinov2":
        square = (SIDE, SIDE, 3)
        whole = tower(models.DINOV2Backbone, position_embedding_shape=square)
    elif family == "dinov3":
        whole = tower(models.DINOV3Backbone, num_register_tokens=2)
    elif family == "clip":
        text = text_tower(models.CLIPTextEncoder, max_sequence_length=4)
        whole = models.CLIPBackbone(tower(models.CLIPVisionEncoder), text, projection_dim=4)
    else:
        text = text_tower(models.SigLIPTextEncoder, max_sequence_length=4, projection_dim=8)
        whole = models.SigLIPBackbone(tower(models.SigLIPVisionEncoder), text)
    for weight in whole.weights:  # zeros and ones of a fresh network would hide what is left out
        weight.assign(weight + keras.random.normal(weight.shape, stddev=0.1, seed=len(weight.path)))
    return whole


CONVERTERS = {
    "vit": "ViTImageConverter",
    "dinov2": "DINOV2ImageConverter",
    "dinov3": "DINOV3ImageConverter",
    "clip": "CLIPImageConverter",
    "siglip": "SigLIPImageConverter",
}


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """A folder for each family, and the features that KerasHub itself computes."""
    from keras_hub import layers

    folder, expected = tmp_path_factory.mktemp("presets"), {}
    for family in BLOCKS:
        whole = network(family)
        whole.save_to_preset(str(folder / family))
        converter = getattr(layers, CONVERTERS[family])
        converter = converter(image_size=(SIDE, SIDE), scale=SCALE, offset=OFFSET)
        converter.save_to_preset(str(folder / family))
        pixels = converter(IMAGES.astype("float32"))
        image_tower = getattr(whole, "vision_encoder", whole)
        [name] = image_tower.input if isinstance(image_tower.input, dict) else [None]
        features = np.asarray(image_tower({name: pixels} if name else pixels))
        expected[family] = features if features.ndim == 2 else features[:, 0]
    return folder, expected


def load(presets, family, **how):
    return load_backbone(f"kerashub:{presets[0] / family}", input_shape=SIDE, **how)


@pytest.mark.parametrize("family", BLOCKS)
def test_raw_pixels_give_the_features_of_kerashub(presets, family):
    features, _ = extract_features(load(presets, family), IMAGES, LABELS, cache=False)
    np.testing.assert_allclose(features, presets[1][family], atol=1e-5)


@pytest.mark.parametrize("family", BLOCKS)
def test_each_transformer_layer_is_a_block(presets, family):
    names = block_names(load(presets, family))
    layers = [name for name in names if name.endswith(tuple(BLOCKS[family]))]
    assert [name[-len(short) :] for name, short in zip(layers, BLOCKS[family], strict=True)] == (
        BLOCKS[family]
    )


@pytest.mark.parametrize("family", BLOCKS)
def test_frozen_layers_keep_every_bit_and_the_last_one_moves(presets, family, no_graphs):
    model = build_classifier(load(presets, family), 3)
    before = {weight.path: weight.numpy() for weight in model.weights}
    blocks = 2 if family == "siglip" else 1  # its pooling is a block of its own
    settings = {"unfreeze_blocks": blocks, "head_epochs": 0, "epochs": 2, "verbose": 0}
    fine_tune(model, (IMAGES, LABELS), cache=False, **settings)
    last = BLOCKS[family][-1]
    for name, layers in layers_by_block(model).items():
        moved = [
            not np.array_equal(weight, before[weight.path])
            for layer in layers
            for weight in layer.weights
            if "seed_generator" not in weight.path
        ]
        if name.endswith(tuple(BLOCKS[family][:-1])) or "embedding" in name:
            assert not any(moved)
        if name.endswith(last) or name == "head":
            assert any(moved)


@pytest.mark.parametrize("family", BLOCKS)
def test_the_cut_network_trains_as_the_whole_one(presets, family):
    model = load(presets, family)
    unfreeze(model, 1)
    assert isinstance(cut_frozen(model), NoCut if family == "dinov3" else Cut)  # places cross it
    losses = []
    for cache in (True, False):
        model = build_classifier(load(presets, family), 3)
        model.get_layer("head_output").kernel.assign(np.eye(8, 3))
        settings = {"unfreeze_blocks": 1, "head_epochs": 0, "epochs": 2, "verbose": 0}
        history = fine_tune(model, (IMAGES, LABELS), cache=cache, **settings)
        losses.append(history.history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("family", BLOCKS)
def test_a_saved_classifier_is_the_same_after_loading(presets, family, tmp_path):
    model = build_classifier(load(presets, family), ["a", "b", "c"])
    save_model(model, tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    inputs = IMAGES.astype("float32")
    np.testing.assert_allclose(again(inputs), model(inputs), atol=1e-6)
    assert block_names(again) == block_names(model)


def test_plain_keras_loads_it_where_kerashub_is_installed(presets, tmp_path):
    model = load(presets, "vit")
    path = tmp_path / "model.keras"
    keras.saving.save_model(model, path)
    [first] = [layer for layer in keras.models.load_model(path).layers if "patching" in layer.name]
    assert type(first).__module__.startswith("keras_hub")
    assert "num_patches" in type(first).get_config(first)  # KerasHub's class, not ours


@pytest.mark.parametrize("family", ["vit", "clip"])
def test_adapters_go_onto_queries_and_values(presets, family):
    model = build_classifier(load(presets, family), 3)
    before = np.asarray(model(IMAGES.astype("float32")))
    add_lora(model, 2, "all", layers=["query", "value"])
    adapters = [w for w in model.trainable_weights if w.name.startswith("lora_")]
    assert len(adapters) == 3 * 2 * 2  # layers, matrices, factors
    np.testing.assert_allclose(model(IMAGES.astype("float32")), before, atol=1e-6)


def test_fresh_weights_and_copied_blocks(presets):
    kept = [load(presets, "vit"), load(presets, "vit", copy_blocks=2)]
    weights = [layers_by_block(model) for model in kept]
    same = {
        name: all(
            np.array_equal(a, b)
            for one, two in zip(weights[0][name], weights[1][name], strict=True)
            for a, b in zip(one.get_weights(), two.get_weights(), strict=True)
            if a.ndim > 1
        )
        for name in weights[0]
    }
    assert [name for name, equal in same.items() if equal and name != "ln"] == [
        "vit_patching_and_embedding",
        "transformer_block_1",
    ]
    fresh = load(presets, "vit", weights=None)
    assert not np.allclose(fresh(IMAGES.astype("float32")), presets[1]["vit"], atol=1e-3)


def test_dinov2_reads_other_sizes_and_vit_says_which(presets):
    larger = load_backbone(f"kerashub:{presets[0] / 'dinov2'}", input_shape=24)
    assert larger.input_shape == (None, 24, 24, 3)
    assert larger.output_shape == (None, 8)
    with pytest.raises(ValueError, match="16 x 16 pixels, and other squares"):
        load_backbone(f"kerashub:{presets[0] / 'dinov2'}", input_shape=(16, 24, 3))
    with pytest.raises(ValueError, match="reads 16 x 16 pixels.*Pass input_shape=16"):
        load_backbone(f"kerashub:{presets[0] / 'vit'}")


def test_what_is_no_image_transformer_is_refused(tmp_path):
    sizes = {"num_layers": 1, "num_heads": 1, "hidden_dim": 4, "intermediate_dim": 4}
    models.BertBackbone(vocabulary_size=9, **sizes).save_to_preset(str(tmp_path / "bert"))
    with pytest.raises(ValueError, match="one of CLIPVisionEncoder.*a BertBackbone"):
        load_backbone(f"kerashub:{tmp_path / 'bert'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="A folder holds a KerasHub preset"):
        load_backbone(f"kerashub:{tmp_path / 'empty'}")
    with pytest.raises(ValueError, match="followed by a preset"):
        load_backbone("kerashub:")
    with pytest.raises(ValueError, match=r"one of KerasHub's names.*no_such_preset"):
        load_backbone("kerashub:no_such_preset")


def test_a_folder_without_a_converter_is_refused(presets, tmp_path):
    network("vit").save_to_preset(str(tmp_path / "bare"))
    with pytest.raises(ValueError, match="image_converter.json"):
        load_backbone(f"kerashub:{tmp_path / 'bare'}", input_shape=SIDE)


@pytest.mark.parametrize("how", [{"include_top": True}, {"weights": "mine.h5"}])
def test_there_is_no_top_and_no_other_file(presets, how):
    with pytest.raises(ValueError, match="comes without a classifier"):
        load(presets, "vit", **how)


def test_a_real_preset_is_asked_for_at_kaggle(monkeypatch):
    asked = []

    def download(handle, *_, **__):
        asked.append(handle)
        raise OSError("no network here")

    monkeypatch.setattr("kagglehub.model_download", download)
    with pytest.raises(ValueError, match="no network here.*copy a preset's folder"):
        load_backbone("kerashub:dinov2_small")
    assert asked
    assert all("dinov2" in handle for handle in asked)


def test_without_kerashub_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "keras_hub", None)
    with pytest.raises(ImportError, match="keras-hub"):
        load_backbone("kerashub:dinov2_small")
