import keras
import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from tltk.adaptation import coral_loss, mmd_loss
from tltk.evaluation.distances import _coral, _mmd

LOSSES = {
    "coral": coral_loss,
    "linear": lambda a, b: mmd_loss(a, b, kernel="linear"),
    "unbiased": lambda a, b: mmd_loss(a, b, unbiased=True),
}


def two_batches(rows=(7, 5), width=3):
    random = np.random.default_rng(0)
    return random.normal(size=(rows[0], width)), random.normal(1, 2, (rows[1], width))


def test_coral_is_its_formula():
    a, b = two_batches()
    expected = ((np.cov(a.T) - np.cov(b.T)) ** 2).sum() / (4 * 9)
    assert float(coral_loss(a, b)) == pytest.approx(expected)


def test_linear_mmd_is_the_distance_of_the_means():
    a, b = two_batches()
    expected = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    assert float(mmd_loss(a, b, kernel="linear")) == pytest.approx(expected)


def test_gaussian_mmd_is_its_formula_whatever_the_origin():
    a, b = two_batches()
    rows = np.vstack([a, b])
    squares = ((rows[:, None] - rows[None]) ** 2).sum(axis=-1)
    middle = squares.sum() / (12 * 11)

    def mean_kernel(x, y):
        return np.mean([rbf_kernel(x, y, 1 / (2 * f * middle)).mean() for f in (0.5, 3.0)])

    expected = mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)
    found = mmd_loss(a, b, bandwidths=(0.5, 3.0))
    assert float(found) == pytest.approx(expected)
    far = [(side + 1000).astype("float32") for side in (a, b)]
    assert float(mmd_loss(*far, bandwidths=(0.5, 3.0))) == pytest.approx(expected, rel=1e-3)


def test_they_are_the_distances_of_the_evaluation():
    a, b = two_batches((8, 8))
    rows, sides = np.vstack([a, b]), np.split(np.arange(16), 2)
    assert float(coral_loss(a, b)) == pytest.approx(_coral(rows)(*sides))
    squares = ((rows[:, None] - rows[None]) ** 2).sum(axis=-1)
    factor = np.median(squares[np.triu_indices(16, 1)]) / (squares.sum() / (16 * 15))
    ours = mmd_loss(a, b, bandwidths=(factor,), unbiased=True)
    assert float(ours) == pytest.approx(_mmd(rows)(*sides))


def test_one_domain_is_at_no_distance():
    a, _ = two_batches()
    assert float(mmd_loss(a, a)) == pytest.approx(0, abs=1e-6)
    assert float(coral_loss(a, a)) == 0
    assert float(mmd_loss(0 * a, 0 * a)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name):
    """The scale is a constant of the gradient, so it is held fixed here too."""
    import tensorflow as tf

    a, b = two_batches()
    loss = LOSSES[name]
    if name == "unbiased":
        rows = np.vstack([a, b])
        middle = ((rows[:, None] - rows[None]) ** 2).sum() / (12 * 11)

        def loss(x, y):
            stacked = keras.ops.concatenate([x, y])
            now = keras.ops.sum((stacked[:, None] - stacked[None]) ** 2) / (12 * 11)
            factor = middle / keras.ops.stop_gradient(now)
            return mmd_loss(x, y, bandwidths=(0.5 * factor, 2.0 * factor), unbiased=True)

    variable = tf.Variable(a)
    with tf.GradientTape() as tape:
        value = loss(variable, tf.constant(b))
    found = tape.gradient(value, variable).numpy()
    expected, step = np.zeros_like(a), 1e-5
    for place in np.ndindex(a.shape):
        moved = [a.copy(), a.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        high, low = (float(loss(tf.constant(each), tf.constant(b))) for each in moved)
        expected[place] = (high - low) / (2 * step)
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_what_is_refused():
    a, b = two_batches()
    for loss in (coral_loss, mmd_loss):
        with pytest.raises(ValueError, match="same features. Received: shapes \\(7, 3\\)"):
            loss(a, b[:, :2])
    with pytest.raises(ValueError, match="Received: kernel='cubic'"):
        mmd_loss(a, b, kernel="cubic")
