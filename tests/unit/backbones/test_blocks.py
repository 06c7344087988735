import keras
import numpy as np
import pytest

from tltk.backbones import block_names, layers_by_block
from tltk.backbones._networks import build_network

EXPECTED = {
    "mobilenet_v2": ["stem", "expanded_conv", *(f"block_{n}" for n in range(1, 17)), "top"],
    "vgg16": [f"block{n}" for n in range(1, 6)],
    "inception_v3": ["stem", *(f"mixed{n}" for n in range(11))],
    "xception": [f"block{n}" for n in range(1, 15)],
    "resnet18": ["stem", *(f"conv{s}_block{n}" for s in range(2, 6) for n in (1, 2))],
    "densenet121": ["stem", "conv2", "pool2", "conv3", "pool3", "conv4", "pool4", "conv5", "top"],
}
FAMILIES = [*EXPECTED, "mobilenet_v2_keras", "resnet50", "resnet50_v2", "efficientnet_b0"]
FAMILIES += ["efficientnet_v2_b0", "convnext_tiny"]


@pytest.mark.parametrize("name", EXPECTED)
def test_blocks_have_the_architectures_own_names(name, backbone):
    assert block_names(backbone(name)) == EXPECTED[name]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("resnet50", ["conv5_block2", "conv5_block3"]),
        ("resnet50_v2", ["conv5_block3", "top"]),
        ("efficientnet_b0", ["block7a", "top"]),
        ("efficientnet_v2_b0", ["block6h", "top"]),
        ("convnext_tiny", ["stage_3_block_2", "top"]),
    ],
)
def test_the_last_blocks(name, last, backbone):
    assert block_names(backbone(name))[-2:] == last


@pytest.mark.parametrize("name", FAMILIES)
def test_each_layer_is_in_one_block_and_each_block_has_weights(name, backbone):
    blocks = layers_by_block(backbone(name))
    found = sorted(layer.name for members in blocks.values() for layer in members)
    assert found == sorted(layer.name for layer in backbone(name).layers)
    assert all(any(layer.weights for layer in members) for members in blocks.values())


@pytest.mark.parametrize("name", FAMILIES)
def test_no_block_feeds_an_earlier_one(name, backbone):
    model = backbone(name)
    blocks = layers_by_block(model)
    place = {x.name: n for n, members in enumerate(blocks.values()) for x in members}
    reached = {}
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            reached[operation.name] = 0
            continue
        tensors = keras.tree.flatten(operation.input)
        before = max(reached[tensor._keras_history.operation.name] for tensor in tensors)
        reached[operation.name] = place.get(operation.name, before)
        assert reached[operation.name] >= before, operation.name


@pytest.mark.parametrize(
    ("name", "layer", "block"),
    [
        ("xception", "conv2d", "block2"),
        ("xception", "batch_normalization_3", "block13"),
        ("xception", "add", "block2"),
        ("resnet50_v2", "max_pooling2d", "conv2_block3"),
        ("inception_v3", "conv2d", "stem"),
        ("inception_v3", "mixed9_1", "mixed10"),
        ("inception_v3", "average_pooling2d", "mixed0"),
        ("convnext_tiny", "convnext_tiny_head_layernorm", "top"),
        ("mobilenet_v2", "Conv1_pad", "stem"),
        ("mobilenet_v2", "Conv_1", "top"),
        ("vgg16", "preprocessing", "block1"),
        ("densenet121", "pool2_conv", "pool2"),
    ],
)
def test_layers_that_do_not_tell_their_block_are_placed_by_the_graph(name, layer, block, backbone):
    members = layers_by_block(backbone(name))[block]
    assert layer in [member.name for member in members]


def classifier_on(backbone):
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(backbone.output)
    outputs = keras.layers.Dense(2, name="head_output")(x)
    return keras.Model(backbone.input, outputs)


def test_a_classifier_has_its_backbones_blocks_and_a_head(backbone):
    network = backbone("xception")
    blocks = layers_by_block(classifier_on(network))
    assert [layer.name for layer in blocks.pop("head")] == ["head_pool", "head_output"]
    assert blocks == layers_by_block(network)


def test_a_reloaded_classifier_has_the_same_blocks(backbone, tmp_path):
    model = classifier_on(backbone("resnet18"))
    model.save(tmp_path / "model.keras")
    again = layers_by_block(keras.models.load_model(tmp_path / "model.keras"))
    names = {block: [layer.name for layer in members] for block, members in again.items()}
    expected = layers_by_block(model).items()
    assert names == {block: [layer.name for layer in members] for block, members in expected}


def test_the_imagenet_classifier_is_part_of_the_top():
    model = build_network("mobilenet_v2", (32, 32, 3), include_top=True)
    assert "predictions" in [layer.name for layer in layers_by_block(model)["top"]]


def own_layers():
    return [
        keras.Input((8, 8, 3)),
        keras.layers.Rescaling(1 / 255, name="scale"),
        keras.layers.Conv2D(4, 3, name="edges"),
        keras.layers.ReLU(name="bend"),
        keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.ReLU()], name="shapes"),
        keras.layers.GlobalAveragePooling2D(name="pool"),
        keras.layers.Dense(2, name="head_output"),
    ]


OWN_BLOCKS = {"edges": ["scale", "edges", "bend"], "shapes": ["shapes", "pool"]}


def test_in_any_other_model_each_layer_with_weights_opens_a_block():
    blocks = layers_by_block(keras.Sequential(own_layers()))
    names = {block: [layer.name for layer in members] for block, members in blocks.items()}
    assert names == OWN_BLOCKS | {"head": ["head_output"]}


def test_a_functional_model_counts_its_input_to_the_first_block():
    first, *others = own_layers()
    x = first
    for layer in others:
        x = layer(x)
    blocks = layers_by_block(keras.Model(first, x))
    assert isinstance(blocks["edges"][0], keras.layers.InputLayer)
    assert list(blocks) == [*OWN_BLOCKS, "head"]


def test_a_subclassed_model_has_blocks_too():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.block1_conv = keras.layers.Dense(3, name="block1_conv")
            self.last = keras.layers.Dense(2, name="last")

        def call(self, x):
            return self.last(self.block1_conv(x))

    model = Own()
    model(np.zeros((1, 4)))
    assert block_names(model) == ["block1_conv", "last"]


def test_a_model_without_weights_is_one_block():
    model = keras.Sequential([keras.Input((4,)), keras.layers.ReLU(name="bend")])
    assert block_names(model) == ["stem"]


def test_a_model_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match=r"built model only. Received: model='young'"):
        block_names(keras.Sequential([keras.layers.Dense(2)], name="young"))


def test_a_keras_hub_backbone_has_its_top_level_layers_as_blocks():
    keras_hub = pytest.importorskip("keras_hub")
    model = keras_hub.models.ViTBackbone(
        image_shape=(16, 16, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=8
    )
    weighted = [layer.name for layer in model.layers if layer.weights]
    assert block_names(model) == weighted


def test_a_keras_hub_resnet_has_the_blocks_of_its_stacks():
    keras_hub = pytest.importorskip("keras_hub")
    model = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[2, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(32, 32, 3),
    )
    assert block_names(model) == ["stem", "stack0_block0", "stack0_block1", "stack1_block0"]
