import keras
import numpy as np
import pytest

from tltk.backbones import load_backbone
from tltk.evaluation import h_score, leep, linear_probe_accuracy, logme, nce, rank_backbones
from tltk.evaluation.ranking import SCORES
from tltk.inputs.examples import Splits, examples_of
from tltk.tuning import build_classifier, extract_features


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def pictures(seed=0, count=48, side=32):
    """Three classes, each brighter in a channel of its own."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype="int32") % 3
    images = rng.integers(0, 120, (count, side, side, 3))
    images += 60 * np.eye(3, dtype=int)[labels][:, None, None]
    return images.astype("uint8"), labels


def network(name, units, seed=0, shape=(32, 32, 3)):
    """Dense layers on every place; a single unit adds up the channels and is blind to colour."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for _ in range(len(shape) - 1):
        start = "ones" if units == 1 else "glorot_uniform"
        x = keras.layers.Dense(units, activation="softplus", kernel_initializer=start)(x)
    return keras.Model(inputs, x, name=name)


def by_name(rows):
    return {row["candidate"]: row for row in rows}


def test_scores_are_those_of_the_features():
    x, y = pictures()
    body = network("body", 8)
    row, worse = rank_backbones([network("blind", 1), body], (x, y))
    features, _ = extract_features(body, x, y, cache=False)
    assert (row["candidate"], worse["candidate"]) == ("body", "blind")
    assert row["logme"] == pytest.approx(logme(features, y))
    assert row["h_score"] == pytest.approx(h_score(features, y))
    assert row["linear_probe"] == linear_probe_accuracy(features, y)
    assert (row["features"], row["leep"], row["nce"]) == (8, None, None)
    assert row["parameters"] == 4 * 8 + 9 * 8
    assert row["multiply_adds"] == 32 * 32 * (3 * 8 + 8 * 8)
    assert row["examples_per_second"] > 0
    assert row["memory_mb"] == pytest.approx(4e-6 * (104 + 32 * 2 * 32 * 32 * 8))


def test_names_pairs_and_what_cannot_be_had():
    """Fresh weights, the bundled network with its head, one too small for it, one without file."""
    candidates = [("small_cnn", None), "mobilenet_v2", "inception_v3", "vgg19", network("own", 2)]
    x, y = pictures(count=24)
    rows = by_name(rank_backbones(candidates, (x, y)))
    assert rows["small_cnn, fresh weights"]["leep"] is None
    assert rows["small_cnn, fresh weights"]["linear_probe"] is not None
    answers = load_backbone("mobilenet_v2", input_shape=32, include_top=True).predict(x, verbose=0)
    assert rows["mobilenet_v2"]["leep"] == pytest.approx(leep(answers, y), abs=1e-4)
    assert rows["mobilenet_v2"]["nce"] == pytest.approx(nce(answers.argmax(axis=1), y))
    assert "at least 75 x 75 pixels" in rows["inception_v3"]["reason"]
    assert "must be on this machine or downloadable" in rows["vgg19"]["reason"]
    assert rows["vgg19"]["multiply_adds"] is None
    assert rows["own"]["reason"] is None


