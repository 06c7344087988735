"""A run of `fine_tune` that is killed, at any moment, ends as one that was not."""

import math
import os
import threading

import keras
import numpy as np
import pytest

from tltk._cache import locked
from tltk.tuning import (
    _checkpoint as session,
)
from tltk.tuning import (
    add_lora,
    build_classifier,
    build_multitask,
    fine_tune,
    fine_tune_tasks,
)

RNG = np.random.default_rng(0)
LABELS = np.arange(36, dtype="int32") % 2
ROWS = RNG.normal(size=(36, 6)).astype("float32") + LABELS[:, None]
TRAIN, VAL = (ROWS[:24], LABELS[:24]), (ROWS[24:], LABELS[24:])
TASKS = {"odd": LABELS, "sum": ROWS.sum(axis=1)}


class Killed(BaseException):
    """Stands for `kill -9`: nothing that catches errors catches it."""


class KillAt:
    """Kills at the n-th time that a checkpoint takes its name, before or after it has done so."""

    def __init__(self, number, after):
        self.left, self.after, self.seen = number, after, 0

    def __call__(self, source, target, replace=os.replace):
        counts = os.path.basename(target) == "fine_tune.npz"
        self.seen += counts
        self.left -= counts
        if counts and self.left == 0 and not self.after:
            raise Killed
        replace(source, target)
        if counts and self.left == 0:
            raise Killed


class KillInBatch(keras.callbacks.Callback):
    """Kills in the middle of the n-th epoch that is begun."""

    def __init__(self, number):
        super().__init__()
        self.left = number

    def on_epoch_begin(self, epoch, logs=None):
        self.left -= 1

    def on_train_batch_begin(self, batch, logs=None):
        if self.left == 0 and batch == 1:
            raise Killed


def backbone():
    keras.utils.set_random_seed(7)
    x = inputs = keras.Input((6,))
    for block in (1, 2):
        x = keras.layers.Dense(5, name=f"block{block}_dense")(x)
        x = keras.layers.BatchNormalization(name=f"block{block}_bn")(x)
        x = keras.layers.Dropout(0.3, seed=block, name=f"block{block}_dropout")(x)
    return keras.Model(inputs, x)


def eager(model):
    """Without tracing, which takes most of the time of so small a run."""
    model.run_eagerly = True
    return model


def classifier():
    return eager(build_classifier(backbone(), 2))


def of_tasks():
    return eager(build_multitask(backbone(), {"odd": 2, "sum": "regression"}))


def adapted():
    model = classifier()
    add_lora(model, rank=2, blocks=1)
    return model


def tuned(model, folder, train=TRAIN, val=VAL, **settings):
    given = {"unfreeze_blocks": 1, "epochs": 2, "base_lr": 1e-2, "batch_size": 8, "verbose": 0}
    return fine_tune(model, train, val, checkpoint=folder, **given | settings)


def tuned_tasks(model, folder, **settings):
    train, val = (
        (ROWS[part], {name: labels[part] for name, labels in TASKS.items()})
        for part in (slice(24), slice(24, None))
    )
    given = {"unfreeze_blocks": 1, "epochs": 2, "batch_size": 8, "verbose": 0}
    return fine_tune_tasks(model, train, val, checkpoint=folder, **given | settings)


def noise():
    return keras.layers.GaussianNoise(0.5)


SCENARIOS = {
    "solved head": {},
    "trained head": {"head_epochs": 2},
    "head alone": {"head_epochs": 3, "unfreeze_blocks": 0},
    "without validation": {"val": None, "cache": False},
    "early stopping": {"epochs": 6, "patience": 1, "base_lr": 0.5},
    "augmented anew": {"augment": noise, "head_epochs": 1},
    "views": {"augment": lambda: (noise(), 2), "head_epochs": 0, "epochs": 3},
    "all, statistics too": {"unfreeze_blocks": "all", "train_batch_norm": True},
    "towards the start": {"l2_sp": 0.1, "head_epochs": 0},
    "drawn evenly": {"imbalance": "balanced_sampling", "cache": False},
    "focal": {"imbalance": "focal", "head_epochs": 1, "epochs": 1},
    "adapters": {"make": adapted},
    "tasks": {"make": of_tasks, "run": tuned_tasks},
}


