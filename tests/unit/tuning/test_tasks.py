import json
import zipfile

import keras
import numpy as np
import pytest

from tltk.tuning import (
    build_classifier,
    build_multitask,
    load_model,
    metadata,
    save_model,
    tasks_of,
)

TASKS = {"digit": ["zero", "one", "two"], "big": 2, "slant": "regression"}


def columns(width=4):
    return keras.Sequential([keras.Input((width,)), keras.layers.Dense(5, "relu")], name="columns")


def test_outputs_are_named_and_the_backbone_is_frozen(body):
    model = build_multitask(body(), TASKS)
    assert {n: o.shape for n, o in model.output.items()} == {
        "digit": (None, 3),
        "big": (None, 2),
        "slant": (None, 1),
    }
    trained = {weight.path.split("/")[0] for weight in model.trainable_weights}
    assert trained == {"head_output_digit", "head_output_big", "head_output_slant"}
    answers = model.predict(np.zeros((2, 12, 12, 3), "uint8"), verbose=0)
    assert np.allclose(answers["digit"].sum(axis=1), 1)


def test_a_hidden_layer_is_shared():
    model = build_multitask(columns(), TASKS, hidden=7)
    assert model.get_layer("head_hidden").output.shape == (None, 7)
    assert model.get_layer("head_output_slant").input.shape == (None, 7)


def test_plain_keras_loads_it_without_us(tmp_path):
    model = build_multitask(columns(), TASKS, hidden=3)
    save_model(model, tmp_path / "tasks.keras")
    with zipfile.ZipFile(tmp_path / "tasks.keras") as archive:
        config = json.loads(archive.read("config.json"))
    assert "tltk" not in json.dumps(config)
    loaded = keras.models.load_model(tmp_path / "tasks.keras")
    x = np.random.default_rng(0).normal(size=(6, 4))
    before, after = (each.predict(x, verbose=0) for each in (model, loaded))
    assert all(np.array_equal(before[name], after[name]) for name in TASKS)
    assert tasks_of(loaded) == tasks_of(model)
    assert metadata(load_model(tmp_path / "tasks.keras"))["tasks"]["big"] == ["0", "1"]


def test_one_task_is_named_too():
    assert list(build_multitask(columns(), {"big": 2}).output) == ["big"]
    assert list(tasks_of(build_multitask(columns(), {"big": 2}))) == ["big"]


@pytest.mark.parametrize("answers", [["one"], 1, True, "classes", ["a", "a"]])
def test_a_task_needs_two_classes_or_a_number(answers):
    with pytest.raises(ValueError, match="at least two different class names"):
        build_multitask(columns(), {"digit": answers})


def test_a_model_needs_a_task():
    with pytest.raises(ValueError, match=r"needs at least one\. Received: none"):
        build_multitask(columns(), {})


def test_a_name_has_no_slash():
    with pytest.raises(ValueError, match="without a slash"):
        build_multitask(columns(), {"a/b": 2})


def test_a_classifier_has_no_tasks():
    with pytest.raises(ValueError, match="has named outputs"):
        tasks_of(build_classifier(columns(), 2))
