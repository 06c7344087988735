import keras
import numpy as np
import pytest

from tltk.tuning import RandomColours


def test_black_and_white_become_two_colours_and_grey_lies_between():
    x = np.zeros((200, 1, 3, 3), "float32")
    x[:, 0, 1], x[:, 0, 2] = 51, 255
    y = keras.ops.convert_to_numpy(RandomColours(seed=1)(x, training=True))[:, 0]
    assert y.min() >= 0
    assert y.max() <= 255
    assert y[:, 1] == pytest.approx(0.8 * y[:, 0] + 0.2 * y[:, 2], abs=1e-2)
    assert (y[:, 0] > y[:, 2]).mean() == pytest.approx(0.5, abs=0.15)
    assert len(np.unique(y[:, 0])) > 500


def test_seed_decides_and_outside_training_nothing_changes():
    x = np.random.default_rng(0).integers(0, 256, (4, 2, 2, 3)).astype("uint8")
    one, same, other = (RandomColours(seed)(x, training=True).numpy() for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)
    assert np.array_equal(RandomColours(3)(x), x)
    assert RandomColours.from_config(RandomColours(5).get_config()).seed == 5
