import gzip
import subprocess
import sys

import keras
import numpy as np
import pytest

from tltk.backbones import layers_by_block, load_text_backbone, load_word_vectors, unknown_share
from tltk.backbones.text import WordVectors, warn_of_unknown_words
from tltk.tuning import (
    build_classifier,
    extract_features,
    fine_tune,
    fit_linear_head,
    load_model,
    save_model,
    unfreeze,
)

WORDS = ("good", "bad", "film", "dull")
VECTORS = np.array([[1, 0, 2], [-1, 0, 1], [0, 1, 0], [-2, 0.5, 0]], "float32")
TINY = WordVectors(WORDS, VECTORS)
TEXTS = ["A good film!", "bad, dull film", "Good good", "dull", "so bad"] * 6
LABELS = np.array([1, 0, 1, 0, 0] * 6, "int32")


def by_hand(text, length):
    """Mean of the vectors of a text's words as they stand in the table; unknown ones are zero."""
    words = "".join(c for c in text.lower() if c not in "!,.").split()[:length]
    rows = [VECTORS[WORDS.index(w)] if w in WORDS else np.zeros(3) for w in words]
    return np.mean(rows, axis=0)


def text_lines(pairs):
    return "\n".join(" ".join([word, *map(repr, map(float, row))]) for word, row in pairs)


def binary(pairs):
    rows = [word.encode() + b" " + np.array(row, "<f4").tobytes() + b"\n" for word, row in pairs]
    return f"{len(pairs)} {len(pairs[0][1])}\n".encode() + b"".join(rows)


PAIRS = list(zip(WORDS, VECTORS.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("glove.txt", text_lines(PAIRS).encode()),
        ("crawl.vec", f"4 3\n{text_lines(PAIRS)}\n".encode()),
        ("glove.txt.gz", gzip.compress(text_lines(PAIRS).encode(), mtime=0)),
        ("news.bin", binary(PAIRS)),
        ("news.bin.gz", gzip.compress(binary(PAIRS), mtime=0)),
    ],
)
def test_every_format_gives_the_same_vectors(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    found = load_word_vectors(tmp_path / name)
    assert found.words == WORDS
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert load_word_vectors(tmp_path / name, most=2).words == WORDS[:2]


def test_words_that_text_cannot_contain_are_left_out(tmp_path):
    pairs = [("The", [1.0, 2]), ("the", [3.0, 4]), ("n't", [5.0, 6]), ("two words", [7.0, 8])]
    (tmp_path / "a.vec").write_text(f"4 2\n{text_lines(pairs)}")
    found = load_word_vectors(tmp_path / "a.vec")
    assert found.words == ("the", "two words")
    assert found.vectors.tolist() == [[1, 2], [7, 8]]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.txt", b"good 1 2 3\nbad 1 2\n", "a word and 3 numbers.*line 2"),
        ("a.txt", b"good 1 2 3\nbad 1 x 3\n", "a word and 3 numbers.*line 2"),
        ("a.txt", b"good 1 nan 3\n", "must be finite.*'good'"),
        ("a.txt", b"", "with none"),
        ("a.bin", binary(PAIRS)[:-9], "announces 4 words.*ends in word 4"),
        (
            "a.bin",
            b"5 1000000000000\nword " + bytes(64),
            "numbers of each, from 1 to 65,536.*10000",
        ),
        ("a.bin", b"5 0\nword " + bytes(64), "numbers of each, from 1 to 65,536.*b'5 0"),
        ("a.bin", b"5 -1\nword " + bytes(64), "numbers of each, from 1"),
        ("a.bin", b"a b\n", "first line holds the number of words.*b'a b"),
        ("a.bin", b"5\n", "first line holds"),
        ("a.bin", b"", "first line holds"),
        ("a.bin", b"1000000000 2\nword " + bytes(64), "announces 1,000,000,000 words.*word [2-9]"),
        ("a.bin", b"2 2\n" + bytes(4000), "announces 2 words.*ends in word 1"),
        ("a.vec", b"5 0\n", "numbers of each, from 1"),
        ("a.vec", b"3 2\na 1 2\nb 1 2\n", "announces 3 words.*ends in word 3"),
        ("a.vec", b"2 2\na 1 2 3\n", "a word and 2 numbers.*line 2"),
        ("a.txt", b"! 1 2\n? 1 2\n", "with none"),
        ("a.txt", b"x" * 3_000_000, "line must be below 2,097,152.*line 1"),
        ("a.txt.gz", gzip.compress(b"a 1 2\nb 1 2\n", mtime=0)[:-9], "readable to its end"),
        ("a.txt.gz", b"no archive", "readable to its end"),
        ("a.txt.gz", gzip.compress(b"a" * 30_000_000, 1, mtime=0), "50 times its own size"),
    ],
)
def test_broken_files(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=match):
        load_word_vectors(tmp_path / name)


