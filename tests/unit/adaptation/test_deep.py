import keras
import numpy as np
import pytest

from tltk.adaptation import adapt_domains
from tltk.backbones import load_backbone
from tltk.inputs.examples import examples_of
from tltk.tuning import RandomColours, build_classifier
from tltk.tuning._loop import ShuffledBatches

ALL = {"unfreeze_blocks": "all", "epochs": 2, "batch_size": 16, "verbose": 0}


def classifier(norm=False, seed=0, classes=2, width=2, dropout=0.0):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(8, name="block1_dense"), keras.layers.ReLU()]
    layers += [keras.layers.BatchNormalization(momentum=0.5, name="block1_bn")] * norm
    layers += [keras.layers.Dense(6, "relu", name="block2_dense")]
    body = keras.Sequential([keras.Input((width,)), *layers])
    return build_classifier(body, classes, dropout=dropout)


@pytest.fixture(scope="module")
def shifted():
    """The first column decides everywhere; the second only repeats it in the source."""
    random = np.random.default_rng(0)
    signal = random.normal(size=(2, 192)).astype("float32")
    labels = (signal > 0).astype("int32")
    source = np.c_[signal[0], 2 * signal[0]], labels[0]
    target = np.c_[signal[1], random.normal(size=192) * 2 + 4].astype("float32"), labels[1]
    return source, target


def accuracy(model, data):
    return model.evaluate(*data, verbose=0, return_dict=True)["accuracy"]


def plainly_trained(data, **kind):
    """Source-only training in plain Keras, with the same order, rate and schedule."""
    model = classifier(**kind)
    batches = ShuffledBatches(examples_of(data), ALL["batch_size"], seed=0)
    model.trainable = True
    for layer in model.layers:
        layer.trainable = True
    rate = keras.optimizers.schedules.CosineDecay(1e-2, ALL["epochs"] * len(batches))
    model.compile(keras.optimizers.Adam(rate), model.loss)
    for number, layer in enumerate(x for x in model.layers if "dropout" in x.name):
        layer.seed_generator.state.assign(np.array([0, number], "uint32"))
    model.fit(batches, epochs=ALL["epochs"], shuffle=False, verbose=0)
    return model


def test_weight_zero_is_training_on_the_source_alone(shifted):
    """Batch normalisation, dropout and a last batch that is not full included."""
    (x, y), (other, _) = shifted
    kind = {"norm": True, "dropout": 0.3}
    expected = plainly_trained((x[:90], y[:90]), **kind)
    model = classifier(**kind)
    settings = ALL | {"train_batch_norm": True, "lr": 1e-2}
    adapt_domains(model, (x[:90], y[:90]), other, weight=0, **settings)
    for one, two in zip(model.weights, expected.weights, strict=True):
        assert one.numpy() == pytest.approx(two.numpy(), rel=1e-4, abs=1e-6), one.path


@pytest.mark.parametrize("method", ["dann", "mmd"])
def test_a_vanishing_weight_ends_at_source_only_training_too(shifted, method):
    """The same by the other road: both domains run through the network, the term counts nothing."""
    source, (other, _) = shifted
    expected, model = plainly_trained(source), classifier()
    adapt_domains(model, source, other, method=method, weight=1e-9, lr=1e-2, **ALL)
    for one, two in zip(model.weights, expected.weights, strict=True):
        assert one.numpy() == pytest.approx(two.numpy(), rel=1e-3, abs=1e-4), one.path


def test_domains_apart_leave_the_batch_statistics_of_the_source_alone(shifted):
    """A term that counts nothing then changes no weight, although batch normalisation trains."""
    (x, y), (other, _) = shifted
    models = [classifier(norm=True) for _ in range(3)]
    ways = [{"weight": 0.0}, {"weight": 1e-9, "separate_domains": True}, {"weight": 1e-9}]
    for model, way in zip(models, ways, strict=True):
        adapt_domains(model, (x, y), other, train_batch_norm=True, lr=1e-2, **way, **ALL)
    expected, apart, together = ([w.numpy() for w in m.trainable_weights] for m in models)
    for one, two in zip(apart, expected, strict=True):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-4)
    assert not np.allclose(together[0], expected[0], atol=1e-2)


