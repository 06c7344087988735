import numpy as np
import pytest

from tltk.backbones import WordVectors, load_text_backbone
from tltk.evaluation import predict, predict_split
from tltk.tuning import build_classifier

TINY = WordVectors(("good", "bad"), np.array([[3.0, 0], [0, 3]], "float32"))


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


def test_what_is_no_text(model):
    with pytest.raises(ValueError, match="a string or a sequence of strings. Received: int"):
        predict(model, [3])
