import itertools
import json

import keras
import numpy as np
import pytest

import tltk
from tltk.evaluation._arms import ARMS, counted_words, fresh_copy, networks_of
from tltk.evaluation.comparison import draw_subset, label_sizes, passes_of
from tltk.inputs.examples import Splits, examples_of

pytestmark = pytest.mark.usefixtures("no_graphs")


def points(count, seed, labels=None):
    """Three classes around three corners, in a plane of six dimensions."""
    random = np.random.default_rng(seed)
    y = np.arange(count) % 3 if labels is None else labels
    x = random.normal(size=(count, 6)).astype("float32")
    x[np.arange(count), y] += 2
    return x, y


@pytest.fixture(scope="module")
def data():
    parts = [examples_of(points(count, seed)) for seed, count in enumerate((60, 30, 90))]
    return Splits(*parts, ("a", "b", "c"), {})


def identity():
    inputs = keras.Input((6,))
    return keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs), name="identity")


def wide_body():
    keras.utils.set_random_seed(5)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(8, "relu", name="block1_dense")(inputs)
    return keras.Model(inputs, keras.layers.Dense(8, "relu", name="block2_dense")(x), name="wide")


def linear(train, val, seed):
    model = tltk.build_classifier(identity(), ["a", "b", "c"])
    tltk.fit_linear_head(model, train, val)
    return model


def blind(train, val, seed):
    """Answers the same for everything."""
    model = tltk.build_classifier(identity(), ["a", "b", "c"])
    model.layers[-1].set_weights([np.zeros((6, 3)), np.array([1.0, 0, 0])])
    return model


FAST = {"arms": ["small network", "frozen"], "small": linear, "verbose": False}


def same(found, expected):
    strip = [{k: v for k, v in row.items() if k != "seconds"} for row in found.rows]
    return strip == [{k: v for k, v in row.items() if k != "seconds"} for row in expected.rows]


def test_all_four_arms_and_a_method_on_the_same_subsets(data):
    seen = []

    def method(train, val, seed):
        seen.append((seed, train.digest, val.count))
        return linear(train, val, seed)

    found = tltk.compare_transfer(
        wide_body, data, seeds=2, labels_per_class=[4, 8], methods={"mine": method}, epochs=1,
        unfreeze_blocks=1, verbose=False,
    )  # fmt: skip
    runs = [(row["method"], row["seed"], row["labels_per_class"]) for row in found.rows]
    assert sorted(runs) == sorted(itertools.product([*ARMS, "mine"], [0, 1], [4, 8]))
    assert {row["examples"] for row in found.rows if row["labels_per_class"] == 8} == {24}
    assert [seed for seed, *_ in seen] == [0, 0, 1, 1]
    assert len({digest for _, digest, _ in seen}) == 4
    assert [count for *_, count in seen] == [12, 24, 12, 24]
    verdicts = {row["verdict"] for row in found.verdicts}
    assert verdicts <= {"helped", "hurt", "no difference that matters", "cannot tell"}
    assert [row["method"] for row in found.gains] == ["frozen", "fine-tuned", "mine"]
    assert len(found.worth) == 6
    assert "frozen:" in found.summary
    assert json.loads(json.dumps(found.rows)) == found.rows


def test_a_method_that_knows_nothing_is_called_hurt_and_the_reverse(data):
    hurt = tltk.compare_transfer(identity, data, 3, 10, methods={"blind": blind}, **FAST)
    row = next(row for row in hurt.verdicts if row["method"] == "blind")
    assert row["verdict"] == "hurt"
    assert row["accuracy"] == (pytest.approx(1 / 3), pytest.approx(0))
    assert row["gain"][0] == pytest.approx(1 / 3 - row["without transfer"][0])
    helped = tltk.compare_transfer(identity, data, 3, 10, **FAST | {"small": blind})
    assert [row["verdict"] for row in helped.verdicts] == ["helped"]
    equal = tltk.compare_transfer(identity, data, 3, 10, **FAST)
    assert [row["gain"] for row in equal.verdicts] == [(0.0, 0.0)]
    assert [row["verdict"] for row in equal.verdicts] == ["no difference that matters"]


def test_the_same_call_gives_the_same_rows(data):
    settings = {"seeds": 1, "labels_per_class": 5, "epochs": 2, "verbose": False}
    settings["arms"] = ["from scratch", "fine-tuned"]
    first, second = (tltk.compare_transfer(wide_body, data, **settings) for _ in range(2))
    assert same(first, second)