@pytest.mark.parametrize("separate", [False, True])
def test_moving_statistics_follow_one_batch_or_two(shifted, separate):
    """One step at a rate of almost zero, all rows in it, against the means worked out in numpy."""
    (x, y), (other, _) = shifted
    model = classifier(norm=True)
    kernel, bias = model.get_weights()[:2]
    home, away = (np.maximum(rows @ kernel + bias, 0).mean(0) for rows in (x, other))
    settings = ALL | {"epochs": 1, "batch_size": len(x), "lr": 1e-9, "train_batch_norm": True}
    adapt_domains(model, (x, y), other, separate_domains=separate, **settings)
    expected = home / 4 + away / 2 if separate else (home + away) / 4
    norm = model.get_layer("block1_bn")
    assert norm.moving_mean.numpy() == pytest.approx(expected, rel=1e-4)


def test_history_tells_how_well_the_domain_classifier_does(shifted):
    """Far more than half of the rows where domains lie apart, about half where both are one."""
    (x, y), (other, _) = shifted
    settings = ALL | {"epochs": 20, "lr": 1e-2, "weight": 1e-9}
    found = [adapt_domains(classifier(), (x, y), rows, **settings) for rows in (other + 30, x)]
    apart, same = (history.history["domain_accuracy"][-1] for history in found)
    assert apart > 0.7
    assert same == pytest.approx(0.5, abs=0.08)


LONG = ALL | {"epochs": 30, "lr": 1e-2}


@pytest.fixture(scope="module")
def source_only(shifted):
    """Accuracy in the target of the network that learned from the source alone."""
    source, target = shifted
    model = classifier()
    adapt_domains(model, source, target[0], weight=0, **LONG)
    return accuracy(model, target)


@pytest.mark.parametrize(("method", "weight"), [("dann", 1.0), ("mmd", 3.0)])
def test_adaptation_turns_to_what_both_domains_share(shifted, source_only, method, weight):
    source, target = shifted
    model = classifier()
    adapt_domains(model, source, target[0], method=method, weight=weight, **LONG)
    assert source_only < 0.8
    assert accuracy(model, target) > source_only + 0.08


def test_few_labels_in_the_target_are_learned(shifted, source_only):
    source, target = shifted
    known, model = (target[0][:16], target[1][:16]), classifier()
    adapt_domains(model, source, target[0], labelled_target=known, weight=0, **LONG)
    assert accuracy(model, target) > source_only + 0.08


def test_labels_of_the_target_are_not_looked_at(shifted):
    source, (other, _) = shifted
    models = [classifier(), classifier()]
    for model, target in zip(models, (other, (other, np.zeros(len(other), "int32"))), strict=True):
        adapt_domains(model, source, target, **ALL)
    for one, two in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(one, two)


def test_history_callbacks_and_own_distance(shifted, tmp_path):
    """Keras callbacks see the whole model; the distance may be the user's."""
    source, target = shifted
    model = classifier()
    saver = keras.callbacks.ModelCheckpoint(tmp_path / "each.keras")
    history = adapt_domains(
        model, source, target[0], target, callbacks=[saver], **ALL,
        method=lambda a, b: keras.ops.mean((keras.ops.mean(a, 0) - keras.ops.mean(b, 0)) ** 2),
    )  # fmt: skip
    assert set(history.history) == {"accuracy", "loss", "seconds", "val_accuracy", "val_loss"}
    assert history.model is model
    assert history.history["val_accuracy"][-1] == pytest.approx(accuracy(model, target))
    kept = keras.models.load_model(tmp_path / "each.keras")
    assert kept.predict(target[0], verbose=0) == pytest.approx(model.predict(target[0], verbose=0))