@pytest.mark.parametrize("most", [0, -5, 1.5, "5", True])
def test_a_number_of_words_that_is_none(most):
    with pytest.raises(ValueError, match="most must be a whole number of at least 1"):
        load_word_vectors(most=most)


def test_vectors_that_are_no_path():
    with pytest.raises(ValueError, match='"glove" or the path of a file. Received: source=5'):
        load_word_vectors(5)


@pytest.mark.parametrize(
    ("vectors", "match"),
    [
        (WordVectors(("good", "bad"), np.eye(3)), "2 words, and vectors of shape"),
        (WordVectors(("good",), np.array([[np.nan]])), "one row of finite numbers"),
        (WordVectors(("good",), np.ones(1)), "one row of finite numbers"),
        (WordVectors(("n't", "..."), np.eye(2)), 'a word that a text can hold. Received: "n\'t"'),
        (WordVectors((), np.empty((0, 2))), "a word that a text can hold. Received: no word"),
    ],
)
def test_vectors_that_do_not_fit_their_words(vectors, match):
    with pytest.raises(ValueError, match=match):
        load_text_backbone(vectors)


def test_words_of_own_vectors_are_looked_up_as_texts_are():
    """Capitals, another normal form, words met twice and words that no text holds."""
    words = ("Хороший", "n't", "e\u0301te\u0301", "ХОРОШИЙ", "电影", "Straße")
    network = load_text_backbone(WordVectors(words, np.eye(6, dtype="float32")), length=3)
    features, _ = extract_features(network, ["хороший", "Été", "STRASSE"])
    assert np.array_equal(features, np.eye(6)[[0, 2, 5]] / 3 * [[1], [1], [1]]) or np.array_equal(
        features, np.eye(6)[[0, 2, 5]]
    )
    assert network.get_layer("word_vectors").get_weights()[0].shape == (5, 6)


def test_a_file_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="\"glove\" or a file. Received: source='none.txt'"):
        load_word_vectors("none.txt")


def test_pooled_features_are_the_mean_of_the_words():
    features, _ = extract_features(load_text_backbone(TINY, length=4), TEXTS)
    np.testing.assert_allclose(features, [by_hand(text, 4) for text in TEXTS], atol=1e-6)


@pytest.mark.parametrize("encoder", ["mean", "cnn", "lstm"])
def test_a_text_without_words_is_a_text_of_one_unknown_word(encoder):
    network = load_text_backbone(TINY, encoder, length=4, units=4)
    with pytest.warns(UserWarning, match="100% of the words unknown in the first 3 texts"):
        features, _ = extract_features(network, ["", ":-)", "qwxz"])
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(features, features[[2, 2, 2]])


def test_longer_texts_are_cut():
    features, _ = extract_features(load_text_backbone(TINY, length=2), TEXTS)
    np.testing.assert_allclose(features, [by_hand(text, 2) for text in TEXTS], atol=1e-6)


def test_unknown_words_are_counted():
    classifier = build_classifier(load_text_backbone(TINY, length=4), 2)
    assert unknown_share(classifier, ["a good film", "bad"]) == pytest.approx(1 / 4)
    assert unknown_share(classifier, ["good", "", ":-)"]) == pytest.approx(2 / 3)
    accented = load_text_backbone(WordVectors(("caf\u00e9",), np.ones((1, 2))), length=2)
    assert unknown_share(accented, ["cafe\u0301"]) == 0
    with pytest.raises(ValueError, match="TextVectorization looks words up. Received: 'dense'"):
        unknown_share(
            keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="dense"), ["a"]
        )


