import numpy as np
import pytest

from tltk.backbones.text import WordVectors
from tltk.few_labels import class_vectors, known_names

WORDS = WordVectors(
    ("white", "shark", "fish", "hen", "woods"),
    np.array([[2.0, 0, 0], [0, 3, 0], [0, 0, 0.5], [-1, 0, 0], [0, 1, 1]], "float32"),
)
HALF = np.sqrt(0.5)


def test_a_name_is_the_mean_of_its_words_whatever_their_lengths():
    found = class_vectors(["white_shark", "White Shark", "white-shark", "fish"], WORDS)
    np.testing.assert_allclose(found[:3], np.tile([HALF, HALF, 0], (3, 1)), atol=1e-7)
    np.testing.assert_allclose(found[3], [0, 0, 1], atol=1e-7)


def test_synonyms_count_alike_however_many_words_they_have():
    """Of (white shark) and (fish): the mean of two unit vectors, each scaled before."""
    (found,) = class_vectors(["white shark, fish"], WORDS)
    np.testing.assert_allclose(found, np.array([HALF, HALF, 1]) / np.sqrt(2), atol=1e-7)


def test_unknown_words_are_named_with_near_spellings():
    with pytest.raises(ValueError, match=r"'sharc' in 'white_sharc' \(near: shark\)"):
        class_vectors(["fish", "white_sharc"], WORDS)
    with pytest.raises(ValueError, match=r"'qqq' \(nothing near\)"):
        class_vectors(["qqq"], WORDS)
    with pytest.raises(ValueError, match="and 1 more"):
        class_vectors(["aq, bq, cq, dq, eq, fq"], WORDS)


def test_unknown_words_are_skipped_where_others_serve():
    skipped = class_vectors(["hammerhead shark", "mako, fish"], WORDS, unknown="skip")
    np.testing.assert_allclose(skipped, [[0, 1, 0], [0, 0, 1]], atol=1e-7)
    with pytest.raises(ValueError, match="One word of every class name.*'mako'"):
        class_vectors(["hammerhead shark", "mako"], WORDS, unknown="skip")
    assert known_names(["hammerhead shark", "mako"], WORDS).tolist() == [True, False]


def test_the_bundled_vectors_know_which_names_are_akin():
    names = ["cat", "dog", "truck", "ship", "hen-of-the-woods"]
    cat, dog, truck, ship, mushroom = class_vectors(names, unknown="skip")
    assert cat @ dog > max(cat @ truck, dog @ ship)
    assert truck @ ship > truck @ cat
    assert np.linalg.norm(mushroom) == pytest.approx(1)


@pytest.mark.parametrize(
    ("names", "unknown", "message"),
    [
        ("cat", "error", "a list of strings"),
        ([3], "error", "a list of strings"),
        (["fish", " , "], "error", "a word at least"),
        (["fish"], "ignore", "'ignore'"),
        (["white hen"], "error", "cancel each other out"),
    ],
)
def test_names_that_make_no_sense_are_refused(names, unknown, message):
    with pytest.raises(ValueError, match=message):
        class_vectors(names, WORDS, unknown)


def test_vectors_that_are_not_numbers_are_refused():
    broken = WordVectors(("fish",), np.array([[np.nan, 1.0]]))
    with pytest.raises(ValueError, match="must not be NaN"):
        class_vectors(["fish"], broken)


def test_a_word_without_length_says_nothing_of_the_direction():
    words = WordVectors(("white", "the"), np.array([[2.0, 0], [0, 0]]))
    np.testing.assert_allclose(class_vectors(["the white"], words), [[1, 0]])
    with pytest.raises(ValueError, match="cancel each other out"):
        class_vectors(["the"], words)