def test_file_loads_in_a_process_without_tltk(shifted, tmp_path, without_tltk):
    source, target = shifted
    model = classifier(norm=True)
    adapt_domains(model, source, target[0], train_batch_norm=True, **ALL)
    model.save(tmp_path / "adapted.keras")
    np.savez(tmp_path / "rows.npz", x=target[0], y=model.predict(target[0], verbose=0))
    script = """if True:
        model, rows = keras.models.load_model("adapted.keras"), np.load("rows.npz")
        assert np.allclose(model.predict(rows["x"], verbose=0), rows["y"], atol=1e-6)
        assert type(model.optimizer) is keras.optimizers.Adam
    """
    without_tltk(script, tmp_path)


@pytest.mark.parametrize("augment", [None, RandomColours(0)])
def test_backbone_of_pictures_partly_frozen(augment, no_graphs):
    """Frozen blocks stay bit for bit; run once and kept they give what they give in every epoch."""
    random = np.random.default_rng(0)
    source, target = random.integers(0, 256, (2, 20, 32, 32, 3), dtype="uint8")
    ways = []
    for cache in (True, False) if augment is None else (True,):
        keras.utils.set_random_seed(0)
        body = load_backbone("small_cnn", weights=None, input_shape=32)
        model = build_classifier(body, 2)
        before = {weight.path: weight.numpy() for weight in model.weights}
        data = (source, np.arange(20) % 2)
        settings = ALL | {"unfreeze_blocks": 1, "cache": cache, "augment": augment}
        adapt_domains(model, data, target, **settings)
        ways.append(model)
        moved = {w.path for w in model.weights if not np.array_equal(w, before[w.path])}
        assert {path.split("/")[0] for path in moved} == {"block4_conv", "head_output"}
    for one, two in zip(ways[0].get_weights(), ways[-1].get_weights(), strict=True):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("method", ["cdan", "infomax"])
def test_a_class_may_be_missing_in_the_target_and_sizes_may_differ(shifted, method):
    (x, y), (other, labels) = shifted
    model = classifier()
    adapt_domains(model, (x, y), other[labels == 1][:5], method=method, **ALL)
    assert np.isfinite(model.get_weights()[0]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": np.ones((5, 3))}, "shape the network takes"),
        ({"target": np.ones((0, 2))}, "at least one row. Received: none"),
        ({"target": np.array([[np.nan, 1.0]])}, "NaN"),
        ({"source": np.ones((5, 2))}, "Training needs labels"),
        ({"source": (np.ones((2, 2)), ["a", "b"])}, "Turn names into numbers"),
        ({"source": (np.ones((2, 2)), [0, 2])}, "Labels are class numbers from 0 to 1"),
        ({"source": (np.ones((0, 2)), [])}, "at least one row"),
        ({"val": np.ones((4, 2))}, "Training needs labels"),
        ({"method": "dan"}, "The method is one of dann, cdan, coral, mmd, infomax"),
        ({"weight": -1.0}, "weight must be a finite number of at least 0. Received: weight=-1.0"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"unfreeze_blocks": 0}, "a part of the encoder must train"),
    ],
)
def test_errors(shifted, changed, message):
    settings = {"source": shifted[0], "target": shifted[1][0], **ALL, **changed}
    with pytest.raises(ValueError, match=message):
        adapt_domains(classifier(), **settings)


def test_refused_models(shifted):
    source, (other, _) = shifted
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="whose new layers are named head_"):
        adapt_domains(plain, source, other)
    body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    regression = build_classifier(body, 1, kind="regression")
    with pytest.raises(ValueError, match="looks at the probabilities of classes"):
        adapt_domains(regression, source, other, method="cdan")
    odd = keras.Model(body.inputs, keras.layers.Softmax(name="head_softmax")(body.outputs[0]))
    odd.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="ends in Softmax"):
        adapt_domains(odd, source, other)
