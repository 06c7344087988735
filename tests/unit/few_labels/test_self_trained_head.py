import keras
import numpy as np
import pytest

from tltk.few_labels import SelfTraining, self_train_head
from tltk.few_labels.self_training import default_classifier
from tltk.tuning import build_classifier, fit_linear_head


def model_of(classes):
    body = keras.Sequential([keras.Input((5,)), keras.layers.Rescaling(2.0)])
    return build_classifier(body, classes)


@pytest.fixture(params=[2, 3])
def blobs(request):
    rng = np.random.default_rng(0)
    y = np.arange(180, dtype="int32") % request.param
    x = rng.normal(size=(180, 5)) * [1, 10, 0.1, 1, 1] + 2 * y[:, None] + [0, 50, 0, 0, 0]
    return x.astype("float32"), y, request.param


def test_head_answers_like_the_learner_on_the_features(blobs):
    x, y, classes = blobs
    model = model_of(classes)
    learner = self_train_head(model, (x[:12], y[:12]), x[12:120], (x[120:], y[120:]))
    expected = learner.predict_proba(2 * x)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-4)
    strength = learner.classifier[-1].C
    oracle = SelfTraining(default_classifier(strength)).fit(
        2 * x[:120], np.append(y[:12], np.full(108, -1)), (2 * x[120:], y[120:])
    )
    assert oracle.round_ == learner.round_
    np.testing.assert_allclose(oracle.predict_proba(2 * x), expected, atol=1e-4)


def test_labels_of_the_unlabelled_split_are_not_looked_at(blobs):
    x, y, classes = blobs
    told = [
        self_train_head(model_of(classes), (x[:12], y[:12]), more, rounds=2).pseudo_labels_
        for more in (x[12:], (x[12:], y[::-1][12:]))
    ]
    assert np.array_equal(*told)


def test_where_no_round_helps_the_head_is_that_of_the_labels(blobs):
    x, y, classes = blobs
    models = [model_of(classes) for _ in range(2)]
    labelled = (x[:60], y[:60])
    fit_linear_head(models[0], labelled, labelled)
    learner = self_train_head(models[1], labelled, x[60:], labelled, rounds=1)
    if learner.round_ == 0:
        answers = [model.predict(x, verbose=0) for model in models]
        np.testing.assert_allclose(*answers, atol=1e-3)
    assert learner.history_[0]["val_accuracy"] >= 0.7


def test_another_head_is_refused():
    body = keras.Sequential([keras.Input((5,)), keras.layers.Rescaling(2.0)])
    model = build_classifier(body, 2, kind="many_labels")
    with pytest.raises(ValueError, match="one dense softmax layer"):
        self_train_head(model, (np.zeros((2, 5)), np.zeros((2, 2))), np.zeros((2, 5)))
