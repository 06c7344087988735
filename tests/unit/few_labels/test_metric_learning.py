import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.special import log_softmax

from tltk.few_labels import NearestPrototype, split_classes, train_prototypical, train_siamese
from tltk.few_labels.metric_learning import prototypical_loss, siamese_loss
from tltk.inputs import examples_of


def small(width, seed=0):
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense(4, kernel_initializer="orthogonal")
    return keras.Sequential([keras.Input((width,)), dense])


@pytest.fixture(scope="module")
def data():
    """Forty classes that differ in three of twenty features, the other seventeen being noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 16)
    means = np.zeros((40, 20))
    means[:, :3] = 2 * rng.normal(size=(40, 3))
    rows = (means[labels] + rng.normal(size=(640, 20))).astype("float32")
    parts = split_classes(labels, test=10)
    return {part: (rows[some], labels[some]) for part, some in parts.items()}


def one_shot(encoder, rows, labels):
    features, first = encoder.predict(rows, verbose=0), np.unique(labels, return_index=True)[1]
    model = NearestPrototype("cosine").fit(features[first], labels[first])
    return model.score(np.delete(features, first, axis=0), np.delete(labels, first))


def test_the_prototypical_loss_is_its_definition():
    rows = np.random.default_rng(0).normal(size=(3 * 2 + 3 * 4, 5)).astype("float32")
    prototypes = rows[:6].reshape(3, 2, 5).mean(axis=1)
    logs = log_softmax(-cdist(rows[6:], prototypes, "sqeuclidean"), axis=1)
    expected = -logs[np.arange(12), np.repeat([0, 1, 2], 4)].mean()
    assert float(prototypical_loss(rows, 3, 2)) == pytest.approx(expected, rel=1e-5)
    assert float(prototypical_loss(0 * rows, 3, 2)) == pytest.approx(np.log(3))


@pytest.mark.parametrize("margin", [0.5, 1.0, 2.0])
def test_the_siamese_loss_is_its_definition(margin):
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    numbers = np.array([0, 0, 1, 1, 1, 2, 2])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    distances, upper = squareform(pdist(unit)), np.triu_indices(7, 1)
    alike = (numbers[:, None] == numbers)[upper]
    distances = distances[upper]
    expected = np.mean(distances[alike] ** 2)
    expected += np.mean(np.maximum(margin - distances[~alike], 0) ** 2)
    assert float(siamese_loss(rows, numbers, margin)) == pytest.approx(expected, rel=1e-4)
    assert float(siamese_loss(5 * rows, numbers[:, None], margin)) == pytest.approx(
        expected, rel=1e-4
    )


def test_its_gradient_is_finite_where_two_rows_are_one():
    from tltk.tuning._loop import value_and_gradient

    rows, numbers = keras.ops.ones((4, 3)), np.array([0, 0, 1, 1])
    _, [slope] = value_and_gradient(lambda values: siamese_loss(values[0], numbers), [rows])
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("train", [train_prototypical, train_siamese])
def test_classes_never_seen_lie_together_after_training(data, train):
    encoder = small(20)
    before = one_shot(encoder, *data["test"])
    count = {"episodes" if train is train_prototypical else "steps": 200}
    history = train(encoder, *data["train"], lr=0.01, **count)
    assert history.history["loss"][1] < history.history["loss"][0]
    assert history.model is encoder
    assert one_shot(encoder, *data["test"]) > before + 0.1


def test_the_seed_decides_and_a_split_will_do(data):
    rows, labels = data["train"]
    split, found = examples_of((rows, labels)), []
    for given, seed in (((rows, labels), 1), ((split,), 1), ((rows, labels), 2)):
        encoder = small(20)
        train_prototypical(encoder, *given, seed=seed, episodes=10)
        found.append(encoder.get_weights()[0])
    assert (found[0] == found[1]).all()
    assert not np.allclose(found[0], found[2])


def test_every_step_draws_another_episode(data, monkeypatch):
    from tltk.few_labels import metric_learning

    seen = []
    draw = metric_learning.EpisodeDrawer.draw
    monkeypatch.setattr(
        metric_learning.EpisodeDrawer,
        "draw",
        lambda self, seed: seen.append(seed) or draw(self, seed),
    )
    train_prototypical(small(20), *data["train"], episodes=120, seed=5)
    assert len({tuple(each) for each in seen}) == len(seen) >= 200


def test_maps_are_pooled_and_only_what_is_trainable_moves():
    layers = keras.layers
    encoder = keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(3, 3), layers.Conv2D(4, 3)])
    encoder.layers[0].trainable = False
    before = encoder.get_weights()
    pictures = np.random.default_rng(0).integers(0, 256, (12, 6, 6, 3), "uint8")
    train_prototypical(
        encoder, pictures, np.repeat([0, 1, 2], 4), n_way=2, n_shot=1, n_query=2, episodes=10
    )
    moved = [not np.array_equal(*both) for both in zip(before, encoder.get_weights(), strict=True)]
    assert moved == [False, False, True, True]


def test_strings_will_do():
    words = keras.layers.TextVectorization(vocabulary=["a", "b", "c"], output_sequence_length=2)
    encoder = keras.Sequential(
        [keras.Input((), dtype="string"), words, keras.layers.Embedding(5, 3)]
    )
    texts, labels = np.array(["a a", "a b", "b b", "b c"] * 3, object), np.array([0, 0, 1, 1] * 3)
    history = train_siamese(encoder, texts, labels, n_way=2, n_each=2, steps=20, lr=0.1)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda e, x, y: train_prototypical(e, x, y, n_way=31), "n_way=31, and 30 classes"),
        (lambda e, x, y: train_prototypical(e, x, y, n_shot=12), "17 here. Received: .*class"),
        (
            lambda e, x, y: train_prototypical(e, x, y, episodes=0),
            "episodes must be a whole number",
        ),
        (lambda e, x, y: train_prototypical(e, x, y, n_query=(5,) * 10), "n_query must be a whole"),
        (lambda e, x, y: train_siamese(e, x, y, n_each=1), "n_each=1"),
        (lambda e, x, y: train_siamese(e, x, y, n_way=1), "n_way=1"),
        (lambda e, x, y: train_siamese(e, x, y, margin=2.5), "margin=2.5"),
        (
            lambda e, x, y: train_siamese(e, x * np.nan, y),
            "finite numbers.* Received: NaN or infinity in row 0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(data, action, message):
    with pytest.raises(ValueError, match=message):
        action(small(20), *data["train"])


def test_an_encoder_must_have_something_to_train(data):
    encoder = small(20)
    encoder.trainable = False
    with pytest.raises(ValueError, match="without any. Unfreeze a part"):
        train_siamese(encoder, *data["train"])
