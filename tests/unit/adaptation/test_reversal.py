import keras
import numpy as np
import pytest
import tensorflow as tf

from tltk.adaptation import reverse_gradient
from tltk.adaptation.losses import DomainClassifier, rising_strength


def gradient(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x).numpy()


def slopes(function, x, step=1e-3):
    """Central differences in float64."""
    found = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.astype("float64"), x.astype("float64")
        up[index] += step
        down[index] -= step
        found[index] = (function(up) - function(down)) / (2 * step)
    return found


@pytest.mark.parametrize("scale", [0.0, 0.25, 1.0, 3.0])
def test_value_stays_and_the_gradient_turns_round(scale):
    x = np.array([[0.5, -2.0], [1.5, 0.1]], "float32")
    assert np.allclose(reverse_gradient(x, scale), x, atol=1e-6)
    found = gradient(lambda z: tf.reduce_sum(reverse_gradient(z, scale) ** 3), x)
    assert found == pytest.approx(-scale * slopes(lambda z: (z**3).sum(), x), rel=1e-3)


def test_strength_rises_as_the_paper_says():
    progress = np.linspace(0, 1, 11)
    expected = 2 / (1 + np.exp(-10 * progress)) - 1
    assert np.allclose(rising_strength(progress), expected, atol=1e-6)
    assert rising_strength(0.0, steepness=0) == 1


def surprise(weights, source, target):
    """The domain classifier's loss, written down again in numpy."""

    def logits(x):
        for kernel, bias in zip(weights[:4:2], weights[1:4:2], strict=True):
            x = np.maximum(x @ kernel + bias, 0)
        return x @ weights[4] + weights[5]

    return (np.log1p(np.exp(logits(source))).mean() + np.log1p(np.exp(-logits(target))).mean()) / 2


@pytest.fixture(scope="module")
def judged():
    random = np.random.default_rng(0)
    classifier = DomainClassifier(units=5, seed=1)
    classifier.build((None, 3))
    for weight in classifier.weights:
        weight.assign(random.normal(size=weight.shape))
    source, target = random.normal(size=(2, 4, 3)).astype("float32")
    return classifier, source, target[:3]


def test_loss_is_the_cross_entropy_with_equal_weight_on_the_domains(judged):
    classifier, source, target = judged
    expected = surprise(classifier.get_weights(), source, target)
    assert float(classifier(source, target, strength=0.5)) == pytest.approx(expected, rel=1e-5)


def test_accuracy_is_the_share_of_rows_of_either_domain_that_are_named(judged):
    classifier, source, target = judged
    classifier.accuracy.reset_state()
    classifier(source, target, strength=0.5)
    rows, domains = np.r_[source, target], np.repeat([-1, 1], [len(source), len(target)])
    x = classifier.answer(classifier.hidden[1](classifier.hidden[0](rows))).numpy().ravel()
    assert float(classifier.accuracy.result()) == pytest.approx(np.mean(x * domains > 0))


def test_features_climb_what_the_classifier_descends(judged):
    """Both gradients by finite differences: -strength times for the features, as it is for it."""
    classifier, source, target = judged
    weights = [each.astype("float64") for each in classifier.get_weights()]
    found = gradient(lambda z: classifier(z, target, strength=0.5), source)
    expected = slopes(lambda z: surprise(weights, z, target), source, 1e-6)
    assert found == pytest.approx(-0.5 * expected, rel=1e-2, abs=1e-5)
    with tf.GradientTape() as tape:
        loss = classifier(source, target, strength=0.5)
    own = tape.gradient(loss, classifier.trainable_weights[-1].value)
    changed = lambda bias: surprise([*weights[:-1], bias], source, target)  # noqa: E731
    assert own.numpy() == pytest.approx(slopes(changed, weights[-1], 1e-6), rel=1e-2)


def test_seed_decides_the_first_weights():
    made = [DomainClassifier(units=4, seed=seed) for seed in (0, 0, 1)]
    for each in made:
        each.build((None, 2))
    first, same, other = (each.get_weights()[0] for each in made)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert all(isinstance(each, keras.layers.Layer) for each in made)
