import numpy as np
import pytest
import tensorflow as tf

from tltk.adaptation._domain_training import DomainBatches, Seen, features_by_class, uncertainty
from tltk.inputs.examples import examples_of
from tltk.tuning._loop import ShuffledBatches


def in_numpy(p):
    def entropy(rows):
        return -(rows * np.log(rows)).sum(axis=1).mean()

    return entropy(p) - entropy(p.mean(axis=0, keepdims=True))


def test_uncertainty_is_minus_the_mutual_information_and_its_gradient_that_of_differences():
    raw = np.random.default_rng(0).uniform(0.1, 1, (5, 3))
    p = raw / raw.sum(axis=1, keepdims=True)
    assert float(uncertainty(p)) == pytest.approx(in_numpy(p))
    assert float(uncertainty(np.full((4, 2), 0.5))) == pytest.approx(0)
    x = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = uncertainty(x)
    found = tape.gradient(y, x).numpy()
    for index in np.ndindex(p.shape):
        step = np.zeros(p.shape)
        step[index] = 1e-6
        expected = (in_numpy(p + step) - in_numpy(p - step)) / 2e-6
        assert found[index] == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_features_by_class_are_the_outer_product():
    random = np.random.default_rng(0)
    features, answers = random.random((4, 3)), random.random((4, 2))
    found = features_by_class(Seen(tf.constant(features), tf.constant(answers)))
    expected = [np.outer(f, a).ravel() for f, a in zip(features, answers, strict=True)]
    assert found.numpy() == pytest.approx(np.array(expected))


def rows_of(batches):
    got = [batches[index] for index in range(len(batches))]
    source = np.concatenate([x[0][:, 0] for x, _ in got])
    return source, [x[1][:, 0] for x, _ in got], [y for _, y in got]


@pytest.fixture(scope="module")
def domains():
    numbers = np.arange(300.0)[:, None]
    source = examples_of((numbers[:10], np.arange(10)))
    target, known = numbers[100:107], examples_of((numbers[200:203], [7, 8, 9]))
    return source, examples_of(target), known


def test_source_comes_as_in_plain_training(domains):
    source, target, _ = domains
    both = DomainBatches(source, target, batch_size=4, seed=5, full=False)
    plain = ShuffledBatches(source, 4, seed=5)
    for _ in range(3):
        assert len(both) == len(plain) == 3
        for index in range(3):
            assert np.array_equal(both[index][0][0], plain[index][0])
            assert np.array_equal(both[index][1], plain[index][1])
        both.on_epoch_end()
        plain.on_epoch_end()


def test_target_comes_in_whole_passes_and_batches_are_full(domains):
    source, target, _ = domains
    batches = DomainBatches(source, target, batch_size=4, seed=0)
    rows, others, _ = rows_of(batches)
    assert len(rows) == 12
    assert set(rows) == set(range(10))
    assert [len(each) for each in others] == [4, 4, 4]
    assert set(np.concatenate(others)[:7]) == set(range(100, 107))


def test_labelled_rows_of_the_target_come_first_with_their_labels(domains):
    source, target, known = domains
    batches = DomainBatches(source, target, known, batch_size=4, seed=0)
    assert batches.labels_a_step == 2
    rows, others, labels = rows_of(batches)
    for index, (away, y) in enumerate(zip(others, labels, strict=True)):
        assert np.array_equal(y[:4], rows[4 * index : 4 * index + 4])
        assert np.array_equal(away[:2] - 193, y[4:])
        assert (away[2:] < 107).all()
