import numpy as np
import pytest

from tltk.evaluation.bound import ben_david_bound


def blobs(seed, shift=0.0, turned=False, rows=200):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    features = rng.normal(size=(rows, 3))
    features[:, 0] += 6 * labels
    features[:, 2] += shift
    return features, (1 - labels if turned else labels)


def terms(source, target):
    return {row["term"]: row["value"] for row in ben_david_bound(*source, *target)}


def test_one_domain():
    """Nothing to tell apart, nothing to lose."""
    found = terms(blobs(0), blobs(1))
    assert found["source error"] < 0.02
    assert found["half the divergence"] < 0.15
    assert found["joint error"] < 0.04
    assert found["target error"] < 0.02 <= found["bound"]


def test_a_shift_of_the_features_is_in_the_divergence():
    found = terms(blobs(0), blobs(1, shift=10))
    assert found["half the divergence"] == pytest.approx(1, abs=0.02)
    assert found["joint error"] < 0.04


def test_labels_that_contradict_are_in_the_joint_error():
    """No divergence, but the target says the opposite: no classifier pleases both."""
    found = terms(blobs(0), blobs(1, turned=True))
    assert found["half the divergence"] < 0.15
    assert found["target error"] > 0.98
    assert found["joint error"] == pytest.approx(1, abs=0.1)
    parts = ("source error", "half the divergence", "joint error")
    assert found["bound"] == pytest.approx(sum(found[part] for part in parts))


def test_labels_must_fit():
    features, labels = blobs(0)
    with pytest.raises(ValueError, match=r"shape \(200,\)"):
        ben_david_bound(features, labels, features, labels[:5])
