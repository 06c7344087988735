import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tltk.datasets import make_glyphs


@pytest.fixture(scope="module")
def glyphs():
    return make_glyphs(alphabets=3, characters=6, drawers=8)


def ink(pictures):
    return (255.0 - pictures[..., 0]).reshape(len(pictures), -1)


def test_rows_are_what_they_say(glyphs):
    assert glyphs.pictures.shape == (144, 28, 28, 3)
    assert glyphs.pictures.dtype == "uint8"
    assert np.array_equal(glyphs.labels, np.repeat(np.arange(18), 8))
    assert np.array_equal(glyphs.alphabets, np.repeat(np.arange(3), 48))
    assert np.array_equal(glyphs.drawers, np.tile(np.arange(8), 18))


def test_ink_on_paper_and_nothing_cut_off(glyphs):
    grey = glyphs.pictures[..., 0]
    assert np.ptp(glyphs.pictures, axis=-1).max() == 0
    dark = (grey < 128).mean(axis=(1, 2))
    assert dark.min() > 0.01
    assert dark.max() < 0.5
    frame = np.ones((28, 28), bool)
    frame[1:-1, 1:-1] = False
    assert (grey[:, frame] == 255).mean() > 0.97


def test_the_same_seed_gives_the_same_pictures(glyphs):
    again = make_glyphs(alphabets=3, characters=6, drawers=8)
    assert np.array_equal(again.pictures, glyphs.pictures)
    other = make_glyphs(alphabets=3, characters=6, drawers=8, seed=1)
    assert not np.array_equal(other.pictures, glyphs.pictures)


def test_more_of_them_begin_with_the_same_ones(glyphs):
    fewer = make_glyphs(alphabets=2, characters=6, drawers=5)
    rows = (glyphs.alphabets < 2) & (glyphs.drawers < 5)
    assert np.array_equal(fewer.pictures, glyphs.pictures[rows])


def test_no_two_drawings_are_the_same(glyphs):
    assert len(np.unique(ink(glyphs.pictures), axis=0)) == len(glyphs.labels)


def test_a_character_can_be_known_by_other_hands(glyphs):
    """Plain pixels tell it from 17 others far better than chance, and not always."""
    rows, known = ink(glyphs.pictures), glyphs.drawers < 4
    judge = KNeighborsClassifier(1).fit(rows[known], glyphs.labels[known])
    assert 0.5 < judge.score(rows[~known], glyphs.labels[~known]) < 1


def test_every_drawer_has_a_pen_of_their_own(glyphs):
    """Ink varies more between drawers than chance over characters would make it."""
    means = [ink(glyphs.pictures[glyphs.drawers == each]).mean() for each in range(8)]
    assert np.ptp(means) > 0.2 * np.mean(means)


def test_size_is_free():
    assert make_glyphs(1, 2, 2, size=40).pictures.shape == (4, 40, 40, 3)


@pytest.mark.parametrize("name", ["alphabets", "characters", "drawers", "size"])
def test_counts_are_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
        make_glyphs(**{name: 0})


def test_what_cannot_be_drawn_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="8 pixels a side to be read. Received: size=4"):
        make_glyphs(size=4)
    monkeypatch.setattr("tltk.datasets.made_pictures.ALIKE", 0.01)
    with pytest.raises(ValueError, match="must look different. Received: characters=20, of which"):
        make_glyphs(alphabets=1, characters=20, drawers=1)
