import keras
import numpy as np
import pytest

from tltk.tuning import build_classifier, fine_tune

SETTINGS = {"epochs": 3, "head_epochs": 1, "unfreeze_blocks": 2, "base_lr": 1e-2, "verbose": 0}


@pytest.fixture
def split(pictures):
    images, labels = pictures
    return (images[:45], labels[:45]), (images[45:], labels[45:])


class Remember(keras.callbacks.Callback):
    """Keeps the weights of every epoch's end, by their paths."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append({w.path: w.numpy() for w in self.model.weights})


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def distance(weights, start):
    """How far the convolutions of blocks 2 and 3 went, and how large the head is, both squared."""
    moved = [f"block{block}_conv/{part}" for block in (2, 3) for part in ("kernel", "bias")]
    far = sum(np.sum((weights[name] - start[name]).astype("float64") ** 2) for name in moved)
    head = [value for name, value in weights.items() if name.startswith("head_")]
    return far, sum(np.sum(value.astype("float64") ** 2) for value in head)


@pytest.mark.parametrize("cache", [True, False])
def test_the_loss_is_the_closed_formula(body, split, cache):
    model, seen = build_classifier(body(dropout=0), 3, dropout=0), Remember()
    start = {w.path: w.numpy() for w in model.weights}
    history = fine_tune(model, *split, **SETTINGS, l2_sp=0.3, cache=cache, callbacks=seen)
    x, y = split[1]
    for weights, loss in zip(seen.weights, history.history["val_loss"], strict=True):
        model.set_weights([weights[w.path] for w in model.weights])
        shares = model.predict(x, verbose=0)[np.arange(len(y)), y].astype("float64")
        expected = -np.log(shares).mean() + 0.3 / 2 * sum(distance(weights, start))
        assert loss == pytest.approx(expected, rel=1e-4)


def test_a_step_follows_the_pull(body, split):
    """Without a slope of its own a weight goes straight towards where it started."""
    away = {}
    for alpha in (0.0, 0.1, 100.0):
        model = build_classifier(body(), 3)
        start = {w.path: w.numpy() for w in model.weights}
        fine_tune(model, split[0], **SETTINGS, l2_sp=alpha)
        away[alpha] = distance({w.path: w.numpy() for w in model.weights}, start)
    assert away[0.0][0] > 2 * away[0.1][0] > 20 * away[100.0][0]
    assert away[0.0][1] > away[0.1][1] > away[100.0][1]


def test_an_interrupted_run_remembers_the_start(body, split, tmp_path):
    settings = SETTINGS | {"l2_sp": 0.3}
    whole = build_classifier(body(), 3)
    expected = fine_tune(whole, *split, **settings).history
    model = build_classifier(body(), 3)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(model, *split, **settings, checkpoint=tmp_path, callbacks=[Stop()])
    found = fine_tune(model, *split, **settings, checkpoint=tmp_path).history
    assert found["val_loss"] == expected["val_loss"]
    for one, other in zip(model.weights, whole.weights, strict=True):
        assert np.array_equal(one, other)
    with pytest.raises(ValueError, match="written with another arguments"):
        fine_tune(model, *split, **settings | {"l2_sp": 0.1}, checkpoint=tmp_path)


def test_nothing_of_it_stays(body, split, tmp_path):
    model, own = build_classifier(body(), 3), keras.regularizers.L2(0.01)
    model.get_layer("block3_conv").kernel.regularizer = own
    alone = float(own(model.get_layer("block3_conv").kernel))
    fine_tune(model, split[0], **SETTINGS | {"epochs": 1, "base_lr": 1e-9}, l2_sp=5.0)
    assert [w.regularizer for w in model.weights if w.regularizer is not None] == [own]
    assert float(sum(model.losses)) == pytest.approx(alone, rel=1e-4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert not loaded.losses
    with pytest.raises(KeyboardInterrupt):
        fine_tune(model, split[0], **SETTINGS, l2_sp=5.0, callbacks=[Stop()])
    assert float(sum(model.losses)) < 1


def test_a_pull_below_zero_is_refused(body, split):
    with pytest.raises(ValueError, match="l2_sp must be a finite number of at least 0"):
        fine_tune(build_classifier(body(), 3), *split, l2_sp=-1.0)
