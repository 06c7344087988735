import numpy as np
import pytest

from tltk.datasets import make_organisation
from tltk.datasets.made_networks import BROKER, LEADER, OUTSIDER


def test_roles_are_as_defined_without_noise():
    made = make_organisation(noise=0, seed=3)
    adjacency, labels = made.adjacency, made.labels
    assert np.array_equal(adjacency, adjacency.T)
    assert not np.diag(adjacency).any()
    assert set(adjacency[labels == BROKER].sum(axis=1)) == {4}
    assert set(adjacency[labels == OUTSIDER].sum(axis=1)) == {1}
    assert adjacency[labels == LEADER].sum(axis=1).min() >= 5


def test_noise_keeps_the_number_of_acquaintances():
    sums = [make_organisation(noise=noise, seed=1).adjacency.sum() for noise in (0, 0.5)]
    assert sums[0] == sums[1]


def test_one_seed_gives_one_network():
    first, second, other = (make_organisation(seed=seed).adjacency for seed in (0, 0, 1))
    assert np.array_equal(first, second)
    assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize("wrong", [{"teams": 1}, {"size": 2}, {"density": 1.5}, {"noise": -0.1}])
def test_what_makes_no_organisation_is_refused(wrong):
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"{name} must be .* Received: {name}={value}"):
        make_organisation(**wrong)
