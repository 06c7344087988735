import keras
import numpy as np
import pytest

from tltk.adaptation import adapt_batch_norm


def numpy_norm(x, layer, axes):
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    shape = [-1 if size > 1 else 1 for size in mean.shape]
    gamma, beta = (np.reshape(w.numpy(), shape) for w in (layer.gamma, layer.beta))
    return (
        mean.ravel(),
        variance.ravel(),
        (x - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta,
    )


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_statistics_are_those_of_numpy_layer_by_layer(batch_size):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    first, second = layers.BatchNormalization(), layers.BatchNormalization()
    dense = layers.Dense(5)
    model = keras.Sequential([keras.Input((4,)), first, dense, second, layers.ReLU()])
    random = np.random.default_rng(0)
    for norm in (first, second):
        norm.gamma.assign(random.uniform(0.5, 2, norm.gamma.shape))
        norm.beta.assign(random.normal(size=norm.beta.shape))
    x = (random.normal(size=(50, 4)) * [1, 5, 0.1, 2] + [0, 100, -3, 1]).astype("float32")
    assert adapt_batch_norm(model, x, batch_size) == 2

    mean, variance, y = numpy_norm(x.astype("float64"), first, 0)
    assert first.moving_mean.numpy() == pytest.approx(mean, rel=1e-5, abs=1e-5)
    assert first.moving_variance.numpy() == pytest.approx(variance, rel=1e-4)
    mean, variance, y = numpy_norm(y @ dense.kernel.numpy() + dense.bias.numpy(), second, 0)
    assert second.moving_mean.numpy() == pytest.approx(mean, rel=1e-3, abs=1e-3)
    assert second.moving_variance.numpy() == pytest.approx(variance, rel=1e-3)
    assert model.predict(x, verbose=0) == pytest.approx(np.maximum(y, 0), abs=1e-2)


def test_pictures_are_averaged_over_space_and_a_residual_is_followed():
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(3, 3, padding="same")(inputs)
    first = keras.layers.BatchNormalization(axis=-1)
    last = keras.layers.BatchNormalization()
    model = keras.Model(inputs, last(keras.layers.Add()([inputs, first(x)])))
    pictures = np.random.default_rng(0).integers(0, 256, (20, 6, 6, 3)).astype("uint8")
    assert adapt_batch_norm(model, (pictures, np.zeros(20, "int32"))) == 2
    answers = model.predict(pictures.astype("float32"), verbose=0)
    assert answers.mean(axis=(0, 1, 2)) == pytest.approx(np.zeros(3), abs=1e-3)
    assert answers.std(axis=(0, 1, 2)) == pytest.approx(np.ones(3), abs=1e-3)


def test_no_weight_moves_and_a_shift_of_the_input_is_undone():
    keras.utils.set_random_seed(0)
    norm = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((3,)), norm, keras.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
    adapt_batch_norm(model, x)
    before, trained = model.predict(x, verbose=0), [w.numpy() for w in model.trainable_weights]
    adapt_batch_norm(model, 4 * x + 10)
    assert model.predict(4 * x + 10, verbose=0) == pytest.approx(before, abs=1e-2)
    assert all(np.array_equal(a, b) for a, b in zip(trained, model.trainable_weights, strict=True))


def test_errors():
    dense = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="needs a network that has some"):
        adapt_batch_norm(dense, np.ones((2, 2)))
    norm = keras.layers.BatchNormalization()
    inner = keras.Sequential([keras.Input((2,)), norm])
    nested = keras.Sequential([keras.Input((2,)), inner, keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="must stand once in the model's own graph"):
        adapt_batch_norm(nested, np.ones((2, 2)))
    inputs = keras.Input((2,))
    twice = keras.Model(inputs, norm(norm(inputs)))
    with pytest.raises(ValueError, match="a layer used twice"):
        adapt_batch_norm(twice, np.ones((2, 2)))
    flat = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    with pytest.raises(ValueError, match="at least one row. Received: none"):
        adapt_batch_norm(flat, np.ones((0, 2)))
