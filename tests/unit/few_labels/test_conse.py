import numpy as np
import pytest
from sklearn.base import clone

from tltk.few_labels import ConSE

SOURCE = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_a_worked_example():
    """Of .5, .3 and .2 the first two are mixed 5 to 3; the third counts for nothing."""
    learner = ConSE(top=2).fit(SOURCE)
    np.testing.assert_allclose(learner.transform([[0.5, 0.3, 0.2]]), [[0.625, 0.375, 0]])
    scores = learner.decision_function([[0.5, 0.3, 0.2]], [[3.0, 0, 0], [0, 0, 9]])
    np.testing.assert_allclose(scores, [[0.625 / np.hypot(0.625, 0.375), 0]])
    assert learner.predict([[0.5, 0.3, 0.2]], SOURCE[::-1]).tolist() == [2]


def test_one_source_class_answers_with_the_name_nearest_to_its_own():
    rng = np.random.default_rng(0)
    source, target, answers = rng.normal(size=(9, 5)), rng.normal(size=(4, 5)), rng.random((30, 9))
    cosines = source @ target.T / np.linalg.norm(target, axis=1)
    expected = cosines.argmax(axis=1)[answers.argmax(axis=1)]
    found = ConSE(top=1).fit(source).predict(answers, target)
    np.testing.assert_array_equal(found, expected)


def test_all_classes_make_the_expectation_and_columns_may_be_left_out():
    rng = np.random.default_rng(1)
    source, answers = rng.normal(size=(6, 4)), rng.dirichlet(np.ones(6), 20)
    np.testing.assert_allclose(ConSE(99).fit(source).transform(answers), answers @ source)
    some = answers[:, :4] / answers[:, :4].sum(axis=1, keepdims=True)
    found = ConSE(3).fit(source[:4]).transform(answers[:, :4])
    np.testing.assert_allclose(found, ConSE(3).fit(source[:4]).transform(some))


def test_it_is_an_estimator():
    assert clone(ConSE(top=3)).get_params() == {"top": 3}


@pytest.mark.parametrize(
    ("rows", "vectors", "message"),
    [
        ([[0.5, 0.5]], SOURCE, "Rows have 3 columns"),
        ([[0.5, np.nan, 0.5]], SOURCE, "1 not finite"),
        ([[0.5, 0.6, -0.1]], SOURCE, "least -0.1"),
        ([[0.0, 0, 0]], SOURCE, "least sum 0"),
        ([[0.5, 0.3, 0.2]], SOURCE[:, :2], "3 here. Received: vectors of 2"),
        ([[0.5, 0.3, 0.2]], SOURCE[:1], "2 classes at least"),
        ([[0.5, 0.3, 0.2]], SOURCE * np.nan, "9 not finite"),
    ],
)
def test_what_makes_no_sense_is_refused(rows, vectors, message):
    with pytest.raises(ValueError, match=message):
        ConSE().fit(SOURCE).predict(rows, vectors)


def test_settings_and_sources_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="top=0"):
        ConSE(top=0).fit(SOURCE)
    with pytest.raises(ValueError, match="2 classes at least"):
        ConSE().fit(SOURCE[:1])


def test_names_that_cancel_out_are_like_none():
    learner = ConSE().fit([[1.0, 0], [-1, 0]])
    scores = learner.decision_function([[0.5, 0.5], [0.75, 0.25]], [[2.0, 0], [0, 1], [0, 0]])
    np.testing.assert_allclose(scores, [[0, 0, 0], [1, 0, 0]])
