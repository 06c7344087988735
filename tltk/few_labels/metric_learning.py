"""Train an encoder so that examples of one class lie together, those of classes yet unseen too."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from tltk._checks import check_count, check_number
from tltk._keras import Part, check_model, input_structure
from tltk.few_labels.episodes import TO_LEARN, EpisodeDrawer, rows_and_labels
from tltk.inputs.examples import Data, as_network_input, examples_of
from tltk.tuning._checks import check_each, check_fits
from tltk.tuning._loop import history_of, train
from tltk.tuning._optimizer import Adam
from tltk.tuning.features import pooled_network

BLOCK, STEPS_AT_ONCE, NEAR = 100, 10, 1e-7


def train_prototypical(
    encoder: keras.Model,
    data: Data,
    labels=None,
    *,
    n_way: int = 10,
    n_shot: int = 5,
    n_query: int = 5,
    episodes: int = 1000,
    lr: float = 1e-3,
    seed: int = 0,
    verbose: int = 0,
) -> keras.callbacks.History:
    """Train an encoder by episodes: queries shall lie nearest to the prototype of their class.

        minimise the mean over queries of -log softmax over classes c of -|f(x) - p_c|^2

    with p_c the mean of f over the class's shots, all drawn anew in every step. More ways than the
    task to come has are the rule: a harder lesson.

    Args:
        encoder: any network with one input and one output: features (b, d), or a map (b, h, w, c)
            or sequence (b, t, c), which is averaged. What is trainable in it trains, in place.
        data: a split of ours, or an array (n, ...), of the source classes.
        labels: the class of each row (n,); None for the split's own.
        n_way, n_shot, n_query: classes of an episode, and of each the examples of its prototype
            and those that are tested.
        episodes: steps, rounded up to whole hundreds from a hundred on.
        lr: learning rate of Adam.
        seed: decides which episodes come.
        verbose: as in Keras.

    Returns:
        The history: "loss" and "accuracy" of the queries, one number for each hundred episodes.

    Raises:
        ValueError: for an encoder with nothing to train, and what `sample_episode` refuses.

    Example:
        >>> encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> rows, labels = np.eye(4).repeat(3, axis=0), np.arange(4).repeat(3)
        >>> shape = {"n_way": 3, "n_shot": 1, "n_query": 2}
        >>> history = train_prototypical(encoder, rows, labels, **shape, episodes=200)
        >>> sorted(history.history), len(history.history["loss"])
        (['accuracy', 'loss'], 2)

    Reference:
        Snell, Swersky and Zemel, Prototypical networks for few-shot learning, 2017.
    """

    def loss(numbers, embeddings):
        return prototypical_loss(embeddings, n_way, n_shot)

    def accuracy(numbers, embeddings):
        likeness, truth = query_likeness(embeddings, n_way, n_shot)
        return ops.cast(ops.argmax(likeness, axis=1) == truth, "float32")

    _check_encoder(encoder, data, lr=lr, seed=seed, verbose=verbose)
    check_count("episodes", episodes)
    fetch, labels = rows_and_labels(data, labels)
    check_count("n_query", n_query)
    check_count("n_way", n_way, least=2)
    batches = _ClassBatches(fetch, EpisodeDrawer(labels, n_way, n_shot, n_query), episodes, seed)
    return _trained(encoder, batches, loss, [accuracy], lr, verbose)


def train_siamese(
    encoder: keras.Model,
    data: Data,
    labels=None,
    *,
    n_way: int = 10,
    n_each: int = 4,
    margin: float = 1.0,
    steps: int = 1000,
    lr: float = 1e-3,
    seed: int = 0,
    verbose: int = 0,
) -> keras.callbacks.History:
    """Train an encoder by pairs: those of one class shall lie together, others a margin apart.

        minimise mean over pairs of one class of d^2 + mean over other pairs of max(0, margin - d)^2

    with d the distance of the two embeddings at length 1, between 0 and 2. A step compares all
    pairs of a few classes' examples, which go through one and the same network.

    Args:
        encoder: as for `train_prototypical`; the cosines of what it gives are what counts.
        data: a split of ours, or an array (n, ...), of the source classes.
        labels: the class of each row (n,); None for the split's own.
        n_way: classes of a step, two or more.
        n_each: examples of each, two or more.
        margin: how far apart others shall lie, above 0 and at most 2.
        steps: their number, rounded up to whole hundreds from a hundred on.
        lr: learning rate of Adam.
        seed: decides which examples come.
        verbose: as in Keras.

    Returns:
        The history: "loss", one number for each hundred steps.

    Raises:
        ValueError: for a margin out of its range, an encoder with nothing to train, and what
            `sample_episode` refuses.

    Example:
        >>> encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> rows, labels = np.eye(4).repeat(3, axis=0), np.arange(4).repeat(3)
        >>> history = train_siamese(encoder, rows, labels, n_way=3, n_each=2, steps=100)
        >>> len(history.history["loss"])
        1

    References:
        - Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping,
          2006.
        - Koch, Zemel and Salakhutdinov, Siamese neural networks for one-shot image recognition,
          2015.
    """
    _check_encoder(encoder, data, lr=lr, seed=seed, verbose=verbose)
    check_count("n_way", n_way, least=2)
    check_count("n_each", n_each, least=2)
    check_count("steps", steps)
    check_number("margin", margin, above=0, most=2)

    def loss(numbers, embeddings):
        return siamese_loss(embeddings, numbers, margin)

    fetch, labels = rows_and_labels(data, labels)
    batches = _ClassBatches(fetch, EpisodeDrawer(labels, n_way, 1, n_each - 1), steps, seed)
    return _trained(encoder, batches, loss, [], lr, verbose)


def prototypical_loss(embeddings, n_way: int, n_shot: int):
    """The cross-entropy of an episode's queries under a softmax over `-|f(x) - p_c|^2`.

    Args:
        embeddings: (n_way * n_shot + n_way * n_query, d): the shots class by class, then the
            queries class by class, equally many of each.
        n_way: classes.
        n_shot: shots of each.

    Returns:
        The loss, a scalar tensor; log(n_way) where all embeddings are alike.

    Example:
        >>> rows = np.array([[0.0], [2.0], [0.0], [2.0]], "float32")  # two shots, two queries
        >>> round(float(prototypical_loss(rows, 2, 1)), 4)  # log(1 + exp(-4))
        0.0181

    Reference:
        Snell, Swersky and Zemel, Prototypical networks for few-shot learning, 2017.
    """
    check_count("n_way", n_way)
    check_count("n_shot", n_shot)
    rows = embeddings.shape[0]
    queries = n_way if rows is None else rows - n_way * n_shot
    if queries < n_way or queries % n_way:
        raise ValueError(
            "After the shots come equally many queries of each class. Received: "
            f"{rows} embeddings for n_way={n_way}, n_shot={n_shot}. Check their order."
        )
    likeness, truth = query_likeness(embeddings, n_way, n_shot)
    losses = keras.losses.sparse_categorical_crossentropy(truth, likeness, from_logits=True)
    return ops.mean(losses)


def query_likeness(embeddings, n_way: int, n_shot: int):
    """-|f(x) - p_c|^2 for each query and class (q, n_way), and the queries' classes (q,)."""
    width = ops.shape(embeddings)[1]
    shots, queries = embeddings[: n_way * n_shot], embeddings[n_way * n_shot :]
    prototypes = ops.mean(ops.reshape(shots, (n_way, n_shot, width)), axis=1)
    truth = ops.repeat(ops.arange(n_way), ops.shape(queries)[0] // n_way)
    return -ops.sum(ops.square(queries[:, None] - prototypes[None]), axis=2), truth


def siamese_loss(embeddings, numbers, margin: float = 1.0):
    """The contrastive loss of all pairs: those of one class near each other, others a margin apart.

        d^2 for pairs of one class,  max(0, margin - d)^2 for others

    Each kind is averaged by itself, since there are far more pairs of the second.

    Args:
        embeddings: (b, d); d is taken after scaling them to length 1.
        numbers: class numbers (b,), of which some occur twice and there are two.
        margin: how far apart others shall lie.

    Returns:
        The loss, a scalar tensor.

    Example:
        >>> rows, numbers = np.array([[1.0, 0], [0, 2], [0, 3]], "float32"), np.array([0, 1, 1])
        >>> round(float(siamese_loss(rows, numbers, margin=2.0)), 4)  # (2 - root of 2)^2
        0.3431

    Reference:
        Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping, 2006.
    """
    check_number("margin", margin, above=0)
    rows = ops.normalize(embeddings, axis=-1, epsilon=1e-8)
    squares = ops.maximum(2 - 2 * rows @ ops.transpose(rows), NEAR)
    numbers = ops.reshape(numbers, (-1,))
    alike = ops.cast(numbers[:, None] == numbers[None], squares.dtype)
    others = 1 - alike
    alike = alike - ops.eye(ops.shape(rows)[0], dtype=squares.dtype)
    apart = ops.square(ops.maximum(margin - ops.sqrt(squares), 0))
    return ops.sum(alike * squares) / ops.sum(alike) + ops.sum(others * apart) / ops.sum(others)


class _ClassBatches(keras.utils.PyDataset):
    """Episodes as batches: their rows, shots first, and the number of each row's class."""

    def __init__(self, fetch: Callable, drawer: EpisodeDrawer, steps: int, seed: int):
        super().__init__()
        self._fetch, self._drawer, self._seed, self._epoch = fetch, drawer, seed, 0
        self._numbers = np.concatenate([drawer.support_labels, drawer.query_labels])
        self._block = min(BLOCK, steps)
        self.epochs = -(-steps // self._block)

    def __len__(self) -> int:
        return self._block

    def __getitem__(self, index):
        rows = self._drawer.draw([self._seed, TO_LEARN, self._epoch * self._block + index])
        return as_network_input(np.asarray(self._fetch(np.concatenate(rows)))), self._numbers

    def on_epoch_end(self) -> None:
        self._epoch += 1


def _check_encoder(encoder, data, **settings) -> None:
    check_model(encoder, "encoder", functional=True)
    check_each(**settings)
    check_fits(encoder, examples_of(data))


def _trained(encoder, batches, loss, metrics, lr, verbose) -> keras.callbacks.History:
    if not encoder.trainable_variables:
        raise ValueError(
            "An encoder that is trained has trainable weights. Received: "
            f"{encoder.name!r} without any. Unfreeze a part of it, or put a dense layer on it."
        )
    model = Part(input_structure(encoder), pooled_network(encoder, "avg").outputs[0])
    model.compile(Adam(lr), loss, metrics=metrics, steps_per_execution=STEPS_AT_ONCE)
    how = {"shown": encoder, "epochs": batches.epochs, "verbose": verbose}
    return history_of(encoder, train(model, batches, **how))
