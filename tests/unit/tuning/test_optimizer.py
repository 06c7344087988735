import keras
import numpy as np
import pytest

from tltk.tuning._optimizer import BlockwiseAdamW, scheduled_rate


def test_factor_one_is_stock_adamw():
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    finals = []
    for ours in (True, False):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
        factors = {id(weight): 1.0 for weight in model.trainable_weights}
        stock = keras.optimizers.AdamW(0.01, weight_decay=0.1)
        model.compile(BlockwiseAdamW(factors, 0.01, 0.1) if ours else stock, "mse")
        model.fit(x, x[:, :2], epochs=5, verbose=0)
        finals.append(model.get_weights()[0])
    np.testing.assert_allclose(*finals, rtol=1e-6)


def test_decay_scales_with_the_rate_and_spares_biases():
    layer = keras.layers.Dense(1, bias_initializer="ones", kernel_initializer="ones")
    model = keras.Sequential([keras.Input((1,)), layer])
    factors = {id(weight): 0.5 for weight in model.trainable_weights}
    optimizer = BlockwiseAdamW(factors, learning_rate=0.1, weight_decay=0.2)
    optimizer.apply([np.zeros((1, 1), "float32"), np.zeros(1, "float32")], layer.trainable_weights)
    kernel, bias = layer.get_weights()
    assert kernel[0, 0] == pytest.approx(1 - 0.1 * 0.5 * 0.2)
    assert bias[0] == 1


def test_schedules_rise_and_fall():
    cosine = scheduled_rate(2.0, steps=100, warmup=0.1)
    values = [float(cosine(step)) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(values, [0, 1, 2, 1, 0], atol=1e-6)
    falling = scheduled_rate(2.0, steps=100, warmup=0)
    assert [float(falling(step)) for step in (0, 50, 100)] == pytest.approx([2, 1, 0], abs=1e-6)