def test_another_first_seed_draws_other_subsets(data):
    settings = {**FAST, "seeds": 2, "labels_per_class": 5}
    first, second = (tltk.compare_transfer(identity, data, seed=n, **settings) for n in (0, 1))
    number = [row for row in first.rows if row["seed"] == 1]
    again = [row for row in second.rows if row["seed"] == 1]
    assert [row["accuracy"] for row in number] == [row["accuracy"] for row in again]
    assert [row["accuracy"] for row in first.rows] != [row["accuracy"] for row in second.rows]


class Watched:
    """Counts how often rows of a split are read."""

    def __init__(self, examples):
        self.reads = 0
        self.examples = examples.replace(fetch=self._fetch(examples.fetch))

    def _fetch(self, fetch):
        def counted(rows):
            self.reads += 1
            return fetch(rows)

        return counted


def test_the_test_set_is_not_read_while_models_are_trained(data):
    watched, reads = Watched(data.test), []

    def method(train, val, seed):
        reads.append(watched.reads)
        return linear(train, val, seed)

    guarded = data._replace(test=watched.examples)
    tltk.compare_transfer(identity, guarded, 3, 5, methods={"mine": method}, **FAST)
    assert len(set(reads)) == 1
    assert watched.reads > reads[-1]


def test_a_killed_comparison_goes_on_and_ends_as_if_it_had_not_been(data, tmp_path):
    settings = {"seeds": 2, "labels_per_class": 4, "epochs": 2, "verbose": False}
    settings |= {"arms": ["from scratch", "fine-tuned"], "unfreeze_blocks": 1}
    settings |= {"methods": {"mine": may_be_interrupted}}
    whole = tltk.compare_transfer(wide_body, data, **settings)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        tltk.compare_transfer(wide_body, data, **settings, checkpoint=tmp_path)
    kept = {path.name for path in tmp_path.glob("*-*.json")}
    assert len(kept) == 3 + 2
    stamps = {name: (tmp_path / name).stat().st_mtime_ns for name in kept}
    resumed = tltk.compare_transfer(wide_body, data, **settings, checkpoint=tmp_path)
    assert same(resumed, whole)
    assert stamps == {name: (tmp_path / name).stat().st_mtime_ns for name in kept}


calls = [None] * 9


def may_be_interrupted(train, val, seed):
    calls.append(seed)
    if len(calls) == 2:
        raise KeyboardInterrupt
    return linear(train, val, seed)


def test_more_seeds_and_methods_continue_other_settings_do_not(data, tmp_path):
    settings = {**FAST, "labels_per_class": 4, "checkpoint": tmp_path}
    two = tltk.compare_transfer(identity, data, seeds=2, **settings)
    three = tltk.compare_transfer(identity, data, seeds=3, methods={"blind": blind}, **settings)
    assert [row for row in three.rows if row in two.rows] == two.rows
    assert len(three.rows) == 9
    with pytest.raises(ValueError, match="written with another sizes"):
        tltk.compare_transfer(identity, data, **settings | {"labels_per_class": 5})
    with pytest.raises(ValueError, match="written with another method small network"):
        tltk.compare_transfer(identity, data, **settings | {"small": blind})
    other = data._replace(train=examples_of(points(60, 9)))
    with pytest.raises(ValueError, match="written with another training data"):
        tltk.compare_transfer(identity, other, **settings)


