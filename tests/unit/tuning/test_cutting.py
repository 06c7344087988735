import keras
import numpy as np
import pytest

from tltk.tuning import build_classifier, fine_tune, unfreeze
from tltk.tuning._cutting import Cut, NoCut, cut_frozen


def test_suffix_of_prefix_is_the_model(body, pictures):
    model = build_classifier(body(), 3)
    for blocks in (0, 1, 2):
        unfreeze(model, blocks)
        cut = cut_frozen(model)
        assert isinstance(cut, Cut)
        images = pictures[0].astype("float32")
        assert np.array_equal(cut.suffix(cut.prefix(images)), model(images))
        assert not cut.prefix.trainable_weights
        assert len(cut.suffix.trainable_weights) == len(model.trainable_weights)


def test_pooling_goes_with_the_frozen_part(body):
    cut = cut_frozen(build_classifier(body(), 3))
    assert cut.prefix.output_shape == (None, 6)


def test_skip_connections_cross_as_two_tensors():
    inputs = keras.Input((4,))
    first = keras.layers.Dense(3, name="first")(inputs)
    second = keras.layers.Dense(3, name="second")(first)
    model = keras.Model(inputs, keras.layers.Add()([first, keras.layers.Dense(3)(second)]))
    for layer in model.layers[:3]:
        layer.trainable = False
    cut = cut_frozen(model)
    assert len(cut.prefix.outputs) == 2
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    assert np.array_equal(cut.suffix(cut.prefix(rows)), model(rows))


def test_a_second_input_crosses_the_cut_as_it_is(pictures):
    image, size = keras.Input((12, 12, 3), name="image"), keras.Input((2,), name="size")
    seen = keras.layers.Conv2D(4, 3, name="frozen")(image)
    seen = keras.layers.GlobalAveragePooling2D()(seen)
    both = keras.layers.Concatenate()([seen, keras.layers.Dense(3, name="own")(size)])
    body = keras.Model({"image": image, "size": size}, both)
    model = build_classifier(body, 3, dropout=0)
    unfreeze(model, ["own"])
    cut = cut_frozen(model)
    images, labels = pictures
    x = {"image": images.astype("float32"), "size": np.ones((60, 2), "float32")}
    assert np.array_equal(cut.suffix(cut.prefix(x)), model(x))
    settings = {"unfreeze_blocks": ["own"], "epochs": 1, "head_epochs": 1, "verbose": 0}
    losses = fine_tune(model, (x, labels), **settings).history["loss"]
    assert np.isfinite(losses).all()


def sentences(count=40, length=7, words=20):
    """Word numbers of sentences of different length, 0 behind their end, and their labels."""
    rng = np.random.default_rng(0)
    x = rng.integers(1, words, (count, length)).astype("int32")
    ends = rng.integers(2, length + 1, (count, 1))
    return np.where(np.arange(length) < ends, x, 0), (x[:, 0] > words // 2).astype("int32")


def masked_body():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(20, 6, mask_zero=True, name="words")(inputs)
    x = keras.layers.SimpleRNN(4, return_sequences=True, name="reader")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))


def test_a_mask_crosses_with_its_tensor_and_the_losses_stay_the_same():
    x, y = sentences()
    losses = []
    for cache in (True, False):
        keras.utils.set_random_seed(0)
        model = build_classifier(masked_body(), 2, dropout=0)
        settings = {"unfreeze_blocks": 1, "head_epochs": 0, "epochs": 2, "verbose": 0}
        losses.append(fine_tune(model, (x, y), cache=cache, **settings).history["loss"])
    assert losses[0] == losses[1]
    unfreeze(model, 1)
    assert {t.dtype for t in cut_frozen(model).prefix.outputs} == {"bool", "float32"}


def test_a_transformer_is_cut_between_its_layers():
    keras_hub = pytest.importorskip("keras_hub")
    words, y = sentences(length=8)
    x = {
        "token_ids": words,
        "segment_ids": np.zeros_like(words),
        "padding_mask": (words > 0).astype("int32"),
    }
    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    losses = []
    for cache in (True, False):
        keras.utils.set_random_seed(0)
        bert = keras_hub.models.BertBackbone(vocabulary_size=20, max_sequence_length=8, **sizes)
        body = keras.Model(bert.input, bert.output["pooled_output"])
        model = build_classifier(body, 2, dropout=0)
        settings = {"unfreeze_blocks": 2, "head_epochs": 0, "epochs": 2, "verbose": 0}
        losses.append(fine_tune(model, (x, y), cache=cache, **settings).history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    unfreeze(model, 2)
    assert len(cut_frozen(model).prefix.outputs) == 2


def test_noise_is_never_cached():
    inputs = keras.Input((4,))
    frozen = keras.layers.Dense(3, trainable=False)(inputs)
    noisy = keras.layers.Dropout(0.5, name="noise")(frozen)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.ReLU()(noisy)))
    assert "noise" in [layer.name for layer in cut_frozen(model).suffix.layers]


def test_batch_norm_that_learns_statistics_is_not_frozen():
    norm = keras.layers.BatchNormalization(center=False, scale=False)
    model = keras.Sequential([keras.Input((4,)), norm, keras.layers.Dense(2)])
    assert isinstance(cut_frozen(model), NoCut)


def test_reasons_are_given():
    trained = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert "holds no weights" in cut_frozen(trained).reason
    hidden = keras.Sequential(
        [keras.Input((4,)), keras.layers.Embedding(9, 2, mask_zero=True, trainable=False)]
    )
    assert "mask" in cut_frozen(keras.Sequential([hidden, keras.layers.LSTM(2)])).reason
    words = keras.layers.TextVectorization(vocabulary=["a"], output_sequence_length=2)
    words.add_weight(shape=(1,))
    texts = keras.Sequential([keras.Input((), dtype="string"), words, keras.layers.Dense(2)])
    assert "texts, not numbers, cross" in cut_frozen(texts).reason

    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    assert "functional" in cut_frozen(Subclassed()).reason


class Places(keras.layers.Layer):
    """A table of positions, the same for every example, as rotary embeddings have."""

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:])

    def call(self, inputs):
        return self.table + 0.0


def test_what_is_no_row_for_each_example_does_not_cross():
    inputs = keras.Input((5, 4))
    places = Places(trainable=False)(inputs)
    hidden = keras.layers.Dense(4, trainable=False)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(hidden + places))
    cut = cut_frozen(model)
    assert isinstance(cut, Cut)  # their sum has rows
    late = keras.layers.Dense(4)(hidden) + places
    assert "no row for each example" in cut_frozen(keras.Model(inputs, late)).reason
