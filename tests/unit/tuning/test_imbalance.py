import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from tltk.inputs.examples import examples_of
from tltk.tuning import build_classifier, fine_tune, fit_linear_head
from tltk.tuning._imbalance import (
    METHODS,
    BalancedAccuracy,
    adjusted_loss,
    evenly_drawn,
    focal_loss,
    remedy_for,
    training_loss,
)
from tltk.tuning._loop import ShuffledBatches

SHORT = {"epochs": 2, "head_epochs": 1, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}
WEIGHTS = {0: 1.0, 1: 2.0, 2: 7.0}


@pytest.fixture
def skewed(pictures):
    """Training pictures, 20 of one class, 6 and 3 of the others, and validation pictures."""
    images, labels = pictures
    rows = np.concatenate([np.flatnonzero(labels == c)[:n] for c, n in enumerate((20, 6, 3))])
    rest = np.setdiff1d(np.arange(60), rows)
    return (images[rows], labels[rows]), (images[rest], labels[rest])


@pytest.fixture
def overlapping():
    """Nine hundred points of one class and thirty of the other, which overlap; and even ones."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [900, 30]).astype("int32")
    even = np.repeat([0, 1], 1000).astype("int32")
    return [(rng.normal(size=(len(y), 2)) + y[:, None], y) for y in (labels, even)]


def identity():
    return keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(1.0)])


def curves(history):
    return {name: values for name, values in history.history.items() if name != "seconds"}


def recall_of_the_rare(model, points):
    x, y = points
    return (model.predict(x, verbose=0).argmax(1) == 1)[y == 1].mean()


def test_weights_given_by_hand_are_those_of_the_loss(skewed):
    bright = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Rescaling(1 / 255)])
    model = build_classifier(bright, ["a", "b", "c"])
    fit_linear_head(model, *skewed, imbalance={"a": 1e-6, "b": 1e-6})
    assert (model.predict(skewed[1][0], verbose=0).argmax(1) == 2).all()
    fit_linear_head(model, *skewed, imbalance="class_weight")
    assert not (model.predict(skewed[1][0], verbose=0).argmax(1) == 2).all()


@pytest.mark.parametrize("imbalance", ["class_weight", "balanced_sampling", {0: 31 / 60, 1: 15.5}])
def test_a_solved_head_weighs_as_scikit_learn_does(overlapping, imbalance):
    (x, y), even = overlapping
    model = build_classifier(identity(), 2)
    strength = fit_linear_head(model, (x, y), even, strengths=(1.0,), imbalance=imbalance)
    mean, deviation = x.astype("float32").mean(0), x.astype("float32").std(0)
    oracle = LogisticRegression(C=strength, class_weight="balanced").fit((x - mean) / deviation, y)
    expected = oracle.predict_proba((even[0] - mean) / deviation)
    np.testing.assert_allclose(model.predict(even[0], verbose=0), expected, atol=5e-3)


def test_a_solved_head_is_shifted_by_the_priors(overlapping):
    train, even = overlapping
    plain, shifted = build_classifier(identity(), 2), build_classifier(identity(), 2)
    fit_linear_head(plain, train, strengths=(1.0,))
    fit_linear_head(shifted, train, strengths=(1.0,), imbalance="logit_adjustment")
    by_hand = plain.predict(even[0], verbose=0) / [900, 30]
    by_hand /= by_hand.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shifted.predict(even[0], verbose=0), by_hand, atol=1e-5)
    assert recall_of_the_rare(shifted, even) > 0.6


def test_focal_loss_is_the_papers():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], "float32")
    expected = [-((1 - p) ** 2) * np.log(p) for p in (0.7, 0.3)]
    found = focal_loss(np.array([[0], [1]]), probabilities)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_adjusted_loss_and_its_gradient():
    import tensorflow as tf

    logits = np.array([[2.0, 0.0, -60.0], [0.0, 1.0, 3.0]], "float32")
    labels, priors = np.array([2, 0]), np.array([0.9, 0.09, 0.01], "float32")
    shifted = logits.astype("float64") + np.log(priors.astype("float64"))
    share = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    given = tf.Variable(logits)
    with tf.GradientTape() as tape:
        losses = adjusted_loss(priors)(labels, keras.ops.softmax(given))
    expected = -np.log(share[np.arange(2), labels])
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    gradient = tape.gradient(losses, given)
    np.testing.assert_allclose(gradient, share - np.eye(3)[labels], atol=1e-4)


def test_nothing_asked_changes_nothing():
    assert training_loss("mse", None) == "mse"


def test_even_draws_use_every_row_of_a_rare_class_and_repeat_by_seed():
    labels = np.repeat([0, 1, 2], [700, 26, 4])
    rows = evenly_drawn(labels, np.random.default_rng(1))
    counts = np.bincount(labels[rows])
    assert counts.max() - counts.min() <= 1
    times = np.bincount(rows, minlength=730)
    for number in (0, 1, 2):
        own = times[labels == number]
        assert own.max() - own.min() <= 1
    examples = examples_of((np.arange(730)[:, None], labels))
    first, second = (ShuffledBatches(examples, 32, seed=3, evenly=True) for _ in range(2))
    assert all(np.array_equal(first[i][0], second[i][0]) for i in range(len(first)))
    assert len(first) == 23
    second.on_epoch_end()
    assert not np.array_equal(first[0][0], second[0][0])


def test_balanced_accuracy_in_batches_equals_scikit_learns():
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 50, p=[0.7, 0.2, 0.1, 0])
    probabilities = rng.dirichlet(np.ones(4), 50).astype("float32")
    metric = BalancedAccuracy(4)
    for rows in np.array_split(np.arange(50), 4):
        metric.update_state(labels[rows], probabilities[rows], sample_weight=labels[rows])
    recalls = [(probabilities.argmax(1) == c)[labels == c].mean() for c in set(labels)]
    assert float(metric.result()) == pytest.approx(np.mean(recalls), rel=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_scores_instead_of_probabilities_cannot_be_adjusted(overlapping):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head_output")(inputs))
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match=r"must end in softmax. Received: 'head_output'"):
        fine_tune(model, overlapping[0], unfreeze_blocks=0, imbalance="logit_adjustment")


@pytest.mark.parametrize(
    ("imbalance", "message"),
    [
        (np.array([0.5, 1.0, 2.0]), "Received: imbalance=array.*dict\\(enumerate\\(weights\\)\\)"),
        (True, "Received: imbalance=True"),
        ({}, "Received: imbalance={}"),
        ("rarely", "Received: imbalance='rarely'"),
        ({"d": 1.0}, "given for class numbers or names. Received: imbalance={'d': 1.0}"),
        ({0: -1.0}, r"imbalance\[0\] must be .*of at least 0. Received: .*-1"),
        ({0: float("nan")}, r"imbalance\[0\] must be .*Received: .*nan"),
    ],
)
def test_weights_that_are_none_are_refused(imbalance, message):
    body = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    model = build_classifier(body, 3)
    with pytest.raises(ValueError, match=message):
        remedy_for(model, imbalance, np.arange(6) % 3)


def test_the_numbers_of_a_remedy_by_hand():
    """Six of the first class, three of the second, none of the third, which counts as one."""
    body = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    model, labels = build_classifier(body, 3), np.repeat([0, 1], [6, 3])
    weighed, drawn = (remedy_for(model, each, labels) for each in METHODS[:2])
    assert weighed.method == "class_weight"
    assert weighed.weights == {0: 9 / (2 * 6), 1: 9 / (2 * 3), 2: 9 / 2}
    np.testing.assert_allclose(weighed.priors, [0.6, 0.3, 0.1])
    assert weighed.loss_weights == weighed.weights
    assert drawn.loss_weights is None
    assert remedy_for(model, {1: 5}, labels).loss_weights == {0: 1, 1: 5, 2: 1}
    assert remedy_for(model, None, labels) is None
    named = build_classifier(body, ["a", "b", "c"])
    every = {"a": 2, "b": 3, "c": 4, 0: 2, 1: 3, 2: 4}
    assert remedy_for(named, every, labels).loss_weights == {0: 2, 1: 3, 2: 4}


def test_a_softmax_of_its_own_ends_in_softmax_too():
    inputs = keras.Input((2,))
    scores = keras.layers.Dense(2)(inputs)
    model = keras.Model(inputs, keras.layers.Softmax()(scores))
    model.compile(loss="sparse_categorical_crossentropy")
    assert remedy_for(model, "focal", np.array([0, 1])).method == "focal"


@pytest.mark.parametrize("counts", [(5, 5), (9, 1), (1, 1, 1), (7, 0, 2)])
def test_even_draws_of_any_counts_take_each_row_as_often_as_its_class_needs(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = evenly_drawn(labels, np.random.default_rng(0))
    assert len(rows) == len(labels)
    drawn, known = np.bincount(labels[rows], minlength=len(counts)), np.array(counts) > 0
    assert np.ptp(drawn[known]) <= 1
    assert not drawn[~known].any()
    times = np.bincount(rows, minlength=len(labels))
    assert all(np.ptp(times[labels == each]) <= 1 for each in np.unique(labels))


@pytest.mark.parametrize("imbalance", METHODS[1:])
def test_cached_equals_plain_and_stock_parts_are_saved(body, skewed, tmp_path, imbalance):
    settings = {"epochs": 1, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}
    settings |= {"imbalance": imbalance, "head_epochs": 0}
    cached, plain = build_classifier(body(), 3), build_classifier(body(), 3)
    with_cache = fine_tune(cached, *skewed, **settings)
    assert curves(with_cache) == curves(fine_tune(plain, *skewed, **settings, cache=False))
    for one, other in zip(cached.weights, plain.weights, strict=True):
        assert np.array_equal(one, other)
    assert cached.loss == "sparse_categorical_crossentropy"
    cached.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={})
    answers = [each.predict(skewed[1][0], verbose=0) for each in (loaded, cached)]
    assert np.array_equal(*answers)


def test_an_interrupted_run_goes_on_and_another_method_is_refused(body, skewed, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    settings = SHORT | {"head_epochs": 0, "imbalance": "balanced_sampling"}
    whole = fine_tune(build_classifier(body(), 3), *skewed, **settings)
    model = build_classifier(body(), 3)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(model, *skewed, **settings, checkpoint=tmp_path, callbacks=Stop())
    with pytest.raises(ValueError, match="written with another arguments"):
        fine_tune(model, *skewed, **settings | {"imbalance": "focal"}, checkpoint=tmp_path)
    assert curves(fine_tune(model, *skewed, **settings, checkpoint=tmp_path)) == curves(whole)


def test_the_best_epoch_is_that_of_the_best_balanced_accuracy(body, skewed):
    model, settings = build_classifier(body(), 3), SHORT | {"head_epochs": 0}
    history = fine_tune(model, *skewed, **settings, imbalance=WEIGHTS).history
    kept = history["val_balanced_accuracy"][history["kept"].index(1.0)]
    x, y = skewed[1]
    answers = model.predict(x, verbose=0).argmax(1)
    assert kept == pytest.approx(max(history["val_balanced_accuracy"]), rel=1e-6)
    assert kept == pytest.approx(balanced_accuracy_score(y, answers), rel=1e-5)


@pytest.mark.parametrize("imbalance", [None, *METHODS[:1], *METHODS[2:]])
def test_each_method_trains_for_the_rare_class(overlapping, imbalance):
    train, even = overlapping
    settings = {"head_epochs": 20, "head_lr": 0.1, "unfreeze_blocks": 0, "batch_size": 186}
    keras.utils.set_random_seed(0)
    model = build_classifier(identity(), 2, dropout=0)
    fine_tune(model, train, **settings, imbalance=imbalance, cache=False, verbose=0)
    found = recall_of_the_rare(model, even)
    assert found > 0.6 if imbalance else found < 0.3


def test_a_trained_shift_comes_to_the_solved_one(overlapping):
    """Training with the shift and shifting afterwards agree where the bias is free."""
    train, even = overlapping
    solved, trained = (build_classifier(identity(), 2, dropout=0) for _ in range(2))
    fit_linear_head(solved, train, strengths=(1.0,), imbalance="logit_adjustment")
    settings = {"head_epochs": 60, "head_lr": 0.1, "unfreeze_blocks": 0, "batch_size": 310}
    settings |= {"cache": False, "verbose": 0}
    fine_tune(trained, train, **settings, imbalance="logit_adjustment")
    one, other = (each.predict(even[0], verbose=0) for each in (solved, trained))
    np.testing.assert_allclose(one, other, atol=0.1)


def test_a_focal_head_is_trained_not_solved(overlapping):
    model = build_classifier(identity(), 2)
    how = {"imbalance": "focal", "unfreeze_blocks": 0, "batch_size": 930, "verbose": 0}
    history = fine_tune(model, overlapping[0], cache=False, **how).history
    assert history["phase"] == ["head"] * 10
    with pytest.raises(ValueError, match=r"no focal loss. Received: imbalance='focal'. Use"):
        fit_linear_head(model, overlapping[0], imbalance="focal")