def scenario(name):
    """A function that makes the model, and one that trains it with a folder, always alike."""
    settings = {**SCENARIOS[name]}
    make, run = settings.pop("make", classifier), settings.pop("run", tuned)

    def train(model, folder, **more):
        changes = {"augment": settings["augment"]()} if "augment" in settings else {}
        return run(model, folder, **settings | changes | more)

    return make, train


def ended_alike(history, model, expected, expected_model):
    for name in set(expected.history) - {"seconds"}:
        for one, other in zip(history.history[name], expected.history[name], strict=True):
            assert one == other or (math.isnan(one) and math.isnan(other)), name
    for one, other in zip(model.get_weights(), expected_model.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_before_and_after_every_write(name, tmp_path, monkeypatch):
    make, train = scenario(name)
    whole, counted = make(), KillAt(0, False)
    monkeypatch.setattr("tltk._cache.files.os.replace", counted)
    expected = train(whole, tmp_path / "whole")
    kills, model = 0, make()
    while True:
        before = kills % 2 == 0
        killer = KillAt(1, after=not before)
        monkeypatch.setattr("tltk._cache.files.os.replace", killer)
        try:
            history = train(model, tmp_path / "killed")
            break
        except Killed:
            kills += 1
            model = model if kills % 3 == 0 else make()  # mostly another process, as it were
    assert kills == 2 * counted.seen >= 6
    ended_alike(history, model, expected, whole)


@pytest.mark.parametrize("name", ["solved head", "trained head", "augmented anew"])
def test_killed_in_the_middle_of_every_epoch(name, tmp_path):
    make, train = scenario(name)
    whole = make()
    expected = train(whole, None)
    trained = expected.history["phase"].count("fine-tune")
    kills, model = 0, make()
    while True:
        try:
            history = train(model, tmp_path, callbacks=[KillInBatch(1 + kills % 2)])
            break
        except Killed:
            kills += 1
            model = model if kills % 2 else make()
    assert kills >= trained
    ended_alike(history, model, expected, whole)


def test_the_same_model_goes_on_and_another_one_is_refused(tmp_path):
    settings = {"unfreeze_blocks": "all"}
    first, other = classifier(), classifier()
    tuned(first, tmp_path, **settings)
    again = tuned(first, tmp_path, **settings)
    assert len(again.epoch) == 3
    kernel = other.get_layer("block1_dense").kernel
    kernel.assign(kernel * 2)
    before = other.get_weights()
    with pytest.raises(ValueError, match="written with another start weights"):
        tuned(other, tmp_path, **settings)
    for one, kept in zip(other.get_weights(), before, strict=True):
        assert np.array_equal(one, kept)


def test_a_new_head_may_be_drawn_anew_but_not_one_that_has_learned(tmp_path):
    tuned(classifier(), tmp_path, head_epochs=1)
    redrawn = classifier()
    redrawn.layers[-1].kernel.assign(RNG.normal(size=(5, 2)))
    assert len(tuned(redrawn, tmp_path, head_epochs=1).epoch) == 3
    learned = classifier()
    learned.layers[-1].bias.assign([0.5, -0.5])
    with pytest.raises(ValueError, match="another start weights"):
        tuned(learned, tmp_path, head_epochs=1)


def as_dataset(rows):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((rows, LABELS)).batch(8)


def test_other_rows_of_a_dataset_with_the_same_labels_are_refused(tmp_path):
    history = tuned(classifier(), tmp_path, as_dataset(ROWS), None)
    assert tuned(classifier(), tmp_path, as_dataset(ROWS), None).history == history.history
    with pytest.raises(ValueError, match="another training data"):
        tuned(classifier(), tmp_path, as_dataset(ROWS + 50), None)


def scaled_loss(factor):
    def loss(y_true, y_pred):
        return factor * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    loss.__qualname__ = "sparse_scaled"  # tells that it compares with class numbers
    return loss


def scaled_noise(factor):
    return keras.layers.Lambda(lambda x: x * factor)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"loss": scaled_loss(1.0)}, {"loss": scaled_loss(2.0)}),
        ({"loss": "sparse_categorical_crossentropy"}, {"loss": scaled_loss(1.0)}),
        ({"metrics": ["accuracy"]}, {"metrics": []}),
        (
            {"metrics": [keras.metrics.SparseTopKCategoricalAccuracy(1)]},
            {"metrics": [keras.metrics.SparseTopKCategoricalAccuracy(2)]},
        ),
    ],
)
def test_another_loss_or_metric_is_refused(one, other, tmp_path):
    def run(changes):
        model, given = classifier(), {"loss": "sparse_categorical_crossentropy"}
        model.compile("adam", **given | changes, run_eagerly=True)
        return tuned(model, tmp_path, epochs=1)

    run(one)
    run(one)
    with pytest.raises(ValueError, match="another loss or metrics"):
        run(other)


