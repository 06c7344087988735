import keras
import numpy as np
import pytest

from tltk.tuning import _engines as engines
from tltk.tuning import build_classifier, extract_features, fine_tune
from tltk.tuning._engines import in_mixed_precision, mixed_precision, relative_error


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """bfloat16 gives the same numbers on a processor, only slower."""
    monkeypatch.setattr(engines, "on_gpu", lambda: True)


def policies(model):
    return {layer.name: layer.dtype_policy.name for layer in model._flatten_layers()}


def test_a_copy_computes_in_bfloat16_with_the_same_weights(body, pictures):
    network = body()
    before = policies(network)
    copy = in_mixed_precision(network)
    images = pictures[0].astype("float32")
    answers = np.asarray(copy(images))
    assert answers.dtype.name == "bfloat16"
    assert 0 < relative_error(answers.astype("float32"), np.asarray(network(images))) < 0.05
    assert {weight.dtype for weight in copy.weights} == {"float32"}
    assert policies(network) == before


def test_the_head_and_what_comes_after_stay_in_float32(body):
    model = build_classifier(body(), 3)
    before = policies(model)
    with mixed_precision(model):
        within = policies(model)
    assert within["block1_conv"] == "mixed_bfloat16"
    assert {within[name] for name in within if name.startswith("head_")} == {"float32"}
    assert policies(model) == before


def test_features_of_a_gpu_in_bfloat16_are_checked(body, pictures, as_on_a_gpu, monkeypatch):
    plain, _ = extract_features(body(), pictures)
    mixed, _ = extract_features(body(), pictures, precision="bfloat16")
    assert mixed.dtype == "float32"
    assert 0 < relative_error(mixed, plain) < 0.05
    monkeypatch.setitem(engines.LARGEST_ERROR, "bfloat16", 1e-6)
    with pytest.raises(ValueError, match="Received: a relative error of .* from Keras"):
        extract_features(body(seed=4), pictures, precision="bfloat16")


def test_training_in_bfloat16_comes_near_and_gives_back_float32(body, pictures, as_on_a_gpu):
    settings = {"unfreeze_blocks": 2, "head_epochs": 0, "epochs": 2, "verbose": 0}
    losses = {}
    for precision in ("float32", "bfloat16"):
        model = build_classifier(body(), 3)
        history = fine_tune(model, pictures, cache=("keras", precision), **settings)
        losses[precision] = history.history["loss"]
    assert set(policies(model).values()) == {"float32"}
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert keras.config.dtype_policy().name == "float32"
