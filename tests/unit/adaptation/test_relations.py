import keras
import networkx
import numpy as np
import pytest

from tltk.adaptation import mean_over_neighbours, message_passing_network, structural_features
from tltk.datasets import make_organisation


@pytest.fixture
def karate():
    return networkx.karate_club_graph()


def counts(graph, column):
    features = structural_features(networkx.to_numpy_array(graph), rounds=0, relative=False)
    return np.expm1(features[:, column])


def test_counts_are_those_of_networkx(karate):
    degrees = [degree for _, degree in karate.degree]
    egonets = [networkx.ego_graph(karate, node) for node in karate]
    within = [each.number_of_edges() for each in egonets]
    leaving = [len(list(networkx.edge_boundary(karate, each))) for each in egonets]
    np.testing.assert_allclose(counts(karate, 0), degrees)
    np.testing.assert_allclose(counts(karate, 1), within)
    np.testing.assert_allclose(counts(karate, 2), leaving, atol=1e-9)


def test_clustering_is_that_of_networkx(karate):
    found = structural_features(networkx.to_numpy_array(karate), rounds=0)[:, 3]
    np.testing.assert_allclose(found, list(networkx.clustering(karate).values()))


def test_a_round_takes_the_mean_over_neighbours(karate):
    adjacency = networkx.to_numpy_array(karate, weight=None)
    found = structural_features(adjacency, rounds=1, relative=False)
    expected = [np.mean([found[u, 0] for u in karate[v]]) for v in karate]
    np.testing.assert_allclose(found[:, 4], expected)
    sums = [sum(found[u, 3] for u in karate[v]) for v in karate]
    np.testing.assert_allclose(np.expm1(found[:, 11]), sums)
    assert found.shape == (34, 12)


def test_relative_features_of_two_copies_are_those_of_one(karate):
    one = networkx.to_numpy_array(karate)
    two = np.kron(np.eye(2), one)
    features = structural_features(one)
    np.testing.assert_allclose(structural_features(two), np.vstack([features, features]))


def test_order_of_nodes_does_not_matter(karate):
    adjacency = networkx.to_numpy_array(karate)
    order = np.random.default_rng(0).permutation(len(adjacency))
    shuffled = structural_features(adjacency[np.ix_(order, order)])
    np.testing.assert_allclose(shuffled, structural_features(adjacency)[order])


def test_sparse_weighted_and_looped_matrices_are_one_network(karate):
    adjacency = networkx.to_numpy_array(karate) * 3 + 5 * np.eye(34)
    sparse = networkx.to_scipy_sparse_array(karate)
    np.testing.assert_allclose(structural_features(adjacency), structural_features(sparse))


def test_a_lonely_node_has_zeros():
    adjacency = np.zeros((3, 3))
    adjacency[0, 1] = adjacency[1, 0] = 1
    assert not structural_features(adjacency)[2].any()
    assert mean_over_neighbours(adjacency)[2].tolist() == [0, 0, 0]


def test_a_block_is_its_formula(karate):
    adjacency = networkx.to_numpy_array(karate)
    x, means = structural_features(adjacency, rounds=0), mean_over_neighbours(adjacency)
    model = message_passing_network(4, ("a", "b"), filters=3, blocks=1)
    kernel, bias, head, offset = model.get_weights()
    hidden = np.maximum(np.hstack([x, means @ x]) @ kernel + bias, 0)
    logits = hidden @ head + offset
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = model.predict([x[None], means[None]], verbose=0)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_node_sees_as_far_as_there_are_blocks():
    path = np.diag(np.ones(5), 1)
    means = mean_over_neighbours(path + path.T)
    model = message_passing_network(1, ("a", "b"), blocks=2)
    before, after = (np.ones((1, 6, 1)) for _ in range(2))
    after[0, 5] = 2.0
    moved = np.abs(model.predict([after, means[None]], verbose=0)
                   - model.predict([before, means[None]], verbose=0))[0].sum(axis=1)  # fmt: skip
    assert not moved[:3].any()
    assert moved[5] > 0


def test_roles_learned_on_one_network_run_on_another(tmp_path):
    keras.utils.set_random_seed(0)
    here = make_organisation(seed=0, noise=0)
    there = make_organisation(teams=8, size=14, density=0.4, seed=1, noise=0)
    inputs = [
        [structural_features(each.adjacency, rounds=1)[None],
         mean_over_neighbours(each.adjacency)[None]] for each in (here, there)
    ]  # fmt: skip
    model = message_passing_network(12, here.class_names, filters=16)
    model.fit(inputs[0], here.labels[None], epochs=60, verbose=0)
    model.save(tmp_path / "roles.keras")
    answers = keras.models.load_model(tmp_path / "roles.keras").predict(inputs[1], verbose=0)
    right = answers[0].argmax(axis=1) == there.labels
    most_frequent = np.bincount(there.labels).max() / len(there.labels)
    assert right.mean() > most_frequent + 0.05


def test_nodes_without_weight_are_not_learned_from():
    model = message_passing_network(1, ("a", "b"), filters=2, blocks=1)
    x, means, y = np.ones((1, 2, 1)), np.zeros((1, 2, 2)), np.array([[0, 1]])
    before = model.get_weights()
    model.fit([x, means], y, sample_weight=np.zeros((1, 2)), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    "adjacency",
    [np.ones((2, 3)), np.array([[0, 1], [0, 0]]), np.array([[0, -1], [-1, 0]]),
     np.array([[0, np.nan], [np.nan, 0]]), np.array([["a", "b"], ["b", "a"]])],
)  # fmt: skip
def test_what_is_no_network_is_refused(adjacency):
    with pytest.raises(ValueError, match="adjacency must be .* Received: adjacency"):
        structural_features(adjacency)


def test_a_network_without_edges_is_refused():
    with pytest.raises(ValueError, match="Received: adjacency of 3 nodes without one"):
        mean_over_neighbours(np.eye(3))


def test_settings_of_the_network_are_checked():
    with pytest.raises(ValueError, match="blocks must be a whole number"):
        message_passing_network(3, ("a", "b"), blocks=0)
    with pytest.raises(ValueError, match="two classes"):
        message_passing_network(3, ("a",))
