import numpy as np
import pytest

from tltk.backbones import WordVectors, load_text_backbone
from tltk.evaluation import predict, predict_split
from tltk.tuning import build_classifier

TINY = WordVectors(("good", "bad", "film"), np.array([[3.0, 0], [0, 3], [0, 0]], "float32"))


@pytest.fixture
def model():
    model = build_classifier(load_text_backbone(TINY, length=3), ["fine", "poor"])
    model.get_layer("head_output").set_weights([np.eye(2), np.zeros(2)])
    return model


def test_one_text_or_many(model):
    [[(name, probability)]] = predict(model, "a good film", top=1)
    assert name == "fine"
    assert probability == pytest.approx(np.exp(1) / (1 + np.exp(1)))
    texts = ["bad", "good"] * 40
    names = [answer[0][0] for answer in predict(model, np.array(texts), top=1)]
    assert names == ["poor", "fine"] * 40


def test_a_saved_text_model_is_asked_by_its_path(model, tmp_path):
    model.save(tmp_path / "reviews.keras")
    assert predict(tmp_path / "reviews.keras", ["bad"], top=1)[0][0][0] == "poor"


def test_a_split_of_texts(model):
    answers = predict_split(model, (["bad", "good"], [1, 0]))
    assert answers.probabilities.argmax(axis=1).tolist() == [1, 0]


def test_texts_in_another_normal_form_are_the_same_texts(model):
    vectors = WordVectors(("café", "bad"), np.array([[3.0, 0], [0, 3]], "float32"))
    model = build_classifier(load_text_backbone(vectors, length=3), ["fine", "poor"])
    model.get_layer("head_output").set_weights([np.eye(2), np.zeros(2)])
    assert predict(model, ["cafe\u0301"], top=1) == predict(model, ["CAFÉ"], top=1)
    answers = predict_split(model, (["cafe\u0301", "bad"], [0, 1]))
    assert answers.probabilities.argmax(axis=1).tolist() == [0, 1]


def test_a_text_of_unknown_words_is_told(model):
    with pytest.warns(UserWarning, match="67% of the words unknown in the first 1 texts.*'ein gut"):
        predict(model, "ein guter film")


def test_class_names_that_are_not_distinct(model):
    with pytest.raises(ValueError, match="Class names must differ"):
        predict(model, "good", class_names=["fine", "fine"])


def test_what_is_no_text(model):
    with pytest.raises(ValueError, match="a string or a sequence of strings. Received: int"):
        predict(model, [3])


@pytest.fixture
def loudness():
    """Says "high" where the mean of a window of 1,024 samples is above 0."""
    import keras

    from tltk.backbones import LogMel

    waveform = keras.Input((1024,))
    silent = keras.ops.mean(LogMel(rate=16000, relative=True)(waveform), axis=(1, 2))[:, None]
    level = 9 * keras.ops.mean(waveform, axis=1, keepdims=True) + 0 * silent
    return keras.Model(waveform, keras.layers.Softmax()(keras.ops.concatenate([level, -level], 1)))


def test_a_clip_is_cut_and_its_answers_averaged(loudness):
    names = ["high", "low"]
    clip = np.repeat([0.5, -0.5, 0.5], 1024).astype("float32")
    high = 1 / (1 + np.exp(-9))
    [answer] = predict(loudness, clip, class_names=names)
    assert dict(answer)["high"] == pytest.approx((high + (1 - high) + high) / 3, abs=1e-5)
    [short, long] = predict(loudness, [clip[:1024], clip], class_names=names)
    assert dict(short)["high"] == pytest.approx(high, abs=1e-5)
    assert long == answer


def test_what_is_no_clip(loudness, tmp_path):
    with pytest.raises(ValueError, match="A clip is a path, or samples.*ndarray of shape"):
        predict(loudness, [np.zeros((2, 1024))])
    with pytest.raises(ValueError, match="Samples must be finite"):
        predict(loudness, np.full(1024, np.nan))
    with pytest.raises(ValueError, match="predict takes paths or samples. Received: NoneType"):
        predict(loudness, None)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.warns(UserWarning, match="Skipped 1 unreadable clips.*the file is empty"):
        assert predict(loudness, tmp_path / "a.wav") == [[]]
    with pytest.raises(ValueError, match="the file is empty"):
        predict(loudness, tmp_path / "a.wav", on_error="raise")
    with pytest.raises(FileNotFoundError, match="must be a file that can be read"):
        predict(loudness, tmp_path / "none.wav")
    with pytest.warns(UserWarning, match="Waveforms must lie between -1 and 1"):
        predict(loudness, np.full(1024, 900.0))