def test_a_model_with_its_own_head_is_a_source():
    x, y = pictures()
    model = build_classifier(network("body", 4), 5, dropout=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    (row,) = rank_backbones([model], (x, y))
    answers = model.predict(x, verbose=0)
    assert row["features"] == 4
    assert row["leep"] == pytest.approx(leep(answers, y), abs=1e-5)
    assert row["nce"] == pytest.approx(nce(answers.argmax(axis=1), y))


def test_texts_and_series_and_a_mapping():
    texts = np.array(["a good film", "a bad film"] * 15, object)
    words = keras.layers.TextVectorization(output_sequence_length=3)
    words.adapt(texts)
    inputs = keras.Input((), dtype="string")
    embedded = keras.layers.Embedding(10, 4)(words(inputs))
    rows = rank_backbones({"reader": keras.Model(inputs, embedded)}, (texts, [1, 0] * 15))
    assert (rows[0]["candidate"], rows[0]["linear_probe"]) == ("reader", 1.0)
    series = np.random.default_rng(0).normal(size=(30, 12, 1)).astype("float32")
    rows = rank_backbones(network("ears", 3, shape=(12, 1)), (series, [0, 1, 2] * 10))
    assert (rows[0]["candidate"], rows[0]["features"]) == ("ears", 3)


def test_validation_judges_and_the_test_split_is_left_alone():
    class Untouched:
        def __getattr__(self, name):
            raise AssertionError("the test split was touched")

    train, val = examples_of(pictures()), examples_of(pictures(1))
    body = network("body", 3)
    (row,) = rank_backbones([body], Splits(train, val, Untouched(), ("a", "b", "c"), {}))
    (x, y), (new, truth) = (extract_features(body, *pictures(seed), cache=False) for seed in (0, 1))
    assert row["linear_probe"] == linear_probe_accuracy(x, y, (new, truth))


def test_the_cheapest_of_the_good_ones_is_recommended():
    rows = by_name(
        rank_backbones([network("blind", 1), network("lean", 8), network("wide", 32)], pictures())
    )
    assert rows["lean"]["linear_probe"] == rows["wide"]["linear_probe"] == 1
    assert [name for name, row in rows.items() if row["recommended"]] == ["lean"]


@pytest.mark.parametrize("by", SCORES)
def test_best_first_and_missing_scores_last(by):
    candidates = [network("blind", 1), build_classifier(network("body", 4), 5), "vgg19"]
    values = [row[by] for row in rank_backbones(candidates, pictures(), by)]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[len(known) :] == [None] * (3 - len(known))


def test_features_come_from_the_cache_and_draws_from_the_seed(capsys):
    body, data = network("body", 3), pictures()
    first = rank_backbones([body], data, most=30, verbose=True)
    again = rank_backbones([body], data, most=30)
    other = rank_backbones([body], data, most=30, seed=1)
    assert [first[0][score] for score in SCORES] == [again[0][score] for score in SCORES]
    assert first[0]["logme"] != other[0]["logme"]
    assert "body (1 of 1)" in capsys.readouterr().out


def test_what_is_refused():
    data, body = pictures(), network("body", 2)
    with pytest.raises(ValueError, match="by must be one of"):
        rank_backbones([body], data, by="accuracy")
    with pytest.raises(ValueError, match="Received: candidates with body twice"):
        rank_backbones([body, body], data)
    with pytest.raises(ValueError, match="Received: candidates={}"):
        rank_backbones([], data)
    with pytest.raises(ValueError, match="one of the known names"):
        rank_backbones(["vgg61"], data)
    with pytest.raises(ValueError, match=r"a pair \(name, weights\) or a Keras model"):
        rank_backbones([3], data)
    with pytest.raises(ValueError, match="class numbers"):
        rank_backbones([body], (data[0], data[1] + 0.5))


def test_splits_without_training_rows_are_refused():
    splits = Splits(None, examples_of(pictures()), None, ("red", "green", "blue"), {})
    with pytest.raises(ValueError, match="must be one split, or arrays. Received: None"):
        rank_backbones([network("eight", 8)], splits)


def test_inputs_that_do_not_fit_are_a_reason():
    rows = by_name(
        rank_backbones([network("body", 2), "mobilenet_v2"], (np.zeros((4, 5)), [0, 1, 0, 1]))
    )
    assert "takes inputs of shape" in rows["body"]["reason"]
    assert rows["mobilenet_v2"]["reason"] == "mobilenet_v2 takes pictures."


def test_features_that_are_all_alike_are_a_reason():
    inputs = keras.Input((32, 32, 3))
    dead = keras.Model(inputs, keras.layers.Rescaling(0.0)(inputs), name="dead")
    (row,) = rank_backbones([dead], pictures())
    assert row["reason"] == "features must differ between examples."
    assert not row["recommended"]
