import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from tltk.adaptation import correct_label_shift


def made(priors, rows=20_000, seed=0):
    """Normal classes at 0, 2 and 4 with deviation 1, and the true posteriors under `p`."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, rows, p=priors)
    return labels, random.normal(2.0 * labels)


def posteriors(x, priors):
    joint = norm.pdf(x[:, None], [0, 2, 4]) * priors
    return joint / joint.sum(axis=1, keepdims=True)


def test_known_priors_are_recovered():
    source, target = np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.1, 0.3])
    labels, x = made(target)
    found = correct_label_shift(posteriors(x, source), source)
    assert np.allclose(found.priors, np.bincount(labels) / len(labels), atol=0.02)
    assert np.allclose(found.probabilities, posteriors(x, found.priors), atol=1e-6)
    assert np.allclose(found.weights, found.priors / source)
    before = (posteriors(x, source).argmax(axis=1) == labels).mean()
    after = (found.probabilities.argmax(axis=1) == labels).mean()
    assert after > before + 0.05


def test_it_is_the_maximum_of_the_likelihood():
    """Two classes: one share, found by scipy on the same rows."""
    random = np.random.default_rng(0)
    first = random.beta(2, 2, 200)
    answers, source = np.column_stack([first, 1 - first]), np.array([0.3, 0.7])

    def unlikely(share):
        return -np.log(answers @ (np.array([share, 1 - share]) / source)).sum()

    best = minimize_scalar(unlikely, bounds=(1e-6, 1 - 1e-6), method="bounded")
    assert correct_label_shift(answers, source).priors[0] == pytest.approx(best.x, abs=1e-4)


def test_nothing_changes_where_nothing_shifted():
    priors = np.array([0.2, 0.5, 0.3])
    _, x = made(priors)
    assert np.allclose(correct_label_shift(posteriors(x, priors), priors).priors, priors, atol=0.02)


def test_a_class_missing_in_the_target_goes_to_zero():
    source, target = np.array([0.2, 0.5, 0.3]), np.array([0.7, 0.3, 0.0])
    _, x = made(target)
    found = correct_label_shift(posteriors(x, source).astype("float32"), source)
    assert np.allclose(found.priors, target, atol=0.02)


def test_what_is_refused():
    answers = np.array([[0.5, 0.5]])
    for shares in ([1.0, 0.0], [0.2, 0.3, 0.5], [0.5, 0.6]):
        with pytest.raises(ValueError, match="2 shares above 0 with sum 1"):
            correct_label_shift(answers, shares)
    with pytest.raises(ValueError, match="sums of rows from 3 to 3"):
        correct_label_shift(np.array([[1.0, 2.0]]), [0.5, 0.5])
    for wrong in (answers[0], -answers, answers * np.nan, np.array([["a", "b"]])):
        with pytest.raises(ValueError, match="probabilities must .* Received: probabilities"):
            correct_label_shift(wrong, [0.5, 0.5])


def test_shares_that_do_not_settle_are_told(monkeypatch):
    monkeypatch.setattr("tltk.adaptation.label_shift.MOST_ROUNDS", 2)
    with pytest.warns(UserWarning, match="within 2 rounds. Received: shares that still move by"):
        correct_label_shift(np.array([[0.6, 0.4], [0.7, 0.3]]), [0.5, 0.5])
