from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from tltk.few_labels import ESZSL, choose_settings


class Nearest(BaseEstimator):
    """Names the nearest vector, or the farthest; notes what it was shown."""

    shown: ClassVar[list] = []

    def __init__(self, farthest=False):
        self.farthest = farthest

    def fit(self, X, y, vectors):
        self.shown.append((X, y, vectors))
        return self

    def predict(self, X, vectors):
        far = ((X[:, None] - vectors) ** 2).sum(axis=2)
        return far.argmax(axis=1) if self.farthest else far.argmin(axis=1)


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    vectors, y = rng.normal(size=(7, 3)), np.arange(140) % 7
    return vectors[y] + rng.normal(0, 0.1, (140, 3)), y, vectors


def test_the_better_setting_is_found_and_hidden_classes_are_never_shown(world):
    X, y, vectors = world
    Nearest.shown.clear()
    found = choose_settings(Nearest(), {"farthest": [True, False]}, X, y, vectors=vectors, splits=4)
    assert found == {"farthest": False}
    assert len(Nearest.shown) == 8
    for rows, own, shown in Nearest.shown:
        assert shown.shape == (5, 3)
        assert len(rows) == 100
        assert np.linalg.norm(rows - shown[own], axis=1).max() < 0.6


def test_the_seed_decides_and_ties_go_to_the_first(world):
    X, y, vectors = world
    grid = {"gamma": [1e-3, 1.0, 1e9], "lam": [1e-2, 1.0]}
    first, again = (choose_settings(ESZSL(), grid, X, y, vectors=vectors, seed=3) for _ in range(2))
    assert first == again
    equal = {"gamma": [2.0], "lam": [3.0]}
    assert choose_settings(ESZSL(), equal, X, y, vectors=vectors) == {"gamma": 2.0, "lam": 3.0}


def test_too_few_classes_are_refused(world):
    X, y, vectors = world
    with pytest.raises(ValueError, match="4 classes at least"):
        choose_settings(ESZSL(), {"lam": [1]}, X[y < 3], y[y < 3], vectors=vectors[:3])
    with pytest.raises(ValueError, match=r"share=0.9 of 7 classes"):
        choose_settings(ESZSL(), {"lam": [1]}, X, y, vectors=vectors, share=0.9)


@pytest.mark.parametrize("grid", [{}, [("lam", [1])], None])
def test_a_grid_names_a_setting(world, grid):
    X, y, vectors = world
    with pytest.raises(ValueError, match="grid must name a setting. Received: grid="):
        choose_settings(ESZSL(), grid, X, y, vectors=vectors)


@pytest.mark.parametrize("share", [0.5, 0.01])
def test_four_classes_are_enough_two_hidden_and_two_shown(world, share):
    X, y, vectors = world
    Nearest.shown.clear()
    four = y < 4
    choose_settings(
        Nearest(), {"farthest": [False]}, X[four], y[four], vectors=vectors[:4], share=share
    )
    assert {vectors.shape for *_, vectors in Nearest.shown} == {(2, 3)}
