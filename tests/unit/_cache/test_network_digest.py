"""Networks that answer differently have two digests; the same one has one, in every process."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tltk._cache import network_digest
from tltk.tuning import extract_features

LARGE = np.ones(3000, "float32")
OTHER = LARGE.copy()
OTHER[1500] = 500
FACTOR = 2.0


def behind(layer, shape=(3,), dtype="float32"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape, dtype=dtype)
    return keras.Model(inputs, layer(inputs))


def adapted(layer, data, shape=(), dtype="string"):
    layer.adapt(np.array(data, object if dtype == "string" else dtype))
    return behind(layer, shape, dtype)


def words(corpus, **settings):
    return adapted(keras.layers.TextVectorization(**settings), corpus)


GOOD, BAD = ["good film"] * 3 + ["bad"], ["bad film"] * 3 + ["good"]


class Scaled(keras.layers.Layer):
    def __init__(self, factor=1.0, **settings):
        super().__init__(**settings)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def compute_output_shape(self, shape):
        return shape


class SetLater(keras.layers.Layer):
    factor = 1.0

    def call(self, x):
        return x * self.factor


def set_later(value):
    layer = SetLater()
    layer.factor = value
    return behind(layer, (3000,) if isinstance(value, np.ndarray) else (3,))


def class_of(text):
    names = {"keras": keras, "__name__": "__main__"}
    exec(f"class Edited(keras.layers.Layer):\n def call(self, x): return {text}", names)
    return names["Edited"]


def nested(factor, depth):
    network = behind(Scaled(factor))
    for _ in range(depth):
        network = behind(network)
    return network


def times(array):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3000,))
    return keras.Model(inputs, inputs * array)


def of_two(swap):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    return keras.Model([b, a] if swap else [a, b], a - b)


def activation(factor):
    return lambda x: x * factor


class Table(keras.layers.Layer):
    """Keeps what it learned beside its weights, and saves it as an asset."""

    def __init__(self, rows, **settings):
        super().__init__(**settings)
        self._rows = iter(rows)  # nothing that could be read from its attributes

    def save_assets(self, folder):
        rows = list(self._rows)
        self._rows = iter(rows)
        Path(folder, "rows.txt").write_text(repr(rows))

    def call(self, x):
        return x


def pairs():
    layers = keras.layers
    return {
        "TextVectorization": lambda c: words((GOOD, BAD)[c], output_mode="multi_hot"),
        "capped": lambda c: words((GOOD, BAD)[c], output_mode="multi_hot", max_tokens=50),
        "sequence": lambda c: words((GOOD, BAD)[c], output_sequence_length=4),
        "tf_idf": lambda c: words((GOOD, BAD)[c], output_mode="tf_idf"),
        "idf of one vocabulary": lambda c: words(
            (["a b", "a b", "a"], ["a b", "a", "a"])[c], output_mode="tf_idf"
        ),
        "StringLookup": lambda c: adapted(
            layers.StringLookup(), (["a", "a", "b"], ["b", "b", "a"])[c], (1,)
        ),
        "IntegerLookup": lambda c: adapted(
            layers.IntegerLookup(), ([1, 1, 2], [2, 2, 1])[c], (1,), "int64"
        ),
        "vocabulary argument": lambda c: behind(
            layers.StringLookup(vocabulary=(["a", "b"], ["b", "a"])[c]), (1,), "string"
        ),
        "Discretization": lambda c: adapted(
            layers.Discretization(num_bins=4), np.arange((100.0, 5.0)[c]), (1,), "float32"
        ),
        "Normalization": lambda c: behind(
            layers.Normalization(mean=(LARGE, OTHER)[c], variance=LARGE), (3000,)
        ),
        "long constant": lambda c: times((LARGE, OTHER)[c]),
        "digits that are not printed": lambda c: times(LARGE * (1 + c * 1e-6)),
        "Rescaling": lambda c: behind(layers.Rescaling((LARGE, OTHER)[c]), (3000,)),
        "Lambda": lambda c: behind(layers.Lambda(activation((2.0, 3.0)[c]), output_shape=(3,))),
        "activation": lambda c: behind(layers.Dense(2, activation=activation((2.0, 3.0)[c]))),
        "standardize": lambda c: words(
            GOOD, standardize=(lambda text: text, lambda text: text + "s")[c]
        ),
        "closure of a layer": lambda c: behind(closing((2.0, 3.0)[c])),
        "code of a layer": lambda c: behind(class_of(("x * 2", "x * 3")[c])()),
        "argument of a layer": lambda c: behind(Scaled((2.0, 3.0)[c])),
        "array as argument": lambda c: behind(Scaled((LARGE, OTHER)[c]), (3000,)),
        "set after construction": lambda c: set_later((2.0, 3.0)[c]),
        "array set after construction": lambda c: set_later((LARGE, OTHER)[c]),
        "nested once": lambda c: nested((2.0, 3.0)[c], 1),
        "nested three times": lambda c: nested((2.0, 3.0)[c], 3),
        "in a wrapper": lambda c: behind(layers.TimeDistributed(Scaled((2.0, 3.0)[c])), (4, 3)),
        "in a Sequential": lambda c: behind(
            keras.Sequential([keras.Input((3,)), Scaled((2.0, 3.0)[c])])
        ),
        "in a subclass": lambda c: behind(Subclass((2.0, 3.0)[c])),
        "assets": lambda c: behind(Table(([1], [2])[c])),
        "order of inputs": of_two,
        "dtype policy": lambda c: behind(layers.Dense(2, dtype=("float32", "mixed_bfloat16")[c])),
        "epsilon": lambda c: behind(layers.BatchNormalization(epsilon=(1e-3, 1e-2)[c])),
        "weights": lambda c: behind(layers.Dense(2, kernel_initializer=("zeros", "ones")[c])),
        "slope of a stock layer": slope,
    }


def closing(factor):
    class Closed(keras.layers.Layer):
        def call(self, x):
            return x * factor

    return Closed()


class Subclass(keras.Model):
    def __init__(self, factor):
        super().__init__()
        self.inner = Scaled(factor)

    def call(self, x):
        return self.inner(x)


def slope(c):
    network = behind(keras.layers.LeakyReLU())
    network.layers[-1].negative_slope = (0.1, 0.2)[c]
    return network


@pytest.mark.parametrize("name", pairs())
def test_networks_that_answer_differently_have_two_digests(name):
    build = pairs()[name]
    assert network_digest(build(0)) == network_digest(build(0))
    assert network_digest(build(0)) != network_digest(build(1))


def test_a_global_that_a_layer_reads_counts(monkeypatch):
    build = lambda: behind(keras.layers.Lambda(lambda x: x * FACTOR, output_shape=(3,)))  # noqa: E731
    before = network_digest(build())
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 5.0)
    assert network_digest(build()) != before


@pytest.mark.parametrize("name", pairs())
def test_a_prediction_does_not_change_the_digest(name):
    network = pairs()[name](0)
    before = network_digest(network)
    ones = [
        np.full([2, *(size or 1 for size in tensor.shape[1:])], "good", object)
        if tensor.dtype == "string"
        else np.ones([2, *tensor.shape[1:]], tensor.dtype)
        for tensor in network.inputs
    ]
    network.predict_on_batch(ones[0] if len(ones) == 1 else ones)
    assert network_digest(network) == before


def test_names_seeds_and_initialisers_do_not_count():
    def network(name, seed, trainable):
        drop = keras.layers.Dropout(0.5, seed=seed, name=f"{name}_drop")
        dense = keras.layers.Dense(2, name=name, kernel_initializer="zeros")
        inner = keras.Sequential([keras.Input((3,)), dense, drop], name=f"{name}_inner")
        wrapped = keras.layers.TimeDistributed(inner, name=f"{name}_times")
        model = behind(wrapped, (4, 3))
        model.trainable = trainable
        model.compile("sgd", "mse")
        return model

    assert network_digest(network("a", 1, True)) == network_digest(network("b", 2, False))
    ones = [keras.initializers.Constant(1.0), "ones"]
    digests = {network_digest(behind(keras.layers.Dense(2, kernel_initializer=i))) for i in ones}
    assert len(digests) == 1


def test_training_that_changes_a_weight_changes_the_digest_and_restoring_it_brings_it_back():
    network = behind(keras.layers.Dense(2))
    before, weights = network_digest(network), network.get_weights()
    network.layers[-1].kernel.assign_add(np.full((3, 2), 1e-6))
    assert network_digest(network) != before
    assert network_digest(network, weights=False) == network_digest(
        behind(keras.layers.Dense(2)), weights=False
    )
    network.set_weights(weights)
    assert network_digest(network) == before


def test_another_process_finds_the_same_digests(digests_elsewhere):
    here = [network_digest(build(0)) for build in pairs().values()]
    assert digests_elsewhere["networks"] == here


@pytest.mark.parametrize("name", ["capped", "long constant", "Lambda", "assets"])
@pytest.mark.parametrize("cache", [True, False])
def test_features_are_those_of_the_network_that_is_asked(name, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path))
    for network in (pairs()[name](0), pairs()[name](1)):
        [tensor] = network.inputs
        x = np.array(["good", "bad"], object)
        x = x if tensor.dtype == "string" else np.ones((2, *tensor.shape[1:]), "float32")
        features, _ = extract_features(network, x, [0, 1], cache=cache)
        np.testing.assert_allclose(features, network.predict_on_batch(x), rtol=1e-6)


def test_kept_features_that_the_network_does_not_give_are_computed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path))
    monkeypatch.setattr("tltk.tuning.features.network_digest", lambda network: "always the same")
    x = np.ones((40, 3), "float32")
    extract_features(behind(Scaled(2.0)), x)
    network = behind(Scaled(7.0))
    with pytest.warns(UserWarning, match="differ from what .* gives .* computed again"):
        features, _ = extract_features(network, x)
    np.testing.assert_array_equal(features, 7 * x)
    np.testing.assert_array_equal(extract_features(network, x)[0], 7 * x)


def test_a_network_is_compared_once_in_a_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path))
    calls = []

    class Watched(Scaled):
        def call(self, x):
            calls.append(1)
            return super().call(x)

    network, again = behind(Watched(2.0)), behind(Watched(2.0))
    x = np.ones((40, 3), "float32")
    extract_features(network, x)
    calls.clear()
    extract_features(network, x)
    assert calls == []
    for _ in range(2):
        extract_features(again, x)
    assert calls == [1]


def test_weights_of_a_network_in_bfloat16_count():
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype="bfloat16")])
    before = network_digest(network)
    assert network_digest(network) == before
    network.layers[0].kernel.assign([[0.5], [0.25]])
    assert network_digest(network) != before