@pytest.mark.parametrize("mode", ["int", "multi_hot", "count", "tf_idf"])
def test_any_lookup_of_words_is_asked(mode):
    lookup = keras.layers.TextVectorization(
        vocabulary=["good", "film"], output_mode=mode,
        idf_weights=[1.0, 2.0] if mode == "tf_idf" else None,
    )  # fmt: skip
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, keras.ops.cast(lookup(inputs), "float32"))
    warn_of_unknown_words(model, np.array(["good film", "a good one"], object))
    with pytest.warns(UserWarning, match=r"of the words unknown.*'schöner Film'"):
        warn_of_unknown_words(model, np.array(["schöner Film", "good", "gut", "xx"], object))


def test_fitting_on_texts_of_unknown_words_is_told():
    model = build_classifier(load_text_backbone(TINY, length=4), 2)
    with pytest.warns(UserWarning, match="100% of the words unknown in the first 2 texts"):
        fit_linear_head(model, (["gut", "schlecht"] * 1, [0, 1]), cache=False)


@pytest.mark.parametrize(
    ("encoder", "blocks"),
    [
        ("mean", ["word_vectors"]),
        ("cnn", ["word_vectors", "block1"]),
        ("lstm", ["word_vectors", "block1"]),
    ],
)
def test_blocks_of_each_encoder(encoder, blocks):
    assert list(layers_by_block(load_text_backbone(TINY, encoder))) == blocks


@pytest.mark.parametrize("encoder", ["mean", "cnn", "lstm"])
def test_frozen_words_stay_bit_for_bit_and_tuned_ones_move(encoder, no_graphs):
    for unfrozen in (0 if encoder == "mean" else 1, "all"):
        keras.utils.set_random_seed(0)
        model = build_classifier(load_text_backbone(TINY, encoder, length=4, units=4), 2)
        before = model.get_layer("word_vectors").get_weights()[0]
        settings = {"unfreeze_blocks": unfrozen, "base_lr": 0.01, "epochs": 2, "verbose": 0}
        history = fine_tune(model, (TEXTS, LABELS), **settings)
        after = model.get_layer("word_vectors").get_weights()[0]
        assert np.array_equal(before, after) == (unfrozen != "all")
        assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize("unfrozen", [1, "all"])
def test_cached_and_plain_training_give_the_same_losses(unfrozen, no_graphs):
    losses = []
    for cache in (True, False):
        keras.utils.set_random_seed(0)
        model = build_classifier(load_text_backbone(TINY, "cnn", length=4, units=4), 2)
        settings = {"unfreeze_blocks": unfrozen, "head_epochs": 1, "epochs": 2, "verbose": 0}
        losses.append(fine_tune(model, (TEXTS, LABELS), cache=cache, **settings).history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_saved_model_answers_in_a_fresh_process_that_imports_tltk(tmp_path):
    model = build_classifier(load_text_backbone(TINY, length=4), ["poor", "fine"])
    fine_tune(model, (TEXTS, LABELS), unfreeze_blocks=0, verbose=0)
    save_model(model, tmp_path / "reviews.keras")
    script = f"""
import keras, numpy as np
path = {str(tmp_path / "reviews.keras")!r}
try:
    keras.models.load_model(path)
except TypeError as error:
    assert "tltk>TextNormalization" in str(error)
import tltk
model = keras.models.load_model(path)
answers = model.predict(np.array(["A good film!", "dull"], object), verbose=0)
print(*answers[:, 1].tolist())
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    expected = model.predict(np.array(["A good film!", "dull"], object), verbose=0)[:, 1]
    assert [float(x) for x in ran.stdout.split()] == pytest.approx(expected.tolist(), abs=1e-6)
    again = load_model(tmp_path / "reviews.keras")
    unfreeze(again, "all")
    assert len(again.trainable_weights) == 3


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"encoder": "bert"}, "one of 'mean', 'cnn', 'lstm'. Received: encoder='bert'"),
        ({"length": 0}, "at least 1. Received: length=0"),
        ({"units": 0}, "at least 1.*units=0"),
    ],
)
def test_settings_that_do_not_exist(settings, match):
    with pytest.raises(ValueError, match=match):
        load_text_backbone(TINY, **settings)
