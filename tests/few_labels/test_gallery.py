import numpy as np
import pytest
from sklearn.metrics import roc_curve

from tltk.few_labels import FeatureNormalizer, Gallery


@pytest.fixture
def gallery():
    return Gallery().add("east", [1.0, 0.0, 0.0]).add("north", [[0.0, 2.0, 0.0], [0.0, 1.0, 0.0]])


def test_the_most_similar_direction_gives_the_name(gallery):
    assert gallery.predict([[5, 1, 0], [0.01, 0.02, 0]]).tolist() == ["east", "north"]
    assert gallery.similarity([[3, 4, 0]])[0] == pytest.approx([0.6, 0.8])


def test_below_the_threshold_it_is_none_of_these(gallery):
    gallery.threshold = 0.6
    assert gallery.predict([[3, 4, 0], [0, 0, 1], [3, 4, 6]]).tolist() == ["north", None, None]


def test_a_class_is_added_and_removed_and_nothing_else_moves(gallery):
    before = gallery.similarity([[1, 2, 3]])
    gallery.add("up", [0, 0, 9])
    assert gallery.names == ("east", "north", "up")
    assert (gallery.similarity([[1, 2, 3]])[:, :2] == before).all()
    assert gallery.predict([[1, 2, 3]]).tolist() == ["up"]
    assert (gallery.remove("up").similarity([[1, 2, 3]]) == before).all()


def test_more_examples_of_a_class_move_its_direction_whatever_their_length(gallery):
    one = Gallery().add("x", [[1, 0], [0, 1]])
    two = Gallery().add("x", [[100, 0]]).add("x", [[0, 0.01]])
    assert one.similarity([[3, 1]]) == pytest.approx(two.similarity([[3, 1]]))
    assert one.similarity([[1, 1]])[0, 0] == pytest.approx(1)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_strangers_are_accepted_as_often_as_stated(rate):
    rng = np.random.default_rng(0)
    gallery = Gallery().add("a", rng.normal(size=(1, 8))).add("b", rng.normal(size=(1, 8)))
    gallery.set_threshold(rng.normal(size=(2000, 8)), rate)
    answers = gallery.predict(rng.normal(size=(4000, 8)))
    assert np.mean([answer is not None for answer in answers]) == pytest.approx(rate, abs=0.02)


def test_the_threshold_has_the_rank_that_holds_the_rate(gallery):
    """Of 19 strangers at 5 % it is the most similar one, of 39 the second."""
    angles = np.linspace(0.1, 0.7, 39)
    strangers = np.column_stack([np.cos(angles), 0 * angles, np.sin(angles)])
    assert gallery.set_threshold(strangers[:19]) == pytest.approx(np.cos(angles[0]))
    assert gallery.set_threshold(strangers) == pytest.approx(np.cos(angles[1]))
    assert gallery.threshold == pytest.approx(np.cos(angles[1]))


def test_the_curve_is_scikit_learns_where_every_name_is_right():
    """With one class, identified and false accepts are the true and the false positive rate."""
    rng = np.random.default_rng(0)
    known, strangers = rng.normal(size=(40, 2)) + 2, rng.normal(size=(60, 2))
    gallery = Gallery().add("x", [1, 1])
    curve = gallery.curve(known, ["x"] * 40, strangers)
    scores = gallery.similarity(np.vstack([known, strangers]))[:, 0]
    false, true, _ = roc_curve(np.repeat([1, 0], [40, 60]), scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_accepts, false)
    np.testing.assert_allclose(curve.identified, true)


def test_a_wrong_name_is_not_identified_at_any_threshold(gallery):
    rows, names = [[1, 0, 0], [0, 1, 0.1], [1, 0.1, 0]], ["east", "north", "north"]
    curve = gallery.curve(rows, names, [[1, 1, 1]])
    assert curve.identified[-1] == pytest.approx(2 / 3)
    assert curve.false_accepts[-1] == 1
    assert curve.identified[0] == curve.false_accepts[0] == 0
    assert curve.at(0.0) == pytest.approx(2 / 3)