def test_another_augmentation_is_refused(tmp_path):
    run = {"augment": scaled_noise(1.0), "epochs": 1}
    tuned(classifier(), tmp_path, **run)
    tuned(classifier(), tmp_path, **run | {"augment": scaled_noise(1.0)})
    for other in (scaled_noise(2.0), keras.Sequential([keras.layers.GaussianNoise(0.1)])):
        with pytest.raises(ValueError, match="another arguments"):
            tuned(classifier(), tmp_path, **run | {"augment": other})


def test_a_damaged_checkpoint_is_named(tmp_path):
    tuned(classifier(), tmp_path, epochs=1)
    file = tmp_path / "fine_tune.npz"
    whole = file.read_bytes()
    places = [len(whole) // 3, len(whole) // 2, whole.index("val_loss".encode("utf-32-le"))]
    flipped = [bytes([*whole[:p], whole[p] ^ 4, *whole[p + 1 :]]) for p in places]
    for content in (whole[: len(whole) // 2], b"", whole[:-30], *flipped, b"no archive at all"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"fine_tune.npz, which is damaged.*Delete this file"):
            tuned(classifier(), tmp_path, epochs=1)
    file.write_bytes(whole)
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["facts"] = np.array(str(arrays["facts"]).replace('"accuracy": ', '"accuracy": 0.0'))
    np.savez(file, **arrays)
    with pytest.raises(ValueError, match="its checksum is another"):
        tuned(classifier(), tmp_path, epochs=1)


def test_another_process_is_told_and_the_first_goes_on(tmp_path):
    with locked(tmp_path / "fine_tune.npz"), pytest.raises(RuntimeError, match="another process"):
        tuned(classifier(), tmp_path)
    inside, told, on = threading.Event(), threading.Event(), []

    class Wait(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            inside.set()
            told.wait(60)

    model = classifier()
    run = threading.Thread(target=lambda: on.append(tuned(model, tmp_path, callbacks=[Wait()])))
    run.start()
    inside.wait(60)
    with pytest.raises(RuntimeError, match=str(tmp_path)):
        tuned(classifier(), tmp_path)
    told.set()
    run.join(120)
    assert len(on[0].epoch) == 3


def test_a_full_disk_says_what_is_needed_and_leaves_nothing_behind(tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def full(handle):
        raise OSError(28, "No space left on device")

    model, settings = classifier(), {"head_epochs": 1, "cache": False}
    start = model.get_weights()
    with monkeypatch.context() as patch:
        patch.setattr("tltk._cache.files.os.fsync", full)
        with pytest.raises(OSError, match=r"MB free. It takes .* MB. Free some space") as raised:
            tuned(model, folder, **settings)
    assert str(folder / "fine_tune.npz") in str(raised.value)
    assert {path.suffix for path in folder.iterdir()} <= {".lock"}
    for one, other in zip(model.get_weights(), start, strict=True):
        assert np.array_equal(one, other)
    assert len(tuned(model, folder, **settings).epoch) == 3


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Checkpoints are kept on disk.*Received: .*file.runs"):
        tuned(classifier(), tmp_path / "file" / "runs")


def test_a_checkpoint_may_lie_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert session.Checkpoint("~/run").path == tmp_path / "run" / "fine_tune.npz"


def test_a_checksum_holds_for_what_an_archive_gives_back(tmp_path):
    """It has no name for bfloat16, and gives two bytes a number."""
    arrays = [np.asarray(keras.ops.cast(ROWS, kind)) for kind in ("bfloat16", "float16", "float32")]
    np.savez(tmp_path / "kept.npz", *arrays)
    with np.load(tmp_path / "kept.npz") as archive:
        again = [archive[name] for name in archive.files]
    assert again[0].dtype != arrays[0].dtype
    assert session._checksum(again) == session._checksum(arrays)
    again[0] = again[0][::-1]
    assert session._checksum(again) != session._checksum(arrays)
