import keras
import numpy as np
import pytest

from tltk.tuning import (
    add_lora,
    build_classifier,
    fine_tune,
    load_model,
    merge_lora,
    save_model,
    trainable_table,
    unfreeze,
)

SHORT = {"epochs": 3, "head_epochs": 1, "unfreeze_blocks": 2, "base_lr": 1e-2, "verbose": 0}


@pytest.fixture
def split(pictures):
    images, labels = pictures
    return (images[:45], labels[:45]), (images[45:], labels[45:])


def every_kind():
    """Words in, through all kinds of layers that take an adapter."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    words = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 8, name="words")(words)
    x = layers.Conv1D(8, 3, groups=2, padding="same", name="conv")(x)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d", name="einsum")(x)
    return keras.Model(words, layers.Dense(4, "tanh", name="dense")(x))


def adapters_of(model):
    return [weight for weight in model.weights if weight.name.startswith("lora_")]


def disturb(model):
    for number, weight in enumerate(adapters_of(model)):
        weight.assign(np.random.default_rng(number).normal(0, 0.3, weight.shape))


def test_an_untrained_adapter_changes_no_digit():
    model, x = every_kind(), np.random.default_rng(0).integers(0, 9, (7, 6))
    before = model.predict(x, verbose=0)
    add_lora(model, rank=2, blocks="all")
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    disturb(model)
    assert np.abs(model.predict(x, verbose=0) - before).max() > 0.01


def test_all_kinds_are_adapted_and_weights_are_counted():
    model = every_kind()
    count = add_lora(model, rank=2, blocks="all")
    words, conv, einsum, dense = 2 * (9 + 8), 2 * (3 * 4 + 8), 2 * (8 + 5), 2 * (5 + 4)
    attention = 3 * 2 * (8 * 2 + 4) + 2 * (2 * 4 + 8)  # query, key and value; output
    biases = 8 + 5 + 4 + 4 * 8
    assert count == words + conv + einsum + dense + attention + biases
    assert count == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_merging_gives_the_same_answers_and_an_ordinary_model():
    plain, model = every_kind(), every_kind()
    x = np.random.default_rng(0).integers(0, 9, (7, 6))
    add_lora(model, rank=2, blocks="all", alpha=3)
    disturb(model)
    before = model.predict(x, verbose=0)
    assert merge_lora(model) == 8
    np.testing.assert_allclose(model.predict(x, verbose=0), before, rtol=1e-5, atol=1e-6)
    assert [w.path for w in model.weights] == [w.path for w in plain.weights]
    assert not model.trainable_weights
    assert unfreeze(model, "all") == plain.count_params()
    assert merge_lora(model) == 0


def test_the_update_is_alpha_over_rank_times_the_product():
    body = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, use_bias=False)])
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    add_lora(body, rank=2, blocks=1, alpha=6)
    kernel = body.weights[0].numpy()
    disturb(body)
    a, b = (weight.numpy() for weight in adapters_of(body))
    np.testing.assert_allclose(body.predict(x, verbose=0), x @ (kernel + 3 * a @ b), rtol=1e-4)
    merge_lora(body)
    np.testing.assert_allclose(body.weights[0], kernel + 3 * a @ b, rtol=1e-5)


def test_the_seed_decides_the_start():
    starts = []
    for seed in (1, 1, 2):
        body = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
        add_lora(body, blocks=1, seed=seed)
        starts.append(adapters_of(body)[0].numpy())
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_training_moves_adapters_biases_and_head_alone(body, split):
    model = build_classifier(body(), 3)
    add_lora(model, rank=2)
    before = {weight.path: weight.numpy() for weight in model.weights}
    history = fine_tune(model, *split, **SHORT, train_batch_norm=True)
    moved = {w.path for w in model.weights if (w.numpy() != before[w.path]).any()}
    parts = ["bias", "lora_kernel_a", "lora_kernel_b"]
    assert moved == {
        *(f"block{block}_conv/{part}" for block in (2, 3) for part in parts),
        "head_output/kernel", "head_output/bias",
    }  # fmt: skip
    assert history.history["loss"][-1] < history.history["loss"][1]
    rows = {row["block"]: row for row in trainable_table(model)}
    assert [row["trainable"] for row in rows.values()] == [0, 126, 126, 21]


def test_a_cached_and_resumed_run_ends_as_a_plain_one(body, split, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def adapted(seed=0):
        model = build_classifier(body(), 3)
        add_lora(model, rank=2, seed=seed)
        return model

    plain, resumed = adapted(), adapted(seed=1)
    fine_tune(plain, *split, **SHORT, cache=False)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(adapted(), *split, **SHORT, checkpoint=tmp_path, callbacks=[Stop()])
    fine_tune(resumed, *split, **SHORT, checkpoint=tmp_path)
    for one, other in zip(plain.weights, resumed.weights, strict=True):
        assert np.array_equal(one, other), one.path


def test_a_file_answers_the_same_in_plain_keras(body, split, tmp_path):
    model = build_classifier(body(), 3)
    add_lora(model, rank=2, alpha=4)
    fine_tune(model, *split, **SHORT)
    expected = model.predict(split[1][0], verbose=0)
    save_model(model, tmp_path / "adapted.keras")
    dead = keras.models.load_model(tmp_path / "adapted.keras")
    assert not [layer for layer in dead.layers if "tltk" in type(layer).__module__]
    np.testing.assert_allclose(dead.predict(split[1][0], verbose=0), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="zeros in 'block2_conv'.*merge_lora"):
        fine_tune(dead, *split, **SHORT)
    ours = load_model(tmp_path / "adapted.keras")
    np.testing.assert_allclose(ours.predict(split[1][0], verbose=0), expected, rtol=1e-5, atol=1e-6)
    assert not adapters_of(ours)
    assert add_lora(ours, rank=2) == 2 * (2 * (54 + 6) + 6)


def test_named_layers_only():
    model = every_kind()
    add_lora(model, rank=1, blocks="all", layers=["query", "value"])
    assert {weight.path.split("/")[-2] for weight in model.trainable_weights} == {"query", "value"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": 0}, "rank must be a whole number"),
        ({"alpha": -1}, "alpha=-1"),
        ({"blocks": "third"}, "Received: 'third'"),
        ({"blocks": 1, "layers": ["query"]}, "none of these is in layers=\\['query'\\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        add_lora(every_kind(), **settings)


def test_layers_that_take_no_adapter_are_refused():
    layers = keras.layers
    body = keras.Sequential([keras.Input((4, 4, 2)), layers.DepthwiseConv2D(3, name="deep")])
    with pytest.raises(ValueError, match="none of these is"):
        add_lora(body, blocks=1)
    body = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_constraint="non_neg")])
    with pytest.raises(ValueError, match="has a constraint"):
        add_lora(body, blocks=1)
    body = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    add_lora(body, blocks=1)
    with pytest.raises(ValueError, match="has an adapter already; merge_lora"):
        add_lora(body, blocks=1)
