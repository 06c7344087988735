import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tltk.tuning import build_classifier, fit_linear_head
from tltk.tuning.linear_head import STRENGTHS


def identity(width):
    return keras.Sequential([keras.Input((width,)), keras.layers.Rescaling(1.0)])


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    y = np.arange(90, dtype="int32") % 3
    x = rng.normal(size=(90, 5)) * [1, 10, 0.1, 1, 1] + 2 * y[:, None] + [0, 50, 0, 0, 0]
    return x.astype("float32"), y


def test_poured_in_head_equals_scikit_learn(blobs):
    x, y = blobs
    model = build_classifier(identity(5), 3)
    strength = fit_linear_head(model, (x[:60], y[:60]), (x[60:], y[60:]))
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300, tol=1e-3))
    expected = oracle.fit(x[:60], y[:60]).predict_proba(x)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=2e-4)


def test_a_dead_feature_beside_living_ones_gets_no_weight_to_speak_of():
    """MiniLM has a unit of 1e-9 beside others of .1: a weight of a million blew up fine-tuning."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    living = rng.normal(size=(60, 6)) * 0.1 + 0.1 * y[:, None]
    dead = rng.normal(size=(60, 1)) * 1e-9
    rows = np.hstack([living, dead]).astype("float32")
    inputs = keras.Input((7,))
    model = build_classifier(keras.Model(inputs, keras.layers.Identity()(inputs)), 2, dropout=0)
    fit_linear_head(model, (rows, y), strengths=(1.0,), cache=False)
    kernel = np.abs(model.get_layer("head_output").kernel.numpy()).max(1)
    assert kernel[:6].max() > 1
    assert kernel[6] < 1e-6


def test_features_of_any_size_are_told_apart_and_constants_are_not(blobs):
    x, y = blobs
    constant = np.full((len(x), 1), 0.3, "float32")

    def answers(scale):
        rows = np.hstack([x, constant]).astype("float32") * np.float32(scale)
        model = build_classifier(identity(6), 3)
        fit_linear_head(model, (rows[:60], y[:60]), (rows[60:], y[60:]))
        return model.predict(rows, verbose=0)

    np.testing.assert_allclose(answers(1e-11), answers(1), atol=1e-3)
    assert (answers(1e-11).argmax(axis=1) == y).mean() > 0.8


def test_two_classes_many_labels_and_regression(blobs):
    x, y = blobs
    two = build_classifier(identity(5), 2)
    fit_linear_head(two, (x, (y > 0).astype("int32")))
    assert ((two.predict(x, verbose=0)[:, 1] > 0.5) == (y > 0)).mean() > 0.9

    many = build_classifier(identity(5), 2, kind="many_labels")
    targets = np.stack([y > 0, y > 1], 1).astype("float32")
    fit_linear_head(many, (x, targets))
    assert ((many.predict(x, verbose=0) > 0.5) == targets).mean() > 0.9

    line = build_classifier(identity(5), 1, kind="regression")
    target = (x @ np.array([1, -0.1, 3, 0, 0.5]) + 4).astype("float32")
    strength = fit_linear_head(line, (x, target))
    oracle = make_pipeline(StandardScaler(), Ridge(alpha=1 / strength)).fit(x, target)
    np.testing.assert_allclose(line.predict(x, verbose=0)[:, 0], oracle.predict(x), rtol=1e-3)


def test_strength_is_chosen_on_validation():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(240, 30)).astype("float32")
    y = (x[:, 0] + rng.normal(size=240) > 0).astype("int32")

    def loss(strength):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
        return log_loss(y[40:], model.fit(x[:40], y[:40]).predict_proba(x[40:]))

    chosen = fit_linear_head(build_classifier(identity(30), 2), (x[:40], y[:40]), (x[40:], y[40:]))
    assert chosen == min(STRENGTHS, key=loss)
    assert STRENGTHS[0] < chosen < STRENGTHS[-1]


def test_one_example_a_class():
    model = build_classifier(identity(2), 2)
    fit_linear_head(model, (np.array([[0.0, 0], [1, 1]]), [0, 1]))
    assert model.predict(np.array([[0.1, 0.1], [0.8, 0.9]]), verbose=0).argmax(1).tolist() == [0, 1]


def test_a_missing_class_is_refused(blobs):
    x, y = blobs
    with pytest.raises(ValueError, match="Received: none of class number 3 out of 4"):
        fit_linear_head(build_classifier(identity(5), 4), (x, y))


def test_a_model_without_such_a_head(body, blobs):
    with pytest.raises(ValueError, match=r"`head_output`. Received: a model that ends in"):
        fit_linear_head(body(), blobs)
