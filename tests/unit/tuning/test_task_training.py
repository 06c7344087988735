import keras
import numpy as np
import pytest

from tltk.tuning import build_multitask, fine_tune_tasks

RNG = np.random.default_rng(2)
X = RNG.normal(size=(48, 4)).astype("float32")
LABELS = {"kind": (X[:, 0] > 0).astype(int), "size": X @ [1.0, 2.0, 0.0, 0.0]}
HELD = (X[32:], {name: each[32:] for name, each in LABELS.items()})
PART = {"kind": np.where(np.arange(32) % 2, LABELS["kind"][:32], -1), "size": LABELS["size"][:32]}
TRAIN = (X[:32], PART)
SHORT = {"epochs": 2, "head_epochs": 2, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}


def model_of_tasks(tasks=("kind", "size"), **settings):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(6, "relu", name=f"block{number}_dense") for number in (1, 2)]
    body = keras.Sequential([keras.Input((4,)), *layers], name="body")
    kinds = {"kind": 2, "size": "regression"}
    return build_multitask(body, {name: kinds[name] for name in tasks}, **settings)


def test_cached_equals_plain_to_the_last_digit_and_every_block_has_its_lot():
    models = model_of_tasks(), model_of_tasks()
    before = {weight.path: weight.numpy() for weight in models[0].weights}
    runs = [
        fine_tune_tasks(model, TRAIN, HELD, **SHORT, cache=cache).history
        for model, cache in zip(models, (True, False), strict=True)
    ]
    assert runs[0]["phase"] == ["head"] * 2 + ["fine-tune"] * 2
    for name in ("loss", "score", "val_score", "kind_loss", "val_kind_accuracy", "val_size_r2"):
        assert runs[0][name] == runs[1][name]
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        assert np.array_equal(one, other)
    moved = {
        w.path.split("/")[-2] for w in models[0].weights if (w.numpy() != before[w.path]).any()
    }
    assert moved == {"block2_dense", "head_output_kind", "head_output_size"}


def test_heads_are_solved_where_they_can_be_and_the_file_is_plain(tmp_path):
    model = model_of_tasks()
    history = fine_tune_tasks(model, TRAIN, HELD, unfreeze_blocks=0, verbose=0).history
    assert history["phase"] == ["head"]
    assert history["kind_accuracy"][0] > 0.8
    model.save(tmp_path / "tasks.keras")
    loaded = keras.models.load_model(tmp_path / "tasks.keras")
    found = loaded.evaluate(*HELD, verbose=0, return_dict=True)
    assert found["kind_accuracy"] == pytest.approx(history["val_kind_accuracy"][0])
    assert loaded.loss["size"] == "mean_squared_error"


def test_the_weights_kept_are_those_of_the_best_mean_score():
    settings = SHORT | {"epochs": 0, "head_epochs": 4, "head_lr": 0.3}
    history = fine_tune_tasks(model_of_tasks(), TRAIN, HELD, **settings).history
    assert np.argmax(history["kept"]) == np.argmax(history["val_score"])


def test_a_task_of_weight_zero_learns_nothing_and_teaches_nothing():
    plain = {"hidden": 3, "dropout": 0}
    both, alone = model_of_tasks(**plain), model_of_tasks(("kind",), **plain)
    for layer in (layer for layer in alone.layers if layer.weights):
        layer.set_weights(both.get_layer(layer.name).get_weights())
    before = both.get_layer("head_output_size").get_weights()
    settings = SHORT | {"epochs": 0}
    weights = {"kind": 1.0, "size": 0.0}
    fine_tune_tasks(both, TRAIN, **settings, loss_weights=weights)
    fine_tune_tasks(alone, (X[:32], {"kind": PART["kind"]}), **settings)
    for one, other in zip(both.get_layer("head_output_size").get_weights(), before, strict=True):
        assert np.array_equal(one, other)
    assert np.allclose(
        both.get_layer("head_hidden").kernel, alone.get_layer("head_hidden").kernel, atol=1e-6
    )


def test_learned_weights_are_told_and_begin_at_the_constant_answer():
    settings = SHORT | {"epochs": 0, "head_epochs": 1, "head_lr": 1e-9, "batch_size": 32}
    labels = {"kind": np.arange(32) % 2, "size": np.arange(32.0)}
    told = fine_tune_tasks(
        model_of_tasks(), (X[:32], labels), **settings, loss_weights="uncertainty"
    ).history
    assert told["kind_weight"][0] == pytest.approx(1 / (2 * np.log(2)), rel=1e-3)
    assert told["size_weight"][0] == pytest.approx(1 / (2 * np.var(np.arange(32.0))), rel=1e-3)


def test_a_finished_run_is_not_trained_again(tmp_path):
    settings = SHORT | {"checkpoint": tmp_path, "loss_weights": "uncertainty", "epochs": 0}
    first, again = model_of_tasks(), model_of_tasks()
    history = fine_tune_tasks(first, TRAIN, HELD, **settings)
    assert fine_tune_tasks(again, TRAIN, HELD, **settings).history == history.history
    for one, other in zip(first.weights, again.weights, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("weights", ["more", {"kind": 1.0}, {"kind": 1.0, "size": -1.0}, 3])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match='"equal", "uncertainty", or a weight'):
        fine_tune_tasks(model_of_tasks(), TRAIN, loss_weights=weights)


def test_validation_without_a_label_is_told():
    held = (X[32:], {"kind": [-1] * 16, "size": LABELS["size"][32:]})
    with pytest.raises(ValueError, match="no validation label at all for 'kind'"):
        fine_tune_tasks(model_of_tasks(), TRAIN, held, verbose=0)
