import inspect
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import keras
import numpy as np
import pytest

from tltk.adaptation import adapt_domains
from tltk.tuning import build_classifier, fine_tune, load_model, pretrain_masked, unfreeze
from tltk.tuning._loop import history_of

CALLBACKS = keras.callbacks
RNG = np.random.default_rng(0)
LABELS = np.arange(36, dtype="int32") % 2
ROWS = RNG.normal(size=(36, 6)).astype("float32") + LABELS[:, None]
DATA = (ROWS[:24], LABELS[:24]), (ROWS[24:], LABELS[24:])


def classifier(seed=7):
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((6,))
    for block in (1, 2):
        x = keras.layers.Dense(5, name=f"block{block}_dense")(x)
    model = build_classifier(keras.Model(inputs, x), ["a", "b"])
    model.run_eagerly = True
    return model


def tuned(*callbacks, model=None, **settings):
    given = {"unfreeze_blocks": 1, "epochs": 3, "base_lr": 1e-2, "batch_size": 8, "verbose": 0}
    model = model or classifier()
    return fine_tune(model, *DATA, callbacks=list(callbacks), **given | settings)


def events(folder):
    return [file for _, _, files in os.walk(folder) for file in files if "tfevents" in file]


@pytest.fixture
def listener():
    """A server on this machine that keeps what it is sent."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def backup(folder):
    with pytest.raises(ValueError, match=r"BackupAndRestore: .*Pass checkpoint=FOLDER"):
        tuned(CALLBACKS.BackupAndRestore(str(folder)))


def csv_logger(folder):
    history = tuned(CALLBACKS.CSVLogger(str(folder / "log.csv")), head_epochs=0)
    header, *rows = (folder / "log.csv").read_text().splitlines()
    table = [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]
    assert [float(row["val_loss"]) for row in table] == history.history["val_loss"]
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    both = folder / "both.csv"
    tuned(CALLBACKS.CSVLogger(both, append=True), head_epochs=2, epochs=1)
    assert [row.split(",")[0] for row in both.read_text().splitlines()] == ["epoch", *"012"]
    with pytest.warns(UserWarning, match="append=False for 2 phases, so that the file keeps the l"):
        tuned(CALLBACKS.CSVLogger(both), head_epochs=2, epochs=1)


def early_stopping(folder):
    callback = CALLBACKS.EarlyStopping("val_accuracy", patience=0, min_delta=9, mode="auto")
    assert len(tuned(callback, epochs=8).epoch) == 1 + 2


def history(folder):
    own, model = CALLBACKS.History(), classifier()
    found = tuned(own, model=model)
    assert own.history["val_loss"] == found.history["val_loss"][1:]
    assert model.history is own


def lambdas(folder):
    seen = []
    names = ("train_begin", "epoch_begin", "train_batch_end", "epoch_end", "train_end")
    tuned(
        CALLBACKS.LambdaCallback(
            **{f"on_{name}": lambda *_, name=name, logs=None: seen.append(name) for name in names}
        ),
        epochs=1,
    )
    batches = ["train_batch_end"] * 3
    assert seen == ["train_begin", "epoch_begin", *batches, "epoch_end", "train_end"]


def rate_scheduler(folder):
    rates = []

    def schedule(epoch, rate):
        rates.append((epoch, round(rate, 6)))
        return rate / 2

    found = tuned(CALLBACKS.LearningRateScheduler(schedule))
    assert rates == [(0, 0.01), (1, 0.005), (2, 0.0025)]
    np.testing.assert_allclose(found.history["learning_rate"][1:], [0.005, 0.0025, 0.00125])


def model_checkpoint(folder):
    path = folder / "best.keras"
    monitored = {"monitor": "val_accuracy", "save_best_only": True}
    weights = str(folder / "{epoch:02d}.weights.h5")
    model = classifier()
    tuned(
        CALLBACKS.ModelCheckpoint(path, **monitored),
        CALLBACKS.ModelCheckpoint(weights, save_weights_only=True),
        CALLBACKS.ModelCheckpoint(str(folder / "batch.keras"), save_freq=2),
        model=model,
    )
    loaded = keras.models.load_model(path)
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    tuned(CALLBACKS.ModelCheckpoint(str(folder / "older.h5")))
    older = keras.models.load_model(folder / "older.h5")
    assert type(older.optimizer) is keras.optimizers.Adam
    told = [each.optimizer.get_config() | {"name": ""} for each in (older, loaded)]
    assert told[0] == told[1]
    assert sorted(file.name for file in folder.glob("*.weights.h5")) == [
        f"{epoch:02d}.weights.h5" for epoch in (1, 2, 3)
    ]
    model.load_weights(folder / "03.weights.h5")
    assert load_model(folder / "batch.keras", class_names=["a", "b"]).input_shape == (None, 6)


def orbax(folder):
    with pytest.raises(ImportError):
        CALLBACKS.OrbaxCheckpoint(str(folder))


def progress(folder):
    tuned(CALLBACKS.ProgbarLogger())


def plateau(folder):
    callback = CALLBACKS.ReduceLROnPlateau("val_accuracy", factor=0.5, patience=1, min_delta=9)
    rates = tuned(callback, epochs=4).history["learning_rate"][1:]
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.005, 0.0025])


def swap(folder):
    with pytest.raises(ValueError, match=r"SwapEMAWeights: .*use_ema=True"):
        tuned(CALLBACKS.SwapEMAWeights())


def tensorboard(folder):
    pytest.importorskip("tensorboard")
    given = {"histogram_freq": 1, "write_steps_per_second": True}
    tuned(CALLBACKS.TensorBoard(str(folder), **given))
    assert len(events(folder)) == 2


def terminate(folder):
    model = classifier()
    callback = CALLBACKS.TerminateOnNaN()
    assert len(tuned(callback, model=model).epoch) == 4
    found = tuned(callback, model=classifier(), base_lr=1e30, head_epochs=0, epochs=5)
    assert len(found.epoch) < 5


WORKS = {
    "BackupAndRestore": backup,
    "CSVLogger": csv_logger,
    "EarlyStopping": early_stopping,
    "History": history,
    "LambdaCallback": lambdas,
    "LearningRateScheduler": rate_scheduler,
    "ModelCheckpoint": model_checkpoint,
    "OrbaxCheckpoint": orbax,
    "ProgbarLogger": progress,
    "ReduceLROnPlateau": plateau,
    "SwapEMAWeights": swap,
    "TensorBoard": tensorboard,
    "TerminateOnNaN": terminate,
}
STOCK = [
    name
    for name, kind in vars(CALLBACKS).items()
    if inspect.isclass(kind) and name not in ("Callback", "CallbackList")
]


@pytest.mark.parametrize("name", STOCK)
def test_every_stock_callback_works_as_under_fit_or_is_refused(name, tmp_path, request, capsys):
    if name == "RemoteMonitor":
        pytest.importorskip("requests")
        root, received = request.getfixturevalue("listener")
        tuned(CALLBACKS.RemoteMonitor(root, path="/", send_as_json=True))
        assert [json.loads(each)["epoch"] for each in received] == [0, 1, 2]
    else:
        WORKS[name](tmp_path)


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs, self.batches, self.rates, self.tests = [], [], [], 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(int(self.model.optimizer.iterations))
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_test_end(self, logs=None):
        self.tests += 1

    def on_epoch_end(self, epoch, logs=None):
        metrics = self.model.evaluate(*DATA[1], verbose=0, return_dict=True)
        self.epochs.append((epoch, self.params["epochs"], self.params["steps"]))
        assert metrics["accuracy"] == pytest.approx(logs["val_accuracy"])
        assert metrics["loss"] == pytest.approx(logs["val_loss"], rel=1e-5)


@pytest.mark.parametrize("head_epochs", [None, 2])
def test_a_callback_sees_the_true_training(head_epochs):
    model, watch = classifier(), Watch()
    optimizer, metrics = model.optimizer, model._compile_metrics
    tuned(watch, model=model, head_epochs=head_epochs, base_lr=1e-3)
    before = 0 if head_epochs is None else 2
    expected = [(epoch, before + 3, 3) for epoch in range(before, before + 3)]
    assert watch.epochs[before:] == expected
    assert watch.tests == before + 3
    assert watch.batches == [*range(1, 3 * before + 1), *range(1, 10)]
    tuning = watch.rates[3 * before :]
    assert max(tuning) <= 1e-3
    assert tuning[-1] < max(tuning) / 2
    assert model.optimizer is optimizer
    assert model._compile_metrics is metrics
    expected = model.evaluate(*DATA[1], verbose=0)
    assert model.evaluate(*DATA[1], verbose=0) == expected


def test_callbacks_do_the_same_in_domain_training(tmp_path):
    watch = CALLBACKS.ModelCheckpoint(tmp_path / "m.keras", "val_accuracy", save_best_only=True)
    rates = CALLBACKS.LearningRateScheduler(lambda epoch, rate: 0.5 * rate)
    stop = CALLBACKS.EarlyStopping("val_accuracy", min_delta=9, patience=0)
    history = adapt_domains(
        classifier(), DATA[0], ROWS, DATA[1], unfreeze_blocks="all", epochs=5, lr=0.01,
        batch_size=8, callbacks=[watch, rates, stop], verbose=0,
    )  # fmt: skip
    assert keras.models.load_model(tmp_path / "m.keras").input_shape == (None, 6)
    assert len(history.epoch) == 2
    np.testing.assert_allclose(history.history["learning_rate"], [0.005, 0.0025])


def test_what_was_not_noted_is_nan():
    model = classifier()
    found = history_of(model, [{"loss": 1.0}, {"loss": 0.5, "val_loss": 2.0}])
    assert found.model is model
    assert found.epoch == [0, 1]
    assert found.history["loss"] == [1.0, 0.5]
    assert np.isnan(found.history["val_loss"][0])


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="handles are counted on Linux")
def test_a_run_lets_go_of_its_arrays():
    def handles():
        return len(os.listdir("/proc/self/fd"))

    model, seen = classifier(), []
    for _ in range(4):
        tuned(model=model, epochs=1)
        seen.append(handles())
    assert seen[3] <= seen[1]


def test_masked_pretraining_hides_anew_in_every_epoch():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((8, 1)), keras.layers.Dense(4)])
    windows = RNG.normal(size=(12, 8, 1)).astype("float32")
    losses = [pretrain_masked(encoder, windows, epochs=3, lr=1e-9, batch_size=5) for _ in range(2)]
    assert losses[0].history["loss"] == pytest.approx(losses[1].history["loss"], rel=1e-4)
    assert len(set(losses[0].history["loss"])) == 3
    unfreeze(encoder, "all")


def test_weights_in_half_precision_are_told():
    inputs = keras.Input((6,), dtype="float16")
    hidden = keras.layers.Dense(4, dtype="float16", name="body")(inputs)
    outputs = keras.layers.Dense(2, "softmax", name="head_output")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.warns(
        UserWarning, match="with weights in float16. Build it with keras.config.set_f"
    ):
        fine_tune(model, *DATA, epochs=0, head_epochs=0, verbose=0)
