"""Relations carried between networks: the place of a node, whichever network it is in."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from tltk._checks import as_names, as_numbers, check_flag, check_number, refuse, shown


def structural_features(
    adjacency: np.ndarray, rounds: int = 2, relative: bool = True
) -> np.ndarray:
    """Describe each node of a network by its neighbourhood alone, not by who it is.

    Round 0 gives, for node v with neighbours N(v): its degree `|N(v)|`; the edges within its egonet
    (v, N(v) and what joins them); the edges that leave it; and its clustering coefficient, the
    share of pairs of neighbours that are neighbours themselves. Each further round appends the
    mean and the sum of all features so far over the neighbours. Counts c become log(1 + c / m), m
    being their mean over the network, so that networks of other sizes and densities compare.

    Args:
        adjacency: (n, n), symmetric, without negative entries, dense or of scipy.sparse; entries
            above 0 count as edges, self-loops do not count.
        rounds: how many steps away is looked; the width is 4 * 3^rounds.
        relative: divide counts by their mean; False keeps log(1 + c), which tells networks apart.

    Returns:
        (n, 4 * 3^rounds) float64. A node without neighbours has zeros.

    Raises:
        ValueError: for a matrix that is not square, symmetric and finite, or has negative entries,
            and a network without edges.

    Example:
        >>> star = np.array([[0, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]])
        >>> np.expm1(structural_features(star, rounds=0, relative=False)[:2, :3]).round(3).tolist()
        [[3.0, 3.0, 0.0], [1.0, 1.0, 2.0]]

    Reference:
        Henderson et al., It's who you know: graph mining using recursive structural features, 2011.
    """
    check_number("rounds", rounds, least=0, whole=True, advice="2 are usual")
    check_flag("relative", relative)
    edges = checked_adjacency(adjacency)
    degree = edges.sum(axis=1)
    triangles = ((edges @ edges) * edges).sum(axis=1) / 2
    pairs = degree * (degree - 1) / 2
    within = degree + triangles
    leaving = edges @ degree + degree - 2 * within
    counts = _scaled(np.stack([degree, within, leaving], axis=1), relative)
    clustering = np.divide(triangles, pairs, out=np.zeros(len(edges)), where=pairs > 0)
    features = np.column_stack([counts, clustering])
    means = mean_over_neighbours(edges)
    for _ in range(rounds):
        sums = _scaled(edges @ features, relative)
        features = np.hstack([features, means @ features, sums])
    return features


def mean_over_neighbours(adjacency: np.ndarray) -> np.ndarray:
    """Return the matrix that takes the mean over each node's neighbours.

        M = D^-1 A

    so that (M x)_v is the mean of x over N(v), and 0 where there are none.

    Args:
        adjacency: (n, n), see `structural_features`.

    Returns:
        (n, n) float64, whose rows sum to 1, or to 0.

    Raises:
        ValueError: as for `structural_features`.

    Example:
        >>> mean_over_neighbours(np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])).tolist()
        [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    edges = checked_adjacency(adjacency)
    return edges / np.maximum(edges.sum(axis=1, keepdims=True), 1)


def checked_adjacency(adjacency: np.ndarray) -> np.ndarray:
    """Edges as (n, n) floats of 0 and 1, symmetric, without self-loops."""
    graph = "Of a networkx graph take networkx.to_numpy_array(graph.to_undirected())"
    dense = adjacency.toarray() if hasattr(adjacency, "toarray") else adjacency
    dense = as_numbers("adjacency", dense, "(n, n)", advice=graph)
    if dense.shape[0] != dense.shape[1] or (dense < 0).any() or (dense != dense.T).any():
        refuse(
            "adjacency must be symmetric, without numbers below 0",
            f"adjacency={shown(dense)}",
            graph,
        )
    edges = (dense > 0).astype("float64")
    np.fill_diagonal(edges, 0)
    if not edges.any():
        raise ValueError(
            f"A network has edges. Received: adjacency of {len(edges)} nodes without one. "
            "Check how the matrix was made."
        )
    return edges


def message_passing_network(
    features: int, class_names: tuple[str, ...], filters: int = 32, blocks: int = 2
) -> keras.Model:
    """Build a small network that classifies nodes by their own features and their neighbours'.

        h_v = relu(W [h_v, mean of h_u over the neighbours u] + b)

    is what each block gives, so that with k of them a node sees k steps far. Nothing in it depends
    on how many nodes there are: what is learned on one network runs on another.

    Args:
        features: d, the features of a node, such as those of `structural_features`.
        class_names: one name for each class.
        filters: the width of every block.
        blocks: number of blocks, called block1, block2, …; `head_output` is above them.

    Returns:
        A compiled `keras.Model` of stock layers. Its inputs are features (b, n, d) and
        `mean_over_neighbours` (b, n, n), of b networks of one size, mostly of one; its output is
        (b, n, classes). Labels are (b, n) class numbers; the nodes that have none get a 0 in
        `sample_weight` (b, n).

    Raises:
        ValueError: for counts that are not whole numbers of at least 1, or fewer than two classes.

    Example:
        >>> model = message_passing_network(4, ("member", "leader"))
        >>> model.output_shape
        (None, None, 2)
        >>> from tltk.backbones import block_names
        >>> block_names(model)
        ['block1', 'block2', 'head']

    Reference:
        Hamilton, Ying and Leskovec, Inductive representation learning on large graphs, 2017.
    """
    for name, value in (("features", features), ("filters", filters), ("blocks", blocks)):
        check_number(name, value, least=1, whole=True)
    class_names = as_names("class_names", class_names)
    if len(class_names) < 2:
        raise ValueError(
            f"A classifier has two classes or more. Received: class_names={class_names!r}. "
            "Name them all."
        )
    own = keras.Input((None, features), name="features")
    neighbours = keras.Input((None, None), name="neighbours")
    x = own
    for number in range(1, blocks + 1):
        block = f"block{number}"
        gathered = layers.Dot(axes=(2, 1), name=f"{block}_gather")([neighbours, x])
        joined = layers.Concatenate(name=f"{block}_join")([x, gathered])
        x = layers.Dense(filters, "relu", name=f"{block}_dense")(joined)
    answers = layers.Dense(len(class_names), "softmax", name="head_output")(x)
    model = keras.Model([own, neighbours], answers, name="message_passing")
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    return model


def _scaled(counts, relative) -> np.ndarray:
    means = counts.mean(axis=0) if relative else 1.0
    return np.log1p(counts / np.where(means == 0, 1.0, means))
