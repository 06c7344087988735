from collections import Counter

from tltk.backbones import load_word_vectors
from tltk.datasets import word_categories


def test_every_word_is_known_and_in_one_category_only():
    categories = word_categories()
    assert len(categories) == 34
    assert {len(words) for words in categories.values()} <= {37, 38, 39, 40}
    every = Counter(word for words in categories.values() for word in words)
    assert set(every.values()) == {1}
    assert set(every) <= set(load_word_vectors().words)
