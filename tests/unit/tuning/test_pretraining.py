import keras
import numpy as np
import pytest

from tltk.tuning import freeze, pretrain_contrastive
from tltk.tuning.pretraining import contrastive_augmentation, nt_xent


def formula(first, second, temperature):
    """The loss as the paper writes it, one pair of views after the other."""
    views = np.concatenate([first, second]).astype("float64")
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    count, total = len(views), 0.0
    for i in range(count):
        j = (i + count // 2) % count
        alike = np.exp(views @ views[i] / temperature)
        total -= np.log(alike[j] / (alike.sum() - alike[i]))
    return total / count


@pytest.fixture(scope="module")
def views():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 5, 4)).astype("float32")


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_the_loss_is_that_of_the_paper(views, temperature):
    found = float(nt_xent(*views, temperature=temperature))
    assert found == pytest.approx(formula(*views, temperature), rel=1e-4)


def test_known_losses():
    alike = np.ones((3, 4), "float32")
    assert float(nt_xent(alike, alike)) == pytest.approx(np.log(5), rel=1e-5)
    apart = np.eye(3, dtype="float32")
    assert float(nt_xent(apart, 7 * apart, 0.01)) == pytest.approx(0, abs=1e-5)


def test_its_gradient_agrees_with_finite_differences(views):
    dense = keras.layers.Dense(4, use_bias=False)
    model = keras.Sequential([keras.Input((4,)), dense])
    stacked = np.concatenate(views)
    model.compile(keras.optimizers.SGD(1.0), lambda _, z: nt_xent(z[:5], z[5:], 0.5))
    before = dense.get_weights()[0]
    model.fit(stacked, np.zeros((10, 4)), batch_size=10, shuffle=False, verbose=0)
    gradient = before - dense.get_weights()[0]
    for place in [(0, 0), (2, 3), (3, 1)]:
        step = np.zeros((4, 4))
        step[place] = 1e-5
        ends = [stacked @ (before + sign * step) for sign in (1, -1)]
        slope = np.subtract(*(formula(end[:5], end[5:], 0.5) for end in ends)) / 2e-5
        assert gradient[place] == pytest.approx(slope, abs=2e-3)


def encoder_of(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(8, 3, name="block1_conv")(x)
    x = keras.layers.BatchNormalization(name="block1_bn")(x)
    return keras.Model(inputs, keras.layers.ReLU(name="block1_relu")(x))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), "uint8")


def test_pretraining_moves_every_weight_and_finds_the_other_view(pictures):
    encoder = encoder_of()
    freeze(encoder)
    before = encoder.get_weights()
    flips = keras.layers.RandomFlip()
    history = pretrain_contrastive(encoder, pictures, flips, epochs=15, lr=1e-2, batch_size=20)
    assert isinstance(history, keras.callbacks.History)
    assert history.history["loss"][-1] < history.history["loss"][0] - 0.2
    assert history.history["accuracy"][-1] > 0.5  # one in 39 by chance
    assert all((a != b).any() for a, b in zip(before, encoder.get_weights(), strict=True))
    assert encoder.output_shape == (None, 6, 6, 8)


def test_the_same_seed_gives_the_same_weights():
    rows = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    runs = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(0)
        encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        noise = keras.layers.GaussianNoise(0.1)
        pretrain_contrastive(encoder, rows, noise, epochs=1, batch_size=6, seed=seed)
        runs.append(encoder.get_weights()[0])
    np.testing.assert_allclose(runs[0], runs[1], atol=1e-6)
    assert not np.allclose(runs[0], runs[2], atol=1e-5)


def test_series_are_pretrained_too():
    windows = np.random.default_rng(0).normal(size=(16, 12, 1)).astype("float32")
    encoder = keras.Sequential([keras.Input((12, 1)), keras.layers.Conv1D(4, 3)])
    history = pretrain_contrastive(encoder, windows, keras.layers.GaussianNoise(0.1), epochs=1)
    assert np.isfinite(history.history["loss"]).all()


def test_pictures_stay_pictures_and_two_views_differ(pictures):
    changes = contrastive_augmentation()
    views = [np.asarray(changes(pictures.astype("float32"), training=True)) for _ in range(2)]
    assert views[0].shape == pictures.shape
    assert min(view.min() for view in views) >= 0
    assert max(view.max() for view in views) <= 255
    assert np.abs(views[0] - views[1]).mean() > 1


def test_vectors_need_an_augmentation_of_their_own():
    rows = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
    encoder = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"Received: augment=None for .* \(5,\). Pass augment"):
        pretrain_contrastive(encoder, rows, epochs=1)
    noise = keras.layers.GaussianNoise(0.1)
    assert len(pretrain_contrastive(encoder, rows, epochs=1, augment=noise).epoch) == 1


@pytest.mark.parametrize(
    ("count", "settings", "message"),
    [(1, {}, "1 examples, batch_size=1"), (4, {"temperature": 0}, "temperature=0")],
)
def test_what_cannot_be_compared_is_refused(pictures, count, settings, message):
    with pytest.raises(ValueError, match=message):
        pretrain_contrastive(encoder_of(), pictures[:count], **settings)
