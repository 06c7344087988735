import keras
import numpy as np
import pytest

from tltk.tuning import build_classifier, metadata


def test_layers_are_shared_and_flat(body):
    backbone = body()
    model = build_classifier(backbone, ["a", "b", "c"])
    assert model.get_layer("block1_conv") is backbone.get_layer("block1_conv")
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert metadata(model)["class_names"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kind", "labels", "total"),
    [
        ("one_label", [0, 1], 1.0),
        ("many_labels", [[0, 1], [1, 1]], None),
        ("regression", None, None),
    ],
)
def test_kinds_train_and_predict(body, kind, labels, total):
    model = build_classifier(body(), 2 if kind != "regression" else 1, kind=kind)
    labels = [[0.5], [2.5]] if labels is None else labels
    images = np.zeros((2, 12, 12, 3), "uint8")
    model.fit(images, np.array(labels), verbose=0)
    predicted = model.predict(images, verbose=0)
    if total:
        np.testing.assert_allclose(predicted.sum(1), total, rtol=1e-6)
    assert predicted.shape == (2, 1 if kind == "regression" else 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 1}, "at least two classes"),
        ({"classes": "cat"}, "must be different names"),
        ({"classes": ["a", "a"]}, "must be different names"),
        ({"classes": 2, "kind": "softmax"}, "'one_label', 'many_labels', 'regression'"),
        ({"classes": 2, "pooling": "sum"}, "pooling='sum'"),
    ],
)
def test_bad_arguments(body, arguments, message):
    with pytest.raises(ValueError, match=message):
        build_classifier(body(), **arguments)


def test_numbers_of_numpy_count_classes(body):
    assert build_classifier(body(), np.int64(3)).output_shape == (None, 3)


def test_a_classifier_is_no_backbone(body):
    with pytest.raises(ValueError, match="Received: a backbone with head_pool, head_dropout"):
        build_classifier(build_classifier(body(), 3), 2)


def test_a_backbone_must_give_features():
    with pytest.raises(ValueError, match=r"Received: an output of shape \(None, 2, 2, 2, 2\)"):
        build_classifier(keras.Sequential([keras.Input((2, 2, 2, 2)), keras.layers.ReLU()]), 2)
    with pytest.raises(ValueError, match="one output"):
        build_classifier(keras.Model(), 2)


def test_a_backbone_that_has_learned_is_told():
    body = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="block1_dense")])
    first = build_classifier(body, 2)
    build_classifier(body, 2)  # nothing has moved: no warning
    first.get_layer("block1_dense").set_weights([np.ones((4, 3)), np.ones(3)])
    with pytest.warns(UserWarning, match="have changed since its first.*Load the backbone again"):
        build_classifier(body, 2)