def test_predictions_at_each_threshold_are_what_the_curve_says():
    rng = np.random.default_rng(1)
    gallery = Gallery()
    for name in "abc":
        gallery.add(name, rng.normal(size=(1, 3)))
    rows, names = rng.normal(size=(30, 3)), np.array(list("abc") * 10)
    curve = gallery.curve(rows, names, rows + 1)
    for threshold, false, found in list(zip(*curve, strict=True))[::7]:
        gallery.threshold = threshold
        assert np.mean(gallery.predict(rows) == names) == pytest.approx(found)
        accepted = [answer is not None for answer in gallery.predict(rows + 1)]
        assert np.mean(accepted) == pytest.approx(false)


@pytest.mark.parametrize("threshold", [None, 0.3])
@pytest.mark.parametrize("power", [None, 1, 0.5])
def test_saved_and_loaded_it_gives_the_same_answers(tmp_path, threshold, power):
    rng = np.random.default_rng(0)
    source, rows = rng.normal(size=(50, 4)) + 3, rng.normal(size=(20, 4)) + 3
    normalizer = None if power is None else FeatureNormalizer(power).fit(source)
    gallery = Gallery(normalizer).add("ä", rows[:2]).add("b", rows[3])
    gallery.threshold = threshold
    loaded = Gallery.load(gallery.save(tmp_path / "mine"))
    assert loaded.names == ("ä", "b")
    assert loaded.threshold == threshold
    assert (loaded.similarity(rows) == gallery.similarity(rows)).all()
    assert (loaded.add("c", rows[5]).predict(rows) == gallery.add("c", rows[5]).predict(rows)).all()


def test_a_normalizer_is_applied_to_all_that_comes():
    source = np.random.default_rng(0).normal(size=(50, 4)) + 3
    normalizer = FeatureNormalizer().fit(source)
    inside, outside = Gallery(normalizer).add("x", source[0]), Gallery()
    outside.add("x", normalizer.transform(source[:1]))
    ready = normalizer.transform(source)
    assert inside.similarity(source) == pytest.approx(outside.similarity(ready))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda g: Gallery().predict([[1.0]]), "Received: none. Call add first"),
        (lambda g: Gallery().set_threshold([[1.0]]), "Received: none. Call add first"),
        (lambda g: g.add("up", [1.0, 2.0]), r"the gallery's, 3. Received: shape \(1, 2\)"),
        (lambda g: g.predict([[1.0, 2.0]]), r"the gallery's, 3. Received: shape \(1, 2\)"),
        (lambda g: g.predict([1.0, 2.0, 3.0]), r"Received: shape \(3,\)"),
        (lambda g: g.add("up", [np.nan, 0, 0]), "NaN or infinity in row 0"),
        (lambda g: g.add("up", [[1, 0, 0], [0, 0, 0]]), "zeros in row 1"),
        (lambda g: g.add("up", [[1, 0, 0], [-2, 0, 0]]), "those of 'up', whose sum is 0"),
        (lambda g: g.add(3, [1, 0, 0]), "Received: 3"),
        (lambda g: g.remove("up"), "'up'. There are east, north"),
        (lambda g: g.set_threshold([[1.0, 0, 0]] * 18), "false_accepts=0.05, 18 strangers"),
        (lambda g: g.set_threshold([[1.0, 0, 0]] * 18, 1.0), "false_accepts=1.0"),
        (lambda g: g.curve([[1.0, 0, 0]], ["up"], [[1.0, 0, 0]]), "not there: up"),
        (lambda g: g.curve([[1.0, 0, 0]], [], [[1.0, 0, 0]]), r"\(1,\). Received: shape \(0,\)"),
    ],
)
def test_what_makes_no_sense_is_refused(gallery, action, message):
    with pytest.raises(ValueError, match=message):
        action(gallery)


def test_only_a_gallery_is_loaded(tmp_path):
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(ValueError, match="other.npz, which holds x"):
        Gallery.load(tmp_path / "other.npz")
    with pytest.raises(FileNotFoundError):
        Gallery.load(tmp_path / "none.npz")
