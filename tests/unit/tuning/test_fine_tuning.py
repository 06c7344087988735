import inspect
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from tltk.inputs.examples import examples_of
from tltk.tuning import build_classifier, fine_tune, freeze
from tltk.tuning.augmentation import augmented_view

SHORT = {"epochs": 3, "head_epochs": 2, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}


@pytest.fixture
def split(pictures):
    images, labels = pictures
    return (images[:45], labels[:45]), (images[45:], labels[45:])


class StopAfter(keras.callbacks.Callback):
    """Presses Ctrl-C once, at the end of the given epoch of the run."""

    def __init__(self, epochs):
        super().__init__()
        self.left = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def curves(history):
    return {name: history.history[name] for name in ("phase", "loss", "val_loss", "val_accuracy")}


def test_phases_are_marked_and_every_block_has_its_lot(body, split):
    model = build_classifier(body(), 3)
    before = {weight.path: weight.numpy() for weight in model.weights}
    history = fine_tune(model, *split, **SHORT)
    assert history.history["phase"] == ["head"] * 2 + ["fine-tune"] * 3
    moved = {w.path.split("/")[0] for w in model.weights if (w.numpy() != before[w.path]).any()}
    assert moved == {"block3_conv", "head_output"}


@pytest.mark.parametrize("head_epochs", [None, 2])
@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_cached_equals_plain_to_the_last_digit(body, split, head_epochs, blocks):
    settings = SHORT | {"head_epochs": head_epochs, "unfreeze_blocks": blocks}
    cached, plain = build_classifier(body(), 3), build_classifier(body(), 3)
    with_cache = fine_tune(cached, *split, **settings)
    without = fine_tune(plain, *split, **settings, cache=False)
    assert curves(with_cache) == curves(without)
    for one, other in zip(cached.weights, plain.weights, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
@pytest.mark.parametrize("fresh", [True, False])
def test_interrupted_run_ends_as_an_uninterrupted_one(body, split, tmp_path, stop_after, fresh):
    expected_model = build_classifier(body(), 3)
    expected = fine_tune(expected_model, *split, **SHORT)
    model = build_classifier(body(), 3)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(model, *split, **SHORT, checkpoint=tmp_path, callbacks=[StopAfter(stop_after)])
    if fresh:
        model = build_classifier(body(seed=3), 3)
    history = fine_tune(model, *split, **SHORT, checkpoint=tmp_path)
    assert curves(history) == curves(expected)
    for one, other in zip(model.weights, expected_model.weights, strict=True):
        assert np.array_equal(one, other)


def test_a_finished_run_is_not_trained_again(body, split, tmp_path):
    first = build_classifier(body(), 3)
    history = fine_tune(first, *split, **SHORT, checkpoint=tmp_path)
    second = build_classifier(body(), 3)
    again = fine_tune(second, *split, **SHORT, checkpoint=tmp_path, callbacks=[StopAfter(1)])
    assert again.history == history.history
    assert np.array_equal(first.get_weights()[-1], second.get_weights()[-1])


def test_checkpoint_of_another_run_is_refused(body, split, tmp_path):
    model, other, (train, val) = build_classifier(body(), 3), body(seed=9), split
    fine_tune(model, train, val, **SHORT, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="written with another arguments"):
        fine_tune(model, train, val, **SHORT | {"base_lr": 1e-3}, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="another training data"):
        fine_tune(model, (train[0] // 2, train[1]), val, **SHORT, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="another frozen weights"):
        fine_tune(build_classifier(other, 3), train, val, **SHORT, checkpoint=tmp_path)


def test_killed_process_resumes(body, split, tmp_path):
    script = textwrap.dedent(
        """
        import os, signal
        import keras, numpy as np
        from tltk.tuning import build_classifier, fine_tune

        class Kill(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if KILLED and epoch == 1:
                    os.kill(os.getpid(), signal.SIGKILL)

        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(5, "relu", name="block1")(inputs)
        model = build_classifier(keras.Model(inputs, hidden), 2)
        x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
        y = (x[:, 0] > 0).astype("int32")
        history = fine_tune(model, (x, y), (x, y), epochs=3, unfreeze_blocks=1, verbose=0,
                            checkpoint=FOLDER, callbacks=[Kill()])
        """
    )

    there = f"KILLED, FOLDER = True, {str(tmp_path / 'killed')!r}\n{script}"
    killed = subprocess.run([sys.executable, "-c", there], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list((tmp_path / "killed").iterdir())
    found = {}
    for folder in ("killed", "whole"):
        here = {"KILLED": False, "FOLDER": str(tmp_path / folder)}
        exec(script, here)
        found[folder] = here["history"].history["val_loss"]
    assert found["killed"] == found["whole"]


def test_each_block_steps_by_its_own_rate(body, split):
    model = build_classifier(body(dropout=0), 3, dropout=0)
    before = {weight.path: weight.numpy() for weight in model.weights}
    train = (split[0][0][:32], split[0][1][:32])
    fine_tune(
        model, train, unfreeze_blocks=3, head_epochs=0, epochs=1, base_lr=1e-3, lr_decay=0.1,
        callbacks=keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate), verbose=0,
    )  # fmt: skip
    steps = {w.path: np.abs(w.numpy() - before[w.path]).max() for w in model.weights}
    expected = {"head_output": 1e-3, "block3_conv": 1e-3, "block2_conv": 1e-4, "block1_conv": 1e-5}
    for layer, rate in expected.items():
        assert steps[f"{layer}/kernel"] == pytest.approx(rate, rel=0.02)


def test_fine_tuning_never_ends_below_the_probe_on_validation(body, split):
    model = build_classifier(body(), 3)
    settings = SHORT | {"head_epochs": None, "base_lr": 1.0, "epochs": 2}
    entries = fine_tune(model, *split, **settings).history
    loss, accuracy = model.evaluate(*split[1], verbose=0)
    assert accuracy == pytest.approx(entries["val_accuracy"][0])
    assert loss == pytest.approx(entries["val_loss"][0], rel=1e-5)
    assert max(entries["val_loss"]) > loss


def test_early_stopping_waits_for_patience(body, split):
    split = split[0], (split[1][0], (split[1][1] + 1) % 3)
    settings = SHORT | {"head_epochs": 0, "base_lr": 1e-2, "epochs": 30}
    model = build_classifier(body(), 3)
    loss, accuracy = model.evaluate(*split[1], verbose=0)
    entries = fine_tune(model, *split, **settings, patience=2).history
    scores = [(accuracy, -loss)]
    scores += zip(entries["val_accuracy"], (-loss for loss in entries["val_loss"]), strict=True)
    best = max(range(len(scores)), key=scores.__getitem__)
    assert len(scores) - 1 == best + 2 < 30
    assert model.evaluate(*split[1], verbose=0)[1] == pytest.approx(scores[best][0])


def test_same_seed_same_run_another_seed_another(body, split):
    losses = [
        fine_tune(build_classifier(body(), 3), *split, **SHORT, seed=s).history["loss"]
        for s in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_augmentation_trains_and_is_not_saved(body, split, tmp_path, capsys):
    model = build_classifier(body(), 3)
    layers = [layer.name for layer in model.layers]
    fine_tune(model, *split, **SHORT | {"verbose": 2}, augment=True)
    assert "pictures are augmented" in capsys.readouterr().out
    assert [layer.name for layer in model.layers] == layers
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is keras.optimizers.Adam


@pytest.mark.parametrize("own", [True, False])
def test_augmented_runs_resume_and_repeat_too(body, split, tmp_path, own):
    layer = keras.layers.RandomFlip() if own else True
    settings = SHORT | {"head_epochs": 0, "augment": layer}
    whole = fine_tune(build_classifier(body(), 3), *split, **settings)
    again = fine_tune(build_classifier(body(), 3), *split, **settings)
    assert curves(again) == curves(whole)
    model = build_classifier(body(), 3)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(model, *split, **settings, checkpoint=tmp_path, callbacks=[StopAfter(2)])
    assert curves(fine_tune(model, *split, **settings, checkpoint=tmp_path)) == curves(whole)
    with pytest.raises(ValueError, match="another arguments"):
        fine_tune(model, *split, **settings | {"augment": None}, checkpoint=tmp_path)


def test_a_kept_view_trains_as_its_pictures_would(body, split, capsys):
    (images, labels), val = split
    changes = keras.layers.RandomFlip()
    settings = SHORT | {"head_epochs": 0, "batch_size": 8}
    kept = settings | {"augment": (changes, 1), "verbose": 2}
    with_views = fine_tune(build_classifier(body(), 3), *split, **kept)
    assert "Augmented views kept of each picture: 1;" in capsys.readouterr().out
    view = augmented_view(examples_of(images, labels), changes, seed=0, view=0)
    drawn = np.concatenate([view.fetch(np.arange(s, min(s + 8, 45))) for s in range(0, 45, 8)])
    assert not np.array_equal(drawn, images)
    by_hand = fine_tune(build_classifier(body(), 3), (drawn, labels), val, **settings)
    assert curves(with_views) == curves(by_hand)


def test_kept_views_resume_and_differ(body, split, tmp_path):
    settings = SHORT | {"augment": (keras.layers.RandomFlip(), 2)}
    whole = fine_tune(build_classifier(body(), 3), *split, **settings)
    model = build_classifier(body(), 3)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(model, *split, **settings, checkpoint=tmp_path, callbacks=[StopAfter(3)])
    assert curves(fine_tune(model, *split, **settings, checkpoint=tmp_path)) == curves(whole)
    settings["augment"] = keras.layers.RandomFlip(), 1
    one = fine_tune(build_classifier(body(), 3), *split, **settings)
    assert curves(one) != curves(whole)


def test_views_of_an_unfrozen_network_are_drawn_anew(body, split, capsys):
    settings = SHORT | {"augment": keras.layers.RandomFlip(), "unfreeze_blocks": "all"}
    anew = fine_tune(build_classifier(body(), 3), *split, **settings)
    kept = settings | {"augment": (settings["augment"], 2), "verbose": 2}
    assert curves(fine_tune(build_classifier(body(), 3), *split, **kept)) == curves(anew)
    assert "The whole network runs in every epoch" in capsys.readouterr().out


@pytest.mark.parametrize(
    "settings",
    [
        {"augment": (None, 3)},
        {"augment": (True, 3), "cache": False},
        {"augment": (True, 0)},
        {"augment": (True,)},
    ],
)
def test_views_of_nothing_are_refused(body, split, settings):
    with pytest.raises(ValueError, match=r"an augmentation, a number and the cache. Received"):
        fine_tune(build_classifier(body(), 3), *split, **settings)


def test_callbacks_see_the_whole_model(body, split, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    model = build_classifier(body(), ["a", "b", "c"])
    path = str(tmp_path / "best.keras")
    callbacks = [keras.callbacks.ModelCheckpoint(path), Stop()]
    history = fine_tune(model, *split, **SHORT, augment=True, callbacks=callbacks)
    assert history.history["phase"] == ["head", "fine-tune"]
    loaded = keras.models.load_model(path)
    assert loaded.input_shape == (None, 12, 12, 3)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    one = keras.callbacks.TerminateOnNaN()
    assert fine_tune(model, *split, **SHORT, callbacks=one).epoch == list(range(5))


def test_the_kept_epoch_is_marked(body, split):
    model = build_classifier(body(), 3)
    entries = fine_tune(model, *split, **SHORT).history
    kept = entries["kept"].index(1.0)
    assert sum(entries["kept"]) == 1
    assert model.evaluate(*split[1], verbose=0)[0] == pytest.approx(entries["val_loss"][kept])
    without_val = fine_tune(build_classifier(body(), 3), split[0], **SHORT).history
    assert without_val["kept"] == [0, 0, 0, 0, 1]


def my_loss(y_true, y_pred):
    return keras.losses.mean_squared_error(y_true, y_pred)


def test_a_loss_of_ones_own(body, pictures):
    model = build_classifier(body(), 1, kind="regression")
    model.compile("adam", loss=my_loss, metrics=[my_loss])
    images, labels = pictures
    history = fine_tune(model, (images, labels), **SHORT)
    assert np.isfinite(history.history["my_loss"]).all()
    assert model.loss is my_loss


def test_other_kinds_of_labels(body, pictures):
    images, labels = pictures
    many = build_classifier(body(), 2, kind="many_labels")
    targets = np.stack([labels > 0, labels > 1], 1).astype("float32")
    assert "val_loss" in fine_tune(many, (images, targets), (images, targets), **SHORT).history
    line = build_classifier(body(), 1, kind="regression")
    fine_tune(line, (images, labels), **SHORT | {"head_epochs": None})
    tags = np.stack([labels > 0, np.zeros(60), np.ones(60)], 1)
    rare = build_classifier(body(), 3, kind="many_labels")
    fine_tune(rare, (images, tags), unfreeze_blocks=0, verbose=0)
    assert (rare.predict(images, verbose=0)[:, 1:].round() == [0, 1]).all()


def test_a_body_of_plain_weights_and_all_blocks(body, split):
    history = fine_tune(build_classifier(body(), 3), *split, **SHORT | {"unfreeze_blocks": "all"})
    assert len(history.history["loss"]) == 5


def test_mixed_precision_trains(body, split):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = build_classifier(body(), 3)
        history = fine_tune(model, *split, **SHORT)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert model.output.dtype == "float32"
    assert np.isfinite(history.history["val_loss"]).all()


def test_scaled_pictures_are_warned_about(body, split):
    (images, labels), _ = split
    with pytest.warns(UserWarning, match="already scaled"):
        fine_tune(build_classifier(body(), 3), (images / 255.0, labels), **SHORT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unfreeze_blocks": "block9"}, "Received: 'block9'"),
        ({"base_lr": 0.0}, "base_lr must be a finite number above 0"),
        ({"augment": "strong"}, "augment='strong'"),
        ({"epochs": -1}, "epochs must be a whole number of at least 0"),
        ({"head_lr": None}, "head_lr must be a finite number above 0. Received: head_lr=None"),
        ({"cache": ("keras", "float32", 1)}, "Received: cache="),
        ({"cache": "torch"}, "engine and precision .*Received: cache='torch'"),
        ({"unfreeze_blocks": True}, "Received: blocks=True"),
        ({"imbalance": "balanced"}, "one of class_weight, focal.*Received: imbalance='balanced'"),
        ({"imbalance": {7: 2}}, "Received: imbalance={7: 2}"),
        ({"callbacks": keras.callbacks.EarlyStopping}, "a list of .*Received: callbacks=<class"),
        ({"callbacks": [print]}, "must be a list of .*Received: callbacks=\\[<built-in"),
    ],
)
def test_bad_settings(body, split, change, message):
    with pytest.raises(ValueError, match=message):
        fine_tune(build_classifier(body(), 3), *split, **SHORT | change)


def test_bad_data(body, split):
    (images, labels), _ = split
    model = build_classifier(body(), 3)
    with pytest.raises(
        ValueError, match=r"the network takes, \(12, 12, 3\). Received: \(6, 12, 3\)"
    ):
        fine_tune(model, (images[:, :6], labels), **SHORT)
    with pytest.raises(ValueError, match=r"from 0 to 2.*Received: labels from 1 to 3"):
        fine_tune(model, (images, labels + 1), **SHORT)
    with pytest.raises(ValueError, match=r"are whole numbers. Received: floats.*y.astype\(int\)"):
        fine_tune(model, (images, labels.astype(float)), **SHORT)
    with pytest.raises(ValueError, match="Training needs labels"):
        fine_tune(model, images, **SHORT)
    with pytest.raises(ValueError, match=r"class numbers of shape \(n,\).*Take y.argmax\(1\)"):
        fine_tune(model, (images, np.eye(3)[labels]), **SHORT)
    many = build_classifier(body(), 2, kind="many_labels")
    with pytest.raises(ValueError, match=r"The head gives 2 numbers.*Received: .*\(45,\)"):
        fine_tune(many, (images, labels), **SHORT)
    with pytest.raises(ValueError, match="one class number for each example"):
        fine_tune(many, (images, np.eye(2)[labels % 2]), **SHORT, imbalance="focal")


def test_models_without_a_named_head_are_refused(body, split):
    backbone = body()
    backbone.compile(loss="mse")
    with pytest.raises(ValueError, match="must be named head_"):
        fine_tune(backbone, *split, **SHORT)
    freeze(backbone)
    with pytest.raises(ValueError, match="compiled functional model"):
        fine_tune(body(), *split, **SHORT)


def test_arguments_are_few_and_named():
    parameters = inspect.signature(fine_tune).parameters
    assert len(parameters) <= 20
    named = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
    assert named == list(parameters)[3:]


@pytest.mark.parametrize("cache", [True, False])
def test_the_model_itself_is_never_compiled_anew(body, split, monkeypatch, cache):
    model, compiled = build_classifier(body(), 3), []
    compile_model = keras.Model.compile

    def counted(self, *arguments, **settings):
        compiled.append(self)
        return compile_model(self, *arguments, **settings)

    monkeypatch.setattr(keras.Model, "compile", counted)
    fine_tune(model, *split, **SHORT, cache=cache)
    assert compiled
    assert not any(each is model for each in compiled)
