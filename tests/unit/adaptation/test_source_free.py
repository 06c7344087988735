import keras
import numpy as np
import pytest

from tltk.adaptation import adapt_without_source
from tltk.adaptation.source_free import pseudo_labels
from tltk.tuning import build_classifier


@pytest.fixture(scope="module")
def rows():
    """Three clusters in the plane, and the same clusters turned by 50 degrees."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 60).astype("int32")
    angles = labels * 2 * np.pi / 3
    x = np.c_[np.cos(angles), np.sin(angles)] * 4 + random.normal(size=(180, 2)) * 0.5
    turn = np.deg2rad(50)
    turned = x @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return x.astype("float32"), turned.astype("float32"), labels


@pytest.fixture
def trained(rows):
    x, _, labels = rows
    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(16, "relu", name="dense")])
    model = build_classifier(body, 3, dropout=0)
    model.trainable = True
    for layer in model.layers:
        layer.trainable = True
    model.compile(keras.optimizers.Adam(2e-2), model.loss, metrics=["accuracy"])
    model.fit(x, labels, epochs=20, verbose=0)
    return model


def accuracy(model, x, y):
    return (model.predict(x, verbose=0).argmax(axis=1) == y).mean()


@pytest.mark.parametrize("pseudo_weight", [0.0, 0.3])
def test_clusters_are_found_again_and_the_head_stays(rows, trained, pseudo_weight):
    _, turned, labels = rows
    before, head = accuracy(trained, turned, labels), trained.layers[-1].get_weights()
    history = adapt_without_source(
        trained, turned, epochs=15, lr=2e-2, pseudo_weight=pseudo_weight, verbose=0
    )
    assert before < 0.95
    assert accuracy(trained, turned, labels) > 0.97
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert history.model is trained
    assert all(map(np.array_equal, head, trained.layers[-1].get_weights()))
    assert trained.layers[-1].trainable


def test_pseudo_labels_worked_by_hand():
    """Two directions; the row that was answered wrongly lies with the others of its kind."""
    features = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    answers = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.6, 0.4]])
    assert pseudo_labels(features, answers).tolist() == [0, 0, 1, 1]
    three = np.c_[answers, np.zeros(4)]
    assert 2 not in pseudo_labels(features, three)


def test_errors(rows, trained):
    turned = rows[1]
    with pytest.raises(ValueError, match="lr must be a finite number above 0"):
        adapt_without_source(trained, turned, lr=0)
    with pytest.raises(ValueError, match="a part of the encoder must train"):
        adapt_without_source(trained, turned, unfreeze_blocks=0)
    with pytest.raises(ValueError, match="at least one row"):
        adapt_without_source(trained, turned[:0])
    body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="makes the answers of a classifier sure"):
        adapt_without_source(build_classifier(body, 1, kind="regression"), turned)
    with pytest.raises(ValueError, match="adapt_without_source trains a compiled"):
        adapt_without_source(body, turned)