def test_a_budget_stops_at_whole_seeds_and_says_so(data, monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def slow(train, val, seed):
        now[0] += 10
        return linear(train, val, seed)

    settings = {"arms": ["small network"], "small": slow, "labels_per_class": [4, 8]}
    found = tltk.compare_transfer(
        identity, data, seeds=4, methods={"mine": slow}, budget_seconds=100, **settings
    )
    assert sorted({row["seed"] for row in found.rows}) == [0, 1]  # 40 s a seed
    assert len(found.rows) == 8
    printed = capsys.readouterr().out
    assert (
        "The first of 8 pieces took 20 s; the rest and the test will take about 2 min." in printed
    )
    assert "The budget of 100 s ends after 2 of 4 seeds." in printed.replace(
        "2 min ends", "100 s ends"
    )
    one = tltk.compare_transfer(
        identity, data, seeds=4, methods={"mine": slow}, budget_seconds=1, verbose=False, **settings
    )
    assert {row["seed"] for row in one.rows} == {0}
    assert {row["verdict"] for row in one.verdicts} == {"cannot tell"}


def test_it_says_how_long_it_will_take_before_it_starts(data, capsys):
    said = []

    def mine(train, val, seed):
        said.append(capsys.readouterr().out)
        return linear(train, val, seed)

    settings = {"arms": ["small network", "frozen"], "labels_per_class": 4, "seeds": 2}
    found = tltk.compare_transfer(identity, data, methods={"mine": mine}, **settings)
    assert len(found.rows) == 6
    assert said[0].startswith("6 models to train, about ")
    assert "s, told from two passes of each network; not counted: mine." in said[0]
    with pytest.raises(ValueError, match="number of blocks to unfreeze"):
        tltk.compare_transfer(wide_body, data, unfreeze_blocks=9, seeds=1)
    assert "seed 0" not in capsys.readouterr().out


def test_skewed_data_is_judged_by_balanced_accuracy_where_asked():
    labels = np.array([0] * 40 + [1] * 8 + [2] * 8)
    parts = [examples_of(points(56, seed, labels)) for seed in range(3)]
    skewed = Splits(*parts, ("a", "b", "c"), {})
    found = tltk.compare_transfer(
        identity, skewed, 2, 20, methods={"blind": blind}, **FAST, score="balanced_accuracy"
    )
    row = next(row for row in found.rows if row["method"] == "blind")
    assert row["examples"] == 36
    assert (row["accuracy"], row["balanced_accuracy"]) == pytest.approx((40 / 56, 1 / 3))
    assert found.verdicts[-1]["balanced_accuracy"][0] == pytest.approx(1 / 3)


def test_texts_are_set_against_counted_words():
    random = np.random.default_rng(0)
    words, numbers = {0: ["good", "fine"], 1: ["bad", "dull"]}, itertools.count()

    def texts(count):
        labels = np.arange(count) % 2
        rows = [f"{random.choice(words[label])} film {next(numbers)}" for label in labels]
        return examples_of((np.array(rows, object), labels))

    reviews = Splits(texts(40), texts(20), texts(20), ("good", "bad"), {})
    vectors = tltk.backbones.load_word_vectors(most=9000)
    found = tltk.compare_transfer(
        lambda: tltk.load_text_backbone(vectors, length=4), reviews, 2, 8,
        arms=["small network", "frozen"], verbose=False,
    )  # fmt: skip
    counted = [row["accuracy"] for row in found.rows if row["method"] == "small network"]
    assert np.mean(counted) > 0.9


def test_counted_words_are_those_of_any_alphabet():
    """Words that differ in capitals, quotes or the blank are one; Chinese is cut up."""
    texts = np.array(
        ["Хороший\u00a0фильм", "ПЛОХОЙ/фильм", "«хороший»", "плохой…", "好看", "难看"] * 4
    )
    data = examples_of((texts, np.array([1, 0] * 12)))
    model = counted_words(data, data, ("bad", "good"))
    words = model.get_layer("words").get_vocabulary()[1:]
    assert set(words) == {"хороший", "плохой", "фильм", *"好难看"}
    asked = np.array(["ХОРОШИЙ", "плохой", "好", "难"], object)
    assert model.predict(asked, verbose=0).argmax(axis=1).tolist() == [1, 0, 1, 0]


def test_pictures_by_name_use_small_cnn_and_series_their_encoder():
    random = np.random.default_rng(0)

    def parts(*shape):
        draws = (random.normal(0, 60, (24, *shape)).clip(0, 255).astype("uint8") for _ in range(3))
        labels = np.arange(24) % 2
        pairs = ((x + 90 * labels.reshape(-1, *[1] * len(shape)).astype("uint8"), labels)
                 for x in draws)  # fmt: skip
        return [examples_of(pair) for pair in pairs]

    settings = {"seeds": 1, "labels_per_class": 4, "epochs": 1, "verbose": False}
    pictures = Splits(*parts(16, 16, 3), ("dark", "light"), {})

    def body():
        keras.utils.set_random_seed(0)
        return tltk.load_backbone("small_cnn", weights=None, input_shape=16)

    found = tltk.compare_transfer(body, pictures, arms=["small network", "frozen"], **settings)
    assert len(found.rows) == 2
    with pytest.raises(ValueError, match="small_cnn has no ImageNet weights"):
        tltk.compare_transfer("small_cnn", pictures, arms=["small network", "frozen"], **settings)

    def encoder():
        keras.utils.set_random_seed(0)
        return tltk.backbones.series_encoder((12, 1), filters=4, blocks=1)

    floats = [(part.fetch(slice(None)).astype("float32"), part.labels) for part in parts(12, 1)]
    series = [examples_of(pair) for pair in floats]
    data = Splits(*series, ("low", "high"), {})
    found = tltk.compare_transfer(encoder, data, arms=["small network", "frozen"], **settings)
    assert len(found.rows) == 2


def test_sounds_are_seen_as_spectrograms_by_the_small_network():
    train = examples_of((np.zeros((4, 16000), "float32"), np.arange(4) % 2))
    networks = networks_of(lambda: tltk.load_audio_backbone(weights=None), train)
    names = [layer.name for layer in networks["small network"]().layers]
    assert "log_mel" in names
    assert names.count("block1_dense") == 0
    vectors = networks_of(lambda: keras.Sequential([keras.Input((16000,))]), train)
    assert [layer.name for layer in vectors["small network"]().layers][-1] == "block1_dense"


@pytest.mark.parametrize("encoder", ["mean", "cnn", "lstm"])
def test_from_scratch_words_have_vectors_that_can_learn(encoder):
    vectors = tltk.backbones.load_word_vectors(most=50)
    copy = fresh_copy(tltk.load_text_backbone(vectors, encoder, length=4, units=4))
    [drawn] = copy.get_layer("word_vectors").get_weights()
    assert np.unique(drawn, axis=0).shape == drawn.shape
    assert np.abs(drawn).max() < np.abs(vectors.vectors).max() / 2


def test_a_draw_of_one_seed_holds_the_smaller_draws():
    examples = examples_of((np.arange(60), np.arange(60) % 3))
    few, many = (set(draw_subset(examples, n, 3).fetch(slice(None))) for n in (4, 9))
    assert few < many
    assert few != set(draw_subset(examples, 4, 4).fetch(slice(None)))


def test_every_size_takes_as_many_steps():
    passes = passes_of(epochs=15, largest=1600)
    steps = [passes(count) * -(-count // 32) for count in (1600, 400, 100, 5)]
    assert steps[0] == 750
    assert all(750 <= taken < 750 * 1.02 for taken in steps)


def test_sizes_by_default_leave_something_to_draw_from():
    assert label_sizes(np.arange(2000) % 10, None) == [10, 40, 160]
    assert label_sizes(np.arange(20) % 10, None) == [1]
    assert label_sizes(np.arange(20) % 2, (5, 2)) == [2, 5]
    with pytest.raises(ValueError, match="must not exceed the training examples"):
        label_sizes(np.arange(20) % 2, 11)
    with pytest.raises(ValueError, match="labels_per_class must be a whole number"):
        label_sizes(np.arange(20) % 2, [0])


def test_fresh_means_fresh_and_normalisation_is_kept():
    inputs = keras.Input((2,))
    norm = keras.layers.Normalization(name="norm")
    norm.adapt(np.array([[1.0, 5.0], [3.0, 9.0]]))
    model = keras.Model(inputs, keras.layers.Dense(3, name="dense")(norm(inputs)))
    copy = fresh_copy(model)
    np.testing.assert_array_equal(copy.get_layer("norm").mean, norm.mean)
    assert (copy.get_layer("dense").kernel != model.get_layer("dense").kernel).numpy().any()
    constant = keras.layers.Dense(3, kernel_initializer="ones")
    with pytest.raises(ValueError, match="From scratch means fresh weights"):
        fresh_copy(keras.Model(inputs, constant(inputs)))


def test_trained_models_are_refused(data):
    with pytest.raises(ValueError, match="a model would carry what one run learned"):
        tltk.compare_transfer(identity(), data)
    model = identity()
    with pytest.raises(ValueError, match="Received: the same model twice"):
        tltk.compare_transfer(lambda: model, data, **FAST)

    def drifting():
        return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])

    with pytest.raises(ValueError, match="two with other weights"):
        tltk.compare_transfer(drifting, data, **FAST)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"arms": ["frozen", "thawed"]}, "The arms are among"),
        ({"arms": ["frozen", "fine-tuned"]}, "at least one without transfer"),
        ({"methods": {"frozen": linear}}, "methods have other names"),
        ({"score": "f1"}, "score must be one of"),
        ({"seeds": 0}, "seeds must be a whole number"),
        ({"level": 98}, "level must be .* Received: level=98"),
        ({"margin": -1}, "margin must be .* Received: margin=-1"),
        ({"methods": {"mine": lambda train, val, seed: 3}}, "returns a trained Keras model"),
    ],
)
def test_settings_that_make_no_sense(data, wrong, message):
    with pytest.raises(ValueError, match=message):
        tltk.compare_transfer(
            identity, data, **{**FAST, "seeds": 1, "labels_per_class": 4, **wrong}
        )


def test_all_splits_and_one_label_are_needed(data):
    with pytest.raises(ValueError, match="Received: data without val"):
        tltk.compare_transfer(identity, data._replace(val=None), **FAST)
    x, y = points(12, 0)
    several = examples_of((x, np.eye(3)[y]))
    with pytest.raises(ValueError, match="one class number per example"):
        tltk.compare_transfer(identity, data._replace(test=several), **FAST)


def test_guards_warn_before_anything_runs(data):
    leaky = data._replace(test=data.train)
    with pytest.warns(UserWarning, match="belongs to one part only"):
        tltk.compare_transfer(identity, leaky, 1, 4, **FAST)
