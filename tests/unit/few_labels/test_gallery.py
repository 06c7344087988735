import io
import os
import zipfile

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
        (
            lambda g: g.add("up", [1.0, 2.0]),
            r"3. Received: embeddings of shape \(1, 2\)",
        ),
        (
            lambda g: g.predict([[1.0, 2.0]]),
            r"3. Received: embeddings of shape \(1, 2\)",
        ),
        (
            lambda g: g.predict([1.0, 2.0, 3.0]),
            r"Received: embeddings=\[1.0, 2.0, 3.0\]",
        ),
        (lambda g: g.add("up", [np.nan, 0, 0]), r"embeddings\[0\]=nan"),
        (lambda g: g.add("up", [[1, 0, 0], [0, 0, 0]]), "zeros in row 1"),
        (lambda g: g.add("up", [[1, 0, 0], [-2, 0, 0]]), "those of 'up', whose sum is 0"),
        (lambda g: g.add(3, [1, 0, 0]), "Received: name=3"),
        (lambda g: g.remove("up"), "'up'. There are east, north"),
        (lambda g: g.set_threshold([[1.0, 0, 0]] * 18), "false_accepts=0.05, 18 strangers"),
        (lambda g: g.set_threshold([[1.0, 0, 0]] * 18, 1.0), "false_accepts=1.0"),
        (lambda g: g.curve([[1.0, 0, 0]], ["up"], [[1.0, 0, 0]]), "not there: up"),
        (
            lambda g: g.curve([[1.0, 0, 0]], [], [[1.0, 0, 0]]),
            r"Received: names of shape \(0,\)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(gallery, action, message):
    with pytest.raises(ValueError, match=message):
        action(gallery)


def test_only_a_gallery_is_loaded(tmp_path):
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(ValueError, match="other.npz, whose reading ended with KeyError"):
        Gallery.load(tmp_path / "other.npz")
    for name, told in {"none.npz": "No such file", "none": "none.npz", "": "a folder"}.items():
        with pytest.raises(FileNotFoundError, match=f"A gallery must be .*Received: .*{told}"):
            Gallery.load(tmp_path / name)


@pytest.mark.parametrize("names", [("birds.v1", "birds.v2"), ("a.npz", "a"), ("x.tar.gz", "x.tar")])
def test_each_name_has_a_file_of_its_own(tmp_path, names):
    galleries = [Gallery().add("owl", [1.0, 0.0]), Gallery().add("fox", [0.0, 1.0])]
    saved = [g.save(tmp_path / name) for g, name in zip(galleries, names, strict=True)]
    same = names == ("a.npz", "a")
    assert [path.name for path in saved] == [n if n.endswith(".npz") else n + ".npz" for n in names]
    assert len({*saved}) == (1 if same else 2)
    for gallery, name, path in list(zip(galleries, names, saved, strict=True))[same:]:
        assert Gallery.load(path).names == Gallery.load(tmp_path / name).names == gallery.names


def test_a_crash_while_saving_leaves_the_old_gallery(gallery, tmp_path, monkeypatch):
    path = gallery.save(tmp_path / "mine")

    def torn(file, **arrays):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", torn)
    with pytest.raises(OSError, match="No space left"):
        gallery.remove("east").save(path)
    assert Gallery.load(path).names == ("east", "north")
    assert os.listdir(tmp_path) == ["mine.npz"]


def test_every_cut_and_flipped_byte_of_a_file_is_told_or_harmless(gallery, tmp_path):
    normalizer = FeatureNormalizer().fit(np.random.default_rng(0).normal(size=(9, 3)))
    gallery = Gallery(normalizer).add("ä", [[1.0, 2, 3]]).add("b", [3.0, 2, 1])
    gallery.threshold = 0.3
    whole = gallery.save(tmp_path / "whole").read_bytes()
    damaged, told, random = tmp_path / "damaged.npz", [], np.random.default_rng(1)
    for number in range(300):
        content = bytearray(whole)
        place = int(random.integers(len(whole)))
        if number % 3:
            content[place] ^= 1 << int(random.integers(8))
        else:
            content = content[:place]
        damaged.write_bytes(content)
        try:
            loaded = Gallery.load(damaged)
        except ValueError as error:
            told.append(str(error))
        else:  # in a date, or another part that nobody reads
            assert loaded.names == gallery.names
            assert (loaded.similarity(np.eye(3)) == gallery.similarity(np.eye(3))).all()
    assert len(told) > 200
    for message in told:
        assert "A gallery is a file that Gallery.save wrote, whole. Received: " in message
        assert "damaged.npz" in message
        assert "pickle" not in message


def test_a_file_packed_anew_is_read(tmp_path):
    assert Gallery.load(written(tmp_path / "packed.npz", GOOD)).names == ("a",)


def written(path, members):
    """An archive of raw parts, as anybody may send it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                file = io.BytesIO()
                np.save(file, content, allow_pickle=True)
                content = file.getvalue()
            archive.writestr(f"{name}.npy", content)
    return path


HUGE = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': %s, }"
HUGE = {shape: (HUGE % shape).ljust(127) + b"\n" for shape in (b"(1000000000000, 9)", b"(-1, 9)")}
GOOD = {"names": np.array(["a"]), "sums": np.ones((1, 2))}


@pytest.mark.parametrize(
    "parts",
    [
        GOOD | {"names": np.array(["a", "b"])},
        GOOD | {"names": np.array(["a", "a"]), "sums": np.ones((2, 2))},
        GOOD | {"names": np.array(["a"], object)},
        GOOD | {"names": np.array([1])},
        GOOD | {"names": np.array([""])},
        GOOD | {"sums": np.full((1, 2), np.nan)},
        GOOD | {"sums": np.zeros((1, 2))},
        GOOD | {"sums": np.array([["x", "y"]])},
        GOOD | {"sums": np.ones(2)},
        GOOD | {"sums": np.ones((1, 2)) * 1j},
        GOOD | {"sums": HUGE[b"(1000000000000, 9)"]},
        GOOD | {"sums": HUGE[b"(-1, 9)"]},
        GOOD | {"sums": np.zeros((9000, 2))},
        GOOD | {"threshold": np.float64(np.nan)},
        GOOD | {"threshold": np.ones(2)},
        GOOD | {"mean_": np.ones(2)},
        GOOD | {"mean_": np.ones(3), "power": 0.5, "center": True, "unit_length": True},
        GOOD | {"mean_": np.ones(2), "power": -1.0, "center": True, "unit_length": True},
        {"names": GOOD["names"]},
        {"sums": GOOD["sums"]},
    ],
)
def test_parts_that_make_no_gallery_are_refused(tmp_path, parts):
    parts = {
        name: part if isinstance(part, bytes) else np.asarray(part) for name, part in parts.items()
    }
    path = written(tmp_path / "foreign.npz", parts)
    with pytest.raises(ValueError, match="whole. Received: .*foreign.npz") as error:
        Gallery.load(path)
    assert "pickle" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"PK\x03\x04", b"\x93NUMPY"])
def test_files_of_another_kind_are_refused(tmp_path, content):
    (tmp_path / "birds.npz").write_bytes(content)
    with pytest.raises(ValueError, match="birds.npz, whose reading ended with BadZipFile"):
        Gallery.load(tmp_path / "birds")


def test_an_empty_gallery_and_a_threshold_without_end_come_back(tmp_path):
    gallery = Gallery()
    gallery.threshold = -np.inf
    loaded = Gallery.load(gallery.save(tmp_path / "empty"))
    assert (loaded.names, loaded.threshold) == ((), -np.inf)
    assert loaded.add("a", [1.0, 0.0]).predict([[-1.0, 0.1]]).tolist() == ["a"]


@pytest.mark.parametrize("threshold", [np.nan, "0.5", True, [0.5]])
def test_a_threshold_is_a_number(gallery, threshold):
    with pytest.raises(ValueError, match="threshold must be a finite number. Received: threshold="):
        gallery.threshold = threshold


def test_a_normalizer_is_fitted_and_a_name_is_whole():
    with pytest.raises(ValueError, match="Received: normalizer=FeatureNormalizer"):
        Gallery(FeatureNormalizer())
    with pytest.raises(ValueError, match="Received: name="):
        Gallery().add("a\0", [1.0])
