import keras
import numpy as np
import pytest
import tensorflow as tf

from tltk._cache import network_digest
from tltk.tuning import extract_features


def test_pooled_features_equal_plain_predict(body, pictures):
    backbone = body()
    features, labels = extract_features(backbone, pictures)
    expected = backbone.predict(pictures[0], verbose=0).mean((1, 2))
    np.testing.assert_allclose(features, expected, rtol=1e-5)
    assert np.array_equal(labels, pictures[1])


def test_forms_of_data_agree_exactly(body, pictures):
    dataset = tf.data.Dataset.from_tensor_slices(pictures).batch(32)
    from_arrays, _ = extract_features(body(), pictures)
    from_dataset, labels = extract_features(body(), dataset)
    assert np.array_equal(from_arrays, from_dataset)
    assert np.array_equal(labels, pictures[1])


def test_cache_answers_only_for_the_same_network_and_data(body, pictures, tmp_path):
    def kept():
        return len(list((tmp_path / "cache" / "features").glob("*/done.json")))

    extract_features(body(), pictures)
    extract_features(body(), pictures)
    assert kept() == 1
    extract_features(body(seed=4), pictures)
    changed = pictures[0].copy()
    changed[0, 0, 0, 0] += 1
    extract_features(body(), changed, pictures[1])
    extract_features(body(), pictures, dtype="float16")
    extract_features(body(), pictures, pooling="max")
    assert kept() == 5


def test_digest_ignores_the_names_of_layers_but_not_the_graph():
    def network(activation, name):
        keras.utils.set_random_seed(0)
        layer = keras.layers.Dense(2, activation=activation, name=name)
        return keras.Sequential([keras.Input((3,)), layer])

    assert network_digest(network("relu", "a")) == network_digest(network("relu", "b"))
    assert network_digest(network("relu", "a")) != network_digest(network("tanh", "a"))


def test_a_layer_named_like_its_setting_does_not_hide_it(pictures):
    def network(activation):
        keras.utils.set_random_seed(0)
        layer = keras.layers.Activation(activation, name=activation)
        return keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(2, 3), layer])

    assert network_digest(network("relu")) != network_digest(network("tanh"))


def test_float16_that_would_overflow_is_refused():
    network = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1e5)])
    with pytest.raises(ValueError, match=r"65,504. Received: a feature of 200,000"):
        extract_features(network, np.ones((2, 1)) * 2, dtype="float16")


@pytest.mark.parametrize(
    ("argument", "message"),
    [({"pooling": "sum"}, "Received: pooling='sum'"), ({"dtype": "int8"}, "dtype='int8'")],
)
def test_bad_arguments(body, pictures, argument, message):
    with pytest.raises(ValueError, match=message):
        extract_features(body(), pictures, **argument)


def test_a_network_with_several_outputs_is_refused(body, pictures):
    one = body()
    both = keras.Model(one.input, [one.output, one.output])
    with pytest.raises(ValueError, match=r"one output.*Received: model=.* with 2. Pass keras.Mod"):
        extract_features(both, pictures)


@pytest.mark.parametrize(
    ("inputs", "dtype", "message"),
    [
        (np.array([["1.5"], ["2"]]), "float32", r"takes numbers. Received: inputs such as '1.5'"),
        (np.array([[1.5], [2]]), "string", r"takes strings. Received: inputs such as 1.5"),
        (np.array([[1.5], [1e300]]), "float32", r"up to 3.4e\+38, .* Received: 1e\+300 in row 1"),
        (np.array([[1.5], [-1e39]]), "float32", r"Received: -1e\+39 in row 1. Repair"),
        (np.array([[np.nan], [1]]), "float32", r"Received: NaN or infinity in row 0. Repair"),
    ],
)
def test_inputs_that_the_network_cannot_take_are_refused(inputs, dtype, message):
    seen = keras.Input((1,), dtype=dtype, name="seen")
    layer = keras.layers.Rescaling(2.0)
    if dtype == "string":
        layer = keras.layers.StringLookup(vocabulary=["1.5"], output_mode="one_hot")
    with pytest.raises(ValueError, match=message):
        extract_features(keras.Model(seen, layer(seen)), inputs, [0, 1])


def test_the_largest_numbers_of_float32_are_taken():
    network = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(0.5)])
    largest = float(np.finfo("float32").max)
    features, _ = extract_features(network, np.array([[largest], [-largest]]), [0, 1])
    assert features[:, 0].tolist() == [largest / 2, -largest / 2]


def test_scaled_pictures_are_warned_about(body, pictures):
    with pytest.warns(UserWarning, match="already scaled"):
        extract_features(body(), pictures[0] / 255.0, pictures[1])


def test_mapped_result_is_read_only(body, pictures):
    features, _ = extract_features(body(), pictures)
    with pytest.raises(ValueError, match="read-only"):
        features[0] = 0
